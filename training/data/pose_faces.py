"""Faces with the rotation that a teacher gives them: what FPNet's pose head learns from. Labelled once, then cached."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.crops import warp
from edge.errors import InputError, StateError
from edge.images import IMAGE_SUFFIXES
from edge.types import Floats, Pixels
from training.data.cascade_set import FACE_PX, PATCH_PX
from training.data.face_sets import refuse_by_content, refuse_by_name
from training.teachers.blend import BlendedTeacher
from training.teachers.crops import square_about
from training.teachers.yunet import YuNet

SIDE_MIN_PX = 40
_VERSION = "2"  # raise when patches or labels are made differently


@dataclass(frozen=True, slots=True)
class PoseFaces:
    """n faces. ``patches`` (n, 96, 96, 3) uint8 BGR, the box's longer side 48 px, centred; ``rotations`` (n, 3, 3);
    ``disagreements_deg`` (n,) between the teachers; ``groups`` (n,): equal for photos of one folder or person.
    """

    patches: Pixels
    rotations: Floats
    disagreements_deg: Floats
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.patches)

    def take(self, rows: NDArray[np.generic]) -> PoseFaces:
        """The faces at ``rows`` (indices or a mask)."""
        return PoseFaces(*(getattr(self, field.name)[rows] for field in fields(self)))


def pose_faces(
    data: Path, sets: Sequence[str], teacher: BlendedTeacher, cache: Path, say: Callable[[str], None]
) -> PoseFaces:
    """The faces of ``sets`` below ``data``, labelled by ``teacher``; from the ``cache`` folder where they are there.

    Raises InputError where a set is missing, empty, or kept for evaluation, StateError where the cache cannot be kept.
    """
    refuse_by_name(data, sets)
    photos = [path for name in sets for path in _photos(data, name)]
    refuse_by_content(data, photos)
    listing = "\n".join([_VERSION, teacher.name, *(str(path.relative_to(data)) for path in photos)])
    path = cache / f"pose-faces-{hashlib.sha256(listing.encode()).hexdigest()[:16]}.npz"
    if not path.is_file():
        say(f"labelling {len(photos)} photos with {teacher.name}")
        _save(path, _label(photos, teacher, say))
    with np.load(path) as arrays:
        return PoseFaces(*(arrays[field.name] for field in fields(PoseFaces)))


def _photos(data: Path, name: str) -> list[Path]:
    folder = data / name / "images"
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise InputError(f"{folder}: expected photos, found none")
    return found


def _label(photos: Iterable[Path], teacher: BlendedTeacher, say: Callable[[str], None]) -> PoseFaces:
    yunet = YuNet(score_min=0.7)
    rows = []
    for index, path in enumerate(photos, start=1):
        rows += _face_of(path, yunet, teacher)
        if index % 1000 == 0:
            say(f"{index} photos, {len(rows)} faces")
    if not rows:
        raise InputError("expected faces in the photos, found none")
    patches, rotations, apart, groups = zip(*rows, strict=True)
    return PoseFaces(np.stack(patches), np.stack(rotations), np.array(apart, np.float32), np.array(groups, np.int64))


def _face_of(path: Path, yunet: YuNet, teacher: BlendedTeacher) -> list[tuple[Pixels, Floats, float, int]]:
    """The largest face of a photo, or nothing."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise InputError(f"{path}: expected a photo, found a file that cannot be read as one")
    pixels = bgr.astype(np.uint8, copy=False)
    found = yunet.detect(pixels)
    if not len(found):
        return []
    row = found.largest()
    box = found.boxes[row]
    if float((box[2:] - box[:2]).max()) < SIDE_MIN_PX:
        return []
    label = teacher.label(pixels, box, found.landmarks[row])
    patch = warp(pixels, square_about(box, PATCH_PX / FACE_PX, PATCH_PX), PATCH_PX)
    return [(patch, label.rotation, label.disagreement_deg, zlib.crc32(_group(path).encode()))]


def _group(path: Path) -> str:
    """Whom the photo shows, as far as its place tells: a folder is a person, and so is ``personNN`` in a name."""
    named = re.match(r"person\d\d", path.stem)
    return named[0] if named else f"{path.parent.parent.parent.name}/{path.parent.name}"


def _save(path: Path, faces: PoseFaces) -> None:
    scratch = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as target:
            np.savez(target, **{field.name: getattr(faces, field.name) for field in fields(PoseFaces)})
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise StateError(f"{path}: cannot keep the labelled faces: {error.strerror or error}") from error

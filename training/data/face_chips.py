"""Levelled face chips with the teachers' embeddings, made once from photos and kept as arrays in a cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import InputError, StateError
from edge.quiet import quiet_stderr
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR, load_manifest
from edge.types import Floats, Frame, Pixels
from edge.verify.align import SIZE, align
from training.data.face_sets import Photo
from training.data.unmixed import LeftOut, some
from training.evaluate.embedded import main_face
from training.teachers.yunet import YuNet, nearest

CHIP_PX = 152  # 112 with 20 px on each side: room for a turn of 10 degrees and a shift of 8 px
MARGIN_PX = (CHIP_PX - SIZE) // 2
_VERSION = 4  # of what a chip is; raise it when its making changes. The models that align it are part of the key

Embed = Callable[[Pixels], Floats]


@dataclass(frozen=True, slots=True)
class Chips:
    """n faces. ``pixels`` (n, 152, 152, 3) uint8 BGR, the 112 px crop in the middle; ``people`` (n,) indices of names.

    ``teachers``: name -> (n, 2, 128) unit embeddings of the clean crop and of its mirror image.
    """

    pixels: Pixels
    people: NDArray[np.int32]
    teachers: dict[str, Floats]

    def take(self, rows: NDArray[np.intp]) -> Chips:
        """The chips at ``rows``."""
        return Chips(self.pixels[rows], self.people[rows], {name: e[rows] for name, e in self.teachers.items()})


class Locator:
    """Where the five landmarks of a labelled face are: found twice, the second time on the levelled face.

    The device's own cascade looks first, so that the student is trained on the alignment that it will get; YuNet takes
    the faces that the cascade does not find.
    """

    def __init__(self, models: Path = MODELS_DIR) -> None:
        """Raises ModelError."""
        self._cascade = Cascade(ModelStore(models), DetectConfig())
        self._yunet = YuNet()

    def landmarks(self, pixels: Pixels, photo: Photo) -> Floats | None:
        """Landmarks (5, 2) px of the face at ``photo.centre`` in BGR ``pixels``. None: no face there."""
        frame = Frame.from_pixels(pixels, 0.0)
        faces = self._cascade.detect(frame)
        if photo.centre is not None:
            row = nearest(faces.boxes, photo.centre)
        else:
            row = main_face(faces, frame) if len(faces) else None
        if row is not None:
            return self._cascade.level(frame, faces[row]).landmarks
        return self._by_yunet(pixels, photo)

    def _by_yunet(self, pixels: Pixels, photo: Photo) -> Floats | None:
        centre = np.array(pixels.shape[1::-1], np.float32) / np.float32(2) if photo.centre is None else photo.centre
        first = self._yunet_landmarks(pixels, centre) if photo.landmarks is None else photo.landmarks
        if first is None:
            return None
        return self._yunet.level(pixels, first)

    def _yunet_landmarks(self, pixels: Pixels, centre: Floats) -> Floats | None:
        found = self._yunet.detect(pixels)
        row = nearest(found.boxes, centre)
        return None if row is None else np.asarray(found.landmarks[row], np.float32)


def cached_chips(
    photos: Sequence[Photo], teachers: dict[str, Embed], folder: Path, say: Callable[[str], None]
) -> Chips:
    """The chips of ``photos``, read from ``folder`` or made (some 30 ms a photo) and kept there. Its name is to hold
    their ``chips_key``: what lies there is not looked into.

    Raises InputError for photos that cannot be read or show no face, StateError where the cache cannot be kept.
    """
    if not (folder / "done.json").is_file():
        _write(folder, make_chips(photos, teachers, say))
    return _read(folder, sorted(teachers))


def make_chips(photos: Sequence[Photo], teachers: dict[str, Embed], say: Callable[[str], None]) -> Chips:
    """Align every photo in two passes and ask the teachers. What cannot be read or shows no face is left out and named.

    Raises InputError where nothing is left.
    """
    locator, chips, people = Locator(), [], []
    unreadable, faceless = list[str](), list[str]()
    names = {person: index for index, person in enumerate(sorted({photo.person for photo in photos}))}
    for count, photo in enumerate(photos, 1):
        pixels = _load(photo.path)
        landmarks = None if pixels is None else locator.landmarks(pixels, photo)
        if pixels is None:
            unreadable.append(str(photo.path))
        elif landmarks is None:
            faceless.append(str(photo.path))
        else:
            chips.append(align(pixels, landmarks, CHIP_PX))
            people.append(names[photo.person])
        if count % 1000 == 0 or count == len(photos):
            say(f"{count} of {len(photos)} photos, {count - len(chips)} without a face")
    for reason, left_out in (("cannot be read as a picture", unreadable), ("no face found", faceless)):
        if left_out:
            say(str(LeftOut(reason, tuple(left_out), len(left_out))))
    if not chips:
        raise InputError(f"expected photos of faces, found none in {len(photos)}: {some(unreadable + faceless)}")
    stacked = np.stack(chips)
    embeddings = {name: _both_ways(embed, stacked) for name, embed in teachers.items()}
    return Chips(stacked, np.asarray(people, np.int32), embeddings)


def centre_crops(pixels: Pixels) -> Pixels:
    """The clean 112 px crops of chips ``(n, 152, 152, 3)``."""
    inner = slice(MARGIN_PX, MARGIN_PX + SIZE)
    return np.ascontiguousarray(pixels[:, inner, inner])


def _both_ways(embed: Embed, chips: Pixels) -> Floats:
    crops = centre_crops(chips)
    return np.stack([embed(crops), embed(np.ascontiguousarray(crops[:, :, ::-1]))], axis=1)


def _load(path: Path) -> Pixels | None:
    with quiet_stderr():
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return None if pixels is None else np.asarray(pixels, np.uint8)


def chips_key(photos: Sequence[Photo], teachers: Mapping[str, str], models: Path = MODELS_DIR) -> str:
    """Changes with the photos, the models that find the landmarks, and the ``teachers``, each by the hash of its
    weights; hexadecimal.
    """
    aligned_by = [load_manifest(models).spec(name).sha256 for name in ("pnet", "rnet", "fpnet")]
    faces = [[str(p.path), p.path.stat().st_size, p.person] for p in photos]
    listing = [_VERSION, aligned_by, msgspec.to_builtins(DetectConfig()), sorted(teachers.items()), faces]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _write(folder: Path, chips: Chips) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "pixels.npy", chips.pixels)
        np.save(folder / "people.npy", chips.people)
        for name, embeddings in chips.teachers.items():
            np.save(folder / f"teacher-{name}.npy", embeddings)
        # Last: a cache without it was cut short, and is made again.
        (folder / "done.json").write_text(json.dumps({"faces": len(chips.pixels)}), encoding="utf-8")
    except OSError as error:
        raise StateError(f"{folder}: cannot keep the aligned faces: {error.strerror or error}") from error


def _read(folder: Path, teachers: Sequence[str]) -> Chips:
    embeddings = {name: np.load(folder / f"teacher-{name}.npy") for name in teachers}
    return Chips(np.load(folder / "pixels.npy", mmap_mode="r"), np.load(folder / "people.npy"), embeddings)

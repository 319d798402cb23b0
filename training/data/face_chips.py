"""Levelled face chips with the teachers' embeddings, made once from photos and kept as arrays in a cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.crops import warp
from edge.errors import InputError
from edge.geometry import invert_affine, similarity_transform, transform_points
from edge.types import Floats, Pixels
from edge.verify.align import SIZE, TEMPLATE, align
from training.data.face_sets import Photo
from training.teachers.yunet import YuNet

CHIP_PX = 152  # 112 with 20 px on each side: room for a turn of 10 degrees and a shift of 8 px
MARGIN_PX = (CHIP_PX - SIZE) // 2
_LEVELLED_PX = 320
_LEVELLED_SCALE = 1.6
_VERSION = 1  # of what a chip is; raise it when the alignment or the teachers change

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


def two_pass_landmarks(photo: Pixels, yunet: YuNet, centre: Floats, start: Floats | None = None) -> Floats | None:
    """Landmarks (5, 2) px of the face at ``centre``, found a second time on the levelled face. None: no face there.

    Points found on a tilted face shift by a few pixels; on LFW the second pass is worth one point of accuracy.
    """
    first = _nearest(yunet, photo, centre) if start is None else start
    if first is None:
        return None
    matrix = similarity_transform(first, _LEVELLED_SCALE * (TEMPLATE - SIZE / 2) + np.float32(_LEVELLED_PX / 2))
    levelled = warp(photo, matrix, _LEVELLED_PX)
    again = _nearest(yunet, levelled, np.full(2, _LEVELLED_PX / 2, np.float32))
    return first if again is None else transform_points(again, invert_affine(matrix))


def _nearest(yunet: YuNet, photo: Pixels, centre: Floats) -> Floats | None:
    found = yunet.detect(photo)
    if not len(found):
        return None
    boxes = found.boxes
    away = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - centre, axis=1)
    best = int(np.argmin(away))
    nearby = away[best] < (boxes[best, 2] - boxes[best, 0]) / 2
    return np.asarray(found.landmarks[best], np.float32) if nearby else None


def cached_chips(photos: Sequence[Photo], teachers: dict[str, Embed], cache: Path, say: Callable[[str], None]) -> Chips:
    """The chips of ``photos``, read from ``cache`` or made (some 30 ms a photo) and kept there. Raises InputError."""
    key = _key(photos, sorted(teachers))
    folder = cache / f"chips-{key[:16]}"
    if not (folder / "done.json").is_file():
        _write(folder, make_chips(photos, teachers, say))
    return _read(folder, sorted(teachers))


def make_chips(photos: Sequence[Photo], teachers: dict[str, Embed], say: Callable[[str], None]) -> Chips:
    """Align every photo in two passes and ask the teachers. Photos without a findable face are left out and counted."""
    yunet, chips, people = YuNet(), [], []
    names = {person: index for index, person in enumerate(sorted({photo.person for photo in photos}))}
    for count, photo in enumerate(photos, 1):
        pixels = _load(photo.path)
        landmarks = two_pass_landmarks(pixels, yunet, photo.centre, photo.landmarks)
        if landmarks is not None:
            chips.append(align(pixels, landmarks, CHIP_PX))
            people.append(names[photo.person])
        if count % 1000 == 0 or count == len(photos):
            say(f"{count} of {len(photos)} photos, {count - len(chips)} without a face")
    if not chips:
        raise InputError(f"expected photos of faces, found none in {len(photos)} photos")
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


def _load(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise InputError(f"{path}: expected a picture, cannot be read as one")
    return np.asarray(pixels, np.uint8)


def _key(photos: Sequence[Photo], teachers: Sequence[str]) -> str:
    listing = [_VERSION, teachers, [[str(p.path), p.path.stat().st_size, p.person] for p in photos]]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _write(folder: Path, chips: Chips) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "pixels.npy", chips.pixels)
    np.save(folder / "people.npy", chips.people)
    for name, embeddings in chips.teachers.items():
        np.save(folder / f"teacher-{name}.npy", embeddings)
    # Last: a cache without it was cut short, and is made again.
    (folder / "done.json").write_text(json.dumps({"faces": len(chips.pixels)}), encoding="utf-8")


def _read(folder: Path, teachers: Sequence[str]) -> Chips:
    embeddings = {name: np.load(folder / f"teacher-{name}.npy") for name in teachers}
    return Chips(np.load(folder / "pixels.npy", mmap_mode="r"), np.load(folder / "people.npy"), embeddings)

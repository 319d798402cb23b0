"""Photos of single eyes with a label: MRL's table and the folders ``open`` and ``closed``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.attributes.patches import HEIGHT_PX, WIDTH_PX, cut_patch, window_matrix
from edge.errors import InputError
from edge.images import list_images
from edge.types import Floats, Pixels
from training.data.patch_set import CHIP_PX
from training.data.photo_sets import group_of
from training.data.tables import read_rows

FOLDERS = {"open": True, "closed": False}
_COLUMNS = ("image", "subject", "eye_open")
_EYE_AT = 0.56  # of the height: above an eye there is a brow to show (medians of MRL 0.55, of eyes_rgb 0.58)
_ALIKE_MIN = 0.9  # correlation of two photos of one sitting, shifted or mirrored; see near_duplicates
_SMALL_PX, _INNER_PX = 32, 24


@dataclass(frozen=True, slots=True)
class EyePhoto:
    """``path`` of a photo that an eye fills; ``open``: its label; ``person``: "" where nobody knows."""

    path: Path
    open: bool
    person: str = ""


def read_table(images: Path, table: Path) -> list[EyePhoto]:
    """The rows of a table like MRL's labels.csv, their photos below ``images``. Raises InputError naming the row."""
    rows = read_rows(table, _COLUMNS)
    if not rows:
        raise InputError(f"{table}: expected rows of labelled eyes, found none")
    return [_photo(images, table, line, row) for line, row in enumerate(rows, start=2)]


def _photo(images: Path, table: Path, line: int, row: dict[str, str]) -> EyePhoto:
    if row["eye_open"] not in ("0", "1"):
        raise InputError(f"{table}: row {line}: expected eye_open 0 or 1, found {row['eye_open']!r}")
    return EyePhoto(images / row["image"], row["eye_open"] == "1", row["subject"])


def read_folders(folder: Path) -> list[EyePhoto]:
    """The photos of the folders ``open`` and ``closed`` in ``folder``. Raises InputError."""
    return [EyePhoto(path, is_open) for name, is_open in FOLDERS.items() for path in list_images(folder / name)]


def read_grey(path: Path) -> Pixels:
    """The photo (h, w) in grey, of any size. Raises InputError."""
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    pixels = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if content.size else None
    if pixels is None:
        raise InputError(f"{path}: expected a photo of an eye, found {content.size} bytes that are none")
    return np.asarray(pixels, np.uint8)


def whole_photo_window(width: float, height: float) -> tuple[Floats, float]:
    """Centre (2,) and width of the window of the device's shape that shows an eye which fills a photo.

    It is as wide as the photo and lies where eyes lie; as the device's patch, it is two eyes wide. What reaches beyond
    a low photo repeats its edge.
    """
    tall = width * HEIGHT_PX / WIDTH_PX
    middle = height / 2 if tall >= height else min(max(_EYE_AT * height, tall / 2), height - tall / 2)
    return np.array([width / 2, middle], np.float32), float(width)


def cut_whole(grey: Pixels) -> Pixels:
    """The patch (24, 32) of a photo (h, w) that an eye fills, as the device would cut it; contrast not yet evened."""
    chip, centre, width = whole_chip(grey)
    return cut_patch(np.repeat(chip[..., None], 3, axis=2), window_matrix(centre, width, 0.0))


def whole_chip(grey: Pixels) -> tuple[Pixels, Floats, float]:
    """The photo within 80 x 80, its edges repeated beyond it; centre (2,) and width of its window there."""
    height, width = grey.shape
    scale = CHIP_PX / max(height, width)
    tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    inner = cv2.resize(grey, (wide, tall), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (CHIP_PX - tall) // 2, (CHIP_PX - wide) // 2
    edges = (top, CHIP_PX - tall - top, left, CHIP_PX - wide - left)
    chip = cv2.copyMakeBorder(inner, *edges, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    centre, window = whole_photo_window(wide, tall)
    return chip, centre + np.array([left, top], np.float32), window


def groups_of(photos: list[EyePhoto], greys: list[Pixels], name: str) -> NDArray[np.int64]:
    """(n,) a number for each person; without names, for each group of near-duplicates."""
    if all(photo.person for photo in photos):
        return np.array([group_of(f"{name}/{photo.person}") for photo in photos], np.int64)
    return np.array([group_of(f"{name}/{photos[row].path.name}") for row in near_duplicates(greys)], np.int64)


def near_duplicates(greys: list[Pixels]) -> NDArray[np.intp]:
    """(n,) for each photo the first one of its group: those that correlate by 0.9 once shifted or mirrored, and theirs.

    Measured on eyes_rgb: at 0.9 pairs are of one person and sitting, at 0.87 some are of different ones.
    """
    resized = [cv2.resize(grey, (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA) for grey in greys]
    small = np.stack(resized).astype(np.uint8, copy=False)
    steps = range(0, _SMALL_PX - _INNER_PX + 1, 2)
    middle = (_SMALL_PX - _INNER_PX) // 2
    base = _standardised(small[:, middle : middle + _INNER_PX, middle : middle + _INNER_PX])
    alike = np.zeros((len(greys), len(greys)), np.bool_)
    for way in (small, small[:, :, ::-1]):
        for top, left in ((top, left) for top in steps for left in steps):
            moved = _standardised(way[:, top : top + _INNER_PX, left : left + _INNER_PX])
            alike |= np.matmul(base, moved.T) >= _ALIKE_MIN
    first = np.arange(len(greys))
    for one, other in np.argwhere(np.triu(alike | alike.T, 1)):
        low, high = sorted((first[one], first[other]))
        first[first == high] = low
    return first


def _standardised(patches: Pixels) -> Floats:
    flat = patches.reshape(len(patches), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    rows: Floats = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return rows

"""Contact sheets of the worst failures. They show faces: for a person to look at, never for the repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.crops import crop_windows
from edge.errors import InputError
from edge.geometry import square_boxes
from edge.images import write_image
from edge.types import Floats, Pixels

_SIDE_PX, _CAPTION_PX, _GAP_PX = 128, 18, 4
_PAPER = 250


@dataclass(frozen=True, slots=True)
class Tile:
    """One failure: ``pictures`` (each 128x128x3 BGR) side by side, and what stands below."""

    pictures: tuple[Pixels, ...]
    caption: str


def cut(pixels: Pixels, box: Floats, margin: float = 0.3) -> Pixels:
    """The square about ``box`` (4,), grown by ``margin`` of its side on each side, as (128, 128, 3)."""
    window = square_boxes(box[None])
    grow = margin * (window[:, 2:] - window[:, :2])
    whole = np.round(np.concatenate([window[:, :2] - grow, window[:, 2:] + grow], axis=1)).astype(np.float32)
    (crop,) = crop_windows(pixels, whole, _SIDE_PX)
    return np.asarray(crop, np.uint8)


def write_sheet(path: Path, tiles: Sequence[Tile], columns: int = 8) -> Path:
    """The tiles in rows, in their order. Raises InputError for none."""
    if not tiles:
        raise InputError(f"{path}: expected failures to show, got none")
    width = max(len(tile.pictures) for tile in tiles) * _SIDE_PX
    drawn = [_drawn(tile, width) for tile in tiles]
    blank = np.full_like(drawn[0], _PAPER)
    drawn += [blank] * (-len(drawn) % columns)
    rows = [np.concatenate(drawn[start : start + columns], axis=1) for start in range(0, len(drawn), columns)]
    write_image(path, np.concatenate(rows))
    return path


def _drawn(tile: Tile, width: int) -> Pixels:
    canvas = np.full((_SIDE_PX + _CAPTION_PX + _GAP_PX, width + _GAP_PX, 3), _PAPER, np.uint8)
    for column, picture in enumerate(tile.pictures):
        canvas[:_SIDE_PX, column * _SIDE_PX : (column + 1) * _SIDE_PX] = picture
    origin = (2, _SIDE_PX + _CAPTION_PX - 5)
    cv2.putText(canvas, tile.caption, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (40, 40, 40), 1, cv2.LINE_AA)
    return canvas

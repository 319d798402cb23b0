"""The image pyramid, packed on one canvas so that P-Net runs once a frame instead of once a scale.

Two windows of different levels never mix: each level reads only those cells of P-Net's map whose 12 px windows lie
wholly inside it. Levels start at even pixels, so that P-Net's stride of 2 falls as if the level stood alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.crops import Octaves
from edge.types import Floats, Pixels

CELL_PX = 12  # P-Net's receptive field
STRIDE_PX = 2
WINDOW_MAX = 1.22  # of a face's side: P-Net learns from windows up to it (pnet.toml), and proposes faces by them
_SMALL = 0.6  # of the first level: from there on all half steps together cost less than the first level does
_ROUNDING = 1e-6
_CANVAS_STEP = 4  # canvas sides are rounded up to it, so that pictures of like sizes share an interpreter


@dataclass(frozen=True, slots=True)
class Level:
    """One scale of the picture and its place on the canvas, in canvas pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def cells(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows (r, 1) and columns (c,) of P-Net's map that belong to this level alone."""
        top, left = self.y // STRIDE_PX, self.x // STRIDE_PX
        rows, columns = (self.height - CELL_PX) // STRIDE_PX + 1, (self.width - CELL_PX) // STRIDE_PX + 1
        return top + np.arange(rows)[:, None], left + np.arange(columns)


@dataclass(frozen=True, slots=True)
class Cells:
    """Those cells of P-Net's map that belong to a level, level by level. ``places`` (n,): in the flattened map;
    ``windows`` (n, 4): what each sees, px of the picture.
    """

    places: NDArray[np.intp]
    windows: Floats


@dataclass(frozen=True, slots=True)
class Pyramid:
    """Where each level of a ``frame_width`` x ``frame_height`` picture goes on a ``width`` x ``height`` canvas."""

    frame_width: int
    frame_height: int
    width: int
    height: int
    levels: tuple[Level, ...]

    def paint(self, octaves: Octaves) -> Pixels:
        """The canvas (height, width, 3), each level shrunk from the octave that is less than twice its size."""
        canvas = np.zeros((self.height, self.width, 3), np.uint8)
        for level in self.levels:
            spot = canvas[level.y : level.y + level.height, level.x : level.x + level.width]
            shrunk = max(int(min(self.frame_width / level.width, self.frame_height / level.height)), 1)
            source = octaves.image(1 << (shrunk.bit_length() - 1))
            cv2.resize(source, (level.width, level.height), dst=spot, interpolation=cv2.INTER_LINEAR)
        return canvas

    def windows(self, level: Level) -> Floats:
        """The 12 px windows of a level's cells (n, 4), row by row, in the picture's pixels."""
        ratio_x, ratio_y = self.frame_width / level.width, self.frame_height / level.height
        rows, columns = level.cells
        x1 = (columns - columns[0]) * STRIDE_PX * ratio_x
        y1 = (rows - rows[0]) * STRIDE_PX * ratio_y
        sides = np.broadcast_arrays(x1, y1, x1 + CELL_PX * ratio_x, y1 + CELL_PX * ratio_y)
        return np.stack(sides, axis=-1).reshape(-1, 4).astype(np.float32)


@lru_cache(maxsize=4)  # a camera has one size
def cells_of(pyramid: Pyramid) -> Cells:
    """All cells that a search looks at. What is returned is shared: not to be written to."""
    across = (pyramid.width - CELL_PX) // STRIDE_PX + 1
    places = [(rows * across + columns).ravel() for rows, columns in (level.cells for level in pyramid.levels)]
    windows = [pyramid.windows(level) for level in pyramid.levels]
    return Cells(
        np.concatenate([np.zeros(0, np.intp), *places]), np.concatenate([np.zeros((0, 4), np.float32), *windows])
    )


@lru_cache(maxsize=4)
def plan(frame_width: int, frame_height: int, min_face_px: float, step: float) -> Pyramid:
    """Scales down by ``step`` (by its root, once they are cheap) while a window still fits, placed on shelves. The
    first level's windows are wider than the smallest face, as far as P-Net proposes it.
    """
    shorter = min(frame_width, frame_height)
    widest = min(WINDOW_MAX * min_face_px, shorter) if shorter >= min_face_px else math.inf
    sizes = _sizes(frame_width, frame_height, CELL_PX / widest, step)
    levels = _shelve(sizes)
    width = max((level.x + level.width for level in levels), default=CELL_PX)
    height = max((level.y + level.height for level in levels), default=CELL_PX)
    return Pyramid(frame_width, frame_height, _round_up(width), _round_up(height), levels)


def _sizes(frame_width: int, frame_height: int, scale: float, step: float) -> list[tuple[int, int]]:
    """Level by level, the small ones by half steps; the last one's windows are as high or wide as the picture, for a
    face that fills it.
    """
    largest, small = CELL_PX / min(frame_width, frame_height), _SMALL * scale
    scales = []
    while scale > largest:
        scales.append(scale)
        scale *= step if scale > small else math.sqrt(step)
    if scales or scale > largest * (1 - _ROUNDING):
        scales.append(largest)
    return [(math.ceil(frame_width * one - _ROUNDING), math.ceil(frame_height * one - _ROUNDING)) for one in scales]


def _shelve(sizes: list[tuple[int, int]]) -> tuple[Level, ...]:
    """First-fit shelves as wide as the first (largest) level: wastes under a tenth of the canvas."""
    levels: list[Level] = []
    shelves: list[list[int]] = []  # y, height, next free x
    for width, height in sizes:
        shelf = next((s for s in shelves if s[1] >= height and s[2] + width <= sizes[0][0]), None)
        if shelf is None:
            top = shelves[-1][0] + _even(shelves[-1][1]) if shelves else 0
            shelf = [top, height, 0]
            shelves.append(shelf)
        levels.append(Level(shelf[2], shelf[0], width, height))
        shelf[2] += _even(width)
    return tuple(levels)


def _even(value: int) -> int:
    return value + value % 2


def _round_up(value: int) -> int:
    return -(-value // _CANVAS_STEP) * _CANVAS_STEP

"""A drawn face before a blurred wall, so that a benchmark needs nobody's photo. Seeded: the same pixels everywhere."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Pixels

WIDTH, HEIGHT = 640, 480
_FINE = 2  # drawn this much larger and shrunk, for soft edges
_CENTRE = (320, 220)
_NOISE_LEVELS = 4.0  # a camera's, indoors

# Ellipses from back to front: x and y from the centre, half width, half height (px), tilt (degrees), B, G, R, softness
# (px). What is off the centre line is drawn on both sides.
_SHAPES: tuple[tuple[float, ...], ...] = (
    (0, 250, 170, 130, 0, 90, 70, 60, 1.0),  # shoulders
    (0, 95, 38, 60, 0, 110, 140, 185, 1.0),  # neck
    (0, -20, 84, 108, 0, 30, 40, 55, 1.0),  # hair
    (0, 10, 70, 95, 0, 140, 170, 215, 1.5),  # face
    (0, 75, 45, 25, 0, 125, 152, 198, 6.0),  # chin
    (60, 20, 14, 60, 0, 115, 142, 190, 6.0),  # temples
    (29, -14, 20, 11, 0, 105, 132, 180, 3.0),  # sockets
    (29, -28, 19, 4.5, 6, 40, 55, 75, 1.0),  # brows
    (29, -10, 13, 6, 0, 225, 228, 232, 0.7),  # eyes
    (29, -10, 6, 6, 0, 35, 45, 60, 0.5),  # irises
    (29, -15, 14, 2.5, 0, 50, 60, 80, 0.6),  # lids
    (36, 38, 14, 12, 0, 130, 150, 212, 6.0),  # cheeks
    (0, 12, 9, 26, 0, 120, 150, 198, 3.0),  # bridge of the nose
    (0, 10, 4, 26, 0, 170, 198, 232, 3.0),  # its light
    (0, 30, 13, 9, 0, 150, 178, 220, 3.0),  # tip
    (0, 40, 12, 3, 0, 95, 120, 165, 2.0),  # its shadow
    (8, 37, 4, 2.5, 0, 60, 75, 110, 1.0),  # nostrils
    (0, 63, 26, 8, 0, 105, 110, 180, 1.2),  # lips
    (0, 62, 25, 1.6, 0, 50, 50, 100, 0.8),  # between them
    (0, 76, 16, 3, 0, 110, 138, 185, 2.0),  # under them
)


def portrait(seed: int = 0) -> Pixels:
    """(480, 640, 3) BGR: one frontal face of about 145 x 190 px. ``seed``: of the wall and the noise."""
    rng = np.random.default_rng(seed)
    size = (WIDTH * _FINE, HEIGHT * _FINE)
    wall = rng.integers(60, 190, (12, 16, 3)).astype(np.float32)
    canvas = cv2.resize(wall, size, interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)
    for x, *rest in _SHAPES:
        for side in (1, -1) if x else (1,):
            _paint(canvas, side * x, rest, side)
    small = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small + rng.normal(0, _NOISE_LEVELS, small.shape), 0, 255), np.uint8)


def _paint(canvas: NDArray[np.float32], x: float, shape: list[float], side: int) -> None:
    y, half_width, half_height, tilt_deg, *colour, softness = shape
    mask = np.zeros(canvas.shape[:2], np.float32)
    centre = (round((_CENTRE[0] + x) * _FINE), round((_CENTRE[1] + y) * _FINE))
    axes = (round(half_width * _FINE), round(half_height * _FINE))
    cv2.ellipse(mask, centre, axes, side * tilt_deg, 0, 360, (1.0,), -1)
    reach = round(4 * softness * _FINE)  # beyond it the blur leaves nothing
    rows = slice(max(centre[1] - axes[1] - reach - axes[0], 0), centre[1] + axes[1] + reach + axes[0])
    columns = slice(max(centre[0] - axes[0] - reach - axes[1], 0), centre[0] + axes[0] + reach + axes[1])
    share = cv2.GaussianBlur(mask[rows, columns], (0, 0), softness * _FINE)[..., None]
    canvas[rows, columns] += share * (np.array(colour, np.float32) - canvas[rows, columns])

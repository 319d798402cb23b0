"""A report as pixels, by OpenCV, in the tones of paper."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from edge.render import text_size, write
from edge.report.canvas import PAPER, Anchor, At, Tone, as_points
from edge.types import Pixels

SCALE = 2  # px of the picture to one of the layout: cv2's letters are thin and want room
_FIXED = 4  # fractional bits of cv2's coordinates
_FONT_PX = 30  # of cv2's font at size 1: its letters, and some
_DASH, _PAUSE = 5, 4


class PictureCanvas:
    """Draws on ``pixels`` (height * SCALE, width * SCALE, 3) BGR."""

    def __init__(self, width: int, height: int) -> None:
        self.pixels: Pixels = np.full((height * SCALE, width * SCALE, 3), PAPER.bgr, np.uint8)

    def box(self, left: float, top: float, right: float, bottom: float, tone: Tone, *, hint: str = "") -> None:  # noqa: ARG002 - to point at
        x1, y1, x2, y2 = (round(edge * SCALE) for edge in (left, top, right, bottom))
        if x2 > x1 and y2 > y1:
            cv2.rectangle(self.pixels, (x1, y1), (x2 - 1, y2 - 1), tone.bgr, -1)

    def rule(self, start: At, end: At, tone: Tone, weight: float = 1, *, dashed: bool = False) -> None:
        ends = np.array([start, end], np.float64)
        if not dashed:
            self.path(ends, tone, weight)
            return
        length = float(np.linalg.norm(ends[1] - ends[0]))
        for at in np.arange(0, length, _DASH + _PAUSE):
            share = np.array([[at], [min(at + _DASH, length)]]) / length
            self.path(ends[0] + share * (ends[1] - ends[0]), tone, weight)

    def path(self, points: ArrayLike, tone: Tone, weight: float = 1.5) -> None:
        corners = np.rint(as_points(points) * SCALE * 2**_FIXED).astype(np.int32)
        cv2.polylines(self.pixels, [corners], False, tone.bgr, round(weight * SCALE), cv2.LINE_AA, _FIXED)

    def dots(self, points: ArrayLike, tone: Tone, radius: float = 2.5) -> None:
        for x, y in np.rint(as_points(points) * SCALE * 2**_FIXED).astype(int).tolist():
            size = round(radius * SCALE * 2**_FIXED)
            cv2.circle(self.pixels, (x, y), size, tone.bgr, -1, cv2.LINE_AA, _FIXED)

    def text(self, at: At, words: str, tone: Tone, size: float = 13, anchor: Anchor = "start") -> None:
        scale = size * SCALE / _FONT_PX
        shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * text_size(words, scale)[0]
        write(self.pixels, words, (at[0] * SCALE - shift, at[1] * SCALE), scale, tone.bgr)

"""Two canvases with one set of strokes: a self-contained SVG, and a picture by OpenCV. Coordinates in px, y down."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

import cv2
import numpy as np

from edge.render import Colour, text_size, write
from edge.types import Pixels

Point = tuple[float, float]


class Canvas(Protocol):
    """Something to draw a chart on."""

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle."""
        ...

    def path(self, points: Sequence[Point], colour: Colour, weight: int = 1) -> None:
        """A line through the points, not closed."""
        ...

    def text(self, at: Point, words: str, colour: Colour, size_px: float = 13, *, right: bool = False) -> None:
        """Words with their baseline from ``at``, or up to it."""
        ...


class SvgCanvas:
    """Collects SVG elements; ``svg`` is the picture as text."""

    def __init__(self, width: int, height: int, back: Colour) -> None:
        self._size = (width, height)
        self._parts: list[str] = []
        self.box(0, 0, width, height, back)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        size = f'width="{max(right - left, 0):.1f}" height="{max(bottom - top, 0):.1f}"'
        self._parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="{_hex(colour)}"/>')

    def path(self, points: Sequence[Point], colour: Colour, weight: int = 1) -> None:
        if len(points) > 1:
            strokes = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            style = f'fill="none" stroke="{_hex(colour)}" stroke-width="{weight}" stroke-linejoin="round"'
            self._parts.append(f'<polyline points="{strokes}" {style}/>')

    def text(self, at: Point, words: str, colour: Colour, size_px: float = 13, *, right: bool = False) -> None:
        style = f'font-size="{size_px:g}" fill="{_hex(colour)}" text-anchor="{"end" if right else "start"}"'
        self._parts.append(f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" {style}>{escape(words)}</text>')

    @property
    def svg(self) -> str:
        width, height = self._size
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
        return "\n".join([head, *self._parts, "</svg>"])


class PictureCanvas:
    """Draws on ``pixels`` (height, width, 3) BGR."""

    def __init__(self, width: int, height: int, back: Colour) -> None:
        self.pixels: Pixels = np.full((height, width, 3), back, np.uint8)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        corners = (round(left), round(top)), (max(round(right) - 1, round(left)), max(round(bottom) - 1, round(top)))
        cv2.rectangle(self.pixels, *corners, colour, -1)

    def path(self, points: Sequence[Point], colour: Colour, weight: int = 1) -> None:
        if len(points) > 1:
            corners = np.rint(np.array(points) * 16).astype(np.int32)
            cv2.polylines(self.pixels, [corners], False, colour, weight, cv2.LINE_AA, 4)

    def text(self, at: Point, words: str, colour: Colour, size_px: float = 13, *, right: bool = False) -> None:
        size = size_px / 30  # px of a capital letter of cv2's font at size 1, and some
        x = at[0] - text_size(words, size)[0] if right else at[0]
        write(self.pixels, words, (x, at[1]), size, colour)


def _hex(colour: Colour) -> str:
    blue, green, red = colour
    return f"#{red:02x}{green:02x}{blue:02x}"

"""Drawn things that are no faces: letters, thick curved strokes and blobs, shaded, outlined or solid, often in skin's
colours, some out of focus.

Photos without people hardly have them, but titles, logos, signs and toys do: an orange letter S on blue has a profile's
outline and its shading, and a net that is taught many profiles takes it for one.
"""

from __future__ import annotations

import string

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Floats, Pixels
from training.data.cascade_set import NEGATIVE_PX

_PX = 2 * NEGATIVE_PX  # drawn twice as large and averaged: edges as a camera's
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
_GLYPHS = string.ascii_letters + string.digits + "&?!@$"
_SKIN_SHARE = 0.6  # of the shapes: with hues from red to yellow, as skin has in any light
_BLURRED_SHARE = 0.2  # of the patches: titles fade in, and glow
_LETTERS_MAX = 3  # beside each other
_SOFT = cv2.LINE_AA


def drawn_shapes(n: int, rng: np.random.Generator) -> Pixels:
    """``n`` BGR patches (n, 48, 48, 3), each with one to three shapes before a smooth backdrop."""
    return np.stack([_patch(rng) for _ in range(n)]) if n else np.zeros((0, NEGATIVE_PX, NEGATIVE_PX, 3), np.uint8)


def _patch(rng: np.random.Generator) -> Pixels:
    canvas = _gradient(_colour(rng), _colour(rng), rng)
    for _ in range(1 + int(rng.integers(3))):
        draw = (_letter, _stroke, _blob)[rng.integers(3)]
        _paint(canvas, draw(rng), rng)
    if rng.random() < _BLURRED_SHARE:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(1, 4))), np.float32)
    small = cv2.resize(canvas, (NEGATIVE_PX, NEGATIVE_PX), interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8)


def _paint(canvas: Floats, mask: Pixels, rng: np.random.Generator) -> None:
    """The shape of ``mask`` (s, s) into ``canvas`` in place: its sides and its outline, mostly, then a shaded fill."""
    bright = _skin(rng) if rng.random() < _SKIN_SHARE else _colour(rng)
    if rng.random() < 0.3:
        _blend(canvas, _sides(mask, rng), np.broadcast_to(bright * rng.uniform(0.2, 0.8), canvas.shape))
    if rng.random() < 0.7:
        width = int(rng.integers(3, 15))
        pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
        outline = np.asarray(cv2.dilate(mask, pen), np.uint8)
        _blend(canvas, outline, np.broadcast_to(bright * rng.uniform(0.1, 0.7), canvas.shape))
    fill = _gradient(bright, bright * rng.uniform(0.45, 1.2), rng)
    if rng.random() < 0.6:
        fill += _glow(rng)
    _blend(canvas, mask, fill)


def _sides(mask: Pixels, rng: np.random.Generator) -> Pixels:
    """Where the shape would be seen if it were solid, up to a sixth of the patch deep."""
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.16) * _PX
    swept = mask.copy()
    for share in np.linspace(0.1, 1, 10):
        x, y = share * depth * np.cos(angle), share * depth * np.sin(angle)
        moved = cv2.warpAffine(mask, np.array([[1, 0, x], [0, 1, y]], np.float32), (_PX, _PX))
        np.maximum(swept, np.asarray(moved, np.uint8), out=swept)
    return swept


def _blend(canvas: Floats, mask: Pixels, fill: Floats) -> None:
    share = mask[..., None].astype(np.float32) / 255
    canvas += share * (fill - canvas)


def _gradient(first: Floats, last: Floats, rng: np.random.Generator) -> Floats:
    """From one BGR colour to the other along a random direction, as (s, s, 3)."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.linspace(-1, 1, _PX, dtype=np.float32)
    share = 0.5 + (along[None] * np.cos(angle) + along[:, None] * np.sin(angle)) / 2.83
    mixed: Floats = (first + np.clip(share, 0, 1)[..., None] * (last - first)).astype(np.float32)
    return mixed


def _glow(rng: np.random.Generator) -> Floats:
    """A soft spot of light or shade, as (s, s, 1)."""
    x, y = rng.uniform(0, _PX, 2)
    radius = rng.uniform(0.15, 0.6) * _PX
    along = np.arange(_PX, dtype=np.float32)
    squares = ((along[None] - x) ** 2 + (along[:, None] - y) ** 2) / radius**2
    spot: Floats = (rng.uniform(-70, 90) * np.exp(-squares))[..., None].astype(np.float32)
    return spot


def _colour(rng: np.random.Generator) -> Floats:
    return rng.uniform(10, 245, 3).astype(np.float32)


def _skin(rng: np.random.Generator) -> Floats:
    """BGR of a hue from red to yellow, pale to strong."""
    light, red_share = rng.uniform(90, 255), rng.uniform(0.45, 0.9)
    return np.array([light * rng.uniform(0.05, red_share), light * red_share, light], np.float32)


def _nothing() -> Pixels:
    return np.zeros((_PX, _PX), np.uint8)


def _letter(rng: np.random.Generator) -> Pixels:
    """One to three letters or signs, thick, turned, and drawn out to one side."""
    letters = rng.choice(list(_GLYPHS), int(rng.integers(1, _LETTERS_MAX + 1)))
    text, font = "".join(letters), int(rng.choice(_FONTS))
    thickness = int(rng.uniform(8, 24) / np.sqrt(len(text)))
    (width, height), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = rng.uniform(0.45, 0.95) * _PX / max(height, width, 1)
    start = round((_PX - width * scale) / 2), round((_PX + height * scale) / 2)
    mask = cv2.putText(_nothing(), text, start, font, scale, 255, thickness, _SOFT)
    linear = _turn(rng.normal(0, 0.25)) @ np.array([[1, rng.normal(0, 0.2)], [0, rng.uniform(0.8, 1.25)]])
    middle = np.full(2, _PX / 2)
    matrix = np.column_stack([linear, middle + rng.normal(0, 0.08 * _PX, 2) - linear @ middle])
    return np.asarray(cv2.warpAffine(mask, matrix, (_PX, _PX)), np.uint8)


def _stroke(rng: np.random.Generator) -> Pixels:
    """A thick line that bends two or three times: C, S and what handwriting has."""
    points = _smooth(rng.uniform(0.1, 0.9, (int(rng.integers(3, 6)), 2)) * _PX)
    thickness = int(rng.uniform(0.12, 0.34) * _PX)
    mask = _nothing()
    cv2.polylines(mask, _in_pixels(points), isClosed=False, color=255, thickness=thickness, lineType=_SOFT)
    return mask


def _blob(rng: np.random.Generator) -> Pixels:
    """A closed shape whose radius swells and shrinks: up to four bulges."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    waves = np.arange(1, 5)[:, None]
    swell = rng.normal(0, 0.22, (4, 1)) / np.sqrt(waves) * np.sin(waves * angles + rng.uniform(0, 2 * np.pi, (4, 1)))
    radii = rng.uniform(0.25, 0.45) * _PX * np.maximum(1 + swell.sum(axis=0), 0.2)
    centre = _PX / 2 + rng.normal(0, 0.08 * _PX, 2)
    points = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mask = _nothing()
    cv2.fillPoly(mask, _in_pixels(points), 255, _SOFT)
    return mask


def _in_pixels(points: NDArray[np.float64]) -> list[NDArray[np.int32]]:
    return [np.round(points).astype(np.int32)]


def _smooth(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """A Catmull-Rom curve through ``knots`` (k, 2), eight points a piece."""
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*pieces, knots[-1:]])


def _turn(angle: float) -> NDArray[np.float64]:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])

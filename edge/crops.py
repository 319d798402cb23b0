"""Cutting faces out of pictures. Training uses these same functions, so that no skew creeps in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import invert_affine
from edge.types import Floats, Pixels


@dataclass(frozen=True, slots=True)
class Sampling:
    """How windows are shrunk: from the picture halved while ``spare`` times the output's pixels are left, and the rest
    by ``interpolation`` (OpenCV's flag).
    """

    spare: int
    interpolation: int


# All pixels are averaged, and the octave's grid moves no edge by more than a quarter of an output's pixel.
AVERAGED = Sampling(2, cv2.INTER_AREA)
# For what is looked at in numbers: a fifth of that time. Less than two pixels make one, so that little aliases.
QUICK = Sampling(1, cv2.INTER_LINEAR)


class Octaves:
    """A picture and its halves, each made when it is first asked for: many large windows are cheaper cut from those.

    Averaging by halves and then over the rest is the same average over whole pixels that a single step would take, but
    for windows that do not lie on the coarser grid: :func:`octaves_for` tells the grid that they have to be put on.
    """

    def __init__(self, pixels: Pixels) -> None:
        self._halves = [pixels]

    def image(self, factor: int) -> Pixels:
        """The picture shrunk by ``factor``, a power of two; odd rows and columns at the far edges are left out."""
        while 2 ** (len(self._halves) - 1) < factor:
            self._halves.append(_halved(self._halves[-1]))
        return self._halves[factor.bit_length() - 1]


def _halved(pixels: Pixels) -> Pixels:
    even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
    half = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return half.astype(np.uint8, copy=False)


def octaves_for(sides: Floats, size: int, sampling: Sampling = AVERAGED) -> NDArray[np.int_]:
    """By how much (1, 2, 4, ...) the picture is shrunk for windows of ``sides`` (n,) px to ``size`` px."""
    spare = np.maximum(sides / (sampling.spare * size), 1)
    return np.asarray(2 ** np.floor(np.log2(spare)), dtype=np.int_)


def crop_windows(
    source: Pixels | Octaves,
    windows: Floats,
    size: int,
    factors: NDArray[np.int_] | None = None,
    sampling: Sampling = AVERAGED,
) -> Pixels:
    """Squares of ``windows`` (n, 4; whole pixels, may reach beyond the picture: black there) as (n, size, size, 3).

    ``factors`` (n,): which octave to cut each from; the window's edges are multiples of it. Default: the picture.
    From a picture alone, a window is cut out and halved itself: where there are few, halving all of it costs more.
    """
    shrunk = np.ones(len(windows), np.int_) if factors is None else factors
    crops = np.zeros((len(windows), size, size, 3), np.uint8)
    corners = (
        windows.astype(int) // shrunk[:, None]
    ).tolist()  # in Python's own numbers: a crop is mostly sums of four
    for crop, window, factor in zip(crops, corners, shrunk.tolist(), strict=True):
        patch = _patch(source, window, factor)
        if patch is None:
            continue
        while patch.shape[0] >= 2 * size:  # halving is fast, and averaging over anything but whole pixels slow
            patch = _halved(patch)
        flag = sampling.interpolation if patch.shape[0] > size else cv2.INTER_LINEAR
        cv2.resize(patch, (size, size), dst=crop, interpolation=flag)
    return crops


def _patch(source: Pixels | Octaves, window: list[int], factor: int) -> Pixels | None:
    """The window (in pixels of the octave) out of that octave; None where it shows nothing of the picture."""
    if isinstance(source, Octaves):
        return _bordered(source.image(factor), window)
    patch = _bordered(source, [side * factor for side in window])
    while factor > 1 and patch is not None:
        patch, factor = _halved(patch), factor // 2
    return patch


def _bordered(pixels: Pixels, window: list[int]) -> Pixels | None:
    (x1, y1, x2, y2), (height, width) = window, pixels.shape[:2]
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if right <= left or bottom <= top:
        return None
    patch: NDArray[Any] = pixels[top:bottom, left:right]
    if (left, top, right, bottom) != (x1, y1, x2, y2):
        patch = cv2.copyMakeBorder(patch, top - y1, y2 - bottom, left - x1, x2 - right, cv2.BORDER_CONSTANT)
    return patch


def warp(pixels: Pixels, matrix: Floats, size: int) -> Pixels:
    """The picture under the affine ``matrix`` (2, 3; picture to output) as (size, size, 3), black beyond its edges.

    Both count px from the corner of the first pixel, as boxes and landmarks do. A picture that is shrunk to a quarter
    or less is first averaged over whole pixels to twice the output's density, else thin lines would alias.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    factor = int(0.5 / max(scale, 1e-6))
    inner = matrix.astype(np.float64)
    if factor >= 2:
        region, offset = _region(pixels, matrix, size)
        pixels = cv2.resize(region, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA).astype(np.uint8)
        inner[:, 2] += inner[:, :2] @ offset
        inner[:, :2] *= factor
    inner[:, 2] += inner[:, :2].sum(axis=1) / 2 - 0.5  # OpenCV counts from the middle of the first pixel
    return cv2.warpAffine(pixels, inner, (size, size)).astype(np.uint8, copy=False)


def _region(pixels: Pixels, matrix: Floats, size: int) -> tuple[Pixels, Floats]:
    """The part of the picture that the output shows, with a margin, and its top left corner."""
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float32)
    back = invert_affine(matrix)
    seen = corners @ back[:, :2].T + back[:, 2]
    limits = np.array([pixels.shape[1], pixels.shape[0]])
    low = np.clip(np.floor(seen.min(axis=0)) - 8, 0, limits - 1).astype(int)
    high = np.clip(np.ceil(seen.max(axis=0)) + 8, low + 1, limits).astype(int)
    return pixels[low[1] : high[1], low[0] : high[0]], low.astype(np.float32)

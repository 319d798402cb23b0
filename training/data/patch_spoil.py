"""What glasses, light, lens, sensor and encoder do to patches. Whole batches at once where numpy can."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.attributes.patches import HEIGHT_PX, WIDTH_PX
from edge.types import Floats, Pixels
from training.patch_recipe import SpoilPart


def spoil_drawn(drawn: Pixels, part: SpoilPart, rng: np.random.Generator) -> Pixels:
    """What happens before the sensor, to patches drawn at twice their size (n, 48, 64). Changes and returns them."""
    for row in _chosen(len(drawn), part.glasses_share, rng):
        _rim(drawn[row], rng)
    for row in _chosen(len(drawn), part.glint_share, rng):
        drawn[row] = _glints(drawn[row], rng)
    for row in _chosen(len(drawn), part.blur_share, rng):
        drawn[row] = cv2.GaussianBlur(drawn[row], (0, 0), float(rng.uniform(0.5, part.blur_sigma_max_px)))
    for row in _chosen(len(drawn), part.small_share, rng):
        drawn[row] = _far_away(drawn[row], int(rng.integers(*part.small_width_px, endpoint=True)))
    return drawn


def halve(drawn: Pixels) -> Pixels:
    """(n, 48, 64) averaged by 2 x 2, as the device does it: (n, 24, 32)."""
    wide = drawn.astype(np.uint16)
    rows = wide[:, ::2] + wide[:, 1::2]
    means: Pixels = ((rows[:, :, ::2] + rows[:, :, 1::2] + 2) >> 2).astype(np.uint8)
    return means


def spoil_small(patches: Pixels, part: SpoilPart, rng: np.random.Generator) -> Pixels:
    """Light, sensor and encoder, to patches (n, 24, 32) of even contrast, so that a flat one is spoilt no more."""
    n = len(patches)
    values = 255 * (patches / np.float32(255)) ** np.exp(rng.normal(0, part.gamma_sigma, (n, 1, 1))).astype(np.float32)
    shaded = _chosen(n, part.shade_share, rng)
    values[shaded] *= _shades(len(shaded), rng)
    gains = np.exp(rng.normal(0, part.contrast_sigma, (n, 1, 1)))
    offsets = rng.normal(0, part.brightness_sigma, (n, 1, 1))
    values = (values - 127.5) * gains.astype(np.float32) + (127.5 + offsets).astype(np.float32)
    noisy = _chosen(n, part.noise_share, rng)
    sigmas = rng.uniform(0, part.noise_sigma_max, (len(noisy), 1, 1)).astype(np.float32)
    values[noisy] += sigmas * rng.standard_normal((len(noisy), *patches.shape[1:]), np.float32)
    dark = _chosen(n, part.dark_share, rng)
    steps = 256 / np.exp(rng.uniform(np.log(part.dark_levels_min), np.log(64), (len(dark), 1, 1)))
    values[dark] = np.floor(values[dark] / steps + 0.5) * steps
    spoilt = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    for row in _chosen(n, part.jpeg_share, rng):
        spoilt[row] = _encode(spoilt[row], int(rng.integers(part.jpeg_quality_min, 95, endpoint=True)))
    return spoilt


def _chosen(n: int, share: float, rng: np.random.Generator) -> NDArray[np.intp]:
    return np.flatnonzero(rng.random(n) < share)


def _rim(drawn: Pixels, rng: np.random.Generator) -> None:
    """Part of the rim of glasses: a thick ellipse about the eye, or a bar across."""
    height, width = drawn.shape
    tone, thick = int(rng.integers(0, 90)), int(rng.integers(1, 6))
    middle = (int(width / 2 + rng.normal(0, 6)), int(height / 2 + rng.normal(0, 5)))
    axes = (int(rng.uniform(0.36, 0.6) * width), int(rng.uniform(0.3, 0.6) * height))
    first = int(rng.integers(0, 360))
    lean = float(rng.normal(0, 8))
    cv2.ellipse(drawn, middle, axes, lean, first, first + int(rng.integers(90, 360)), tone, thick, cv2.LINE_AA)


def _glints(drawn: Pixels, rng: np.random.Generator) -> Pixels:
    """One to three bright spots with soft edges."""
    height, width = drawn.shape
    light = np.zeros(drawn.shape, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        spot = (int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.1, 0.9) * height))
        axes = (int(rng.integers(1, 7)), int(rng.integers(1, 5)))
        cv2.ellipse(light, spot, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(60, 255)), -1)
    soft = np.asarray(cv2.GaussianBlur(light, (0, 0), float(rng.uniform(0.6, 2.5))), np.float32)
    lit: Pixels = np.clip(drawn + soft, 0, 255).astype(np.uint8)
    return lit


def _far_away(drawn: Pixels, width_px: int) -> Pixels:
    height, width = drawn.shape
    small = cv2.resize(drawn, (width_px, max(3, width_px * height // width)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _shades(n: int, rng: np.random.Generator) -> Floats:
    """(n, 24, 32) factors that fall in a line from one side to the other, 1 at the brightest."""
    angles, ends = rng.uniform(0, 2 * np.pi, n), rng.uniform(0.2, 0.9, n)
    ys, xs = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    along = np.cos(angles)[:, None, None] * (xs / WIDTH_PX - 0.5) + np.sin(angles)[:, None, None] * (
        ys / WIDTH_PX - 0.375
    )
    shades: Floats = np.clip(0.5 + along, 0, 1) * (1 - ends[:, None, None]) + ends[:, None, None]
    return shades.astype(np.float32)


def _encode(patch: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", patch, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)

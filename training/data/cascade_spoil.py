"""What light, lens, sensor, encoder and things in the way do to a crop. Whole batches at once where numpy can."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import Floats, Pixels
from training.cascade_recipe import SpoilPart

_INFRARED = np.array([0.05, 0.25, 0.7], np.float32)  # BGR: skin reflects near infrared as it does red, and more


def spoil(crops: Pixels, part: SpoilPart, rng: np.random.Generator) -> Pixels:
    """Spoilt copies of ``crops`` (n, s, s, 3), in the order in which it happens on the way to a file."""
    spoilt = crops.copy()
    for row in _chosen(len(crops), part.occlusion_share, rng):
        _occlude(spoilt[row], part.occlusion_side_max, rng)
    for row in _chosen(len(crops), part.blur_share, rng):
        sigma = float(rng.uniform(0.4, part.blur_sigma_max_px))
        spoilt[row] = cv2.GaussianBlur(spoilt[row], (0, 0), sigma)
    spoilt = _relight(spoilt, part, rng)
    for row in _chosen(len(crops), part.jpeg_share, rng):
        spoilt[row] = _encode(spoilt[row], int(rng.integers(part.jpeg_quality_min, 95, endpoint=True)))
    return spoilt


def _chosen(n: int, share: float, rng: np.random.Generator) -> NDArray[np.intp]:
    return np.flatnonzero(rng.random(n) < share)


def _occlude(crop: Pixels, side_max: float, rng: np.random.Generator) -> None:
    """A rectangle of one colour: a hand, a cup, a mask."""
    side = crop.shape[0]
    width, height = (rng.uniform(0.1, side_max, 2) * side).astype(int) + 1
    left, top = rng.integers(0, side - width), rng.integers(0, side - height)
    crop[top : top + height, left : left + width] = rng.integers(0, 256, 3)


def _relight(crops: Pixels, part: SpoilPart, rng: np.random.Generator) -> Pixels:
    """Colour, contrast, light and noise, all in one float pass."""
    n = len(crops)
    values = crops.astype(np.float32)
    grey, infrared = _chosen(n, part.grey_share, rng), _chosen(n, part.infrared_share, rng)
    values[grey] = values[grey].mean(axis=3, keepdims=True)
    values[infrared] = np.clip(1.2 * (values[infrared] @ _INFRARED), 0, 255)[..., None]
    gains = np.exp(rng.normal(0, part.contrast_sigma, (n, 1)) + rng.normal(0, part.colour_sigma, (n, 3)))
    gains[infrared] = gains[infrared].mean(axis=1, keepdims=True)
    gains[grey] = gains[grey].mean(axis=1, keepdims=True)
    offsets = 127.5 * (1 - gains) + rng.normal(0, part.brightness_sigma, (n, 1))
    dark = _chosen(n, part.dark_share, rng)
    dim = np.exp(rng.uniform(np.log(part.dark_gain_min), 0, (len(dark), 1)))
    gains[dark], offsets[dark] = gains[dark] * dim, offsets[dark] * dim
    values *= gains[:, None, None].astype(np.float32)
    values += offsets[:, None, None].astype(np.float32)
    noisy = _chosen(n, part.noise_share, rng)
    values[noisy] += _noise((len(noisy), *crops.shape[1:]), part.noise_sigma_max, rng)
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def _noise(shape: tuple[int, ...], sigma_max: float, rng: np.random.Generator) -> Floats:
    sigmas = rng.uniform(0, sigma_max, (shape[0], 1, 1, 1)).astype(np.float32)
    noise: Floats = rng.standard_normal(shape, np.float32) * sigmas
    return noise


def _encode(crop: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

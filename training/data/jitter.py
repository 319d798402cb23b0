"""What a student sees instead of a clean crop: the alignment that a detector leaves, and what a camera spoils."""

from __future__ import annotations

import cv2
import numpy as np

from edge.types import Floats, Pixels
from edge.verify.align import SIZE
from training.siamese_recipe import JitterPart


def jittered_crops(chips: Pixels, jitter: JitterPart, seed: tuple[int, ...]) -> Pixels:
    """112 px crops ``(n, 112, 112, 3)`` of chips ``(n, 152, 152, 3)``; the same ``seed`` gives the same crops."""
    rng = np.random.default_rng(seed)
    return np.stack([_spoil(_crop(chip, jitter, rng), jitter, rng) for chip in chips])


def realigned_crops(chips: Pixels, jitter: JitterPart, seed: tuple[int, ...]) -> Pixels:
    """Only the alignment is jittered, and nothing mirrored: what a less exact detector would have cut out."""
    rng = np.random.default_rng(seed)
    matrices = (_similarity(chip.shape[0], jitter, rng) for chip in chips)
    return np.stack([_warp(chip, matrix) for chip, matrix in zip(chips, matrices, strict=True)])


def _crop(chip: Pixels, jitter: JitterPart, rng: np.random.Generator) -> Pixels:
    crop = _warp(chip, _similarity(chip.shape[0], jitter, rng))
    return np.ascontiguousarray(crop[:, ::-1]) if rng.random() < 0.5 else crop


def _warp(chip: Pixels, matrix: Floats) -> Pixels:
    return np.asarray(cv2.warpAffine(chip, matrix, (SIZE, SIZE)), np.uint8)


def _similarity(side_px: int, jitter: JitterPart, rng: np.random.Generator) -> Floats:
    """A random similarity about the chip's middle, as the (2, 3) transform to the crop."""
    angle = np.radians(rng.normal(0, jitter.rotation_sigma_deg))
    scale = np.exp(rng.normal(0, jitter.scale_sigma))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = SIZE / 2 + rng.normal(0, jitter.shift_sigma_px, 2) - linear @ np.full(2, side_px / 2)
    return np.column_stack([linear, shift]).astype(np.float32)


def _spoil(crop: Pixels, jitter: JitterPart, rng: np.random.Generator) -> Pixels:
    """In the order in which light, lens, sensor and encoder do it."""
    gain = np.exp(rng.normal(0, jitter.contrast_sigma))
    if rng.random() < jitter.dark_share:
        gain *= rng.uniform(jitter.dark_gain_min, 1)
    offset = 255 * rng.normal(0, jitter.contrast_sigma / 2)
    spoilt: Pixels = np.clip(crop * np.float32(gain) + np.float32(offset * min(gain, 1)), 0, 255).astype(np.uint8)
    if rng.random() < jitter.blur_share:
        spoilt = np.asarray(cv2.GaussianBlur(spoilt, (0, 0), rng.uniform(0.4, jitter.blur_sigma_max_px)), np.uint8)
    if rng.random() < jitter.small_share:
        spoilt = _shrink(spoilt, int(rng.integers(*jitter.small_side_px, endpoint=True)))
    if rng.random() < jitter.grey_share:
        spoilt = np.repeat(cv2.cvtColor(spoilt, cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2).astype(np.uint8)
    if rng.random() < jitter.jpeg_share:
        spoilt = _encode(spoilt, int(rng.integers(jitter.jpeg_quality_min, 95, endpoint=True)))
    return spoilt


def _shrink(crop: Pixels, side_px: int) -> Pixels:
    small = cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), np.uint8)


def _encode(crop: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.asarray(decoded, np.uint8)

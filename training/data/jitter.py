"""What a student sees instead of a clean crop: the alignment that a detector leaves, and what a camera spoils."""

from __future__ import annotations

import cv2
import numpy as np

from edge.types import Floats, Pixels
from edge.verify.align import SIZE
from training.data.cascade_spoil import spoil
from training.siamese_recipe import JitterPart, Recipe


def jittered_crops(chips: Pixels, recipe: Recipe, seed: tuple[int, ...]) -> Pixels:
    """112 px crops ``(n, 112, 112, 3)`` of chips ``(n, 152, 152, 3)``; the same ``seed`` gives the same crops."""
    rng = np.random.default_rng(seed)
    crops = [_some_crop(chip, recipe, rng) for chip in chips]
    return spoil(np.stack(crops), recipe.spoil, rng)


def realigned_crops(chips: Pixels, jitter: JitterPart, roll_sigma_deg: float, seed: tuple[int, ...]) -> Pixels:
    """Only the alignment is jittered, and nothing mirrored: what a less exact detector would have cut out."""
    rng = np.random.default_rng(seed)
    matrices = (_similarity(chip.shape[0], jitter, roll_sigma_deg, rng) for chip in chips)
    return np.stack([_warp(chip, matrix) for chip, matrix in zip(chips, matrices, strict=True)])


def shrunk(crop: Pixels, side_px: int) -> Pixels:
    """``crop`` (112, 112, 3) as it looks where the camera gave it only ``side_px``."""
    small = cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), np.uint8)


def _some_crop(chip: Pixels, recipe: Recipe, rng: np.random.Generator) -> Pixels:
    jitter = recipe.jitter
    crop = _warp(chip, _similarity(chip.shape[0], jitter, recipe.spoil.roll_sigma_deg, rng))
    if rng.random() < jitter.small_share:
        crop = shrunk(crop, int(rng.integers(*jitter.small_side_px, endpoint=True)))
    return np.ascontiguousarray(crop[:, ::-1]) if rng.random() < 0.5 else crop


def _warp(chip: Pixels, matrix: Floats) -> Pixels:
    return np.asarray(cv2.warpAffine(chip, matrix, (SIZE, SIZE)), np.uint8)


def _similarity(side_px: int, jitter: JitterPart, roll_sigma_deg: float, rng: np.random.Generator) -> Floats:
    """A random similarity about the chip's middle, as the (2, 3) transform to the crop."""
    angle = np.radians(rng.normal(0, roll_sigma_deg))
    scale = np.exp(rng.normal(0, jitter.scale_sigma))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = SIZE / 2 + rng.normal(0, jitter.shift_sigma_px, 2) - linear @ np.full(2, side_px / 2)
    return np.column_stack([linear, shift]).astype(np.float32)

"""Made-up faces for a smoke run: discs with eyes, nose and mouth at the places that a head's rotation gives them."""

from __future__ import annotations

import cv2
import msgspec
import numpy as np

from edge.geometry import rotation_from_euler
from edge.types import Floats, Pixels
from training.cascade_recipe import Recipe
from training.data.cascade_set import FACE_PX, NEGATIVE_PX, PATCH_PX, CascadeSet, FaceSet, NegativeSet

_POINTS = np.array([[-8, 6, 18], [8, 6, 18], [0, -2, 26], [-6, -12, 18], [6, -12, 18]], np.float32)  # head coordinates


def smoke_recipe(recipe: Recipe) -> Recipe:
    """``recipe`` cut down to about a minute of one core, from scratch: the port would have to be fetched."""
    schedule = msgspec.structs.replace(recipe.schedule, epochs=2, steps_per_epoch=20)
    batch = msgspec.structs.replace(recipe.batch, faces=32, near=16, negatives=16)
    finish = recipe.finish and msgspec.structs.replace(recipe.finish, epochs=1, drawn=16)
    parts = {"batch": batch, "schedule": schedule, "finish": finish}
    return msgspec.structs.replace(recipe, start="scratch", precision="float32", **parts)


def smoke_set(n: int = 200, seed: int = 0) -> CascadeSet:
    """``n`` drawn faces of ``n`` persons, a quarter of them "rendered", and 2 ``n`` negatives of noise and bars."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform([-70, -30, -20], [70, 30, 20], (n, 3))
    rotations = np.stack([rotation_from_euler(*row) for row in angles])
    landmarks = PATCH_PX / 2 + np.einsum("nij,kj->nki", rotations, _POINTS)[:, :, :2] * [1, -1]
    box = PATCH_PX / 2 + np.array([-0.4, -0.5, 0.4, 0.5], np.float32) * FACE_PX
    faces = FaceSet(
        np.stack([_face(points, rng) for points in landmarks]),
        np.tile(box, (n, 1)).astype(np.float32),
        landmarks.astype(np.float32),
        rotations,
        rng.random(n) < 0.9,
        np.zeros(n, np.float32),
        np.arange(n) % 4 == 0,
        np.arange(n, dtype=np.int64) * 7,
    )
    kinds = np.arange(2 * n, dtype=np.int64) % 4
    return CascadeSet(faces, NegativeSet(np.stack([_nothing(rng) for _ in kinds]), kinds), f"smoke{n}-{seed}")


def _face(points: Floats, rng: np.random.Generator) -> Pixels:
    patch = rng.integers(0, 90, (PATCH_PX, PATCH_PX, 3)).astype(np.uint8)
    cv2.ellipse(patch, (48, 48), (19, 24), 0, 0, 360, rng.integers(140, 230, 3).tolist(), -1)
    for x, y in points:
        cv2.circle(patch, (round(float(x)), round(float(y))), 3, (30, 30, 30), -1)
    return patch


def _nothing(rng: np.random.Generator) -> Pixels:
    patch = rng.integers(0, 255, (NEGATIVE_PX, NEGATIVE_PX, 3)).astype(np.uint8)
    cv2.rectangle(patch, (0, int(rng.integers(0, 40))), (48, 47), rng.integers(0, 255, 3).tolist(), -1)
    return patch

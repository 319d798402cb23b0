"""Trains FPNet's pose head on jittered crops of labelled faces, while O-Net's features stay as they are."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from edge.geometry import geodesic_deg, mirror_rotation, rotation_from_6d, sixd_from_rotation, turn_in_plane
from edge.types import Floats, Pixels
from training.data.cascade_set import FACE_PX, PATCH_PX
from training.data.pose_faces import PoseFaces
from training.models.fpnet import build_pose_head
from training.models.fpnet_recipe import FpnetRecipe, JitterPart
from training.models.port_mtcnn import MEAN, STD

INPUT_PX = 48
_CROPS_AT_ONCE = 128


def feature_pool(
    features: keras.Model, faces: PoseFaces, recipe: FpnetRecipe, say: Callable[[str], None]
) -> tuple[Floats, Floats]:
    """Features (m, 1408) of jittered crops, and their rot6d (m, 6); m is ``crops_per_face`` times the faces.

    O-Net is frozen, so that its features are computed once: an epoch of the head then takes seconds, not minutes.
    """
    rng = np.random.default_rng(recipe.seed)
    count = recipe.crops_per_face * len(faces)
    drawn = rng.choice(len(faces), count, p=drawing_chances(faces.rotations, recipe.turned_weight))
    pool, targets = np.empty((count, features.output_shape[-1]), np.float32), np.empty((count, 6), np.float32)
    features.compile(jit_compile=True)  # XLA fuses the PReLUs, which otherwise take half the time on a CPU
    for start in range(0, count, _CROPS_AT_ONCE):
        rows = drawn[start : start + _CROPS_AT_ONCE]
        pairs = [jittered(faces.patches[row], faces.rotations[row], recipe.jitter, rng) for row in rows]
        crops, rotations = zip(*pairs, strict=True)
        pool[start : start + len(rows)] = features.predict_on_batch(scaled(np.stack(crops)))
        targets[start : start + len(rows)] = sixd_from_rotation(np.stack(rotations))
        if start % (200 * _CROPS_AT_ONCE) == 0:
            say(f"features of {start + len(rows)} of {count} crops")
    return pool, targets


def drawing_chances(rotations: Floats, turned_weight: float) -> NDArray[np.float64]:
    """Faces turned away are rare in photos: their chance grows from 1 at the front to ``turned_weight`` in profile."""
    sideways = np.abs(rotations[:, 0, 2]).astype(np.float64)  # where the nose points, as the sine of yaw
    chances: NDArray[np.float64] = 1 + (turned_weight - 1) * sideways
    chances /= chances.sum()
    return chances


def jittered(patch: Pixels, rotation: Floats, jitter: JitterPart, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """One crop ``(48, 48, 3)`` as the cascade might cut it, and the rotation ``(3, 3)`` that it shows."""
    clockwise_deg = float(rng.normal(0, jitter.roll_sigma_deg))
    side = FACE_PX * float(rng.uniform(jitter.scale_min, jitter.scale_max))
    centre = PATCH_PX / 2 + rng.normal(0, jitter.shift_sigma, 2) * side
    crop = cv2.warpAffine(patch, _crop_matrix(centre, side, clockwise_deg), (INPUT_PX, INPUT_PX))
    crop, turned = _recoloured(crop, jitter, rng), turn_in_plane(rotation, clockwise_deg)
    if rng.random() < 0.5:
        return np.ascontiguousarray(crop[:, ::-1]), mirror_rotation(turned)
    return crop, turned


def centred(patches: Pixels, scale: float) -> Pixels:
    """The crops (n, 48, 48, 3) without jitter; ``scale``: side over the box's longer side."""
    matrix = _crop_matrix(np.full(2, PATCH_PX / 2), FACE_PX * scale, 0.0)
    return np.stack([cv2.warpAffine(patch, matrix, (INPUT_PX, INPUT_PX)).astype(np.uint8) for patch in patches])


def _crop_matrix(centre: NDArray[np.float64], side: float, clockwise_deg: float) -> NDArray[np.float64]:
    angle, scale = np.radians(clockwise_deg), INPUT_PX / side
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, INPUT_PX / 2 - linear @ centre])


def _recoloured(crop: NDArray[np.generic], jitter: JitterPart, rng: np.random.Generator) -> Pixels:
    values = crop.astype(np.float32)
    if rng.random() < jitter.grey_share:
        values[:] = values.mean(axis=2, keepdims=True)
    gain = np.exp(rng.normal(0, jitter.contrast_sigma))
    values = (values - 127.5) * gain + 127.5 + rng.normal(0, jitter.brightness_sigma)
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def scaled(bgr: Pixels) -> Floats:
    """What the networks see of ``bgr`` (n, h, w, 3) uint8: the manifest's channels, mean and standard deviation."""
    rgb: Floats = (bgr[..., ::-1].astype(np.float32) - np.float32(MEAN[0])) / np.float32(STD[0])
    return rgb


def train_pose_head(pool: Floats, targets: Floats, recipe: FpnetRecipe, verbose: int = 2) -> keras.Model:
    """The head trained on a ``feature_pool``. The loss is the distance of the two 3-vectors themselves, not of the
    rotation that they make.
    """
    keras.utils.set_random_seed(recipe.seed)
    head = build_pose_head(pool.shape[1], recipe.hidden_units, recipe.dropout)
    steps = recipe.epochs * math.ceil(len(pool) / recipe.batch)
    schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    head.compile(keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay), loss=vector_distance)
    head.fit(pool, targets, batch_size=recipe.batch, epochs=recipe.epochs, verbose=verbose)
    return head


def vector_distance(wanted: keras.KerasTensor, found: keras.KerasTensor) -> keras.KerasTensor:
    """Euclidean, not squared: what the teachers get wrong then pulls no harder than what they get right."""
    return keras.ops.sqrt(keras.ops.sum(keras.ops.square(wanted - found), axis=-1) + 1e-8)


def held_out_error_deg(fpnet: keras.Model, faces: PoseFaces, scale: float = 1.1) -> float:
    """Mean geodesic distance to the teacher's rotations, on crops without jitter."""
    rot6d = fpnet.predict(scaled(centred(faces.patches, scale)), batch_size=64, verbose=0)[-1]
    found = rotation_from_6d(rot6d)
    return float(np.mean([geodesic_deg(one, other) for one, other in zip(found, faces.rotations, strict=True)]))

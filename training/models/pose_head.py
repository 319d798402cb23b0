"""Trains FPNet's pose head on jittered crops of labelled faces, while O-Net's features stay as they are."""

from __future__ import annotations

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from edge.geometry import geodesic_deg, mirror_rotation, rotation_from_6d, sixd_from_rotation, turn_in_plane
from edge.types import Floats, Pixels
from training.data.pose_faces import FACE_PX, PATCH_PX, PoseFaces
from training.models.fpnet import build_pose_head, onet_features
from training.models.fpnet_recipe import FpnetRecipe, JitterPart
from training.models.port_mtcnn import MEAN, STD

INPUT_PX = 48


class JitteredFaces(keras.utils.PyDataset):  # type: ignore[misc]  # keras is untyped
    """Batches of scaled crops (n, 48, 48, 3) and rot6d (n, 6), each batch from its own seed: a run can be repeated."""

    def __init__(self, faces: PoseFaces, recipe: FpnetRecipe) -> None:
        super().__init__()
        self._faces, self._recipe, self._epoch = faces, recipe, 0
        self._chances = drawing_chances(faces.rotations, recipe.turned_weight)

    def __len__(self) -> int:
        return self._recipe.steps_per_epoch

    def on_epoch_end(self) -> None:
        self._epoch += 1

    def __getitem__(self, index: int) -> tuple[Floats, Floats]:
        rng = np.random.default_rng((self._recipe.seed, self._epoch, index))
        rows = rng.choice(len(self._faces), self._recipe.batch, p=self._chances)
        crops, rotations = zip(*(self._sample(row, rng) for row in rows), strict=True)
        return scaled(np.stack(crops)), sixd_from_rotation(np.stack(rotations))

    def _sample(self, row: int, rng: np.random.Generator) -> tuple[Pixels, Floats]:
        return jittered(self._faces.patches[row], self._faces.rotations[row], self._recipe.jitter, rng)


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


def train_pose_head(onet: keras.Model, faces: PoseFaces, recipe: FpnetRecipe, verbose: int = 2) -> keras.Model:
    """The trained head. The loss is the distance of the two 3-vectors themselves, not of the rotation they make."""
    keras.utils.set_random_seed(recipe.seed)
    features = onet_features(onet)
    head = build_pose_head(features.output_shape[-1], recipe.hidden_units)
    student = keras.Model(features.input, head(features.output))
    schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, recipe.epochs * recipe.steps_per_epoch)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    # XLA fuses the PReLUs, which otherwise take half the time on a CPU
    student.compile(optimizer=optimizer, loss=vector_distance, jit_compile=True)
    student.fit(JitteredFaces(faces, recipe), epochs=recipe.epochs, verbose=verbose, shuffle=False)
    return head


def vector_distance(wanted: keras.KerasTensor, found: keras.KerasTensor) -> keras.KerasTensor:
    """Euclidean, not squared: what the teachers get wrong then pulls no harder than what they get right."""
    return keras.ops.sqrt(keras.ops.sum(keras.ops.square(wanted - found), axis=-1) + 1e-8)


def held_out_error_deg(fpnet: keras.Model, faces: PoseFaces, scale: float = 1.1) -> float:
    """Mean geodesic distance to the teacher's rotations, on crops without jitter."""
    rot6d = fpnet.predict(scaled(centred(faces.patches, scale)), batch_size=64, verbose=0)[-1]
    found = rotation_from_6d(rot6d)
    return float(np.mean([geodesic_deg(one, other) for one, other in zip(found, faces.rotations, strict=True)]))

"""How good a cascade net is on crops of persons that it has not seen, by itself: what a training reports of itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.geometry import rotation_from_6d
from edge.types import Floats, Pixels
from training.cascade_recipe import WindowPart
from training.data.cascade_batches import Half
from training.data.cascade_jitter import Labels, cut, draw_windows, follow, shrink, whole
from training.data.cascade_set import NEGATIVE_PX, FaceSet

Predict = Callable[[Pixels], dict[str, Floats]]  # BGR crops (n, side, side, 3) to score (n, 1) and the heads
_FACES_MAX, _NEGATIVES_MAX = 1200, 2000
_WINDOW = WindowPart(scale_min=0.87, scale_max=1.15, shift_max=0.08)  # what R-Net hands over, measured on celeba
_SEED = 11
_WIDE_DEG = 45.0
_UNIT = np.array([0, 0, 1, 1], np.float32)  # the crop itself: boxes are offsets from its edges


def judge(predict: Predict, half: Half, side_px: int, score_min: float = 0.5) -> dict[str, float]:
    """Recall and false positives at ``score_min`` and mean box IoU; of a net that gives them, landmark error (share of
    the distance between the eyes) and rotation error (geodesic, degrees).
    """
    faces = half.faces.take(_some(len(half.faces), _FACES_MAX))
    windows = draw_windows(faces, _WINDOW, 0.0, np.random.default_rng(_SEED))
    found, labels = predict(shrink(cut(faces.patches, windows, side_px), side_px)), follow(faces, windows)
    negatives = half.negatives.patches[_some(len(half.negatives), _NEGATIVES_MAX)]
    wrong = predict(shrink(cut(negatives, whole(len(negatives), NEGATIVE_PX), side_px), side_px))["score"]
    results = {
        "recall": float(np.mean(found["score"] >= score_min)),
        "false positives": float(np.mean(wrong >= score_min)),
        "box iou": float(np.mean(_box_iou(found["box"] + _UNIT, labels.boxes))),
    }
    return results | (_points_and_pose(found, labels, faces) if "rot6d" in found else {})


def _some(n: int, most: int) -> NDArray[np.intp]:
    """Evenly spread rows."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.intp)


def _box_iou(one: Floats, other: Floats) -> Floats:
    """Row by row: (n,)."""
    sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1) for boxes in (one, other)]
    ratios: Floats = shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)
    return ratios


def _points_and_pose(found: dict[str, Floats], labels: Labels, faces: FaceSet) -> dict[str, float]:
    apart = np.linalg.norm(found["landmarks"].reshape(-1, 5, 2) - labels.landmarks, axis=2).mean(axis=1)
    eyes = np.linalg.norm(labels.landmarks[:, 0] - labels.landmarks[:, 1], axis=1)
    wide = np.abs(labels.rotations[:, 0, 2]) > np.sin(np.radians(_WIDE_DEG))
    degrees = geodesics_deg(rotation_from_6d(found["rot6d"]), labels.rotations)
    known = faces.has_rotation
    masks = {"": known, " real": known & ~faces.rendered, " wide": known & wide}
    results = {"landmarks": float(np.median(apart[~wide] / eyes[~wide]))} if not wide.all() else {}
    return results | {f"geodesic{name}": float(degrees[mask].mean()) for name, mask in masks.items() if mask.any()}


def geodesics_deg(one: Floats, other: Floats) -> Floats:
    cosines = (np.einsum("nij,nij->n", one, other) - 1) / 2
    angles: Floats = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return angles

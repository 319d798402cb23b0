"""Head rotation from MediaPipe's face mesh: 468 points in space, and the canonical face turned to fit them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from edge.crops import warp
from edge.geometry import invert_affine, transform_points, turn_in_plane
from edge.types import Floats, Pixels
from training.teachers.canonical import CanonicalFace
from training.teachers.crops import square_about, tilt_of_eyes_deg
from training.wheels import MEDIAPIPE, fetch

_MODEL = "mediapipe/modules/face_landmark/face_landmark.tflite"
_SIDE = 192
MARGIN = 1.3  # of the longer side of YuNet's box, which is taller than the box that the mesh was trained round


@dataclass(frozen=True, slots=True)
class FittedMesh:
    """``points`` (468, 3): x right, y down, z away from the camera, in px of the photo; ``rotation`` (3, 3)."""

    points: Floats
    rotation: Floats


class MeshTeacher:
    """Rotations of single faces. Not for several threads at once."""

    def __init__(self, canonical: CanonicalFace, cache_dir: Path | None = None) -> None:
        path = fetch(MEDIAPIPE, cache_dir) / _MODEL
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = {int(np.prod(out["shape"])): out["index"] for out in self._interpreter.get_output_details()}
        self._canonical = canonical

    def points(self, patch: Pixels) -> Floats:
        """The mesh ``(468, 3)`` of a BGR square ``(192, 192, 3)``: x right, y down, z away from the camera, px."""
        self._interpreter.set_tensor(self._input, (patch[None, :, :, ::-1] / np.float32(255)).astype(np.float32))
        self._interpreter.invoke()
        points: Floats = self._interpreter.get_tensor(self._outputs[468 * 3]).reshape(468, 3)
        return points

    def fit(self, bgr: Pixels, box: Floats, landmarks: Floats) -> FittedMesh:
        """The mesh of the face at ``box`` (4,) with five ``landmarks`` (5, 2), px, looked at upright."""
        tilt_deg = tilt_of_eyes_deg(landmarks)
        matrix = square_about(box, MARGIN, _SIDE, tilt_deg)
        points = self.points(warp(bgr, matrix, _SIDE))
        upright = fit_rotation(self._canonical, points * np.array([1, -1, -1], np.float32))
        back = invert_affine(matrix)
        depths = points[:, 2:] * np.sqrt(abs(np.linalg.det(back[:, :2])))
        in_photo = np.hstack([transform_points(points[:, :2], back), depths]).astype(np.float32)
        return FittedMesh(in_photo, turn_in_plane(upright, tilt_deg))


def fit_rotation(canonical: CanonicalFace, points: Floats) -> Floats:
    """The rotation of the weighted least-squares similarity from the canonical face to ``points`` (468, 3; y up).

    Umeyama, PAMI 1991, in three dimensions. Never a reflection.
    """
    weights = canonical.weights.astype(np.float64)[:, None] / canonical.weights.sum()
    source = canonical.vertices - (weights * canonical.vertices).sum(axis=0)
    target = points - (weights * points).sum(axis=0)
    covariance: NDArray[np.float64] = (weights * target).T @ source
    u, _, vt = np.linalg.svd(covariance)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return np.asarray(u @ sign @ vt, dtype=np.float32)

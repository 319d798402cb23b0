"""The blended teacher: the face mesh where the face is seen from the front, FSA-Net where it is turned away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.geometry import euler_from_rotation, geodesic_deg
from edge.types import Floats, Pixels
from training.teachers.canonical import load_canonical_face
from training.teachers.fsanet import FsaNetTeacher
from training.teachers.mesh import MeshTeacher

# Beyond 45 degrees the mesh is wrong by far more than FSA-Net; ten degrees of crossing keep the label continuous.
_MESH_FULL_YAW_DEG, _MESH_NONE_YAW_DEG = 40.0, 50.0


@dataclass(frozen=True, slots=True)
class Label:
    """``rotation`` (3, 3); ``disagreement_deg``: how far the teachers that count at this yaw are apart, 0 with one.

    ``mesh`` (468, 3): the face in space (see training.teachers.mesh.FittedMesh), whatever it counted for the rotation.
    """

    rotation: Floats
    disagreement_deg: float
    mesh: Floats


class BlendedTeacher:
    """Mesh alone, or mesh and FSA-Net. Not for several threads at once."""

    def __init__(
        self, fsanet: Path | None = None, canonical: Path | None = None, cache_dir: Path | None = None
    ) -> None:
        """``fsanet``: folder of the two ONNX files; without it the mesh alone labels. Raises InputError."""
        self._mesh = MeshTeacher(load_canonical_face(canonical, cache_dir), cache_dir)
        self._fsanet = FsaNetTeacher(fsanet) if fsanet else None

    @property
    def name(self) -> str:
        """What the labels come from; part of the cache's key."""
        return "mesh+fsanet" if self._fsanet else "mesh"

    def label(self, bgr: Pixels, box: Floats, landmarks: Floats) -> Label:
        """The rotation of the face at ``box`` (4,) with five ``landmarks`` (5, 2) px in the photo ``bgr``."""
        mesh = self._mesh.fit(bgr, box, landmarks)
        if self._fsanet is None:
            return Label(mesh.rotation, 0.0, mesh.points)
        other = self._fsanet.rotation(bgr, box)
        share = mesh_share(euler_from_rotation(other)[0])
        apart = geodesic_deg(mesh.rotation, other) if share > 0 else 0.0
        return Label(chordal_mean(mesh.rotation, other, share / 2), apart, mesh.points)


def mesh_share(yaw_deg: float) -> float:
    """How much the mesh counts beside FSA-Net at this yaw: 1 frontal, 0 in profile."""
    span = _MESH_NONE_YAW_DEG - _MESH_FULL_YAW_DEG
    return float(np.clip((_MESH_NONE_YAW_DEG - abs(yaw_deg)) / span, 0.0, 1.0))


def chordal_mean(one: Floats, other: Floats, share_of_one: float) -> Floats:
    """The rotation nearest to the weighted mean of two rotations ``(3, 3)`` (Hartley et al., IJCV 2013)."""
    u, _, vt = np.linalg.svd(share_of_one * one.astype(np.float64) + (1 - share_of_one) * other.astype(np.float64))
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return np.asarray(u @ sign @ vt, dtype=np.float32)

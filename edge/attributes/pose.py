"""Head pose in degrees from FPNet's rotation."""

from __future__ import annotations

from edge.geometry import euler_from_rotation
from edge.types import Face, HeadPose


def head_pose(face: Face) -> HeadPose:
    """Yaw, pitch and roll of the face, towards the camera's axis (convention in edge.geometry)."""
    return HeadPose(*euler_from_rotation(face.rotation))

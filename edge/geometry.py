"""Pure numpy maths: boxes, non-maximum suppression, 6D rotations, similarity transforms. No I/O, no cv2.

Image coordinates: x right, y down, in pixels, (0, 0) the outer corner of the top left pixel. Boxes are ``x1 y1 x2 y2``.

Head coordinates: right-handed, x to the image right of a frontal face, y up, z out of the face towards the camera.
A rotation matrix R maps head coordinates to camera coordinates with the same axes: R[:, 2] is where the nose points.

Euler angles follow the labels of AFLW2000-3D (Zhu et al., "Face Alignment Across Large Poses", CVPR 2016), as fitted to
its 68 points: R = Rx(-pitch) Ry(-yaw) Rz(-roll). Yaw > 0 turns the nose to image left, pitch > 0 up, roll > 0 turns the
face clockwise as the camera sees it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_TINY = 1e-9
_NMS_BLOCK = 64


def box_area(boxes: Floats) -> Floats:
    """Areas of ``(n, 4)`` boxes in px²; a box turned inside out counts as empty."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    areas: Floats = sides[:, 0] * sides[:, 1]
    return areas


def iou(one: Floats, many: Floats) -> Floats:
    """Intersection over union of box ``(4,)`` with boxes ``(n, 4)``: ``(n,)`` in 0..1."""
    overlaps: Floats = _overlaps(one[None], many, over_smaller=False)[0]
    return overlaps


def _overlaps(some: Floats, many: Floats, *, over_smaller: bool) -> Floats:
    """Of each of ``some`` (m, 4) with each of ``many`` (n, 4): (m, n)."""
    widths = np.minimum(some[:, None, 2], many[:, 2]) - np.maximum(some[:, None, 0], many[:, 0])
    heights = np.minimum(some[:, None, 3], many[:, 3]) - np.maximum(some[:, None, 1], many[:, 1])
    shared = np.maximum(widths, 0) * np.maximum(heights, 0)
    own, other = box_area(some)[:, None], box_area(many)
    base = np.minimum(own, other) if over_smaller else own + other - shared
    ratio: Floats = shared / np.maximum(base, _TINY)
    return ratio


def nms(boxes: Floats, scores: Floats, overlap_max: float, *, over_smaller: bool = False) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes kept, best score first.

    ``over_smaller`` divides the intersection by the smaller box instead of the union (MTCNN's last stage uses it, so
    that a box inside another goes). Ties in score keep the earlier box: the result does not depend on the platform.
    """
    if len(scores) < 2:
        return np.arange(len(scores))
    order = np.argsort(-scores, kind="stable")
    best_first, alive = boxes[order], np.ones(len(order), np.bool_)
    kept: list[int] = []
    for start in range(0, len(order), _NMS_BLOCK):  # many at once: a call of numpy costs more than its sums here
        rows = start + np.flatnonzero(alive[start : start + _NMS_BLOCK])
        meets = _overlaps(best_first[rows], best_first[start:], over_smaller=over_smaller) > overlap_max
        for row, met in zip(rows, meets, strict=True):
            if alive[row]:
                kept.append(int(row))
                alive[start:] &= ~met
    return np.asarray(order[kept], dtype=np.intp)


def longer_sides(boxes: Floats) -> Floats:
    """The longer side of each box, ``(n,)`` px."""
    sides: Floats = np.max(boxes[:, 2:] - boxes[:, :2], axis=1)
    return sides


def square_boxes(boxes: Floats) -> Floats:
    """Boxes ``(n, 4)`` grown about their centres to squares of their longer side."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = longer_sides(boxes)[:, None] / 2
    return np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)


def rotation_from_6d(six: Floats) -> Floats:
    """Gram-Schmidt: ``(n, 6)`` (a1, a2) to rotation matrices ``(n, 3, 3)`` with columns b1, b2, b3.

    b1 = a1/|a1|, b3 = (b1 x a2)/|b1 x a2|, b2 = b3 x b1 (Zhou et al., "On the Continuity of Rotation Representations in
    Neural Networks", CVPR 2019, in 6DRepNet's order). A degenerate pair (zero or parallel vectors) falls back to the
    nearest coordinate axes, so that the result is always a rotation.
    """
    vectors = six.reshape(-1, 2, 3).astype(np.float64)
    b1 = _unit(vectors[:, 0], np.array([1.0, 0.0, 0.0]))
    normal = _cross(b1, vectors[:, 1])
    spare = _cross(b1, np.eye(3)[np.argmin(np.abs(b1), axis=1)])
    b3 = _unit(
        np.where(np.linalg.norm(normal, axis=1, keepdims=True) > _TINY, normal, spare), np.array([0.0, 0.0, 1.0])
    )
    b2 = _cross(b3, b1)
    rotations: Floats = np.stack([b1, b2, b3], axis=2).astype(np.float32)
    return rotations


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cross products of (n, 3) with (n, 3), in a fifth of the time that numpy's own takes for a few."""
    product: NDArray[np.float64] = a[:, [1, 2, 0]] * b[:, [2, 0, 1]] - a[:, [2, 0, 1]] * b[:, [1, 2, 0]]
    return product


def _unit(vectors: Doubles, fallback: Doubles) -> Doubles:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    safe = np.where(lengths > _TINY, vectors / np.maximum(lengths, _TINY), fallback)
    return np.asarray(safe, dtype=np.float64)


def sixd_from_rotation(rotations: Floats) -> Floats:
    """The first two columns of ``(n, 3, 3)``, flattened to ``(n, 6)``: what FPNet regresses."""
    return np.ascontiguousarray(rotations[:, :, :2].transpose(0, 2, 1)).reshape(-1, 6).astype(np.float32)


def rotation_from_euler(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Floats:
    """Rotation matrix ``(3, 3)`` of yaw, pitch and roll in degrees (convention in the module docstring)."""
    a, b, c = np.radians([-pitch_deg, -yaw_deg, -roll_deg])
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(rx @ ry @ rz, dtype=np.float32)


def euler_from_rotation(rotation: Floats) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees of a ``(3, 3)`` rotation; yaw within ±90. At ±90 roll is fixed to 0 (gimbal lock)."""
    m = rotation.astype(np.float64)
    b = np.arcsin(np.clip(m[0, 2], -1, 1))
    if np.hypot(m[0, 0], m[0, 1]) > 1e-6:
        a, c = np.arctan2(-m[1, 2], m[2, 2]), np.arctan2(-m[0, 1], m[0, 0])
    else:
        a, c = np.arctan2(m[2, 1], m[1, 1]), 0.0
    return float(np.degrees(-b)), float(np.degrees(-a)), float(np.degrees(-c))


def geodesic_deg(one: Floats, other: Floats) -> float:
    """Angle in degrees of the rotation that takes ``one`` to ``other`` (both ``(3, 3)``)."""
    cosine = (np.trace(one.astype(np.float64).T @ other.astype(np.float64)) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def turn_in_plane(rotation: Floats, clockwise_deg: float) -> Floats:
    """The head rotation ``(3, 3)`` after the image is turned clockwise by ``clockwise_deg``."""
    return np.asarray(rotation_from_euler(0, 0, clockwise_deg) @ rotation, dtype=np.float32)


def tilt_deg(rotation: Floats) -> float:
    """How far clockwise the head's up axis leans in the image, in degrees: what has to be undone to level a face.

    Unlike Euler roll it stays meaningful in profile.
    """
    return float(np.degrees(np.arctan2(rotation[0, 1], rotation[1, 1])))


def mirror_rotation(rotation: Floats) -> Floats:
    """The head rotation ``(3, 3)`` of the mirrored image: M R M with M = diag(-1, 1, 1)."""
    mirror = np.diag(np.array([-1, 1, 1], dtype=np.float32))
    return np.asarray(mirror @ rotation @ mirror, dtype=np.float32)


def similarity_transform(source: Floats, target: Floats) -> Floats:
    """Least-squares similarity (rotation, uniform scale, shift; no reflection) as a ``(2, 3)`` matrix.

    Maps points ``source (n, 2)`` to ``target (n, 2)``. Umeyama, "Least-squares estimation of transformation parameters
    between two point patterns", PAMI 1991. Raises ValueError where the source points coincide.
    """
    src, dst = source.astype(np.float64), target.astype(np.float64)
    src_mean, dst_mean = src.mean(axis=0), dst.mean(axis=0)
    src_c, dst_c = src - src_mean, dst - dst_mean
    spread = float((src_c**2).sum())
    if spread < _TINY:
        raise ValueError("expected distinct source points, got points that coincide")
    # In 2-D the rotation and scale have a closed form: a = dot, b = cross.
    a = float((src_c * dst_c).sum()) / spread
    b = float((src_c[:, 0] * dst_c[:, 1] - src_c[:, 1] * dst_c[:, 0]).sum()) / spread
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, dst_mean - linear @ src_mean]).astype(np.float32)


def transform_points(points: Floats, matrix: Floats) -> Floats:
    """Apply a ``(2, 3)`` affine matrix to ``(n, 2)`` points."""
    moved: Floats = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def invert_affine(matrix: Floats) -> Floats:
    """Inverse of a ``(2, 3)`` affine matrix, as ``(2, 3)``."""
    inverse = np.linalg.inv(np.vstack([matrix.astype(np.float64), [0, 0, 1]]))
    return inverse[:2].astype(np.float32)

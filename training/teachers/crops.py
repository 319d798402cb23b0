"""Squares that teachers look at: each was trained on its own margin round the face, and its error depends on it."""

from __future__ import annotations

import numpy as np

from edge.types import Floats


def square_about(box: Floats, margin: float, size: int, clockwise_deg: float = 0.0) -> Floats:
    """The ``(2, 3)`` transform from the photo to a square of ``size`` px about the centre of ``box`` (4,).

    The square's side is ``margin`` times the box's longer side. ``clockwise_deg``: how far the face is turned clockwise
    in the photo; the square shows it upright.
    """
    centre = (box[:2] + box[2:]) / 2
    scale = size / max(float((box[2:] - box[:2]).max()) * margin, 1.0)
    angle = np.radians(-clockwise_deg)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, size / 2 - linear @ centre]).astype(np.float32)


def tilt_of_eyes_deg(landmarks: Floats) -> float:
    """How far the line from the first eye to the second is turned clockwise, of ``landmarks`` (5, 2)."""
    dx, dy = landmarks[1] - landmarks[0]
    return float(np.degrees(np.arctan2(dy, dx)))

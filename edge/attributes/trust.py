"""How far what a patch shows of an eye or a mouth can be trusted: each hindrance as 0..1, to be multiplied. Pure."""

from __future__ import annotations

import numpy as np

from edge.attributes.patches import SPECKS_PX, eye_distance_px, levels
from edge.types import Face, Floats, Frame, Pixels

_EYE_DISTANCE_PX = (12.0, 24.0)
_SPAN_LEVELS = (6.0, 16.0)  # between the dark and the bright of a patch, of 255


def large(face: Face) -> float:
    """Whether the face has enough pixels."""
    return ramp(eye_distance_px(face), _EYE_DISTANCE_PX)


def lit(patches: Pixels, glare_px: int = SPECKS_PX) -> Floats:
    """Whether each of the patches (n, 24, 32), their contrast not yet evened, has enough grey levels: (n,)."""
    low, high = levels(patches, glare_px)
    return np.array([ramp(float(span), _SPAN_LEVELS) for span in high - low], np.float32)


def inside(frame: Frame, point: Floats, margin_px: float = 0.0) -> bool:
    """Whether ``point`` (2,) lies within the picture, and ``margin_px`` from its edges."""
    x, y = point
    return bool(margin_px <= x < frame.width - margin_px and margin_px <= y < frame.height - margin_px)


def ramp(value: float, ends: tuple[float, float]) -> float:
    """0 at or beyond the first of ``ends``, 1 at or beyond the second. A value that is not finite gives 0."""
    share = (value - ends[0]) / (ends[1] - ends[0])
    return min(max(share, 0.0), 1.0) if np.isfinite(share) else 0.0

"""From a stage's raw outputs to boxes. Pure numpy, the same for P-Net, R-Net and FPNet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.geometry import nms, rotation_from_6d, square_boxes
from edge.types import Faces, Floats

_SCORE_STEP = 1 / 512  # half of what an int8 score can tell apart: 0 and 1 are not certain


@dataclass(frozen=True, slots=True)
class Candidates:
    """``boxes`` (n, 4) px and ``scores`` (n,), best first; ``rows``: which of the stage's windows each came from."""

    boxes: Floats
    scores: Floats
    rows: NDArray[np.intp]


def select(
    windows: Floats,
    scores: Floats,
    offsets: Floats,
    score_min: float,
    overlap_max: float,
    *,
    over_smaller: bool = False,
) -> Candidates:
    """Keep windows (n, 4) that score at least ``score_min``, move their edges, and drop overlaps.

    ``offsets`` (n, 4): how far each edge moves, as a share of the window's side (Zhang et al., "Joint Face Detection
    and Alignment Using Multitask Cascaded Convolutional Networks", 2016).
    """
    rows = np.flatnonzero(scores >= score_min)
    boxes = calibrate(windows[rows], offsets[rows])
    kept = nms(boxes, scores[rows], overlap_max, over_smaller=over_smaller)
    return Candidates(boxes[kept], scores[rows][kept], rows[kept])


def agreed(scores: Floats, more: Floats, looks: int = 1) -> Floats:
    """Scores (n,) that several looks at the same faces give together: the geometric mean of their odds.

    ``scores`` (n,): of ``looks`` looks already; ``more`` (n,): of one more. A face stays one when its window moves or
    is mirrored; what only resembles one from a certain window does not.
    """
    odds = [np.log(share / (1 - share)) for share in np.clip([scores, more], _SCORE_STEP, 1 - _SCORE_STEP)]
    together: Floats = (1 / (1 + np.exp(-(looks * odds[0] + odds[1]) / (looks + 1)))).astype(np.float32)
    return together


def calibrate(windows: Floats, offsets: Floats) -> Floats:
    """``windows`` (n, 4) with each edge moved by its offset times the window's width or height."""
    sides = (windows[:, 2:] - windows[:, :2])[:, [0, 1, 0, 1]]
    moved: Floats = windows + offsets * sides
    return moved


def whole_squares(boxes: Floats, grid: NDArray[np.int_] | None = None) -> Floats:
    """Squares of the boxes' longer sides on whole pixels: the windows that the next stage looks at.

    ``grid`` (n,): of what each window's edges are to be multiples (default 1).
    """
    step = np.float32(1) if grid is None else grid.astype(np.float32)[:, None]
    squares: Floats = (np.rint(square_boxes(boxes) / step) * step).astype(np.float32)
    squares[:, 2:] = squares[:, :2] + np.maximum(squares[:, 2:3] - squares[:, 0:1], step)
    return squares


def landmarks_px(windows: Floats, shares: Floats) -> Floats:
    """Landmarks (n, 10) as x, y shares of square windows (n, 4) to pixels (n, 5, 2)."""
    sides = (windows[:, 2:] - windows[:, :2])[:, None, :]
    points: Floats = windows[:, None, :2] + shares.reshape(-1, 5, 2) * sides
    return points


def faces_from(found: Candidates, windows: Floats, outputs: dict[str, Floats]) -> Faces:
    """The faces that ``select`` kept of FPNet's ``windows`` and ``outputs``."""
    return Faces(
        found.boxes.astype(np.float32),
        found.scores.astype(np.float32),
        rotation_from_6d(outputs["rot6d"][found.rows]),
        landmarks_px(windows[found.rows], outputs["landmarks"][found.rows]),
    )

"""How well a probability tells open from shut: accuracy at a threshold and the area under the ROC curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.attributes.nods import YAWN_SHUT_MAX
from edge.errors import InputError
from edge.types import Floats

OPEN_MIN = 0.5  # of eyes: the one threshold for all sets
# Frame by frame; of mouths what a yawn is held at, which they are only taken for from a higher one on.
JUDGED_AT = {"eyenet": OPEN_MIN, "mouthnet": YAWN_SHUT_MAX}


@dataclass(frozen=True, slots=True)
class Figures:
    """Of ``n`` labelled ones: the share told right, and the chance that an open one has the higher p(open)."""

    n: int
    accuracy: float
    auc: float

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.4f}, AUC {self.auc:.4f} of {self.n}"


@dataclass(frozen=True, slots=True)
class ShutFigures:
    """Of ``n`` of whom nobody is open: the share that is told so."""

    n: int
    accuracy: float

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.4f} of {self.n}, all of them shut"


Judged = Figures | ShutFigures


def figures_of(p_open: Floats, is_open: NDArray[np.bool_], open_min: float = OPEN_MIN) -> Figures:
    """Figures of ``p_open`` (n,) against labels (n,). Raises InputError unless both kinds are there."""
    if not is_open.any() or is_open.all():
        raise InputError(
            f"expected both open and shut ones to judge on, got {int(is_open.sum())} open of {len(is_open)}"
        )
    return Figures(len(p_open), float(((p_open >= open_min) == is_open).mean()), auc(p_open, is_open))


def shut_figures(p_open: Floats, open_min: float) -> ShutFigures:
    """Figures of ``p_open`` (n,) of those of whom nobody is open."""
    return ShutFigures(len(p_open), float((p_open < open_min).mean()))


def auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve, ties counted half (Mann-Whitney)."""
    values, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n_positive = int(positive.sum())
    n_negative = len(values[inverse]) - n_positive
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))

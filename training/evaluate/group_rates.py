"""How often faces of a kind are mistaken, at one threshold for all: by pose, by light, by set. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from edge.types import Floats

_ROWS_AT_ONCE = 512
_EVENTS_MIN = 30  # pairs below which a rate says nothing


@dataclass(frozen=True, slots=True)
class Rates:
    """Of ``genuine`` pairs the share that is rejected, of ``impostors`` the share that is taken for one person.

    None where there are fewer than 30 pairs.
    """

    genuine: int
    fnmr: float | None
    impostors: int
    fmr: float | None

    def plain(self) -> dict[str, float | int | None]:
        """For JSON and for tables."""
        return asdict(self)


def rates(genuine: Floats, impostors: Floats, distance_max: float) -> Rates:
    """At one threshold, of distances in any order; infinite where a face was not found."""
    return counted(
        len(genuine), int((genuine > distance_max).sum()), len(impostors), int((impostors <= distance_max).sum())
    )


def counted(genuine: int, rejected: int, impostors: int, accepted: int) -> Rates:
    """From numbers of pairs."""
    return Rates(genuine, _share(rejected, genuine), impostors, _share(accepted, impostors))


def _share(part: int, whole: int) -> float | None:
    return float(f"{part / whole:.4g}") if whole >= _EVENTS_MIN else None


def rates_by_rank(
    embeddings: Floats, people: NDArray[np.int32], ranks: NDArray[np.intp], n_ranks: int, distance_max: float
) -> list[Rates]:
    """Every pair of rows of unit ``embeddings (n, d)``, counted to the higher of its two faces' ``ranks (n,)``."""
    totals = np.zeros((2, 2, n_ranks), np.int64)  # same person or not; within the threshold or not; rank
    for start in range(0, len(embeddings), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        squared = 2 - 2 * embeddings[rows] @ embeddings[start:].T
        upper = np.triu(np.ones(squared.shape, bool), 1)
        matched = squared[upper] <= distance_max**2
        same = (people[rows, None] == people[None, start:])[upper]
        rank = np.maximum(ranks[rows, None], ranks[None, start:])[upper]
        code = (same.astype(np.int64) * 2 + matched) * n_ranks + rank
        totals += np.bincount(code, minlength=4 * n_ranks).reshape(2, 2, n_ranks)
    (rejected, accepted), (missed, right) = totals[0], totals[1]
    return [
        counted(int(missed[r] + right[r]), int(missed[r]), int(rejected[r] + accepted[r]), int(accepted[r]))
        for r in range(n_ranks)
    ]


def rank_up(values: Floats, edges: Sequence[float]) -> NDArray[np.intp]:
    """0 below the first of the growing ``edges``, 1 below the second, and so on: larger is harder."""
    return np.asarray(np.searchsorted(np.asarray(edges), values, side="right"), np.intp)


def rank_down(values: Floats, edges: Sequence[float]) -> NDArray[np.intp]:
    """0 from the first of the falling ``edges`` on, 1 from the second, and so on: smaller is harder."""
    return np.asarray(np.searchsorted(-np.asarray(edges), -values, side="left"), np.intp)

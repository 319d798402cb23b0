"""False match and false non-match rates of distances, as ISO/IEC 19795-1 names them. Pure numpy.

A pair is taken for one person where its distance is at most the threshold. FMR: share of impostor pairs (different
people) taken for one; FNMR: share of genuine pairs that are not; TAR = 1 - FNMR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError
from edge.types import Floats

_ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class PairDistances:
    """Sorted Euclidean distances (0..2) of ``genuine`` and ``impostor`` pairs, each at least one. Raises InputError."""

    genuine: Floats
    impostor: Floats

    def __post_init__(self) -> None:
        if not len(self.genuine) or not len(self.impostor):
            raise InputError(
                "expected at least one pair of the same and one of different people,"
                f" got {len(self.genuine)} and {len(self.impostor)}"
            )

    @classmethod
    def of(cls, distances: Floats, same: NDArray[np.bool_]) -> PairDistances:
        """From distances ``(n,)`` and whether each is of one person ``(n,)``."""
        return cls(np.sort(distances[same]), np.sort(distances[~same]))


def all_pairs(embeddings: Floats, people: NDArray[np.int32]) -> PairDistances:
    """Every pair of different rows of unit ``embeddings (n, d)``; ``people (n,)`` says who is who."""
    genuine, impostor = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]
    for distances, same in _blocks(embeddings, people):
        genuine.append(distances[same])
        impostor.append(distances[~same])
    return PairDistances(np.sort(np.concatenate(genuine)), np.sort(np.concatenate(impostor)))


def _blocks(embeddings: Floats, people: NDArray[np.int32]) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    """The upper triangle of the distance table, a few rows at a time: 4,000 faces never need their full table."""
    for start in range(0, len(embeddings), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        squared = 2 - 2 * embeddings[rows] @ embeddings[start:].T
        upper = np.triu(np.ones(squared.shape, bool), 1)
        yield np.sqrt(np.maximum(squared[upper], 0)), (people[rows, None] == people[None, start:])[upper]


def distance_at_fmr(impostor: Floats, fmr: float) -> float:
    """The largest threshold with which at most ``fmr`` of the sorted ``impostor`` distances match."""
    allowed = int(np.floor(fmr * len(impostor) + 1e-9))
    if allowed >= len(impostor):
        return float(impostor[-1])
    return float(np.nextafter(impostor[allowed], np.float32(0)))


def tar_at_fmr(pairs: PairDistances, fmr: float) -> float:
    """Share of genuine pairs within the threshold for ``fmr``."""
    return float(
        np.searchsorted(pairs.genuine, distance_at_fmr(pairs.impostor, fmr), side="right") / len(pairs.genuine)
    )


def equal_error_rate(pairs: PairDistances) -> float:
    """Where FMR and FNMR meet: their mean at the threshold at which they differ least."""
    thresholds = np.unique(np.concatenate([pairs.genuine, pairs.impostor]))
    fmr = np.searchsorted(pairs.impostor, thresholds, side="right") / len(pairs.impostor)
    fnmr = 1 - np.searchsorted(pairs.genuine, thresholds, side="right") / len(pairs.genuine)
    best = int(np.argmin(np.abs(fmr - fnmr)))
    return float((fmr[best] + fnmr[best]) / 2)


def best_threshold(distances: Floats, same: NDArray[np.bool_]) -> float:
    """The threshold with the most correct decisions; halfway to the next distance, so that it carries over."""
    order = np.argsort(distances, kind="stable")
    ranked, truth = distances[order], same[order]
    # Correct if the first k are taken for one person: the genuine among them, and the impostors after them.
    correct = np.concatenate([[0], np.cumsum(truth)]) + np.concatenate([np.cumsum(~truth[::-1])[::-1], [0]])
    edges = np.concatenate([[0.0], (ranked[1:] + ranked[:-1]) / 2, [2.0]])
    return float(edges[int(np.argmax(correct))])


def fold_accuracy(distances: Floats, same: NDArray[np.bool_], folds: NDArray[np.int32]) -> float:
    """Mean accuracy over the folds, each judged with the threshold that is best on the others.

    An infinite distance (a face was not found) is an error whatever the pair is. With one fold only there are no
    others, and the best threshold on the fold itself is used: then the number flatters. Raises InputError for no pair.
    """
    if not len(distances):
        raise InputError("expected at least one pair, got none")
    return float(np.mean([_accuracy_of(distances, same, folds == fold) for fold in np.unique(folds)]))


def _accuracy_of(distances: Floats, same: NDArray[np.bool_], judged: NDArray[np.bool_]) -> float:
    found = np.isfinite(distances)
    others = ~judged & found if not judged.all() else judged & found
    threshold = best_threshold(distances[others], same[others])
    correct = ((distances <= threshold) == same) & found
    return float(correct[judged].mean())

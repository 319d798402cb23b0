"""The one evaluator of the tutorials' recipes: distances of pairs to the figures of either protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from edge.types import Floats, Pixels
from training.classic_recipe import PhotoPart
from training.data.pairs import Pairs
from training.data.people import PhotoSet
from training.evaluate.match_rates import PairDistances, equal_error_rate

_BATCH = 64

Measure = Callable[[Pairs], Floats]  # the distances (m,) of pairs


@dataclass(frozen=True, slots=True)
class Figures:
    """Of ``pairs`` pairs; up to the distance ``decide_at`` they are taken for one person. ``precision``: the share of
    the same among those (what some tutorials call accuracy); ``recall``: the share of those among the same.
    ``eer`` needs no threshold: it judges the distances alone.
    """

    pairs: int
    decide_at: float
    accuracy: float
    precision: float
    recall: float
    fmr: float
    eer: float


def figures(distances: Floats, same: NDArray[np.bool_], decide_at: float) -> Figures:
    """``distances`` (m,) and whether each is of one person (m,), with at least one of either."""
    called = distances <= decide_at
    hits = float((called & same).sum())
    return Figures(
        pairs=len(same),
        decide_at=decide_at,
        accuracy=float((called == same).mean()),
        precision=hits / max(float(called.sum()), 1.0),
        recall=hits / float(same.sum()),
        fmr=float(called[~same].mean()),
        eer=equal_error_rate(PairDistances.of(distances, same)),
    )


def best_distance(distances: Floats, same: NDArray[np.bool_]) -> float:
    """The threshold with the most correct decisions, halfway between two distances that were seen. Of any range: the
    tutorials' embeddings are of any length.
    """
    order = np.argsort(distances, kind="stable")
    ranked, truth = distances[order].astype(np.float64), same[order]
    correct = np.cumsum(truth) + np.concatenate([np.cumsum(~truth[::-1])[::-1][1:], [0]])
    best = int(np.argmax(correct))
    following = ranked[best + 1] if best + 1 < len(ranked) else ranked[best]
    return float((ranked[best] + following) / 2)


def normalised(photos: Pixels, part: PhotoPart) -> Floats:
    """What is seen of photos (n, h, w, depth; BGR or grey) as the network takes it: scaled, channels in its order."""
    ordered = photos[..., ::-1] if part.channels == "rgb" else photos
    scaled: Floats = (ordered.astype(np.float32) - np.float32(part.mean)) / np.float32(part.std)
    return scaled


def measure(graph: keras.Model, photos: PhotoSet, part: PhotoPart) -> Measure:
    """Distances of pairs of ``photos`` by the branch, and the head if there is one, of a pair graph.

    Each photo goes through the branch once, however many pairs it is in.
    """
    net = graph.get_layer("branch")
    head = graph.get_layer("head") if any(layer.name == "head" for layer in graph.layers) else None

    def distances(pairs: Pairs) -> Floats:
        rows, places = np.unique(np.concatenate([pairs.one, pairs.other]), return_inverse=True)
        embeddings = _embed(net, photos.pixels[rows], part)
        one, other = (embeddings[half] for half in np.split(places, 2))
        if head is None:
            apart: Floats = np.linalg.norm(one - other, axis=1)
            return apart
        scores = np.asarray(head.predict_on_batch(np.abs(one - other)), np.float32)
        return 1 - scores[:, 0]

    return distances


def _embed(net: keras.Model, photos: Pixels, part: PhotoPart) -> Floats:
    starts = range(0, len(photos), _BATCH)
    parts = [net(normalised(photos[start : start + _BATCH], part), training=False) for start in starts]
    return np.concatenate([np.asarray(keras.ops.cast(value, "float32")) for value in parts])

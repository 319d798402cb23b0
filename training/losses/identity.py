"""Losses over people told apart by their names: contrastive, triplet, and the softmax with an angular margin."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

from keras import ops

_EPSILON = 1e-8
_COSINE_MAX = 1 - 1e-6  # beyond it the sine's slope is infinite


def unit(vectors: Any) -> Any:
    """Rows of ``(n, d)`` at length 1. A zero row stays zero, and its gradient finite."""
    return vectors * ops.rsqrt(ops.maximum(ops.sum(ops.square(vectors), axis=1, keepdims=True), _EPSILON))


def distances(embeddings: Any) -> Any:
    """Euclidean distances ``(n, n)`` between unit rows. The root is kept off zero, where its slope is infinite."""
    squared = 2 - 2 * ops.matmul(embeddings, ops.transpose(embeddings))
    return ops.sqrt(ops.maximum(squared, _EPSILON))


def same_person(people: Any) -> Any:
    """``(n, n)`` of 0 and 1: whether two rows of ``people`` (n,) are equal."""
    return ops.cast(ops.equal(people[:, None], people[None, :]), "float32")


def contrastive_loss(student: Any, same: Any, margin: float) -> Any:
    """Pull unit rows together where ``same`` (n, n) is 1, push them ``margin`` apart where it is 0.

    Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006.
    """
    apart = distances(student)
    pull, push = ops.square(apart), ops.square(ops.maximum(margin - apart, 0))
    return mean_off_diagonal(same * pull + (1 - same) * push)


def triplet_loss(student: Any, same: Any, margin: float) -> Any:
    """Each row's farthest of its own person is to be nearer, by ``margin``, than its nearest of another.

    Hermans, Beyer, Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017 (batch hard). For a row
    that is alone in the batch the farthest is itself, at 0; in a batch of one person the nearest other is at 2 or more.
    """
    apart = distances(student)
    farthest = ops.max(same * apart, axis=1)
    nearest = ops.min(apart + 2 * same, axis=1)
    return ops.mean(ops.maximum(margin + farthest - nearest, 0))


def angular_loss(cosines: Any, people: Any, margin: float, scale: float) -> Any:
    """Cross-entropy over ``cosines`` (n, classes) to a centre for each person, its own seen ``margin`` rad farther off.

    Deng et al., "ArcFace", CVPR 2019. ``people`` (n,): rows of centres. Where the wider angle would exceed a half turn
    and its cosine rise again, it goes on in a straight line, as the authors' code does.
    """
    inside = ops.clip(cosines, -_COSINE_MAX, _COSINE_MAX)
    wider = inside * cos(margin) - ops.sqrt(1 - ops.square(inside)) * sin(margin)
    wider = ops.where(inside > cos(pi - margin), wider, inside - margin * sin(margin))
    own = ops.one_hot(ops.cast(people, "int32"), ops.shape(cosines)[1])
    return ops.mean(ops.categorical_crossentropy(own, scale * (own * wider + (1 - own) * inside), from_logits=True))


def mean_off_diagonal(table: Any) -> Any:
    """Mean of ``(n, n)`` without its diagonal."""
    n = ops.shape(table)[0]
    rows = ops.cast(n, table.dtype)
    return ops.sum(table * (1 - ops.eye(n, dtype=table.dtype))) / (rows * (rows - 1))

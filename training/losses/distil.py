"""The loss that turns a published embedding into one that forgives bad alignment, with SFace as the second teacher.

Three terms over a batch of n unit embeddings s (student), a (anchor: the port on the clean crop) and t (SFace):

- anchor: mean of 1 - s.a: stay where the published weights put the face, however it was aligned;
- relational: mean squared difference of the similarity tables s s' and t t' (Park et al., "Relational Knowledge
  Distillation", CVPR 2019): stand to each other as the larger network says;
- contrastive: d² for the same person, max(0, margin - d)² for others (Hadsell et al., CVPR 2006).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

EMBEDDING = 128
_EPSILON = 1e-8


def targets(people: NDArray[np.int32], anchor: NDArray[np.float32], sface: NDArray[np.float32]) -> NDArray[np.float32]:
    """What ``DistilLoss`` takes as truth: ``(n, 257)``, the person's index, then both teachers' unit embeddings."""
    return np.concatenate([people[:, None].astype(np.float32), anchor, sface], axis=1)


def unit(vectors: Any) -> Any:
    """Rows of ``(n, d)`` at length 1. A zero row stays zero, and its gradient finite."""
    return vectors * ops.rsqrt(ops.maximum(ops.sum(ops.square(vectors), axis=1, keepdims=True), _EPSILON))


def distances(embeddings: Any) -> Any:
    """Euclidean distances ``(n, n)`` between unit rows. The root is kept off zero, where its slope is infinite."""
    squared = 2 - 2 * ops.matmul(embeddings, ops.transpose(embeddings))
    return ops.sqrt(ops.maximum(squared, _EPSILON))


@keras.saving.register_keras_serializable(package="vigil")
class DistilLoss(keras.losses.Loss):  # type: ignore[misc]  # keras has no types
    """The weighted sum of the three terms, as a scalar. ``margin``: Euclidean distance of unit embeddings, 0..2."""

    def __init__(self, anchor: float, relational: float, contrastive: float, margin: float, **base: Any) -> None:
        super().__init__(**{"name": "distil", **base})
        self.anchor, self.relational, self.contrastive = anchor, relational, contrastive
        self.margin = margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """``y_true`` (n, 257) from :func:`targets`; ``y_pred`` (n, 128), of any length."""
        people, anchor, sface = y_true[:, 0], y_true[:, 1 : 1 + EMBEDDING], y_true[:, 1 + EMBEDDING :]
        student = unit(y_pred)
        same = ops.cast(ops.equal(people[:, None], people[None, :]), student.dtype)
        total = self.anchor * ops.mean(1 - ops.sum(student * anchor, axis=1))
        total += self.relational * relational_loss(student, sface)
        return total + self.contrastive * contrastive_loss(student, same, self.margin)

    def get_config(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in ("anchor", "relational", "contrastive", "margin")}
        return {**super().get_config(), **own}


def relational_loss(student: Any, teacher: Any) -> Any:
    """Mean squared difference of the similarities between different rows of unit ``(n, d)`` embeddings."""
    gap = ops.matmul(student, ops.transpose(student)) - ops.matmul(teacher, ops.transpose(teacher))
    return _mean_off_diagonal(ops.square(gap))


def contrastive_loss(student: Any, same: Any, margin: float) -> Any:
    """Pull rows together where ``same`` (n, n) is 1, push them ``margin`` apart where it is 0."""
    apart = distances(student)
    pull, push = ops.square(apart), ops.square(ops.maximum(margin - apart, 0))
    return _mean_off_diagonal(same * pull + (1 - same) * push)


def _mean_off_diagonal(table: Any) -> Any:
    n = ops.shape(table)[0]
    rows = ops.cast(n, table.dtype)
    return ops.sum(table * (1 - ops.eye(n, dtype=table.dtype))) / (rows * (rows - 1))

"""The loss that turns a published embedding into one that forgives bad alignment, with SFace as the second teacher.

Terms over a batch of n unit embeddings s (student), a (anchor: the port on the clean crop) and t (SFace):

- anchor: mean of 1 - s.a: stay where the published weights put the face, however it was aligned;
- relational: mean squared difference of the similarity tables s s' and t t' (Park et al., "Relational Knowledge
  Distillation", CVPR 2019): stand to each other as the larger network says;
- contrastive, triplet, angular: people told apart by their names (training.losses.identity).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.losses.identity import (
    angular_loss,
    contrastive_loss,
    mean_off_diagonal,
    same_person,
    triplet_loss,
    unit,
)

EMBEDDING = 128


def targets(people: NDArray[np.int32], anchor: NDArray[np.float32], sface: NDArray[np.float32]) -> NDArray[np.float32]:
    """What ``DistilLoss`` takes as truth: ``(n, 257)``, the person's index, then both teachers' unit embeddings."""
    return np.concatenate([people[:, None].astype(np.float32), anchor, sface], axis=1)


@keras.saving.register_keras_serializable(package="vigil")
class DistilLoss(keras.losses.Loss):  # type: ignore[misc]  # keras has no types
    """The weighted sum of the terms, as a scalar. ``numbers``: those of training.siamese_recipe.LossPart, by name."""

    def __init__(self, numbers: dict[str, float], **base: Any) -> None:
        super().__init__(**{"name": "distil", **base})
        self.numbers = dict(numbers)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """``y_true`` (n, 257) from :func:`targets`; ``y_pred`` (n, 128 + classes): the embedding, of any length, then
        the cosines to each person's centre, none where no angular term is asked for.
        """
        people, anchor, sface = y_true[:, 0], y_true[:, 1 : 1 + EMBEDDING], y_true[:, 1 + EMBEDDING :]
        student = unit(y_pred[:, :EMBEDDING])
        total = self.numbers["anchor"] * ops.mean(1 - ops.sum(student * anchor, axis=1))
        total += self.numbers["relational"] * relational_loss(student, sface)
        return total + self._identity(student, people, y_pred[:, EMBEDDING:])

    def _identity(self, student: Any, people: Any, cosines: Any) -> Any:
        numbers, same = self.numbers, same_person(people)
        total = numbers["contrastive"] * contrastive_loss(student, same, numbers["margin"])
        if numbers["triplet"]:
            total += numbers["triplet"] * triplet_loss(student, same, numbers["triplet_margin"])
        if numbers["angular"]:
            loss = angular_loss(cosines, people, numbers["angular_margin"], numbers["angular_scale"])
            total += numbers["angular"] * loss
        return total

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "numbers": self.numbers}


def relational_loss(student: Any, teacher: Any) -> Any:
    """Mean squared difference of the similarities between different rows of unit ``(n, d)`` embeddings."""
    gap = ops.matmul(student, ops.transpose(student)) - ops.matmul(teacher, ops.transpose(teacher))
    return mean_off_diagonal(ops.square(gap))

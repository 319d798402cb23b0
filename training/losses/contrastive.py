"""Contrastive loss on distances (Hadsell, Chopra, LeCun: "Dimensionality Reduction by Learning an Invariant Mapping",
CVPR 2006), with a root whose slope stays finite, and either convention of what a pair of one person is labelled.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="vigil")
class EuclideanDistance(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """``(n, 2, d)`` to ``(n, 1)``: how far the two rows are apart. ``root``: ``epsilon`` is the least under the root
    (``floor``), where gradients of nearer pairs are 0, or is ``added`` there.
    """

    def __init__(self, root: Literal["floor", "added"], epsilon: float, **base: Any) -> None:
        super().__init__(**base)
        self.root, self.epsilon = root, epsilon

    def call(self, pairs: Any) -> Any:
        squared = ops.sum(ops.square(pairs[:, 0] - pairs[:, 1]), axis=1, keepdims=True)
        return ops.sqrt(ops.maximum(squared, self.epsilon) if self.root == "floor" else squared + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "root": self.root, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="vigil")
class L1Distance(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """``(n, 2, d)`` to ``(n, d)``: :func:`gaps` of the two rows."""

    def call(self, pairs: Any) -> Any:
        return gaps(pairs[:, 0], pairs[:, 1])


def gaps(one: Any, other: Any) -> Any:
    """|one - other|, as the sum of what either exceeds the other by: XNNPACK runs no absolute value in int8."""
    return ops.relu(one - other) + ops.relu(other - one)


@keras.saving.register_keras_serializable(package="vigil")
class ContrastiveLoss(keras.losses.Loss):  # type: ignore[misc]  # keras has no types
    """d² for one person, max(0, margin - d)^``far_power`` for two. ``same_label``: the truth of a pair of one."""

    def __init__(self, margin: float, same_label: Literal[0, 1], far_power: Literal[1, 2], **base: Any) -> None:
        super().__init__(**{"name": "contrastive", **base})
        self.margin, self.same_label, self.far_power = margin, same_label, far_power

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """``y_true`` (n, 1) labels; ``y_pred`` (n, 1) distances; (n, 1) of losses."""
        truth = ops.cast(y_true, y_pred.dtype)
        same = truth if self.same_label == 1 else 1 - truth
        far = ops.power(ops.maximum(self.margin - y_pred, 0), self.far_power)
        return same * ops.square(y_pred) + (1 - same) * far

    def get_config(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in ("margin", "same_label", "far_power")}
        return {**super().get_config(), **own}

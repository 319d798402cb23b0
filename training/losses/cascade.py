"""The loss of P-Net, R-Net and FPNet: cross-entropy + y (box + rotation + landmarks), one value a crop.

The rotation's two 3-vectors are regressed themselves, not the rotation that they make: an unnormalised vector also
learns how sure its teacher was. Squared Euclidean terms as the thesis has them, or the variant that a first experiment
found better: plain L1 for box and landmarks, the vectors' distance for the rotation, so that a teacher's worst errors
pull no harder than its good labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from edge.types import Floats

_EPSILON = 1e-6
_MASKS = ("score", "box", "landmarks", "rot6d")  # the first columns of the truth: whether the crop teaches the head


def truth_rows(is_face: Floats, masks: Mapping[str, Floats], heads: Mapping[str, Floats]) -> Floats:
    """What ``CascadeLoss`` takes as truth, (n, 5 + heads): four masks, ``is_face`` (n,), then ``heads`` (n, width)."""
    columns = [np.broadcast_to(masks.get(name, np.zeros(1)), is_face.shape) for name in _MASKS]
    rows = np.concatenate([np.stack([*columns, is_face], axis=1), *heads.values()], axis=1)
    return np.asarray(rows, np.float32)


@keras.saving.register_keras_serializable(package="vigil")
class CascadeLoss(keras.losses.Loss):  # type: ignore[misc]  # keras has no types
    """``widths``: of the heads after the score, in the model's order; ``weights``: of ``score`` and each head.

    ``keep`` below 1: online hard example mining. Of the batch only this share teaches, the middle of it by loss:
    neither the easiest crops nor the outliers, whose labels may be wrong (DESIGN: section 2).
    """

    def __init__(
        self, widths: Mapping[str, int], weights: Mapping[str, float], *, squared: bool, keep: float, **base: Any
    ) -> None:
        super().__init__(**{"name": "cascade", **base})
        self.widths, self.weights, self.squared, self.keep = dict(widths), dict(weights), squared, keep

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """``y_true`` from :func:`truth_rows`; ``y_pred`` (n, 1 + heads), the score as a logit. Returns (n,)."""
        masks = dict(zip(_MASKS, (y_true[:, index] for index in range(len(_MASKS))), strict=True))
        logit, is_face = y_pred[:, 0], y_true[:, len(_MASKS)]
        crossed = ops.maximum(logit, 0) - logit * is_face + ops.log1p(ops.exp(-ops.abs(logit)))
        losses = self.weights["score"] * masks["score"] * crossed
        start = 1
        for name, width in self.widths.items():
            apart = y_pred[:, start : start + width] - y_true[:, start + len(_MASKS) : start + len(_MASKS) + width]
            losses = losses + self.weights[name] * masks[name] * self._distance(name, apart)
            start += width
        return losses * middle(losses, self.keep) if self.keep < 1 else losses

    def _distance(self, name: str, apart: Any) -> Any:
        if self.squared:
            return ops.sum(ops.square(apart), axis=1)
        if name == "rot6d":
            return ops.sqrt(ops.sum(ops.square(apart), axis=1) + _EPSILON)
        return ops.sum(ops.abs(apart), axis=1)

    def get_config(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in ("widths", "weights", "squared", "keep")}
        return {**super().get_config(), **own}


def middle(losses: Any, keep: float) -> Any:
    """(n,): 1 / keep for the middle share ``keep`` of ``losses`` (n,), 0 for the rest: their mean keeps its scale."""
    count = ops.shape(losses)[0]
    ranks = ops.cast(ops.argsort(ops.argsort(losses)), "float32") + 0.5
    shares = ranks / ops.cast(count, "float32")
    edge = (1 - keep) / 2
    inside = ops.logical_and(ops.greater(shares, edge), ops.less(shares, 1 - edge))
    return ops.stop_gradient(ops.cast(inside, losses.dtype) / keep)

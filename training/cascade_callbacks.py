"""What watches over a cascade training: its learning rate, and the collapse that the thesis saw."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from edge.errors import ModelError
from edge.types import Floats
from training.cascade_recipe import Recipe

_SPREAD_MIN = 1e-3  # of an output over a batch; a working net's box offsets spread by 0.05


class Cosine(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """The learning rate of each step: a cosine over the schedule's, then one over the finish's, wherever the training
    goes on from.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self._recipe = recipe

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        optimizer = self.model.optimizer
        optimizer.learning_rate = rate_of_step(int(optimizer.iterations.numpy()), self._recipe)


def rate_of_step(step: int, recipe: Recipe) -> float:
    """The learning rate of ``step``, counted from 0."""
    schedule, finish = recipe.schedule, recipe.finish
    if finish is None or step < schedule.steps:
        return rate_at(step / schedule.steps, schedule.learning_rate, schedule.warmup_share)
    return rate_at((step - schedule.steps) / (recipe.steps - schedule.steps), finish.learning_rate, 0.0)


def rate_at(share: float, peak: float, warmup_share: float) -> float:
    """The learning rate when ``share`` (0..1) of the steps are done: up in a line to ``peak``, down along a cosine."""
    if share < warmup_share:
        return peak * max(share / warmup_share, 0.01)
    fallen = min((share - warmup_share) / (1 - warmup_share), 1.0)
    return peak * max(0.5 * (1 + math.cos(math.pi * fallen)), 0.005)


class CollapseGuard(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Raises ModelError when the net says the same of every crop, or nothing finite, at the end of an epoch."""

    def __init__(self, crops: Floats) -> None:
        """``crops``: a batch of faces and negatives, scaled."""
        super().__init__()
        self._crops = crops

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        check_collapse(np.asarray(self.model(self._crops, training=False)), epoch)


def check_collapse(rows: Floats, epoch: int) -> None:
    """``rows`` (n, outputs) of different crops. Raises ModelError where an output does not depend on the crop."""
    if not np.isfinite(rows).all():
        raise ModelError(f"epoch {epoch + 1}: expected finite outputs, found NaN or infinity: lower the learning rate")
    spread = rows.std(axis=0)
    if (spread < _SPREAD_MIN).any():
        worst = int(spread.argmin())
        raise ModelError(
            f"epoch {epoch + 1}: the net collapsed: expected outputs that differ between crops by {_SPREAD_MIN:g} or"
            f" more, found {spread[worst]:.1e} at output {worst}: lower the learning rate or start from the port"
        )

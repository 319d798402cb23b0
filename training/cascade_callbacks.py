"""What watches over a cascade training: its time, its learning rate, and the collapse that the thesis saw."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge.errors import ModelError
from edge.types import Floats
from training.cascade_recipe import SchedulePart

_SPREAD_MIN = 1e-3  # of an output over a batch; a working net's box offsets spread by 0.05


class Elapsed(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Seconds of training, kept beside the checkpoint so that a stopped training goes on at its place."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._before_s = float(json.loads(path.read_text(encoding="utf-8"))["seconds"]) if path.is_file() else 0.0
        self._started_s = time.monotonic()

    @property
    def seconds(self) -> float:
        return self._before_s + time.monotonic() - self._started_s

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        self._started_s = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._path.write_text(json.dumps({"seconds": self.seconds}), encoding="utf-8")


class Budget(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """A cosine over the minutes of the recipe instead of over steps: it ends in time on any machine, at its foot."""

    def __init__(self, schedule: SchedulePart, elapsed: Elapsed) -> None:
        super().__init__()
        self._schedule, self._elapsed = schedule, elapsed

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        schedule = self._schedule
        share = self._elapsed.seconds / (60 * schedule.minutes)
        self.model.optimizer.learning_rate = rate_at(share, schedule.learning_rate, schedule.warmup_share)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        if self._elapsed.seconds >= 60 * self._schedule.minutes:
            self.model.stop_training = True


def rate_at(share: float, peak: float, warmup_share: float) -> float:
    """The learning rate when ``share`` (0..1) of the time is over: up in a line to ``peak``, down along a cosine."""
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

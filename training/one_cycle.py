"""The one-cycle policy (Smith: "A disciplined approach to neural network hyper-parameters", 2018) for Adam."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def _height(step: Any, steps: int) -> Any:
    """0 at the first step, 1 halfway, 0 at the last: a triangle."""
    return 1 - ops.abs(2 * ops.minimum(ops.cast(step, "float32") / steps, 1.0) - 1)


@keras.saving.register_keras_serializable(package="vigil")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # keras has no types
    """From ``rate_min`` up to ``rate_max`` and back over ``steps``."""

    def __init__(self, rate_min: float, rate_max: float, steps: int) -> None:
        super().__init__()
        self.rate_min, self.rate_max, self.steps = rate_min, rate_max, steps

    def __call__(self, step: Any) -> Any:
        return self.rate_min + _height(step, self.steps) * (self.rate_max - self.rate_min)

    def get_config(self) -> dict[str, Any]:
        return {"rate_min": self.rate_min, "rate_max": self.rate_max, "steps": self.steps}


@keras.saving.register_keras_serializable(package="vigil")
class OneCycleAdam(keras.optimizers.Adam):  # type: ignore[misc]  # keras has no types
    """Adam whose beta 1 falls from ``beta_1`` to ``beta_1_min`` while the rate rises, and rises while it falls."""

    def __init__(self, *args: Any, beta_1_min: float, steps: int, **base: Any) -> None:
        super().__init__(*args, **base)
        self.beta_1: Any  # a number, and a tensor while a step is taken
        self.beta_1_min, self.steps = beta_1_min, steps

    def beta_1_at(self, step: Any) -> Any:
        return self.beta_1 - _height(step, self.steps) * (self.beta_1 - self.beta_1_min)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        largest = self.beta_1
        self.beta_1 = self.beta_1_at(self.iterations)  # Adam reads it from here, and from nowhere else
        try:
            super().update_step(gradient, variable, learning_rate)
        finally:
            self.beta_1 = largest

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1_min": self.beta_1_min, "steps": self.steps}

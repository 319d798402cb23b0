"""How open this driver's eyes are when they are open: p(open) means something else for narrow eyes than for wide ones.

Learnt over the first minutes and then kept: a baseline that followed a tiring driver down would call him awake.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate

DEFAULT_BASELINE = 0.9  # EyeNet's answer for most open eyes
# Clamped, so that somebody who sits down half asleep cannot teach that shut eyes are open.
BASELINE_MIN, BASELINE_MAX = 0.5, 1.0
FIRST_S = 10.0  # readable seconds before the default is given up
LEARN_S = 180.0  # readable seconds after which it stands
# Of the openness seen: blinks take up to 5 % of an alert driver's time, PERCLOS of a drowsy one 15 %, so the median of
# the upper half is of open eyes for both.
_QUANTILE = 0.75
_BINS = 50


@dataclass(frozen=True, slots=True)
class Baseline:
    """``value``: the p(open) of open eyes. ``learnt_s``: readable seconds so far."""

    value: float = DEFAULT_BASELINE
    learnt_s: float = 0.0
    seconds: tuple[float, ...] = (0.0,) * _BINS

    def learn(self, openness: float, for_s: float) -> Baseline:
        """With ``for_s`` more seconds at ``openness`` (0..1); unchanged once learnt."""
        if self.learnt_s >= LEARN_S or for_s <= 0:
            return self
        row = min(int(openness * _BINS), _BINS - 1)
        seconds = (*self.seconds[:row], self.seconds[row] + for_s, *self.seconds[row + 1 :])
        learnt_s = self.learnt_s + for_s
        if learnt_s < FIRST_S:
            return replace(self, learnt_s=learnt_s, seconds=seconds)
        value = min(max(_quantile(seconds, learnt_s), BASELINE_MIN), BASELINE_MAX)
        return Baseline(value, learnt_s, seconds)

    def relative(self, openness: float) -> float:
        """``openness`` as a share of the baseline, 0..1."""
        return min(openness / self.value, 1.0)


def _quantile(seconds: tuple[float, ...], total_s: float) -> float:
    row = next(row for row, sum_s in enumerate(accumulate(seconds)) if sum_s >= _QUANTILE * total_s - 1e-9)
    return (row + 0.5) / _BINS

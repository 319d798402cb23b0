"""How long something has been so, told by samples: spells, and tallies over sliding windows. Pure, in seconds.

A sample speaks for the time half way to its neighbours. So an onset is known to half a frame's time whatever the rate,
a dropped frame changes nothing but that precision, and a spell does not survive a gap in which it may have ended.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

GAP_MAX_S = 1.0  # without a sample for longer, nothing is known of the time between; 5 fps with 3 frames dropped is 0.8


@dataclass(frozen=True, slots=True)
class Spell:
    """Since when the samples have said ``value``.

    ``since_s``: the estimated onset. ``sampled_s``: the last sample. ``rival_s``: since when samples have said the
    opposite without having lasted long enough to be believed; None where the last sample said ``value``.
    """

    value: bool | None = None
    since_s: float = -math.inf
    sampled_s: float = -math.inf
    rival_s: float | None = None

    def sample(self, value: bool, now_s: float, *, glitch_s: float = 0.0, gap_max_s: float = GAP_MAX_S) -> Spell:
        """The spell after one more sample. A change shorter than ``glitch_s`` is not believed, and leaves no trace.

        After more than ``gap_max_s`` without a sample a new spell begins now: nothing is claimed of the gap.
        """
        if self.value is None or now_s - self.sampled_s > gap_max_s:
            return Spell(value, now_s, now_s)
        if value is self.value:
            return Spell(value, self.since_s, now_s)
        rival_s = (self.sampled_s + now_s) / 2 if self.rival_s is None else self.rival_s
        if now_s - rival_s >= glitch_s:
            return Spell(value, rival_s, now_s)
        return replace(self, sampled_s=now_s, rival_s=rival_s)

    def holds(self, value: bool, now_s: float) -> bool:
        """Whether ``value`` is borne out by the last sample, and that one is recent."""
        return self.value is value and self.rival_s is None and now_s - self.sampled_s <= GAP_MAX_S / 2

    def lasted_s(self, value: bool, now_s: float) -> float:
        """For how long ``value`` has held by now, 0 where it does not."""
        return now_s - self.since_s if self.holds(value, now_s) else 0.0


Knot = tuple[float, float, float]  # time, and the seconds counted and watched up to then


@dataclass(frozen=True, slots=True)
class Tally:
    """Seconds counted, and seconds watched at all, within windows of up to ``reach_s`` (no rescan: two look-ups)."""

    reach_s: float
    knots: tuple[Knot, ...] = ()

    def add(self, from_s: float, until_s: float, *, counted: bool) -> Tally:
        """With one more stretch, which may not begin before the end of the last one. What was skipped is unwatched."""
        knots = self.knots or ((from_s, 0.0, 0.0),)
        last_s, counted_s, watched_s = knots[-1]
        begins_s = max(from_s, last_s)
        if until_s <= begins_s:
            return self
        if begins_s > last_s:
            knots = (*knots, (begins_s, counted_s, watched_s))
        length_s = until_s - begins_s
        end = (until_s, counted_s + length_s * counted, watched_s + length_s)
        joined = len(knots) > 1 and _slope(knots[-2], knots[-1]) == (counted, True)
        return Tally(self.reach_s, (*self._pruned(knots[:-1] if joined else knots, until_s), end))

    def within(self, window_s: float, now_s: float) -> tuple[float, float]:
        """Seconds counted and seconds watched in the ``window_s`` up to ``now_s``."""
        if not self.knots:
            return 0.0, 0.0
        counted_s, watched_s = _at(self.knots, now_s)
        before_counted_s, before_watched_s = _at(self.knots, now_s - window_s)
        return counted_s - before_counted_s, watched_s - before_watched_s

    def _pruned(self, knots: tuple[Knot, ...], now_s: float) -> tuple[Knot, ...]:
        if knots[0][0] >= now_s - 2 * self.reach_s:
            return knots
        return knots[max(0, bisect_right(knots, (now_s - self.reach_s, math.inf, math.inf)) - 1) :]


def _slope(one: Knot, other: Knot) -> tuple[bool, bool]:
    return other[1] > one[1], other[2] > one[2]


def _at(knots: tuple[Knot, ...], time_s: float) -> tuple[float, float]:
    """Seconds counted and watched up to ``time_s``, linear between knots and constant beyond them."""
    after = bisect_right(knots, (time_s, math.inf, math.inf))
    if after == 0:
        return knots[0][1:]
    before = knots[after - 1]
    if after == len(knots):
        return before[1:]
    following = knots[after]
    share = (time_s - before[0]) / (following[0] - before[0])
    return before[1] + share * (following[1] - before[1]), before[2] + share * (following[2] - before[2])

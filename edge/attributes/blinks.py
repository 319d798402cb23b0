"""Blinks: short dips of the openness, half made up for within half a second. Pure.

At 24 frames a second most blinks show the lids on their way only, and none of these frames is 80 % closed; so a blink
is told by its dip from the openness just before, not by a closure (edge.attributes.lids).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.types import HeadPose

LEVEL_S = 0.25  # lids fall within 0.1 s; what falls from an openness longer ago is a change of gaze or light
LEVEL_MIN = 0.55  # an eye less open than that before the dip is drooping already
# Of that level. In tests/driver_clips.toml the shallowest counted blink dips by 0.38; no other dip is told for one.
DEPTH_MIN = 0.3
# At half its depth. Blinks take 0.1 to 0.4 s (Schiffman, Sensation and Perception, 2001), half of it in the lower half;
# one frame's wrong reading cannot be told from a short blink at rates of 25 a second and less.
BLINK_MIN_S, BLINK_MAX_S = 0.035, 0.5
# A head that turns this far within a dip smears the eyes and hides one of them: no blink is claimed of it.
TURN_MAX_DEG = 12.0
GAP_MAX_S = 0.3  # frames further apart may have a whole blink between them
BLINKS_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """p(open) and the head at one time."""

    at_s: float
    openness: float
    pose: HeadPose


@dataclass(frozen=True, slots=True)
class Blinks:
    """``recent``: unbroken samples that the level is taken from, or once a dip has begun all of it, from the sample
    before it on. ``level``: the openness that it fell from, None outside. ``hidden``: within a dip, the last frame
    could not be read. ``times_s``: when blinks ended, within the last BLINKS_S; ``blink_s``: how long the one lasted
    that the last sample ended.
    """

    recent: tuple[Sample, ...] = ()
    level: float | None = None
    hidden: bool = False
    times_s: tuple[float, ...] = ()
    blink_s: float | None = None

    def step(self, openness: float | None, pose: HeadPose | None, now_s: float) -> Blinks:
        """Take one frame in. ``openness``: p(open) of the eyes, None where unreadable; ``pose`` None: no face."""
        times_s = self.times_s
        if times_s and times_s[0] <= now_s - BLINKS_S:
            times_s = tuple(one for one in times_s if one > now_s - BLINKS_S)
        before = replace(self, times_s=times_s, blink_s=None)
        if openness is None or pose is None:
            if self.level is not None and not self.hidden:
                return replace(before, hidden=True)
            return replace(before, recent=(), level=None, hidden=False)
        sample = Sample(now_s, openness, pose)
        if not self.recent or now_s - self.recent[-1].at_s > GAP_MAX_S:
            return replace(before, recent=(sample,), level=None, hidden=False)
        return before._watch(sample) if self.level is None else before._follow(sample, self.level)

    def _watch(self, sample: Sample) -> Blinks:
        """Outside a dip: has one begun?"""
        level = max(one.openness for one in self.recent)
        if level >= LEVEL_MIN and sample.openness <= (1 - DEPTH_MIN) * level:
            return replace(self, recent=(self.recent[-1], sample), level=level)
        kept = tuple(one for one in self.recent if one.at_s >= sample.at_s - LEVEL_S)
        return replace(self, recent=(*kept, sample))

    def _follow(self, sample: Sample, level: float) -> Blinks:
        """Within a dip: is it over, or too long to be a blink? None whose end was not seen is claimed."""
        unseen, watching = self.hidden, replace(self, hidden=False)
        dip = (*self.recent, sample)
        half = (level + min(one.openness for one in dip)) / 2
        if sample.openness < half:
            too_long = sample.at_s - self.recent[0].at_s > BLINK_MAX_S + GAP_MAX_S
            return replace(watching, recent=(sample,), level=None) if too_long else replace(watching, recent=dip)
        blink_s = sample.at_s - _above(half, sample, self.recent[-1]) - _fell_s(dip, half)
        over = replace(watching, recent=(sample,), level=None)
        if unseen or not BLINK_MIN_S <= blink_s <= BLINK_MAX_S or _turn_deg(dip) > TURN_MAX_DEG:
            return over
        return replace(over, times_s=(*self.times_s, sample.at_s), blink_s=blink_s)


def _fell_s(dip: tuple[Sample, ...], half: float) -> float:
    """When the openness first fell below ``half``, linear between samples."""
    row = next(row for row, one in enumerate(dip) if one.openness < half)
    return dip[0].at_s if row == 0 else dip[row - 1].at_s + _above(half, dip[row - 1], dip[row])


def _above(half: float, high: Sample, low: Sample) -> float:
    """Seconds between ``high`` and where the line to ``low`` crosses ``half``."""
    span = high.openness - low.openness
    share = (high.openness - half) / span if span > 0 else 0.0
    return share * abs(low.at_s - high.at_s)


def _turn_deg(dip: tuple[Sample, ...]) -> float:
    """How far yaw or pitch went from where it was when the dip began."""
    first = dip[0].pose
    return max(max(abs(one.pose.yaw_deg - first.yaw_deg), abs(one.pose.pitch_deg - first.pitch_deg)) for one in dip)

"""Closures of the eyes and PERCLOS, from the openness of each frame. Pure. Blinks are told by edge.attributes.blinks.

PERCLOS is the P80 of FHWA-MCRT-98-006 (Dinges and Grace, 1998): the share of time in which the eyes are at least 80 %
closed, by slow closures rather than blinks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edge.attributes.openness import Baseline
from edge.signs import EyeSigns
from edge.spells import GAP_MAX_S, Spell, Tally
from edge.types import Eyes

CLOSED_MAX = 0.2  # of the baseline: at least 80 % closed (FHWA 1998, P80)
REOPENED_MIN = 0.35  # open again: apart from the above, so that lids at the limit do not flicker
# An eye that is read as open for less than this does not end a closure: one wrong frame of 45 would hide a microsleep.
GLITCH_S = 0.08
CERTAINTY_MIN = 0.25  # below it the eyes count as unreadable
# Frames that show unreadable eyes are no dropped frames: over more than this of them a closure is not carried on.
UNREADABLE_MAX_S = 0.35
# A head that looks down lowers its lids, which no camera tells from shut ones. So with the head below LOWERED_DEG from
# the road shut eyes only carry a closure on that began LOWERED_AFTER_S or more before: somebody who nods off shuts them
# first. Whoever looks down for long is distracted (edge.policy.attention).
LOWERED_DEG = -12.0
LOWERED_AFTER_S = 0.3
SLOW_MIN_S = 0.25  # DESIGN, section 4: closures below it do not count for PERCLOS
PERCLOS_S = (60.0, 180.0)  # FHWA 1998: 1 minute; 3 minutes against what one minute of dust and sun may do
READABLE_MIN = 0.5  # share of a window that has to be readable for a PERCLOS


@dataclass(frozen=True, slots=True)
class Lids:
    """All that is remembered of the eyes. ``unreadable``: a frame since the last sample showed no readable eyes;
    ``lowered_s``: since when the head has been down, None while it is not.
    """

    baseline: Baseline = field(default_factory=Baseline)
    closed: Spell = field(default_factory=Spell)
    tally: Tally = field(default_factory=lambda: Tally(PERCLOS_S[1]))
    unreadable: bool = False
    lowered_s: float | None = None

    def step(self, eyes: Eyes | None, pitch_deg: float | None, now_s: float) -> tuple[Lids, EyeSigns]:
        """Take one frame in. ``eyes`` None: no face, or none whose eyes were looked at.

        ``pitch_deg``: of the head from the road, None where that is not known.
        """
        down = pitch_deg is not None and pitch_deg <= LOWERED_DEG
        lowered_s = None if not down else now_s if self.lowered_s is None else self.lowered_s
        if eyes is None or eyes.openness is None or self._cannot_tell(eyes.openness, eyes.certainty, lowered_s):
            blank = replace(self, unreadable=True, lowered_s=lowered_s)
            return blank, blank._signs(None, 0.0, now_s)
        before = self.closed
        gap_max_s = UNREADABLE_MAX_S if self.unreadable else GAP_MAX_S
        known_s = now_s - before.sampled_s if now_s - before.sampled_s <= gap_max_s else 0.0
        baseline = self.baseline.learn(eyes.openness, known_s)
        openness = baseline.relative(eyes.openness)
        glitch_s = GLITCH_S if before.value else 0.0
        closed = before.sample(_is_shut(openness, before), now_s, glitch_s=glitch_s, gap_max_s=gap_max_s)
        taken = Lids(
            baseline,
            closed,
            _watched(self.tally, before, closed, known=known_s > 0 and not self.unreadable),
            lowered_s=lowered_s,
        )
        return taken, taken._signs(openness, eyes.certainty, now_s)

    def _cannot_tell(self, openness: float, certainty: float, lowered_s: float | None) -> bool:
        if certainty < CERTAINTY_MIN:
            return True
        if lowered_s is None or not _is_shut(self.baseline.relative(openness), self.closed):
            return False
        return not (self.closed.value and self.closed.since_s <= lowered_s - LOWERED_AFTER_S)

    def _signs(self, openness: float | None, certainty: float, now_s: float) -> EyeSigns:
        (perclos_60, readable_60), (perclos_180, readable_180) = (self._perclos(window, now_s) for window in PERCLOS_S)
        return EyeSigns(
            openness=openness,
            certainty=certainty,
            closed=self.closed,
            baseline=self.baseline.value,
            baseline_s=self.baseline.learnt_s,
            perclos_60=perclos_60,
            perclos_180=perclos_180,
            readable_60=readable_60,
            readable_180=readable_180,
        )

    def _perclos(self, window_s: float, now_s: float) -> tuple[float | None, float]:
        """PERCLOS and the readable share of a window; a closure that still lasts counts as far as it is seen."""
        counted_s, watched_s = self.tally.within(window_s, now_s)
        if self.closed.value:
            lasting_s = self.closed.sampled_s - max(self.closed.since_s, now_s - window_s)
            watched_s += max(lasting_s, 0.0)
            counted_s += lasting_s if lasting_s >= SLOW_MIN_S else 0.0
        readable = min(watched_s / window_s, 1.0)
        return (counted_s / watched_s if readable >= READABLE_MIN else None), readable


def _is_shut(openness: float, before: Spell) -> bool:
    limit = REOPENED_MIN if before.value and before.rival_s is None else CLOSED_MAX
    return openness < limit or openness <= CLOSED_MAX


def _watched(tally: Tally, before: Spell, after: Spell, *, known: bool) -> Tally:
    """The tally with the time that became certain: open time at once, a closure when it is over."""
    if before.value is None:
        return tally
    broken = after.since_s == after.sampled_s  # a gap: nothing is claimed of it, and the closure ended unseen
    if before.value and (broken or not after.value):
        end_s = before.sampled_s if broken else after.since_s
        tally = tally.add(before.since_s, end_s, counted=end_s - before.since_s >= SLOW_MIN_S)
        return tally if broken else tally.add(after.since_s, after.sampled_s, counted=False)
    if before.value or not known:
        return tally
    return tally.add(before.sampled_s, after.since_s if after.value else after.sampled_s, counted=False)

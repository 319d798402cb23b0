"""What each trigger of the driver's table asks before it fires. Pure questions: nothing is changed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.policy.attention_limits import (
    CLOSED_UNRESPONSIVE_S,
    IGNORED_S,
    LONG_DISTRACTION_S,
    LONG_DISTRACTION_SLOW_S,
    MICROSLEEP_S,
    NO_RETURN_S,
    NODS_MIN,
    PERCLOS_60_MIN,
    PERCLOS_180_MIN,
    PERCLOS_REMIND_S,
    RECOVER_S,
    REPEATED_S,
    REPEATED_WINDOW_S,
    SLEEP_S,
    SLOW_BAND_BELOW_KMH,
)
from edge.policy.attention_types import AttentionEvidence, AttentionState, Cause, Trigger

_NEVER_S = float("-inf")


@dataclass(frozen=True, slots=True)
class Look:
    """All that a guard may ask: the state with this step's frame taken in. ``mute_below_kmh``: see DriverConfig."""

    state: AttentionState
    evidence: AttentionEvidence
    mute_below_kmh: float

    @property
    def now_s(self) -> float:
        return self.state.now_s

    @property
    def slow(self) -> bool:
        speed_kmh = self.evidence.speed_kmh
        return speed_kmh is not None and speed_kmh < self.mute_below_kmh

    @property
    def closed_from_s(self) -> float | None:
        """The onset of the closure that the last frame shows, or None. What the driver answered for does not count."""
        signs = self.state.signs
        if signs is None or not signs.eyes.shut or not signs.eyes.closed.holds(True, self.now_s):
            return None
        return max(signs.eyes.closed.since_s, self.state.from_s)

    @property
    def away_from_s(self) -> float | None:
        """The onset of the look away that the last frame shows, or None."""
        if self.state.unsure or not self.state.away.holds(True, self.now_s):
            return None
        return max(self.state.away.since_s, self.state.from_s)

    @property
    def distraction_s(self) -> float:
        """How long one look away may last: longer at low speed, the strictest where the speed is not known."""
        speed_kmh = self.evidence.speed_kmh
        slow_band = speed_kmh is not None and speed_kmh < SLOW_BAND_BELOW_KMH
        return LONG_DISTRACTION_SLOW_S if slow_band else LONG_DISTRACTION_S

    @property
    def away_sum_s(self) -> float:
        """Seconds off the road within 30 s, since the road was last looked at for long enough."""
        running_s = 0.0 if self.away_from_s is None else max(self.now_s - self.state.away.sampled_s, 0.0)
        return self.state.away_tally.within(REPEATED_WINDOW_S, self.now_s)[0] + running_s

    def closed_for(self, limit_s: float) -> bool:
        return self.closed_from_s is not None and self.now_s - self.closed_from_s >= limit_s

    def away_for(self, limit_s: float) -> bool:
        return self.away_from_s is not None and self.now_s - self.away_from_s >= limit_s

    def news(self, trigger: Trigger, onset_s: float | None) -> bool:
        """Whether ``trigger`` has not yet fired for what began then."""
        return onset_s is not None and self.state.fired.get(trigger, _NEVER_S) < onset_s

    def unanswered_for(self, limit_s: float) -> bool:
        """Whether the alert asked for an answer that long ago, and none was seen. Closed eyes have limits of their own.

        A hidden face is no answer: somebody may have slumped out of the picture.
        """
        alert = self.state.alert
        if alert is None or alert.returned or alert.cause is Cause.FATIGUE or self.closed_from_s is not None:
            return False
        if alert.good.holds(True, self.now_s):  # just now he does
            return False
        return self.now_s - alert.issued_s >= limit_s


def _closure(trigger: Trigger, limit_s: float) -> Callable[[Look], bool]:
    return lambda look: look.closed_for(limit_s) and look.news(trigger, look.closed_from_s)


def _repeated(look: Look) -> bool:
    """Fires on a look away only, once until the road was looked at for long enough: that empties the sum."""
    trigger = Trigger.REPEATED_DISTRACTION
    return look.away_from_s is not None and trigger not in look.state.fired and look.away_sum_s >= REPEATED_S


def _perclos(look: Look) -> bool:
    signs = look.evidence.signs
    if signs is None or signs.eyes.perclos_60 is None or signs.eyes.perclos_180 is None:
        return False
    drowsy = signs.eyes.perclos_60 >= PERCLOS_60_MIN and signs.eyes.perclos_180 >= PERCLOS_180_MIN
    last_s = look.state.fired.get(Trigger.PERCLOS, _NEVER_S)
    return drowsy and signs.eyes.openness is not None and look.now_s - last_s >= PERCLOS_REMIND_S


def _nodding(look: Look) -> bool:
    signs = look.evidence.signs
    last_s = max(look.state.fired.get(Trigger.NODDING, _NEVER_S), look.state.from_s)
    return signs is not None and sum(nod_s > last_s for nod_s in signs.nods_s) >= NODS_MIN


def _recovered(look: Look) -> bool:
    alert = look.state.alert
    if alert is None or not alert.good.holds(True, look.now_s):
        return False
    return look.now_s - max(alert.good.since_s, look.state.mode_s) >= RECOVER_S


def _ignored(look: Look) -> bool:
    alert = look.state.alert
    return alert is not None and alert.cause is Cause.ROAD and look.unanswered_for(IGNORED_S)


GUARDS: dict[Trigger, Callable[[Look], bool]] = {
    Trigger.SLOW: lambda look: look.slow,
    Trigger.MOVING: lambda look: not look.slow,
    Trigger.ACKNOWLEDGED: lambda look: look.evidence.acknowledged,
    Trigger.UNRESPONSIVE_CLOSED: _closure(Trigger.UNRESPONSIVE_CLOSED, CLOSED_UNRESPONSIVE_S),
    # 6 s at the strictest band (DESIGN, section 4): always one NO_RETURN_S after the warning
    Trigger.UNRESPONSIVE_AWAY: lambda look: look.away_for(look.distraction_s + NO_RETURN_S),
    Trigger.NO_RETURN: lambda look: look.unanswered_for(NO_RETURN_S),
    Trigger.SLEEP: _closure(Trigger.SLEEP, SLEEP_S),
    Trigger.MICROSLEEP: _closure(Trigger.MICROSLEEP, MICROSLEEP_S),
    Trigger.LONG_DISTRACTION: lambda look: (
        look.away_for(look.distraction_s) and look.news(Trigger.LONG_DISTRACTION, look.away_from_s)
    ),
    Trigger.REPEATED_DISTRACTION: _repeated,
    Trigger.IGNORED: _ignored,
    Trigger.PERCLOS: _perclos,
    Trigger.NODDING: _nodding,
    Trigger.RECOVERED: _recovered,
}

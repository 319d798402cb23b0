"""The driver's judgement: a table of states. Pure: signs, speed and time in; state and commands out.

Loudness climbs by the table (warning, alarm, unresponsive) and comes down one level at a time, each after the driver
was *seen* to do what the alert asks for, for longer than it took to climb. A hidden face is no answer: it clears
nothing. Without a face nothing is taken for sleep either; after 10 s Vigil says that it is blind (edge.policy.sight).
"""

from __future__ import annotations

from dataclasses import replace

from edge.errors import ClockError
from edge.policy.attention_guards import GUARDS, Look
from edge.policy.attention_limits import SOUND_MIN_S
from edge.policy.attention_notices import count, notices
from edge.policy.attention_observe import observe
from edge.policy.attention_types import (
    CAUSES,
    LEVELS,
    Alert,
    AttentionEvidence,
    AttentionState,
    Command,
    Event,
    Mode,
    Show,
    Trigger,
)
from edge.policy.sight import Sight, Watch
from edge.signs import Level
from edge.spells import Tally

__all__ = ["TABLE", "initial", "step"]

# Within a row the first trigger that holds wins: the louder come first, and the button before everything but the speed.
TABLE: dict[Mode, dict[Trigger, Mode]] = {
    Mode.ATTENTIVE: {
        Trigger.SLOW: Mode.STANDBY,
        Trigger.MICROSLEEP: Mode.ALARMED,
        Trigger.LONG_DISTRACTION: Mode.WARNED,
        Trigger.REPEATED_DISTRACTION: Mode.WARNED,
        Trigger.NODDING: Mode.WARNED,
        Trigger.PERCLOS: Mode.WARNED,
    },
    Mode.WARNED: {
        Trigger.SLOW: Mode.STANDBY,
        Trigger.ACKNOWLEDGED: Mode.ATTENTIVE,
        Trigger.UNRESPONSIVE_AWAY: Mode.UNRESPONSIVE,
        Trigger.NO_RETURN: Mode.UNRESPONSIVE,
        Trigger.MICROSLEEP: Mode.ALARMED,
        Trigger.LONG_DISTRACTION: Mode.ALARMED,
        Trigger.REPEATED_DISTRACTION: Mode.ALARMED,
        Trigger.NODDING: Mode.ALARMED,
        Trigger.IGNORED: Mode.ALARMED,
        Trigger.RECOVERED: Mode.ATTENTIVE,
    },
    Mode.ALARMED: {
        Trigger.SLOW: Mode.STANDBY,
        Trigger.ACKNOWLEDGED: Mode.WARNED,
        Trigger.UNRESPONSIVE_CLOSED: Mode.UNRESPONSIVE,
        Trigger.UNRESPONSIVE_AWAY: Mode.UNRESPONSIVE,
        Trigger.NO_RETURN: Mode.UNRESPONSIVE,
        Trigger.SLEEP: Mode.ALARMED,
        Trigger.MICROSLEEP: Mode.ALARMED,
        Trigger.LONG_DISTRACTION: Mode.ALARMED,
        Trigger.REPEATED_DISTRACTION: Mode.ALARMED,
        Trigger.NODDING: Mode.ALARMED,
        Trigger.RECOVERED: Mode.WARNED,
    },
    Mode.UNRESPONSIVE: {
        Trigger.SLOW: Mode.STANDBY,
        Trigger.ACKNOWLEDGED: Mode.WARNED,
        Trigger.SLEEP: Mode.UNRESPONSIVE,
        Trigger.MICROSLEEP: Mode.UNRESPONSIVE,
        Trigger.LONG_DISTRACTION: Mode.UNRESPONSIVE,
        Trigger.RECOVERED: Mode.ALARMED,
    },
    Mode.STANDBY: {Trigger.MOVING: Mode.ATTENTIVE},
}

Outcome = tuple[AttentionState, tuple[Command, ...]]


def initial(now_s: float) -> AttentionState:
    """The state to start in: nothing seen yet, nothing to warn of."""
    return AttentionState(Watch(Sight.SEEING, now_s), mode_s=now_s, now_s=now_s)


def step(state: AttentionState, evidence: AttentionEvidence, now_s: float, mute_below_kmh: float) -> Outcome:
    """One step: at most one transition of each table. Raises ClockError if ``now_s`` is before the last step's.

    ``mute_below_kmh``: below this speed nothing is raised; a speed that is not known counts as fast.
    """
    if not now_s >= state.now_s:  # also refuses NaN
        raise ClockError(f"expected a time of {state.now_s:.3f} s or later, got {now_s:.3f} s")
    seen = observe(state, evidence, now_s)
    moved, events = _move(Look(seen, evidence, mute_below_kmh))
    shown, shows = _show(moved)
    told, said = notices(shown, evidence)
    return told, (*shows, *events, *said)


def _move(look: Look) -> Outcome:
    """Take the first transition of the row whose guard holds."""
    state = look.state
    trigger = next((trigger for trigger in TABLE[state.mode] if GUARDS[trigger](look)), None)
    if trigger is None:
        return state, ()
    target = TABLE[state.mode][trigger]
    onset_s = _onset_s(look, trigger)
    after = replace(state, mode=target, mode_s=state.now_s)
    if trigger in CAUSES:
        fired = {**state.fired, trigger: state.now_s if onset_s is None else onset_s}
        after = replace(after, alert=Alert(CAUSES[trigger], state.now_s), fired=fired)
    elif trigger is Trigger.ACKNOWLEDGED:
        after = _answered(after)
    elif trigger is Trigger.MOVING:
        after = replace(after, from_s=state.now_s)
    if target in (Mode.ATTENTIVE, Mode.STANDBY):
        after = replace(after, alert=None)
    event = Event("attention", trigger.value, state.mode.value, target.value, _level(trigger, target), onset_s)
    counted, over = count(after, event)
    return counted, (event, *over)


def _answered(state: AttentionState) -> AttentionState:
    """The button: whatever was counted begins anew, so that a driver who sleeps on is woken again."""
    fired = dict(state.fired)
    fired.pop(Trigger.REPEATED_DISTRACTION, None)
    alert = replace(state.alert, returned=True, acknowledged=True) if state.alert else None
    return replace(state, from_s=state.now_s, fired=fired, away_tally=Tally(state.away_tally.reach_s), alert=alert)


def _onset_s(look: Look, trigger: Trigger) -> float | None:
    if trigger in (Trigger.MICROSLEEP, Trigger.SLEEP, Trigger.UNRESPONSIVE_CLOSED):
        return look.closed_from_s
    if trigger in (Trigger.LONG_DISTRACTION, Trigger.UNRESPONSIVE_AWAY):
        return look.away_from_s
    if trigger in (Trigger.NO_RETURN, Trigger.IGNORED):
        return look.state.alert.issued_s if look.state.alert else None
    return None


def _level(trigger: Trigger, target: Mode) -> Level:
    """How loud an event is: what it raised, and nothing where it calmed."""
    quiet = (Trigger.RECOVERED, Trigger.ACKNOWLEDGED, Trigger.SLOW, Trigger.MOVING)
    return Level.QUIET if trigger in quiet else LEVELS[target]


def _show(state: AttentionState) -> Outcome:
    level = LEVELS[state.mode] if state.alert and _is_sounding(state.alert, state.now_s) else Level.QUIET
    if level is state.level:
        return state, ()
    return replace(state, level=level), (Show(level),)


def _is_sounding(alert: Alert, now_s: float) -> bool:
    """Until the driver is seen to answer, but long enough to be heard; the button ends it at once."""
    return not alert.returned or (not alert.acknowledged and now_s - alert.issued_s < SOUND_MIN_S)

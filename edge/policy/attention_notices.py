"""What is said without raising the alarm: blindness, a moved camera, tiredness coming on, the alert budget. Pure."""

from __future__ import annotations

from dataclasses import replace

from edge.policy.attention_limits import (
    BUDGET_PER_HOUR,
    BUDGET_WINDOW_S,
    TIRING_EVERY_S,
    TIRING_PERCLOS_MIN,
    TIRING_YAWNS,
)
from edge.policy.attention_types import AttentionEvidence, AttentionState, Command, Event, Mode, Notice
from edge.policy.sight import SightTrigger
from edge.signs import DriverSigns, Level

Outcome = tuple[AttentionState, tuple[Command, ...]]


def notices(state: AttentionState, evidence: AttentionEvidence) -> Outcome:
    """Everything that is news beside the attention table, in a fixed order."""
    said: tuple[Command, ...] = ()
    for part in (_sight, _road, _tiring):
        state, more = part(state, evidence)
        said = (*said, *more)
    raised = sum(isinstance(one, Notice) for one in said)
    if not raised:
        return state, said
    return replace(state, budget=replace(state.budget, notices=state.budget.notices + raised)), said


def _sight(state: AttentionState, evidence: AttentionEvidence) -> Outcome:
    usable = None if evidence.signs is None else evidence.signs.usable
    watch, trigger = state.watch.step(usable, state.now_s)
    after = replace(state, watch=watch)
    if trigger is None:
        return after, ()
    blind = trigger is SightTrigger.NO_FACE
    event = Event("sight", trigger.value, state.sight.value, watch.sight.value, Level.NOTICE if blind else Level.QUIET)
    heard = blind and state.mode is not Mode.STANDBY
    return after, (event, Notice("blind")) if heard else (event,)


def _road(state: AttentionState, evidence: AttentionEvidence) -> Outcome:
    signs = evidence.signs
    if signs is None:
        return state, ()
    said: list[Command] = []
    if signs.head.moved_s is not None and signs.head.moved_s != state.moved_s:
        said += [Event("road", "camera_moved", "calibrated", "calibrating", Level.NOTICE), Notice("camera_moved")]
    calibrated = signs.head.calibration >= 1
    if not said and calibrated == state.calibrated:
        return state, ()
    if calibrated and not state.calibrated:
        said.append(Event("road", "calibrated", "calibrating", "calibrated"))
    moved_s = state.moved_s if signs.head.moved_s is None else signs.head.moved_s
    return replace(state, moved_s=moved_s, calibrated=calibrated), tuple(said)


def _tiring(state: AttentionState, evidence: AttentionEvidence) -> Outcome:
    """Yawns beside a rising PERCLOS: time for a break, said softly and seldom."""
    due = state.mode is Mode.ATTENTIVE and state.now_s - state.tiring_s >= TIRING_EVERY_S
    if not due or evidence.signs is None or not _is_tiring(evidence.signs):
        return state, ()
    event = Event("attention", "tiring", state.mode.value, state.mode.value, Level.NOTICE)
    return replace(state, tiring_s=state.now_s), (event, Notice("tiring"))


def _is_tiring(signs: DriverSigns) -> bool:
    shares = (signs.eyes.perclos_60, signs.eyes.perclos_180)
    return len(signs.yawns_s) >= TIRING_YAWNS and all(
        share is not None and share >= TIRING_PERCLOS_MIN for share in shares
    )


def count(state: AttentionState, event: Event) -> Outcome:
    """Count what ``event`` raised. An alert that climbs is one alert of the budget, from attentive on."""
    budget = state.budget
    if event.level < Level.WARNING:
        return state, ()
    counted = replace(
        budget,
        warnings=budget.warnings + (event.level is Level.WARNING),
        alarms=budget.alarms + (event.level is Level.ALARM),
        unresponsive=budget.unresponsive + (event.level is Level.UNRESPONSIVE),
    )
    if event.before != Mode.ATTENTIVE.value:
        return replace(state, budget=counted), ()
    kept = tuple(at_s for at_s in budget.recent_s if state.now_s - at_s < BUDGET_WINDOW_S)
    recent_s = (*kept, state.now_s)
    over = (Event("budget", "over_budget", str(len(kept)), str(len(recent_s))),)
    told = over if len(recent_s) > BUDGET_PER_HOUR else ()
    return replace(state, budget=replace(counted, alerts=budget.alerts + 1, recent_s=recent_s)), told

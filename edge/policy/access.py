"""The door's decisions: a table of states. Pure: state, evidence and time in; state and commands out.

Intent comes first: the request button starts a scan, or, where the owner turned hands-free on, a good face does.
A hands-free *visit* lasts until no face has been seen for ``revisit_s``: it gets one scan, at most one failure and one
pulse. After a failed scan, or for somebody who comes right behind the one let in, only an unbroken window of matches
still opens: a stranger who lingers must not win by patience, and the owner behind him need not wait until he has gone.

Nothing here cuts short the exit button, in any state: a way out is not a question of identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge.config import AccessConfig
from edge.errors import ClockError
from edge.policy.access_guards import GRANTS, GUARDS, Look
from edge.policy.access_types import (
    AccessEvidence,
    AccessState,
    Alarm,
    Command,
    CounterChanged,
    Event,
    Lock,
    Mode,
    Pulse,
    Trigger,
    evidence_from,
)
from edge.policy.contact import OPENING_GRACE_S, Door, step_contact
from edge.policy.lockout import Counters, Standing, hands_free_delay_s, standing, try_delay_s
from edge.policy.window import FrameEvidence, Verdict, Window

__all__ = [
    "PULSE_LIMIT_S",
    "TABLE",
    "AccessEvidence",
    "AccessState",
    "Alarm",
    "Command",
    "CounterChanged",
    "Counters",
    "Event",
    "FrameEvidence",
    "Lock",
    "Mode",
    "Pulse",
    "Trigger",
    "evidence_from",
    "initial",
    "step",
]

# DESIGN, section 4: the relay's hard limit from its first rising edge. The actuator holds it too, or a lower one.
PULSE_LIMIT_S = 10.0

# Within a row the first trigger that holds wins, so the exit button stands first everywhere and a match comes before
# the end of the scan.
TABLE: dict[Mode, dict[Trigger, Mode]] = {
    Mode.IDLE: {
        Trigger.EXIT: Mode.PULSE,
        Trigger.REQUEST: Mode.REQUESTED,
        Trigger.APPROACH: Mode.SCANNING,
    },
    Mode.REQUESTED: {
        Trigger.EXIT: Mode.PULSE,
        Trigger.CAMERA_LOST: Mode.IDLE,
        Trigger.FACE: Mode.SCANNING,
        Trigger.NO_FACE: Mode.IDLE,
        Trigger.INCONCLUSIVE: Mode.IDLE,
    },
    Mode.SCANNING: {
        Trigger.EXIT: Mode.PULSE,
        Trigger.CAMERA_LOST: Mode.IDLE,
        Trigger.GRANTED: Mode.PULSE,
        Trigger.FAILED_DISABLED: Mode.DISABLED,
        Trigger.FAILED_DELAYED: Mode.DELAYED,
        Trigger.FAILED: Mode.REFUSED,
        Trigger.NO_FACE: Mode.IDLE,
        Trigger.INCONCLUSIVE: Mode.IDLE,
    },
    Mode.PULSE: {
        Trigger.EXIT: Mode.PULSE,
        Trigger.DOOR_SHUT: Mode.RELOCK,
        Trigger.PULSE_OVER: Mode.RELOCK,
    },
    Mode.RELOCK: {
        Trigger.EXIT: Mode.PULSE,
        Trigger.STILL_DISABLED: Mode.DISABLED,
        Trigger.STILL_DELAYED: Mode.DELAYED,
        Trigger.REQUEST: Mode.REQUESTED,
        Trigger.GRANTED_LATE: Mode.PULSE,
        Trigger.VISIT_OVER: Mode.IDLE,
    },
    Mode.REFUSED: {
        Trigger.EXIT: Mode.PULSE,
        Trigger.REQUEST: Mode.REQUESTED,
        Trigger.GRANTED_LATE: Mode.PULSE,
        Trigger.VISIT_OVER: Mode.IDLE,
    },
    Mode.DELAYED: {Trigger.EXIT: Mode.PULSE, Trigger.DELAY_OVER: Mode.IDLE},
    Mode.DISABLED: {Trigger.EXIT: Mode.PULSE, Trigger.ENABLED: Mode.IDLE},
}


def initial(config: AccessConfig, now_s: float, counters: Counters | None = None) -> AccessState:
    """The state to start in, with the ``counters`` that were stored. A delay starts anew: no restart shortens it."""
    stored = counters or Counters()
    modes = {Standing.FREE: Mode.IDLE, Standing.DELAYED: Mode.DELAYED, Standing.DISABLED: Mode.DISABLED}
    return AccessState(
        mode=modes[standing(stored, config)],
        now_s=now_s,
        counters=stored,
        delayed_until_s=now_s + try_delay_s(stored, config),
        hands_free_from_s=now_s + hands_free_delay_s(stored, config),
        released_until_s=now_s - 2 * OPENING_GRACE_S,
    )


Outcome = tuple[AccessState, tuple[Command, ...]]


def _stay(look: Look) -> Outcome:
    return look.state, ()


def _begin_scan(look: Look, window: Window, *, requested: bool) -> Outcome:
    begun = replace(
        look.state,
        window=window,
        requested=requested,
        judged=False,
        served=None,
        scan_started_s=look.now_s,
        face_seen_s=look.now_s,
    )
    return begun, ()


def _on_request(look: Look) -> Outcome:
    return _begin_scan(look, Window(), requested=True)


def _on_approach(look: Look) -> Outcome:
    return _begin_scan(look, Window(look.state.window.sightings[-1:]), requested=False)


def _on_grant(look: Look, verdict: Verdict) -> Outcome:
    duration_s = look.config.pulse_s
    opened = replace(
        look.state,
        window=Window(),
        served=verdict.person,
        counters=Counters(),
        hands_free_from_s=look.now_s,
        pulse_started_s=look.now_s,
        released_until_s=look.now_s + duration_s,
    )
    counted = () if look.state.counters == Counters() else (CounterChanged(Counters()),)
    return opened, (*counted, Pulse(duration_s, "granted", verdict.person))


def _on_exit(look: Look) -> Outcome:
    """Open from inside. A running pulse is drawn out, but never beyond the limit from its first rising edge."""
    pulsing = look.state.mode is Mode.PULSE
    running = pulsing and look.now_s < look.state.released_until_s
    started_s = look.state.pulse_started_s if running else look.now_s
    until_s = min(look.now_s + look.config.pulse_s, started_s + PULSE_LIMIT_S)
    opened = replace(look.state, window=Window(), pulse_started_s=started_s, released_until_s=until_s)
    # A pulse that is just over is ended on the relay first, or the actuator would take this one for its tail.
    ended = (Lock(),) if pulsing and not running else ()
    return opened, (*ended, Pulse(until_s - look.now_s, "exit", None))


def _on_relock(look: Look) -> Outcome:
    return replace(look.state, released_until_s=look.now_s), (Lock(),)


def _on_failure(look: Look) -> Outcome:
    counters = look.counters_if_failed()
    delay_s = try_delay_s(counters, look.config) if look.state.requested else 0.0
    failed = replace(
        look.state,
        counters=counters,
        delayed_until_s=look.now_s + delay_s,
        hands_free_from_s=look.now_s + hands_free_delay_s(counters, look.config),
    )
    return failed, (CounterChanged(counters),)


def _on_visit_over(look: Look) -> Outcome:
    return replace(look.state, served=None), ()


ACTIONS: dict[Trigger, Callable[[Look], Outcome]] = {
    Trigger.EXIT: _on_exit,
    Trigger.REQUEST: _on_request,
    Trigger.APPROACH: _on_approach,
    Trigger.PULSE_OVER: _on_relock,
    Trigger.DOOR_SHUT: _on_relock,
    Trigger.FAILED: _on_failure,
    Trigger.FAILED_DELAYED: _on_failure,
    Trigger.FAILED_DISABLED: _on_failure,
    Trigger.VISIT_OVER: _on_visit_over,
}


def step(
    state: AccessState, evidence: AccessEvidence, now_s: float, config: AccessConfig
) -> tuple[AccessState, tuple[Command, ...]]:
    """One step: at most one transition of each table. Raises ClockError if ``now_s`` is before the last step's.

    The commands are in the order to carry them out: a grant is written down before the strike is released, the exit
    button releases it first.
    """
    if not now_s >= state.now_s:  # also refuses NaN
        raise ClockError(f"expected a time of {state.now_s:.3f} s or later, got {now_s:.3f} s")
    current, cleared = _administer(replace(state, now_s=now_s), evidence)
    look = _observe(current, evidence, config)
    moved, commands = _move(look)
    watched, alarms = _watch_door(moved, evidence, config)
    return watched, (*cleared, *commands, *alarms)


def _administer(state: AccessState, evidence: AccessEvidence) -> Outcome:
    if not evidence.reset:
        return state, ()
    cleared = replace(state, counters=Counters(), delayed_until_s=state.now_s, hands_free_from_s=state.now_s)
    event = Event("access", "reset", state.mode.value, state.mode.value)
    return cleared, (CounterChanged(Counters()), event)


def _observe(state: AccessState, evidence: AccessEvidence, config: AccessConfig) -> Look:
    """Take the frame in: who is there, since when nobody is, and the window."""
    now_s, frame = state.now_s, evidence.frame
    if not evidence.camera_ok:
        blind = replace(state, window=Window(), last_index=None, absent_since_s=None)
        return Look(blind, evidence, now_s, config, face=False, news=False)
    if frame is None or frame.frame_index == state.last_index:
        return Look(state, evidence, now_s, config, face=False, news=False)
    window = state.window.add(frame, now_s, size=config.frames_window, age_max_s=config.scan_s)
    absent_since_s = now_s if state.absent_since_s is None else state.absent_since_s
    seen = replace(
        state,
        window=window,
        last_index=frame.frame_index,
        judged=state.judged or len(window) >= config.frames_min,
        face_seen_s=now_s if frame.face_present else state.face_seen_s,
        absent_since_s=None if frame.face_present else absent_since_s,
    )
    return Look(seen, evidence, now_s, config, face=frame.face_present, news=window is not state.window)


def _move(look: Look) -> Outcome:
    """Take the first transition of the row whose guard holds."""
    state = look.state
    trigger = next((trigger for trigger in TABLE[state.mode] if GUARDS[trigger](look)), None)
    if trigger is None:
        return state, _refused_request(look)
    target = TABLE[state.mode][trigger]
    verdict = GRANTS[trigger](look) if trigger in GRANTS else None
    after, commands = ACTIONS.get(trigger, _stay)(look) if verdict is None else _on_grant(look, verdict)
    event = Event(
        "access",
        trigger.value,
        state.mode.value,
        target.value,
        person=verdict.person if verdict else None,
        distance=verdict.distance if verdict else None,
        wait_s=after.delayed_until_s - look.now_s if target is Mode.DELAYED else None,
    )
    ordered = (event, *commands) if verdict else (*commands, event)
    return replace(after, mode=target), ordered


def _refused_request(look: Look) -> tuple[Command, ...]:
    mode = look.state.mode
    listening = mode in (Mode.DELAYED, Mode.DISABLED) or Trigger.REQUEST in TABLE[mode]
    if not (look.evidence.request_pressed and listening):
        return ()
    wait_s = look.state.delayed_until_s - look.now_s if mode is Mode.DELAYED else None
    return (Event("access", "refused_request", mode.value, mode.value, wait_s=wait_s),)


def _watch_door(state: AccessState, evidence: AccessEvidence, config: AccessConfig) -> Outcome:
    released = state.mode is Mode.PULSE or state.now_s <= state.released_until_s + OPENING_GRACE_S
    contact, trigger = step_contact(
        state.contact, evidence.door_open, state.now_s, released=released, held_s=config.door_held_s
    )
    if trigger is None:
        return state, ()
    event = Event("door", trigger.value, state.contact.door.value, contact.door.value)
    alarms: dict[Door, Alarm] = {Door.HELD: Alarm("held"), Door.FORCED: Alarm("forced")}
    raised = (alarms[contact.door],) if contact.door in alarms else ()
    return replace(state, contact=contact), (event, *raised)

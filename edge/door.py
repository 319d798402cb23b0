"""The lock's side of the daemon: runs the access policy and carries out what it commands."""

from __future__ import annotations

from collections.abc import Callable

from edge.actuate import Actuator, DoorInputs
from edge.clock import unix_s
from edge.config import AccessConfig
from edge.decision import Decision
from edge.policy.access import initial, step
from edge.policy.access_types import Alarm, Command, CounterChanged, Event, Lock, Mode, Pulse, evidence_from
from edge.policy.lockout import Counters
from edge.store import Store
from edge.types import Observation

_FAILURES, _VISITS_FAILED = "access.failures", "access.visits_failed"
# Comings and goings are the event log's; the audit keeps what an owner would ask about a year later.
_AUDITED = {"granted", "granted_late", "exit", "failed", "failed_delayed", "failed_disabled", "reset", "forced", "held"}


class Door:
    """The access policy with its memory (counters, audit) and its relay."""

    def __init__(
        self,
        config: AccessConfig,
        actuator: Actuator,
        store: Store,
        now_s: float,
        wall_clock: Callable[[], float] = unix_s,
    ) -> None:
        """Takes the counters up from the store. Raises StateError."""
        self._config, self._actuator, self._store, self._wall_clock = config, actuator, store, wall_clock
        self._state = initial(config, now_s, load_counters(store))

    def decide(self, observation: Observation | None, inputs: DoorInputs, now_s: float, *, camera_ok: bool) -> Decision:
        """One step of the policy. Raises ClockError, ActuatorError, StateError."""
        evidence = evidence_from(observation, inputs, camera_ok=camera_ok)
        self._state, commands = step(self._state, evidence, now_s, self._config)
        for command in commands:
            self._carry_out(command)
        return Decision(
            self._state.mode.value,
            self._state.mode is Mode.PULSE,
            tuple(_words(command) for command in commands if isinstance(command, Event)),
            tuple(_words(command) for command in commands if isinstance(command, Pulse | Lock | Alarm)),
        )

    def _carry_out(self, command: Command) -> None:
        match command:
            case Pulse(duration_s=duration_s):
                self._actuator.pulse(duration_s)
            case Lock():
                self._actuator.safe()
            case CounterChanged(counters=counters):
                save_counters(self._store, counters)
            case Event(kind=kind, person=person) if kind in _AUDITED:
                self._store.audit(self._wall_clock(), kind, person, _detail(command))
            case _:
                pass  # alarms and other events go to the log, which the daemon writes


def load_counters(store: Store) -> Counters:
    """The failures in a row that were stored. Raises StateError."""
    return Counters(int(store.counter(_FAILURES)), int(store.counter(_VISITS_FAILED)))


def save_counters(store: Store, counters: Counters) -> None:
    """Store the failures in a row, so that a restart does not forget them. Raises StateError."""
    store.set_counters({_FAILURES: counters.failures, _VISITS_FAILED: counters.visits_failed})


def _detail(event: Event) -> str:
    return "" if event.distance is None else f"distance {event.distance:.3f}"


def _words(command: Command) -> str:
    match command:
        case Pulse(duration_s=duration_s, reason=reason):
            return f"pulse {duration_s:g} s ({reason})"
        case Lock():
            return "lock"
        case Alarm(kind=kind):
            return f"alarm: door {kind}"
        case Event():
            return f"{command.part}: {command.before} -> {command.after} ({command.kind})"
        case CounterChanged(counters=counters):
            return f"failures {counters.failures}, visits failed {counters.visits_failed}"

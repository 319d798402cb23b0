"""The driver's side of the daemon: measures, judges, and sounds what the policy commands."""

from __future__ import annotations

from edge.actuate import Alerter, CabinInputs
from edge.attributes.signals import start
from edge.config import DriverConfig
from edge.decision import Decision, Figures
from edge.policy.attention import initial, step
from edge.policy.attention_types import AttentionEvidence, AttentionState, Command, Event, Notice, Show
from edge.signs import DriverSigns
from edge.types import Observation


class DriverWatch:
    """The driver's signals and policy with their outputs."""

    def __init__(self, config: DriverConfig, alerter: Alerter, now_s: float) -> None:
        self._config, self._alerter = config, alerter
        self._signals = start(config.calibration_s)
        self._state = initial(now_s)
        self._untold: tuple[Command, ...] = ()  # by steps without a frame, which no witness hears of

    @property
    def state(self) -> AttentionState:
        return self._state

    def decide(
        self,
        observation: Observation | None,
        inputs: CabinInputs,
        now_s: float,
        *,
        camera_ok: bool,  # noqa: ARG002 - a camera that gives nothing is blindness, which the policy says by itself
    ) -> Decision:
        """One step of signals and policy. Raises ClockError, ActuatorError."""
        signs = None
        if observation is not None:
            driving = inputs.speed_kmh is None or inputs.speed_kmh >= self._config.mute_below_kmh
            self._signals, signs = self._signals.step(observation, driving=driving)
        evidence = AttentionEvidence(signs, inputs.speed_kmh, inputs.acknowledged)
        self._state, commands = step(self._state, evidence, now_s, self._config.mute_below_kmh)
        for command in commands:
            self._carry_out(command)
        told = (*self._untold, *commands)
        self._untold = told if signs is None else ()
        return Decision(
            self._state.mode.value,
            released=False,
            events=tuple(_event_words(command) for command in told if isinstance(command, Event)),
            commands=tuple(_words(command) for command in told if isinstance(command, Show | Notice)),
            driver=self._figures(signs, observation, inputs) if signs else None,
        )

    def summary(self) -> str:
        """What was raised, against the alert budget, in one line."""
        state, budget = self._state, self._state.budget
        rate = state.alerts_per_hour
        hourly = "" if rate is None else f" ({rate:.1f} an hour)"
        return (
            f"{state.driven_s / 60:.1f} minutes watched; alerts: {budget.alerts}{hourly}; warnings {budget.warnings},"
            f" alarms {budget.alarms}, unresponsive {budget.unresponsive}, notices {budget.notices}"
        )

    def _carry_out(self, command: Command) -> None:
        match command:
            case Show(level=level):
                self._alerter.show(level)
            case Notice():
                self._alerter.notice()
            case Event():
                pass  # the log's, which the daemon writes

    def _figures(self, signs: DriverSigns, observation: Observation | None, inputs: CabinInputs) -> Figures:
        eyes, head = signs.eyes, signs.head
        face = observation.primary if observation else None
        return Figures(
            level=self._state.level,
            openness=_round(eyes.openness, 3),
            certainty=round(eyes.certainty, 2),
            shut=eyes.shut,
            perclos_60=_round(eyes.perclos_60, 4),
            perclos_180=_round(eyes.perclos_180, 4),
            yaw_deg=_round(head.yaw_deg, 1),
            pitch_deg=_round(head.pitch_deg, 1),
            sigma_deg=head.sigma_deg,
            calibration=round(head.calibration, 3),
            mouth_open=_round(face.eyes.mouth_open, 2) if face and face.eyes else None,
            blink_s=_round(eyes.blink_s, 3),
            nods=len(signs.nods_s),
            yawns=len(signs.yawns_s),
            speed_kmh=_round(inputs.speed_kmh, 1),
            rate_hz=round(signs.rate_hz, 1),
            off=signs.off,
        )


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _event_words(event: Event) -> str:
    since = "" if event.since_s is None else f", since {event.since_s:.2f} s"
    loud = f", {event.level.name.lower()}" if event.level else ""
    return f"{event.part}: {event.before} -> {event.after} ({event.kind}{loud}{since})"


def _words(command: Show | Notice) -> str:
    match command:
        case Show(level=level):
            return f"sound: {level.name.lower()}"
        case Notice(kind=kind):
            return f"notice: {kind.replace('_', ' ')}"

"""Fakes that ship: a clock that is told the time, a camera and wires that follow a script, a relay that remembers.

``DoorScene`` plays scenes before the door's policy, so that a test, or an owner's own rule, reads as a story.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edge.actuate import DoorInputs
from edge.actuate.span import Span, begin_or_extend
from edge.config import AccessConfig
from edge.errors import ActuatorError, CameraError, CameraTimeoutError, ClockError
from edge.policy.access import (
    AccessEvidence,
    AccessState,
    Alarm,
    Command,
    CounterChanged,
    Counters,
    Event,
    FrameEvidence,
    Lock,
    Pulse,
    evidence_from,
    initial,
    step,
)
from edge.types import Frame


class FakeClock:
    """A Clock that moves only when it is told to; sleeping moves it."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        return self._now_s

    def sleep_s(self, duration_s: float) -> None:
        if duration_s > 0:
            self.advance(duration_s)

    def advance(self, by_s: float) -> None:
        """Let ``by_s`` seconds pass. Raises ClockError for a step back: a monotonic clock has none."""
        if by_s < 0:
            raise ClockError(f"expected to advance by 0 s or more, got {by_s} s")
        self._now_s += by_s


class ScriptedCamera:
    """A Camera that gives the frames of a list in turn, and raises the errors that stand among them.

    At the end a recording gives None for ever; a live camera raises CameraTimeoutError, as one without a signal does.
    """

    def __init__(self, script: Iterable[Frame | CameraError], *, live: bool = False) -> None:
        self.live = live
        self.closed = False
        self._script = iter(script)

    def read(self, timeout_s: float) -> Frame | None:
        if self.closed:
            raise CameraError("expected an open camera, got one that was closed")
        following = next(self._script, None)
        if isinstance(following, CameraError):
            raise following
        if following is None and self.live:
            raise CameraTimeoutError(f"no frame within {timeout_s} s: the script is over")
        return following

    def close(self) -> None:
        self.closed = True


class ScriptedInputs:
    """Inputs that follow a list. At its end the buttons rest and the contact stays as it was last.

    ``fail_on``: the read that raises ActuatorError, counted from 1.
    """

    def __init__(self, script: Iterable[DoorInputs] = (), *, fail_on: int | None = None) -> None:
        self.closed = False
        self._script = iter(script)
        self._door_open: bool | None = None
        self._fail_on = fail_on
        self._reads = 0

    def read(self) -> DoorInputs:
        self._reads += 1
        if self._reads == self._fail_on:
            raise ActuatorError(f"read {self._reads} of the door's inputs fails, as the script says")
        now = next(self._script, DoorInputs(door_open=self._door_open))
        self._door_open = now.door_open
        return now

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True, slots=True)
class Action:
    """What a RecordingActuator was told, and when. ``duration_s`` is 0 but for a pulse."""

    at_s: float
    kind: Literal["pulse", "safe", "close"]
    duration_s: float = 0.0


class RecordingActuator:
    """An Actuator that keeps what it was told, and when the strike would have been free.

    ``fail_on``: the pulse that raises ActuatorError, counted from 1.
    """

    def __init__(self, clock: FakeClock, *, pulse_limit_s: float = 10.0, fail_on: int | None = None) -> None:
        self.actions: list[Action] = []
        self.closed = False
        self._clock = clock
        self._limit_s = pulse_limit_s
        self._fail_on = fail_on
        self._pulses = 0
        self._spans: list[Span] = []

    @property
    def spans(self) -> Sequence[Span]:
        """When the strike was free, in order. The last may reach into the future."""
        return tuple(self._spans)

    @property
    def released(self) -> bool:
        return self.released_at(self._clock.now_s())

    def released_at(self, at_s: float) -> bool:
        """Whether the strike was, or as of now will be, free at ``at_s``."""
        return any(span.holds(at_s) for span in self._spans)

    def pulse(self, duration_s: float) -> None:
        self._pulses += 1
        try:
            self._pulse(duration_s)
        except ActuatorError:
            self._end_span()
            raise

    def safe(self) -> None:
        self.actions.append(Action(self._clock.now_s(), "safe"))
        self._end_span()

    def close(self) -> None:
        if not self.closed:
            self.actions.append(Action(self._clock.now_s(), "close"))
        self._end_span()
        self.closed = True

    def _pulse(self, duration_s: float) -> None:
        if self.closed:
            raise ActuatorError("expected an open relay, got one that was closed")
        if self._pulses == self._fail_on:
            raise ActuatorError(f"pulse {self._pulses} fails, as the script says")
        now_s = self._clock.now_s()
        running = self._spans[-1] if self.released else None
        span = begin_or_extend(running, now_s, duration_s, self._limit_s)
        self.actions.append(Action(now_s, "pulse", duration_s))
        if running is not None:
            self._spans.pop()
        self._spans.append(span)

    def _end_span(self) -> None:
        if self.released:
            self._spans.append(replace(self._spans.pop(), until_s=self._clock.now_s()))


class DoorScene:
    """A door, told as a story: who stands before the camera, for how long, and who presses what.

    Each picture is one step of the policy, ``fps`` of them a second. ``said`` keeps every command with its time; the
    relay is a RecordingActuator, and ``counters`` is what a store would have kept.
    """

    def __init__(
        self,
        config: AccessConfig | None = None,
        *,
        counters: Counters | None = None,
        fps: float = 20.0,
        distance_max: float = 1.0,
    ) -> None:
        self.config = config or AccessConfig()
        self.clock = FakeClock(100.0)
        self.relay = RecordingActuator(self.clock)
        self.state: AccessState = initial(self.config, self.clock.now_s(), counters)
        self.counters = self.state.counters
        self.said: list[tuple[float, Command]] = []
        self._fps = fps
        self._distance_max = distance_max
        self._frame_index = -1
        self._inputs = DoorInputs()
        self._reset = False

    def show(
        self,
        for_s: float,
        *,
        person: str | None = None,
        distance: float | None = None,
        track: int = 1,
        good: bool = True,
        live: bool | None = None,
        area_px2: float = 10_000.0,
    ) -> DoorScene:
        """A face for ``for_s`` seconds. ``person``: the nearest enrolled one, at ``distance``."""
        face = FrameEvidence(
            0,
            face_present=True,
            track_id=track,
            person=person,
            distance=distance,
            distance_max=self._distance_max,
            weight_px2=area_px2,
            good=good,
            live=live,
        )
        return self._play(for_s, face)

    def nobody(self, for_s: float) -> DoorScene:
        """Pictures without a face."""
        return self._play(for_s, FrameEvidence(0))

    def blind(self, for_s: float) -> DoorScene:
        """The camera gives nothing."""
        return self._play(for_s, None, camera_ok=False)

    def ring(self) -> DoorScene:
        """The request button, seen by the next step."""
        self._inputs = replace(self._inputs, request_pressed=True)
        return self

    def press_exit(self) -> DoorScene:
        """The exit button, seen by the next step."""
        self._inputs = replace(self._inputs, exit_pressed=True)
        return self

    def door(self, *, is_open: bool) -> DoorScene:
        """The door contact, from the next step on."""
        self._inputs = replace(self._inputs, door_open=is_open)
        return self

    def administer(self) -> DoorScene:
        """An administrator clears the counters, with the next step."""
        self._reset = True
        return self

    def restart(self) -> DoorScene:
        """The daemon starts again: only the stored counters survive."""
        self.state = initial(self.config, self.clock.now_s(), self.counters)
        return self

    def freeze(self, for_s: float, face: FrameEvidence) -> DoorScene:
        """One and the same picture over and over."""
        for _ in range(round(for_s * self._fps)):
            self._tick(face, camera_ok=True)
        return self

    @property
    def pulses(self) -> list[Pulse]:
        return [command for _, command in self.said if isinstance(command, Pulse)]

    @property
    def alarms(self) -> list[str]:
        return [command.kind for _, command in self.said if isinstance(command, Alarm)]

    def times(self, kind: str) -> list[float]:
        """When events of this kind happened."""
        return [at_s for at_s, command in self.said if isinstance(command, Event) and command.kind == kind]

    def _play(self, for_s: float, frame: FrameEvidence | None, *, camera_ok: bool = True) -> DoorScene:
        for _ in range(max(1, round(for_s * self._fps))):
            self._frame_index += 1
            self._tick(None if frame is None else replace(frame, frame_index=self._frame_index), camera_ok=camera_ok)
        return self

    def _tick(self, frame: FrameEvidence | None, *, camera_ok: bool) -> None:
        self.clock.advance(1 / self._fps)
        wires = evidence_from(None, self._inputs, camera_ok=camera_ok, reset=self._reset)
        self._inputs, self._reset = DoorInputs(door_open=self._inputs.door_open), False
        self._step(replace(wires, frame=frame))

    def _step(self, evidence: AccessEvidence) -> None:
        now_s = self.clock.now_s()
        self.state, commands = step(self.state, evidence, now_s, self.config)
        for command in commands:
            self.said.append((now_s, command))
            if isinstance(command, Pulse):
                self.relay.pulse(command.duration_s)
            elif isinstance(command, Lock):
                self.relay.safe()
            elif isinstance(command, CounterChanged):
                self.counters = command.counters

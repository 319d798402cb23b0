"""The loop: read a frame, look at it, decide, act, tell the watchdog. Every way out leads through the safe state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from edge.actuate import Inputs, Output
from edge.camera import Camera
from edge.clock import Clock
from edge.config import CameraConfig
from edge.decision import Decider, Decision
from edge.errors import CameraTimeoutError
from edge.events import Record, record_of
from edge.notify import Notifier
from edge.types import Frame, Observation

_POLL_S = 0.1  # how long a press of a button may have to wait for a camera that gives nothing

Wires = TypeVar("Wires")


class Looks(Protocol):
    """The pipeline, as the daemon needs it."""

    def process(self, frame: Frame) -> Observation:
        """What is seen in the frame."""
        ...


class Witness(Protocol):
    """Somebody who is told of every decided frame: an event log, a recorder, a timeline."""

    def add(self, frame: Frame, observation: Observation, record: Record) -> None:
        """Take note. Raises VigilError."""
        ...

    def finish(self) -> None:
        """The run is over, in whatever way. Raises VigilError."""
        ...


@dataclass
class Daemon(Generic[Wires]):
    """Everything that a run needs, already opened. ``run`` closes what drives or holds hardware."""

    camera: Camera
    pipeline: Looks
    decider: Decider[Wires]
    actuator: Output
    inputs: Inputs[Wires]
    clock: Clock
    config: CameraConfig
    notifier: Notifier = field(default_factory=lambda: Notifier(""))
    witnesses: tuple[Witness, ...] = ()
    _frame_s: float = field(default=0.0, init=False)

    def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Until ``stop`` says so, or a recording ends. Raises VigilError, with the outputs in their safe state."""
        with ExitStack() as way_out:  # the last that is entered here is the first to be done
            for witness in self.witnesses:
                way_out.callback(witness.finish)
            for part in (self.notifier, self.camera, self.inputs, self.actuator):
                way_out.callback(part.close)
            way_out.callback(self.notifier.stopping)
            way_out.callback(self.actuator.safe)  # whatever happened: nothing may keep the outputs from it
            self._frame_s = self.clock.now_s()
            self.notifier.ready()
            while not stop() and self._turn():
                pass

    def _turn(self) -> bool:
        """One frame, or one wait for a frame. False at the end of a recording."""
        try:
            frame = self.camera.read(_POLL_S if self.camera.live else self.config.timeout_s)
        except CameraTimeoutError:
            self._wait()
            return True
        if frame is None:
            return False
        if self._stale(frame):
            self._wait()
            return True
        self._look(frame)
        self._frame_s = self._now_s(frame)
        self.notifier.alive()
        return True

    def _now_s(self, frame: Frame) -> float:
        """A recording is decided on in its own time, so that its speed changes no decision."""
        return self.clock.now_s() if self.camera.live else frame.captured_s

    def _stale(self, frame: Frame) -> bool:
        """Whether the frame is too old to decide on: what it shows may be gone."""
        return self._now_s(frame) - frame.captured_s > self.config.max_age_s

    def _look(self, frame: Frame) -> None:
        observation = self.pipeline.process(frame)
        if self._stale(frame):  # looking at it may itself have taken too long
            self._wait()
            return
        decision = self.decider.decide(observation, self.inputs.read(), self._now_s(frame), camera_ok=True)
        self._tell(frame, observation, decision)

    def _wait(self) -> None:
        """A step without a picture: the buttons still work, and after ``timeout_s`` the camera counts as lost."""
        if self.camera.live:
            now_s = self.clock.now_s()
            camera_ok = now_s - self._frame_s <= self.config.timeout_s
            self.decider.decide(None, self.inputs.read(), now_s, camera_ok=camera_ok)

    def _tell(self, frame: Frame, observation: Observation, decision: Decision) -> None:
        record = record_of(
            observation,
            decision.state,
            released=decision.released,
            events=decision.events,
            commands=decision.commands,
            driver=decision.driver,
        )
        for witness in self.witnesses:
            witness.add(frame, observation, record)

"""The loop and its ways out: each planted fault must end with a locked relay."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edge.actuate import DoorInputs
from edge.camera import Camera
from edge.clock import SystemClock
from edge.config import AccessConfig, CameraConfig
from edge.daemon import Daemon, Witness
from edge.door import Door, load_counters
from edge.errors import ActuatorError, CameraError, CameraTimeoutError, ModelError, StateError, VigilError
from edge.events import Record
from edge.notify import Notifier
from edge.policy.lockout import Counters
from edge.store import Store
from edge.testing import FakeClock, RecordingActuator, ScriptedCamera, ScriptedInputs
from edge.types import Face, Frame, HeadPose, Match, Observation, Quality, TrackedFace

FPS = 20.0
HANDS_FREE = AccessConfig(hands_free=True)


def frames(n: int, start_s: float = 0.0) -> list[Frame]:
    """Dark pictures at FPS; what they show is up to :class:`Sees`."""
    pixels = np.zeros((96, 96, 3), np.uint8)
    return [Frame(pixels, start_s + index / FPS, index, "clip") for index in range(n)]


@dataclass
class Sees:
    """A pipeline that sees the same person in every frame, or raises what it is told to at a given frame."""

    person: str | None = "Ada"
    distance: float = 0.5
    fault_at: int | None = None
    fault: Exception = field(default_factory=lambda: ModelError("the model broke"))
    before: Callable[[], None] = lambda: None

    def process(self, frame: Frame) -> Observation:
        self.before()
        if frame.index == self.fault_at:
            raise self.fault
        pose = HeadPose(0, 0, 0)
        face = Face(
            np.array([10, 10, 80, 80], np.float32), 0.99, np.eye(3, dtype=np.float32), np.ones((5, 2), np.float32)
        )
        match = Match(self.person, self.distance, 1.0) if self.person else None
        tracked = TrackedFace(1, face, 1.0, pose, Quality(70, 20, 120, pose), match)
        return Observation(frame.captured_s, frame.index, (tracked,), frame.source)


@dataclass
class Keeps:
    """A witness that keeps the records, and raises at a given one."""

    records: list[Record] = field(default_factory=list)
    fail_at: int | None = None
    finished: bool = False

    def add(self, frame: Frame, observation: Observation, record: Record) -> None:
        if frame.index == self.fail_at:
            raise StateError("no space left on device")
        self.records.append(record)

    def finish(self) -> None:
        self.finished = True


class Rig:
    """A daemon with fakes around it and a real policy and store inside."""

    def __init__(
        self,
        directory: Path,
        camera: Camera,
        *,
        sees: Sees | None = None,
        inputs: Iterable[DoorInputs] = (),
        config: AccessConfig = HANDS_FREE,
        witness: Keeps | None = None,
    ) -> None:
        self.clock = FakeClock(0.0)
        self.relay = RecordingActuator(self.clock)
        self.inputs = ScriptedInputs(inputs)
        self.camera, self.sees, self.config, self.directory = camera, sees or Sees(), config, directory
        self.witness = witness or Keeps()

    def run(self, stop: Callable[[], bool] = lambda: False, notifier: Notifier | None = None) -> None:
        witnesses: tuple[Witness, ...] = (self.witness,)
        with Store.open(self.directory) as store:
            door = Door(self.config, self.relay, store, 0.0, wall_clock=lambda: 1_000_000.0)
            camera_config = CameraConfig(timeout_s=1.0, max_age_s=0.5)
            parts = (self.camera, self.sees, door, self.relay, self.inputs, self.clock, camera_config)
            Daemon(*parts, notifier or Notifier(""), witnesses).run(stop)

    @property
    def pulses(self) -> int:
        return sum(action.kind == "pulse" for action in self.relay.actions)

    def assert_locked_and_closed(self) -> None:
        assert not self.relay.released
        assert self.relay.closed
        assert self.inputs.closed
        assert self.relay.actions[-1].kind in ("safe", "close")


def test_a_known_person_is_let_in_once_and_it_is_written_down(tmp_path: Path) -> None:
    rig = Rig(tmp_path, ScriptedCamera(frames(120)))
    rig.run()
    assert rig.pulses == 1
    assert rig.witness.finished
    with Store.open(tmp_path) as store:
        assert [row.event for row in store.audit_rows()] == ["granted"]
    rig.assert_locked_and_closed()


def test_a_stranger_is_not_let_in_and_the_failure_survives_a_restart(tmp_path: Path) -> None:
    rig = Rig(
        tmp_path,
        ScriptedCamera(frames(130)),
        sees=Sees(distance=1.4),
        config=AccessConfig(),
        inputs=[DoorInputs(request_pressed=True)],
    )
    rig.run()
    assert rig.pulses == 0
    with Store.open(tmp_path) as store:
        assert load_counters(store) == Counters(failures=1)


@pytest.mark.parametrize(
    "fault", [ModelError("broken"), RuntimeError("not one of ours"), MemoryError(), KeyboardInterrupt()], ids=repr
)
def test_any_exception_in_the_pipeline_locks(tmp_path: Path, fault: BaseException) -> None:
    rig = Rig(tmp_path, ScriptedCamera(frames(60)), sees=Sees(fault_at=20, fault=fault))  # type: ignore[arg-type]
    with pytest.raises(type(fault)):
        rig.run()
    assert rig.pulses == 1  # the door was open at that moment
    rig.assert_locked_and_closed()


def test_a_camera_that_dies_locks(tmp_path: Path) -> None:
    rig = Rig(tmp_path, ScriptedCamera([*frames(20), CameraError("unplugged")]))
    with pytest.raises(CameraError, match="unplugged"):
        rig.run()
    rig.assert_locked_and_closed()


def test_a_full_disk_locks(tmp_path: Path) -> None:
    rig = Rig(tmp_path, ScriptedCamera(frames(60)), witness=Keeps(fail_at=20))
    with pytest.raises(StateError, match="no space"):
        rig.run()
    rig.assert_locked_and_closed()


def test_a_relay_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    rig = Rig(tmp_path, ScriptedCamera(frames(60)))
    rig.relay = RecordingActuator(rig.clock, fail_on=1)
    with pytest.raises(ActuatorError):
        rig.run()
    rig.assert_locked_and_closed()


def test_a_request_to_stop_locks(tmp_path: Path) -> None:
    rig = Rig(tmp_path, ScriptedCamera(frames(1000)))
    rig.run(stop=lambda: len(rig.witness.records) == 30)
    assert len(rig.witness.records) == 30
    rig.assert_locked_and_closed()


def test_the_clock_going_backwards_locks(tmp_path: Path) -> None:
    rig = Rig(tmp_path, ScriptedCamera([*frames(20, 5.0), *frames(5, 1.0)]))
    with pytest.raises(VigilError, match=r"expected a time of"):
        rig.run()
    rig.assert_locked_and_closed()


def test_a_stale_frame_of_a_live_camera_is_never_decided_on(tmp_path: Path) -> None:
    class Late(ScriptedCamera):
        def read(self, timeout_s: float) -> Frame | None:
            rig.clock.advance(1 / FPS)
            return super().read(timeout_s)

    rig = Rig(tmp_path, Late(frames(60, start_s=-2.0), live=True))
    rig.run(stop=lambda: rig.clock.now_s() > 2.9)
    assert rig.pulses == 0
    assert rig.witness.records == []


def test_a_frame_that_took_too_long_to_look_at_is_not_decided_on(tmp_path: Path) -> None:
    sees = Sees()
    rig = Rig(tmp_path, ScriptedCamera(frames(40), live=True), sees=sees)
    sees.before = lambda: rig.clock.advance(1.0)
    turns = iter(range(100))  # one look advances the clock by a second, one wait does not
    rig.run(stop=lambda: next(turns) == 60)
    assert rig.clock.now_s() > 1
    assert rig.pulses == 0


def test_the_exit_button_works_while_a_live_camera_gives_nothing(tmp_path: Path) -> None:
    class Dead:
        live = True

        def read(self, timeout_s: float) -> Frame | None:
            rig.clock.advance(timeout_s)
            raise CameraTimeoutError("nothing")

        def close(self) -> None:
            pass

    pressed = [DoorInputs()] * 40 + [DoorInputs(exit_pressed=True)]
    rig = Rig(tmp_path, Dead(), inputs=pressed)
    rig.run(stop=lambda: rig.clock.now_s() > 10)
    assert [action.at_s for action in rig.relay.actions if action.kind == "pulse"] == [pytest.approx(4.1)]


def test_the_watchdog_is_pinged_for_completed_frames_only(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.setblocking(False)
        rig = Rig(tmp_path / "state", ScriptedCamera(frames(5)), sees=Sees(fault_at=3))
        with pytest.raises(ModelError):
            rig.run(notifier=Notifier(address))
        heard = []
        try:
            while True:
                heard.append(systemd.recv(4096).decode())
        except BlockingIOError:
            pass
    assert heard == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_the_system_clock_never_goes_backwards() -> None:
    clock = SystemClock()
    before = clock.now_s()
    clock.sleep_s(-1)
    assert clock.now_s() >= before

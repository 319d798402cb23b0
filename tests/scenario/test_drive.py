"""The driver's daemon: from closing eyes to the alarm's pin, the same at any speed, and silent on every way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory

from edge.actuate import Alerter, CabinInputs
from edge.actuate.alerter import GpioAlerter
from edge.camera import Camera
from edge.camera.replay import ReplayCamera
from edge.clock import Clock, SystemClock
from edge.config import CabinConfig, CameraConfig, DriverConfig, GpioConfig
from edge.daemon import Daemon
from edge.driver import DriverWatch
from edge.errors import ActuatorError, CameraError, CameraTimeoutError, ModelError
from edge.events import EventLog, Record, Timeline
from edge.signs import Level
from edge.testing import FakeClock, ScriptedCamera
from edge.testing_driver import Pose, RecordingAlerter, ScriptedCabin
from edge.types import Frame, Observation

FPS = 10.0
SHUT_FROM_S, SHUT_UNTIL_S = 1.0, 3.2
BLACK = np.zeros((96, 96, 3), np.uint8)


@dataclass
class Sees:
    """A pipeline that sees a driver who shuts his eyes for a while; ``before`` is called with each frame."""

    fault_at: int | None = None
    before: Callable[[Frame], None] = lambda _: None

    def process(self, frame: Frame) -> Observation:
        self.before(frame)
        if frame.index == self.fault_at:
            raise ModelError("the model broke")
        shut = SHUT_FROM_S <= frame.captured_s < SHUT_UNTIL_S
        return Pose(eyes=0.02 if shut else 0.95).observed(frame.captured_s, frame.index)


@dataclass
class Keeps:
    records: list[Record] = field(default_factory=list)

    def add(self, frame: Frame, observation: Observation, record: Record) -> None:
        self.records.append(record)

    def finish(self) -> None:
        pass


def frames(n: int = 50) -> list[Frame]:
    return [Frame(BLACK, index / FPS, index, "clip") for index in range(n)]


def drive(
    camera: Camera,
    alerter: Alerter,
    clock: Clock,
    sees: Sees | None = None,
    inputs: ScriptedCabin | None = None,
    *witnesses: Keeps | EventLog | Timeline,
) -> Daemon[CabinInputs]:
    watch = DriverWatch(DriverConfig(), alerter, 0.0)
    config = CameraConfig(timeout_s=1.0)
    return Daemon(
        camera,
        sees or Sees(),
        watch,
        alerter,
        inputs or ScriptedCabin(),
        clock,
        config,
        witnesses=witnesses,
    )


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Five seconds of black pictures at 10 a second."""
    folder = tmp_path / "recording"
    folder.mkdir()
    for index in range(50):
        cv2.imwrite(str(folder / f"{index:03}.png"), BLACK)
    return folder


def test_from_closing_eyes_to_the_alarm_pin_in_real_time(recording: Path) -> None:
    clock = SystemClock()
    alerter = GpioAlerter(CabinConfig(buzzer_hz=0), GpioConfig(backend="mock"), MockFactory())
    began_s: list[float] = []
    sounded_s: list[float] = []

    def watch_pin(frame: Frame) -> None:
        if not began_s:
            began_s.append(clock.now_s() - frame.captured_s)

    class Hears(Keeps):
        def add(self, frame: Frame, observation: Observation, record: Record) -> None:
            if alerter.sounding and not sounded_s:
                sounded_s.append(clock.now_s() - began_s[0])

    camera = ReplayCamera([recording], clock, realtime=True)
    drive(camera, alerter, clock, Sees(before=watch_pin), None, Hears()).run(stop=lambda: bool(sounded_s))
    assert SHUT_FROM_S + 1.2 <= sounded_s[0] <= SHUT_FROM_S + 1.5 + 0.25
    assert not alerter.sounding


def test_a_replay_gives_the_same_alerts_at_any_speed(recording: Path) -> None:
    told = []
    for realtime in (False, True):
        kept = Keeps()
        clock = FakeClock()  # real time as far as the camera knows: sleeping moves it
        drive(ReplayCamera([recording], clock, realtime), RecordingAlerter(clock), clock, None, None, kept).run()
        told.append(kept.records)
    assert told[0] == told[1]
    loud = [record for record in told[0] if "sound: alarm" in record.commands]
    assert [record.time_s for record in loud] == [pytest.approx(SHUT_FROM_S + 1.5, abs=0.1)]


def test_the_log_holds_the_drive_and_the_timeline_tells_it(tmp_path: Path) -> None:
    clock, said = FakeClock(), list[str]()
    log = tmp_path / "events.jsonl"
    drive(
        ScriptedCamera(frames()), RecordingAlerter(clock), clock, None, None, EventLog(log), Timeline(said.append)
    ).run()
    records = [msgspec.json.decode(line, type=Record) for line in log.read_bytes().splitlines()]
    assert (records[0].frame, records[-1].frame) == (0, 49)
    assert len(records) < 25  # the rest is as the lines before say
    shut = [record.time_s for record in records if record.driver and record.driver.shut]
    assert shut[0] == SHUT_FROM_S
    assert shut[-1] == pytest.approx(SHUT_UNTIL_S, abs=0.11)
    assert any("attentive -> alarmed (microsleep, alarm, since 0.95 s)" in line for line in said)
    assert any("sound: alarm" in line for line in said)


def test_the_button_silences_the_alarm() -> None:
    clock = FakeClock()
    alerter, kept = RecordingAlerter(clock), Keeps()
    pressed = [CabinInputs()] * 27 + [CabinInputs(acknowledged=True)]
    drive(ScriptedCamera(frames()), alerter, clock, None, ScriptedCabin(pressed), kept).run()
    assert [level for _, level in alerter.shown] == [Level.ALARM, Level.QUIET]
    assert "sound: quiet" in kept.records[27].commands


def test_every_fault_ends_in_silence() -> None:
    clock = FakeClock()
    for camera, sees, error in (
        (ScriptedCamera(frames()), Sees(fault_at=28), ModelError),
        (ScriptedCamera([*frames(28), CameraError("unplugged")]), None, CameraError),
    ):
        alerter = RecordingAlerter(clock)
        with pytest.raises(error):
            drive(camera, alerter, clock, sees).run()
        assert alerter.shown[-1][1] is Level.ALARM  # it was sounding
        assert (alerter.level, alerter.closed) == (Level.QUIET, True)


def test_a_buzzer_that_cannot_be_driven_is_reported() -> None:
    clock = FakeClock()
    alerter = RecordingAlerter(clock, fail_on=1)
    with pytest.raises(ActuatorError):
        drive(ScriptedCamera(frames()), alerter, clock).run()
    assert alerter.closed


def test_an_alarm_raised_between_two_frames_sounds_at_once_and_reaches_the_log_with_the_next() -> None:
    clock = FakeClock()
    late = 2.9  # the frame of 2.5 s, at which the alarm is due, comes that late

    class Stutters(ScriptedCamera):
        def __init__(self) -> None:
            super().__init__(frames(), live=True)
            self.pending: Frame | None = None

        def read(self, timeout_s: float) -> Frame | None:
            self.pending = self.pending or super().read(timeout_s)
            assert self.pending is not None
            due_s = late if 2.4 < self.pending.captured_s < late else self.pending.captured_s
            if clock.now_s() + timeout_s < due_s:
                clock.advance(timeout_s)
                raise CameraTimeoutError("nothing yet")
            clock.advance(max(due_s - clock.now_s(), 0))
            frame, self.pending = self.pending, None
            return frame

    alerter, kept = RecordingAlerter(clock), Keeps()
    drive(Stutters(), alerter, clock, None, None, kept).run(stop=lambda: clock.now_s() > 3.0)
    at_s, level = alerter.shown[0]
    assert level is Level.ALARM
    assert at_s == pytest.approx(2.5, abs=0.11)
    told = [record for record in kept.records if any("microsleep" in words for words in record.events)]
    assert len(told) == 1


def test_what_was_raised_is_summed_up_against_the_budget() -> None:
    clock = FakeClock()
    daemon = drive(ScriptedCamera(frames()), RecordingAlerter(clock), clock)
    daemon.run()
    assert isinstance(daemon.decider, DriverWatch)
    assert daemon.decider.summary().startswith("0.1 minutes watched; alerts: 1; warnings 0, alarms 1")

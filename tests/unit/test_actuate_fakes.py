"""The fakes that ship keep their word, for others build tests on them; and the dry run says what it would do."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest

from edge.actuate import DoorInputs
from edge.actuate.log import LogActuator
from edge.errors import ActuatorError, CameraError, CameraTimeoutError, ClockError
from edge.testing import FakeClock, RecordingActuator, ScriptedCamera, ScriptedInputs
from edge.types import Frame

FRAME = Frame(np.zeros((48, 48, 3), np.uint8), 0.0)


def test_the_fake_clock_moves_when_told_and_never_back() -> None:
    clock = FakeClock(5.0)
    clock.sleep_s(2.0)
    clock.sleep_s(-1.0)
    assert clock.now_s() == 7.0
    with pytest.raises(ClockError):
        clock.advance(-0.1)


def test_a_recording_ends_and_a_live_camera_falls_silent() -> None:
    camera = ScriptedCamera([FRAME, CameraError("unplugged"), FRAME])
    assert camera.read(1.0) is FRAME
    with pytest.raises(CameraError, match="unplugged"):
        camera.read(1.0)
    assert camera.read(1.0) is FRAME
    assert camera.read(1.0) is None
    with pytest.raises(CameraTimeoutError):
        ScriptedCamera([], live=True).read(1.0)


def test_a_closed_camera_is_not_read() -> None:
    camera = ScriptedCamera([FRAME])
    camera.close()
    with pytest.raises(CameraError, match="closed"):
        camera.read(1.0)


def test_inputs_rest_after_the_script_and_keep_the_contact() -> None:
    inputs = ScriptedInputs([DoorInputs(request_pressed=True, door_open=True)])
    assert inputs.read().request_pressed
    assert inputs.read() == DoorInputs(door_open=True)


def test_faulty_variants_fail_when_the_script_says() -> None:
    inputs = ScriptedInputs(fail_on=2)
    inputs.read()
    with pytest.raises(ActuatorError, match="read 2"):
        inputs.read()
    relay = RecordingActuator(FakeClock(), fail_on=2)
    relay.pulse(1.0)
    with pytest.raises(ActuatorError, match="pulse 2"):
        relay.pulse(1.0)
    assert not relay.released


def test_the_recording_actuator_knows_when_the_strike_was_free() -> None:
    clock = FakeClock()
    relay = RecordingActuator(clock)
    relay.pulse(3.0)
    clock.advance(1.0)
    relay.safe()
    assert [relay.released_at(at_s) for at_s in (0.0, 0.99, 1.0, 2.0)] == [True, True, False, False]
    assert [(action.at_s, action.kind) for action in relay.actions] == [(0.0, "pulse"), (1.0, "safe")]


def test_the_dry_run_says_what_it_would_do(caplog: pytest.LogCaptureFixture) -> None:
    out = io.StringIO()
    dry = LogActuator(FakeClock(), out)
    dry.pulse(3.0)
    dry.close()
    assert out.getvalue() == "relay (dry run): would release the strike for 3.0 s\nrelay (dry run): would lock\n"
    with caplog.at_level(logging.INFO, "edge.actuate.log"):
        LogActuator(FakeClock()).pulse(1.0)
    assert "would release the strike for 1.0 s" in caplog.text

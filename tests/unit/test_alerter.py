"""Buzzer, lamp, shaker, button and speed on mock pins; NMEA from a file."""

from __future__ import annotations

import io
import os
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from edge.actuate.alerter import GpioAlerter
from edge.actuate.cabin import Cabin, PulseSpeed
from edge.actuate.log import LogAlerter
from edge.actuate.nmea import NmeaSpeed, rmc_speed
from edge.clock import SystemClock
from edge.config import CabinConfig, GpioConfig
from edge.errors import ActuatorError
from edge.signs import Level
from edge.testing import FakeClock

GPIO = GpioConfig(backend="mock")
CABIN = CabinConfig(shaker_pin=25)
PATIENCE_S = 5.0


def wait_until(what: Any) -> None:
    clock = SystemClock()
    end_s = clock.now_s() + PATIENCE_S
    while not what():
        assert clock.now_s() < end_s, "it never came"
        clock.sleep_s(0.005)


def test_it_starts_silent_and_lit_and_ends_dark() -> None:
    pins = MockFactory()
    alerter = GpioAlerter(CABIN, GPIO, pins)
    assert (alerter.sounding, alerter.lit, alerter.shaking) == (False, True, False)
    alerter.close()
    alerter.close()
    assert [pins.pin(number).state for number in (CABIN.buzzer_pin, CABIN.led_pin)] == [0, 0]


@pytest.mark.parametrize(("level", "shakes"), [(Level.WARNING, False), (Level.ALARM, True), (Level.UNRESPONSIVE, True)])
def test_each_level_sounds_at_once_and_safe_silences(level: Level, shakes: bool) -> None:
    alerter = GpioAlerter(CABIN, GPIO, MockFactory())
    alerter.show(level)
    assert (alerter.sounding, alerter.shaking) == (True, shakes)
    alerter.safe()
    assert (alerter.sounding, alerter.lit, alerter.shaking) == (False, False, False)
    alerter.close()


@pytest.mark.parametrize("level", [Level.WARNING, Level.ALARM])
def test_a_pattern_beats_and_the_lamp_with_it(level: Level) -> None:
    alerter = GpioAlerter(CABIN, GPIO, MockFactory())
    alerter.show(level)
    wait_until(lambda: not alerter.sounding and not alerter.lit)
    wait_until(lambda: alerter.sounding and alerter.lit)
    alerter.show(Level.QUIET)
    assert (alerter.sounding, alerter.lit) == (False, True)
    alerter.close()


def test_a_notice_is_one_short_sound_and_never_silences_an_alert() -> None:
    alerter = GpioAlerter(CABIN, GPIO, MockFactory())
    alerter.notice()
    assert alerter.sounding
    wait_until(lambda: not alerter.sounding)
    assert alerter.lit
    alerter.show(Level.UNRESPONSIVE)
    alerter.notice()
    assert alerter.sounding
    alerter.close()


def test_a_pin_with_pwm_gives_a_square_wave_and_one_without_is_switched() -> None:
    pins = MockFactory(pin_class=MockPWMPin)
    alerter = GpioAlerter(CABIN, GPIO, pins)
    pin = pins.pin(CABIN.buzzer_pin)
    alerter.show(Level.UNRESPONSIVE)
    assert (pin.state, pin.frequency) == (0.5, 2700)
    alerter.close()
    plain = MockFactory()
    switched = GpioAlerter(CABIN, GPIO, plain)
    switched.show(Level.UNRESPONSIVE)
    assert plain.pin(CABIN.buzzer_pin).state == 1
    switched.close()


def test_a_closed_alerter_refuses() -> None:
    for alerter in (GpioAlerter(CABIN, GPIO, MockFactory()), LogAlerter(io.StringIO())):
        alerter.close()
        with pytest.raises(ActuatorError, match="expected an open alerter"):
            alerter.show(Level.WARNING)


def test_a_pin_that_fails_is_an_error_and_the_others_go_off() -> None:
    class Breaking(MockPin):  # type: ignore[misc]  # gpiozero has no types
        broken = False

        def _set_state(self, value: float) -> None:
            if self.broken and value:
                raise OSError("the line went away")
            super()._set_state(value)

    pins = MockFactory(pin_class=Breaking)
    alerter = GpioAlerter(CABIN, GPIO, pins)
    pins.pin(CABIN.buzzer_pin).broken = True
    with pytest.raises(ActuatorError, match="the line went away"):
        alerter.show(Level.UNRESPONSIVE)
    assert not alerter.shaking
    alerter.close()


def test_two_devices_on_one_pin_are_refused() -> None:
    with pytest.raises(ActuatorError, match="section cabin"):
        GpioAlerter(CabinConfig(buzzer_pin=4, led_pin=4), GPIO, MockFactory())


def test_a_dry_run_says_what_would_sound() -> None:
    out = io.StringIO()
    alerter = LogAlerter(out)
    alerter.notice()
    alerter.show(Level.ALARM)
    alerter.notice()
    alerter.close()
    assert [line.split("would ")[1] for line in out.getvalue().splitlines()] == [
        "sound once",
        "sound alarm",
        "be silent",
    ]


def test_a_press_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pins = MockFactory()
    cabin = Cabin(CABIN, GPIO, FakeClock(), pin_factory=pins)
    assert CABIN.button_pin is not None
    assert not cabin.read().acknowledged
    pins.pin(CABIN.button_pin).drive_low()
    wait_until(lambda: cabin.read().acknowledged)
    assert not cabin.read().acknowledged
    cabin.close()
    cabin.close()


def test_the_speed_comes_from_pulses() -> None:
    clock = FakeClock()
    speed = PulseSpeed(1000, clock)
    assert speed.kmh(0) is None  # no pulse yet: nobody knows whether a sensor is there
    for _ in range(21):
        clock.advance(0.1)
        speed.pulse()
    assert speed.kmh(clock.now_s()) == pytest.approx(36.0)
    assert speed.kmh(clock.now_s() + 2.5) == 0  # it stands


def test_pulses_that_stop_at_speed_are_a_cut_wire_not_a_stop() -> None:
    clock = FakeClock()
    speed = PulseSpeed(1000, clock)
    for _ in range(41):
        clock.advance(0.05)
        speed.pulse()
    assert speed.kmh(clock.now_s()) == pytest.approx(72.0)
    assert speed.kmh(clock.now_s() + 2.5) is None


def rmc(knots: str, status: str = "A") -> bytes:
    body = f"GPRMC,123519,{status},4807.038,N,01131.000,E,{knots},084.4,230394,003.1,W".encode()
    return b"$" + body + b"*" + f"{reduce(xor, body, 0):02X}".encode() + b"\r\n"


def test_rmc_sentences_are_read() -> None:
    is_rmc, kmh = rmc_speed(rmc("027.0"))
    assert is_rmc
    assert kmh == pytest.approx(50.0, abs=0.01)
    assert rmc_speed(rmc("027.0", status="V")) == (True, None)
    for bad in (b"", b"$GPGGA,1*00", rmc("27")[:-4], rmc("x"), rmc("27").replace(b"27", b"28"), b"\xff\xfe*zz"):
        assert rmc_speed(bad) == (False, None)


def test_a_receiver_is_followed_and_what_is_old_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "gps"
    path.write_bytes(rmc("10.0"))  # what a file holds is past
    gps = NmeaSpeed(path)
    assert gps.kmh(0.0) is None
    with path.open("ab") as receiver:
        receiver.write(rmc("20.0")[:20])
        receiver.flush()
        assert gps.kmh(1.0) is None
        receiver.write(rmc("20.0")[20:])
        receiver.flush()
    assert gps.kmh(2.0) == pytest.approx(37.04)
    assert gps.kmh(5.0) == pytest.approx(37.04)
    assert gps.kmh(5.1) is None
    gps.close()
    gps.close()


def test_a_receiver_that_is_silent_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    gps = NmeaSpeed(path)
    assert gps.kmh(0.0) is None
    gps.close()


def test_a_receiver_that_goes_is_a_speed_that_is_not_known(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "gps"
    path.touch()
    gps = NmeaSpeed(path)
    path.write_bytes(rmc("20.0"))
    assert gps.kmh(1.0) == pytest.approx(37.04)
    gps.close()  # as a device that was unplugged: every read fails
    assert gps.kmh(2.0) == pytest.approx(37.04)
    assert gps.kmh(9.0) is None
    assert len(caplog.records) == 1


def test_a_receiver_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ActuatorError, match="absent: the GPS receiver cannot be read"):
        NmeaSpeed(tmp_path / "absent")


def test_of_two_speeds_the_faster_counts() -> None:
    class Fixed:
        def __init__(self, kmh: float | None) -> None:
            self._kmh = kmh

        def kmh(self, now_s: float) -> float | None:
            return self._kmh

        def close(self) -> None:
            pass

    def of(*speeds: float | None) -> float | None:
        config = CabinConfig(button_pin=None)
        return Cabin(config, GPIO, FakeClock(), [Fixed(speed) for speed in speeds]).read().speed_kmh

    assert of() is None
    assert of(None) is None
    assert of(12.0, None) == 12.0
    assert of(12.0, 80.0) == 80.0

"""The relay and the buttons on mock pins: levels, faults and presses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from edge.actuate.gpio import GpioInputs, GpioRelay, explain, open_pins
from edge.clock import SystemClock
from edge.config import GpioConfig
from edge.errors import ActuatorError
from edge.testing import FakeClock

CONFIG = GpioConfig(backend="mock", door_pin=5)
PATIENCE_S = 5.0


class BreakingPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin whose driver fails on the writes that it is told to."""

    def __init__(self, factory: Any, info: Any) -> None:
        super().__init__(factory, info)
        self.broken_levels: set[bool] = set()

    def _set_state(self, value: float) -> None:
        if bool(value) in self.broken_levels:
            raise OSError("the line went away")
        super()._set_state(value)


def wait_for_level(pin: Any, level: bool) -> None:
    clock = SystemClock()
    end_s = clock.now_s() + PATIENCE_S
    while bool(pin.state) is not level:
        assert clock.now_s() < end_s, f"the pin never went to {level}"
        clock.sleep_s(0.005)


@pytest.mark.parametrize("active_high", [True, False])
def test_the_locked_level_is_driven_at_construction_and_after_a_pulse(active_high: bool) -> None:
    pins = MockFactory()
    config = GpioConfig(backend="mock", relay_active_high=active_high)
    relay = GpioRelay(config, SystemClock(), pins)
    pin = pins.pin(config.relay_pin)
    assert pin.function == "output"
    assert bool(pin.state) is not active_high
    relay.pulse(0.3)
    assert bool(pin.state) is active_high
    wait_for_level(pin, not active_high)
    relay.close()


def test_the_pulse_ends_though_the_clock_stands_still() -> None:
    pins = MockFactory()
    relay = GpioRelay(CONFIG, FakeClock(), pins)
    relay.pulse(0.05)
    wait_for_level(pins.pin(CONFIG.relay_pin), False)
    relay.close()


def test_mock_pins_are_no_process_wide_default() -> None:
    before = gpiozero.Device.pin_factory
    GpioRelay(CONFIG, SystemClock()).close()
    assert gpiozero.Device.pin_factory is before


def test_a_relay_that_does_not_take_the_pulse_is_an_error_and_locked() -> None:
    pins = MockFactory(pin_class=BreakingPin)
    relay = GpioRelay(CONFIG, SystemClock(), pins)
    pins.pin(CONFIG.relay_pin).broken_levels = {True}
    with pytest.raises(ActuatorError, match="did not take the pulse: the line went away"):
        relay.pulse(0.05)
    assert not relay.released
    relay.close()


def test_a_relay_that_does_not_lock_is_told_again_and_begins_no_pulse() -> None:
    pins = MockFactory(pin_class=BreakingPin)
    relay = GpioRelay(CONFIG, SystemClock(), pins)
    pin = pins.pin(CONFIG.relay_pin)
    relay.pulse(3.0)
    pin.broken_levels = {False}
    relay.safe()  # never raises
    with pytest.raises(ActuatorError, match="did not lock"):
        relay.pulse(1.0)
    pin.broken_levels = set()
    wait_for_level(pin, False)
    relay.close()


def test_a_pin_that_is_taken_is_named() -> None:
    pins = MockFactory()
    relay = GpioRelay(CONFIG, SystemClock(), pins)
    with pytest.raises(ActuatorError, match="pin 17"):
        GpioRelay(CONFIG, SystemClock(), pins)
    with pytest.raises(ActuatorError, match="pin 17 cannot be read"):
        GpioInputs(GpioConfig(backend="mock", request_pin=17), pins)
    relay.close()


def test_a_short_press_is_reported_once() -> None:
    pins = MockFactory()
    inputs = GpioInputs(CONFIG, pins)
    assert not inputs.read().request_pressed
    pins.pin(27).drive_low()
    pins.pin(27).drive_high()
    assert inputs.read().request_pressed
    assert not inputs.read().request_pressed
    inputs.close()


def test_a_button_that_is_held_is_one_press() -> None:
    pins = MockFactory()
    inputs = GpioInputs(CONFIG, pins)
    pins.pin(22).drive_low()
    assert [inputs.read().exit_pressed for _ in range(3)] == [True, False, False]
    inputs.close()


def test_a_cut_wire_reads_as_an_open_door() -> None:
    pins = MockFactory()
    inputs = GpioInputs(CONFIG, pins)
    assert inputs.read().door_open is True  # pulled up: nothing connects it to ground
    pins.pin(5).drive_low()
    assert inputs.read().door_open is False
    inputs.close()
    inputs.close()


def test_pins_that_are_not_fitted_read_as_nothing() -> None:
    inputs = GpioInputs(GpioConfig(backend="mock", request_pin=None, exit_pin=None, door_pin=None))
    read = inputs.read()
    assert (read.request_pressed, read.exit_pressed, read.door_open) == (False, False, None)
    inputs.close()


@pytest.mark.skipif(Path("/dev/gpiochip0").exists(), reason="this machine has pins")
def test_a_machine_without_pins_is_told_what_to_do() -> None:
    with pytest.raises(ActuatorError, match=r"gpio: the pins cannot be opened: .*; .*set gpio\.backend to mock or log"):
        GpioRelay(GpioConfig(backend="gpiozero"), SystemClock())


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ImportError("no lgpio"), "install python3-lgpio"),
        (PermissionError(13, "Permission denied"), "group gpio"),
        (OSError("can not open gpiochip"), "run on a Raspberry Pi"),
    ],
)
def test_the_advice_fits_the_error(error: Exception, advice: str) -> None:
    assert advice in str(explain(error))


def test_the_log_backend_has_no_pins() -> None:
    with pytest.raises(ActuatorError, match="LogActuator"):
        open_pins(GpioConfig(backend="log"))


def test_the_dry_run_does_not_load_gpiozero() -> None:
    code = "import edge.actuate.log, sys; sys.exit('gpiozero' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

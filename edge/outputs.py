"""What Vigil drives, opened. Imports no camera and no model: after a crash, ``vigil safe`` has to be quick."""

from __future__ import annotations

import sys

from edge.actuate import Actuator, Alerter, Output
from edge.clock import Clock, SystemClock
from edge.config import Config, GpioConfig


def open_output(config: Config) -> Output:
    """What the configured job drives, in its safe state. Raises ActuatorError."""
    if config.mode.job == "driver":
        return open_alerter(config)
    return open_relay(config.gpio, SystemClock())


def open_alerter(config: Config) -> Alerter:
    """Buzzer, lamp and shaker of the configured backend. Raises ActuatorError."""
    if config.gpio.backend == "log":
        from edge.actuate.log import LogAlerter

        return LogAlerter(sys.stdout)
    from edge.actuate.alerter import GpioAlerter

    return GpioAlerter(config.cabin, config.gpio)


def open_relay(config: GpioConfig, clock: Clock) -> Actuator:
    """The relay of the configured backend, at its safe level. Raises ActuatorError."""
    if config.backend == "log":
        from edge.actuate.log import LogActuator

        return LogActuator(clock, sys.stdout, pulse_limit_s=config.pulse_limit_s)
    from edge.actuate.gpio import GpioRelay

    return GpioRelay(config, clock)

"""Buzzer, lamp and seat shaker on a Raspberry Pi's pins.

The lamp shines while Vigil watches and blinks with the buzzer. A thread of its own beats the pattern, so that an alarm
goes on while the main loop looks at the next frame; the first edge is driven by the caller, at once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Condition, Thread, current_thread
from typing import Any

import gpiozero

from edge.actuate.gpio import JOIN_S, open_pins, pin_errors
from edge.config import CabinConfig, GpioConfig
from edge.errors import ActuatorError
from edge.signs import Level

_LOG = logging.getLogger(__name__)

NOTICE_S = 0.25
_DUTY = 0.5  # a passive buzzer is loudest with a square wave


@dataclass(frozen=True, slots=True)
class Pattern:
    """``on_s`` of sound, then ``off_s`` of silence, over and over; ``off_s`` 0: without a pause."""

    on_s: float
    off_s: float


# Faster is more urgent (Edworthy et al., Human Factors 33, 1991); continuous cannot be taken for anything else.
PATTERNS: dict[Level, Pattern] = {
    Level.WARNING: Pattern(0.2, 0.4),
    Level.ALARM: Pattern(0.1, 0.1),
    Level.UNRESPONSIVE: Pattern(1.0, 0.0),
}
_SHAKES_FROM = {"warning": Level.WARNING, "alarm": Level.ALARM, "unresponsive": Level.UNRESPONSIVE}


class GpioAlerter:
    """An Alerter on two or three pins. The safe state is driven at construction; then the lamp is lit."""

    def __init__(self, config: CabinConfig, gpio: GpioConfig, pin_factory: Any = None) -> None:
        self._errors = pin_errors()
        self._factory = pin_factory if pin_factory is not None else open_pins(gpio)
        self._owns_factory = pin_factory is None
        self._shakes_from = _SHAKES_FROM[config.shaker_from]
        self._devices: list[Any] = []
        try:
            self._buzzer = self._keep(self._open_buzzer(config))
            self._lamp = self._keep(self._output(config.led_pin))
            self._shaker = None if config.shaker_pin is None else self._keep(self._output(config.shaker_pin))
            self._lamp.on()
        except self._errors as error:
            self._close_pins()
            raise ActuatorError(f"gpio: the pins of the section cabin cannot be driven: {error}") from error
        self._level, self._noticing, self._closed = Level.QUIET, False, False
        self._changed = Condition()  # its lock is re-entrant: safe() may come from a signal handler
        self._beat = Thread(target=self._beat_pattern, name="alerter", daemon=True)
        self._beat.start()

    @property
    def sounding(self) -> bool:
        """Whether the buzzer is driven now."""
        with self._changed:
            return not self._closed and bool(self._buzzer.value)

    @property
    def shaking(self) -> bool:
        with self._changed:
            return not self._closed and self._shaker is not None and bool(self._shaker.value)

    @property
    def lit(self) -> bool:
        with self._changed:
            return not self._closed and bool(self._lamp.value)

    def show(self, level: Level) -> None:
        with self._changed:
            self._level, self._noticing = level, False
            self._drive_now(sound=level >= Level.WARNING)

    def notice(self) -> None:
        with self._changed:
            if self._level < Level.WARNING:
                self._noticing = True
                self._drive_now(sound=True)

    def safe(self) -> None:
        with self._changed:
            self._level, self._noticing = Level.QUIET, False
            self._silence()
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._silence()
            self._closed = True
            self._changed.notify_all()
        if self._beat is not current_thread():
            self._beat.join(JOIN_S)
        self._close_pins()

    def _drive_now(self, *, sound: bool) -> None:
        if self._closed or not self._beat.is_alive():
            raise ActuatorError("gpio: expected an open alerter, got one that was closed or whose thread has died")
        try:
            self._drive(sound=sound)
        except self._errors as error:
            self._silence()
            raise ActuatorError(f"gpio: the alert did not reach its pins: {error}") from error
        self._changed.notify_all()

    def _drive(self, *, sound: bool) -> None:
        alerting = self._level >= Level.WARNING
        self._buzzer.value = self._loud if sound else 0
        self._lamp.value = sound or not alerting
        if self._shaker is not None:
            self._shaker.value = alerting and self._level >= self._shakes_from

    def _silence(self) -> None:
        """Silent and dark. Each pin by itself: one that fails must not leave the others on."""
        for device in self._devices:
            try:
                device.off()
            except self._errors as error:
                _LOG.critical("an output of the alerter did not go off: %s", error)

    def _beat_pattern(self) -> None:
        with self._changed:
            while not self._closed:
                try:
                    self._beat_once()
                except self._errors as error:
                    _LOG.critical("the alert did not reach its pins: %s", error)
                    self._wait(PATTERNS[Level.WARNING].off_s)

    def _beat_once(self) -> None:
        """One period of the pattern, or until something changes. The sound is already on at its beginning."""
        pattern = Pattern(NOTICE_S, 0.0) if self._noticing else PATTERNS.get(self._level)
        if pattern is None or (pattern.off_s == 0 and not self._noticing):
            self._changed.wait()
            return
        if self._wait(pattern.on_s):
            return
        self._noticing = False
        self._drive(sound=False)
        if pattern.off_s == 0 or self._wait(pattern.off_s):
            return
        self._drive(sound=True)

    def _wait(self, for_s: float) -> bool:
        """Whether something changed within ``for_s``."""
        return self._changed.wait(for_s)

    def _open_buzzer(self, config: CabinConfig) -> Any:
        """By PWM where a pitch is wanted and the pin can, else on and off."""
        self._loud: float = 1
        if config.buzzer_hz:
            try:
                device = gpiozero.PWMOutputDevice(
                    config.buzzer_pin, frequency=config.buzzer_hz, pin_factory=self._factory
                )
            except gpiozero.PinPWMUnsupported:
                _LOG.warning("gpio: pin %d has no PWM: the buzzer is only switched", config.buzzer_pin)
            else:
                self._loud = _DUTY
                return device
        return self._output(config.buzzer_pin)

    def _output(self, pin: int) -> Any:
        return gpiozero.DigitalOutputDevice(pin, initial_value=False, pin_factory=self._factory)

    def _keep(self, device: Any) -> Any:
        self._devices.append(device)
        return device

    def _close_pins(self) -> None:
        for device in self._devices:
            device.close()
        if self._owns_factory:
            self._factory.close()

"""The relay and the buttons on a Raspberry Pi's pins. Only files of this folder import gpiozero.

Wiring that this file counts on: a resistor that holds the relay's input at its locked level while nobody drives it
(boot, crash, ``close``); buttons and door contact to ground, the contact closed while the door is shut, so that a cut
wire reads as an open door.
"""

from __future__ import annotations

import logging
from importlib import import_module
from threading import Condition, Lock, Thread, current_thread
from typing import Any

import gpiozero

from edge.actuate import DoorInputs
from edge.actuate.span import Span, begin_or_extend
from edge.clock import Clock
from edge.config import GpioConfig
from edge.errors import ActuatorError

_LOG = logging.getLogger(__name__)

BOUNCE_S = 0.02  # contacts of cheap push buttons chatter for up to some 10 ms
RETRY_S = 0.1  # a pin that did not take "locked" is told again this often
_PI_4B = 0xC03111  # Raspberry Pi documentation, "New-style revision codes"
JOIN_S = 1.0  # how long close() waits for the timer thread, which only ever waits itself


def open_pins(config: GpioConfig) -> Any:
    """The gpiozero pin factory for ``config.backend`` (gpiozero or mock). Raises ActuatorError with advice.

    The factory is passed on explicitly: gpiozero's process-wide default would fall back to other drivers in silence.
    """
    if config.backend == "log":
        raise ActuatorError("expected gpio.backend gpiozero or mock, got log, which has no pins; use LogActuator")
    if config.backend == "mock":
        return import_module("gpiozero.pins.mock").MockFactory()
    try:
        return _board_pins() if config.chip is None else _chip_pins(config.chip)
    except ImportError as error:
        raise explain(error) from error
    except pin_errors() as error:
        raise explain(error) from error


def _board_pins() -> Any:
    return import_module("gpiozero.pins.lgpio").LGPIOFactory()


def _chip_pins(chip: int) -> Any:
    """The lines of /dev/gpiochip``chip`` as pins of the same numbers, on whatever board.

    gpiozero knows pins by the board's revision code, which only a Raspberry Pi has: it is told a Pi 4's, whose 40-pin
    header has BCM 0 to 27.
    """
    factory: Any = import_module("gpiozero.pins.lgpio").LGPIOFactory
    return type("ChipFactory", (factory,), {"_get_revision": lambda _: _PI_4B})(chip=chip)


def pin_errors() -> tuple[type[Exception], ...]:
    """What pins may raise. lgpio's own error is no builtin, and the module may be absent."""
    known: tuple[type[Exception], ...] = (gpiozero.GPIOZeroError, OSError)
    try:
        return (*known, import_module("lgpio").error)
    except ImportError:
        return known


def explain(error: Exception) -> ActuatorError:
    """The error that a person can act on."""
    if isinstance(error, ImportError):
        advice = "install python3-lgpio (apt) or the extra vigil-edge[device]"
    elif isinstance(error, PermissionError) or "permission" in str(error).lower():
        advice = "let the user into the group gpio, and log in again"
    else:
        advice = "run on a Raspberry Pi that shows /dev/gpiochip0"
    return ActuatorError(f"gpio: the pins cannot be opened: {error}; {advice}, or set gpio.backend to mock or log")


class GpioRelay:
    """An Actuator on one pin. The safe level is driven at construction, before anything else.

    A thread of its own ends each pulse, so a main loop that hangs cannot hold the door open. (One that holds Python's
    interpreter lock would stop that thread as well: there the systemd watchdog ends the process, and ExecStopPost and
    the pull resistor lock.) ``clock`` is the machine's, never a recording's. ``pulse`` and ``safe`` do not block.
    """

    def __init__(self, config: GpioConfig, clock: Clock, pin_factory: Any = None) -> None:
        self._limit_s = config.pulse_limit_s
        self._clock = clock
        self._errors = pin_errors()
        self._factory = pin_factory if pin_factory is not None else open_pins(config)
        self._owns_factory = pin_factory is None
        try:
            self._relay = gpiozero.OutputDevice(
                config.relay_pin,
                active_high=config.relay_active_high,
                initial_value=False,
                pin_factory=self._factory,
            )
        except self._errors as error:
            self._close_factory()
            raise ActuatorError(f"gpio: pin {config.relay_pin} cannot drive the relay: {error}") from error
        self._span: Span | None = None
        self._stuck = False
        self._closed = False
        self._changed = Condition()  # its lock is re-entrant: safe() may come from a signal handler
        self._timer = Thread(target=self._end_pulses, name="relay-timer", daemon=True)
        self._timer.start()

    @property
    def released(self) -> bool:
        """Whether the pin is driven to free the strike."""
        with self._changed:
            return not self._closed and bool(self._relay.value)

    def pulse(self, duration_s: float) -> None:
        with self._changed:
            try:
                self._check_usable()
                self._span = begin_or_extend(self._span, self._clock.now_s(), duration_s, self._limit_s)
                self._relay.on()
            except ActuatorError:
                self.safe()
                raise
            except self._errors as error:
                self.safe()
                raise ActuatorError(f"gpio: the relay did not take the pulse: {error}") from error
            self._changed.notify_all()

    def safe(self) -> None:
        with self._changed:
            self._lock()
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._lock()
            self._closed = True
            self._changed.notify_all()
        if self._timer is not current_thread():
            self._timer.join(JOIN_S)
        try:
            self._relay.close()
        except self._errors as error:
            _LOG.error("the relay's pin was not let go: %s", error)
        self._close_factory()

    def _close_factory(self) -> None:
        if self._owns_factory:
            self._factory.close()

    def _check_usable(self) -> None:
        if self._closed:
            raise ActuatorError("gpio: expected an open relay, got one that was closed")
        if self._stuck:
            raise ActuatorError("gpio: the relay did not lock after the last pulse; check its pin and wiring")
        if not self._timer.is_alive():
            raise ActuatorError("gpio: the thread that ends pulses has died; no pulse is begun without it")

    def _lock(self) -> None:
        """Drive the safe level; on failure remember, and let the timer try again."""
        self._span = None
        if self._closed:
            return
        try:
            self._relay.off()
        except self._errors as error:
            self._stuck = True
            _LOG.critical("the relay did not lock: %s", error)
        else:
            self._stuck = False

    def _end_pulses(self) -> None:
        with self._changed:
            while not self._closed:
                if self._stuck:
                    self._changed.wait(RETRY_S)
                    self._lock()
                elif self._span is None:
                    self._changed.wait()
                elif self._expires(self._span):
                    self._lock()

    def _expires(self, span: Span) -> bool:
        """Wait for the end of ``span``; False if it was drawn out or ended meanwhile.

        The wait itself counts, not another look at the clock: a clock that stands still must not hold the door open.
        """
        left_s = span.until_s - self._clock.now_s()
        return not self._changed.wait_for(lambda: self._closed or self._span != span, max(left_s, 0.0))


class InputPins:
    """The pins that somebody reads: contacts to ground, pulled up. A factory that was given stays open."""

    def __init__(self, config: GpioConfig, pin_factory: Any = None) -> None:
        """Raises ActuatorError."""
        self.errors = pin_errors()
        self._factory = pin_factory if pin_factory is not None else open_pins(config)
        self._owns_factory = pin_factory is None
        self._devices: list[Any] = []

    def open(self, pin: int, bounce_s: float | None = BOUNCE_S) -> Any:
        """gpiozero's device of ``pin``. Raises ActuatorError, and then all pins are let go."""
        try:
            device = gpiozero.DigitalInputDevice(pin, pull_up=True, bounce_time=bounce_s, pin_factory=self._factory)
        except self.errors as error:
            self.close()
            raise ActuatorError(f"gpio: pin {pin} cannot be read: {error}") from error
        self._devices.append(device)
        return device

    def close(self) -> None:
        """Let the pins go. Safe to call twice."""
        devices, self._devices = self._devices, []
        for device in devices:
            device.close()
        if self._owns_factory and devices:
            self._factory.close()


class GpioInputs:
    """Buttons and door contact. Presses are latched by callbacks and reported once; ``read`` does not block."""

    def __init__(self, config: GpioConfig, pin_factory: Any = None) -> None:
        self._pins = InputPins(config, pin_factory)
        self._latch = Lock()
        self._pressed: set[str] = set()
        self._request = self._button(config.request_pin, "request")
        self._exit = self._button(config.exit_pin, "exit")
        self._contact = None if config.door_pin is None else self._pins.open(config.door_pin)

    def read(self) -> DoorInputs:
        """The state now. Raises ActuatorError when the door contact cannot be read."""
        try:
            door_open = None if self._contact is None else not self._contact.is_active
        except self._pins.errors as error:
            raise ActuatorError(f"gpio: the door contact cannot be read: {error}") from error
        with self._latch:
            pressed = frozenset(self._pressed)
            self._pressed.clear()
        return DoorInputs("request" in pressed, "exit" in pressed, door_open)

    def close(self) -> None:
        """Let the pins go. Safe to call twice."""
        self._pins.close()

    def _button(self, pin: int | None, name: str) -> Any:
        if pin is None:
            return None
        device = self._pins.open(pin)
        device.when_activated = lambda: self._press(name)
        return device

    def _press(self, name: str) -> None:
        with self._latch:
            self._pressed.add(name)

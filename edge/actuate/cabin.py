"""The driver's button and the car's speed: pulses on a pin, or NMEA from a GPS receiver."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any, Protocol

from edge.actuate import CabinInputs
from edge.actuate.gpio import InputPins
from edge.clock import Clock
from edge.config import CabinConfig, GpioConfig
from edge.errors import ActuatorError

WINDOW_S = 1.0  # pulses are counted over it
STANDING_S = 2.0  # without a pulse for so long the car stands, or the wire is cut
BRAKED_FROM_KMH = 40.0  # nobody brakes from more to a stand within STANDING_S: then the wire is cut


class Speed(Protocol):
    """A source of the car's speed."""

    def kmh(self, now_s: float) -> float | None:
        """The speed, None where it is not known. Does not block."""
        ...

    def close(self) -> None: ...


class PulseSpeed:
    """The speed from the times of pulses. A sensor that never gave one is not known to be there."""

    def __init__(self, pulses_per_km: float, clock: Clock) -> None:
        self._per_km, self._clock = pulses_per_km, clock
        self._lock = Lock()
        self._times: deque[float] = deque(maxlen=4096)
        self._before_kmh = 0.0  # while pulses came

    def pulse(self) -> None:
        """A pulse, now."""
        with self._lock:
            self._times.append(self._clock.now_s())

    def kmh(self, now_s: float) -> float | None:
        with self._lock:
            if not self._times:
                return None
            last_s = self._times[-1]
            count = sum(1 for at_s in self._times if at_s > last_s - WINDOW_S)
            first_s = self._times[-count]
        if now_s - last_s >= STANDING_S:
            return None if self._before_kmh > BRAKED_FROM_KMH else 0.0
        if count < 2:
            return 0.0
        self._before_kmh = (count - 1) / (last_s - first_s) * 3600 / self._per_km
        return self._before_kmh

    def close(self) -> None:
        pass


class Cabin:
    """Inputs of a car. The button is latched and reported once; of several speeds the fastest counts."""

    def __init__(
        self,
        config: CabinConfig,
        gpio: GpioConfig,
        clock: Clock,
        speeds: Sequence[Speed] = (),
        pin_factory: Any = None,
    ) -> None:
        """``speeds``: sources beside the pin. Opens no pin where the section names none. Raises ActuatorError."""
        self._clock = clock
        self._speeds = list(speeds)
        self._latch, self._pressed = Lock(), False
        wanted = config.button_pin is not None or config.speed_pin is not None
        self._pins: InputPins | None = None
        try:
            self._pins = InputPins(gpio, pin_factory) if wanted else None
            self._connect(self._pins, config)
        except ActuatorError:
            self.close()
            raise

    def _connect(self, pins: InputPins | None, config: CabinConfig) -> None:
        if pins is not None and config.button_pin is not None:
            pins.open(config.button_pin).when_activated = self._press
        if pins is not None and config.speed_pin is not None:
            pulses = PulseSpeed(config.pulses_per_km, self._clock)
            pins.open(config.speed_pin, bounce_s=None).when_activated = pulses.pulse
            self._speeds.append(pulses)

    def read(self) -> CabinInputs:
        """The state now; does not block."""
        now_s = self._clock.now_s()
        with self._latch:
            pressed, self._pressed = self._pressed, False
        known = [kmh for kmh in (speed.kmh(now_s) for speed in self._speeds) if kmh is not None]
        return CabinInputs(pressed, max(known, default=None))

    def close(self) -> None:
        """Let pins and files go. Safe to call twice."""
        if self._pins is not None:
            self._pins.close()
        for speed in self._speeds:
            speed.close()

    def _press(self) -> None:
        with self._latch:
            self._pressed = True

"""What Vigil drives and reads besides the camera: one Protocol each, one file a driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from edge.signs import Level

Wires_co = TypeVar("Wires_co", covariant=True)


@dataclass(frozen=True, slots=True)
class DoorInputs:
    """What the wires of a door say. ``door_open`` is None where no contact is fitted."""

    request_pressed: bool = False
    exit_pressed: bool = False
    door_open: bool | None = None


@dataclass(frozen=True, slots=True)
class CabinInputs:
    """What a car's wires say. ``speed_kmh`` is None where no speed is known."""

    acknowledged: bool = False
    speed_kmh: float | None = None


class Output(Protocol):
    """Whatever a run drives. Its safe state is what a fault leads to."""

    def safe(self) -> None:
        """To the safe state now. Never raises."""
        ...

    def close(self) -> None:
        """To the safe state, and let the pins go. Safe to call twice."""
        ...


class Actuator(Output, Protocol):
    """The relay of a door strike. Its safe state is *locked* (fail-secure)."""

    def pulse(self, duration_s: float) -> None:
        """Release the strike for ``duration_s`` seconds and return at once.

        The pulse ends by itself, also if nobody calls again, and never lasts beyond the driver's hard limit. Raises
        ActuatorError; the relay is then at its safe level.
        """
        ...


class Alerter(Output, Protocol):
    """Buzzer, lamp and seat shaker of a car. Its safe state is silent and dark: nobody watches, the lamp says."""

    def show(self, level: Level) -> None:
        """Sound and shine as loud as ``level`` until told otherwise. Does not block. Raises ActuatorError."""
        ...

    def notice(self) -> None:
        """One short sound; then as before. Does not block. Raises ActuatorError."""
        ...


class Inputs(Protocol[Wires_co]):
    """Buttons, contacts and sensors: ``DoorInputs`` or ``CabinInputs``."""

    def read(self) -> Wires_co:
        """The state now; does not block. A press is reported once, even if it was shorter than a frame."""
        ...

    def close(self) -> None: ...

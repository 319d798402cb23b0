"""What Vigil drives and reads besides the camera: one Protocol each, one file a driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DoorInputs:
    """What the wires of a door say. ``door_open`` is None where no contact is fitted."""

    request_pressed: bool = False
    exit_pressed: bool = False
    door_open: bool | None = None


class Actuator(Protocol):
    """The relay of a door strike. Its safe level is *locked* (fail-secure)."""

    def pulse(self, duration_s: float) -> None:
        """Release the strike for ``duration_s`` seconds and return at once.

        The pulse ends by itself, also if nobody calls again, and never lasts beyond the driver's hard limit. Raises
        ActuatorError; the relay is then at its safe level.
        """
        ...

    def safe(self) -> None:
        """Lock now. Never raises."""
        ...

    def close(self) -> None:
        """Lock and let the pins go. Safe to call twice."""
        ...


class Inputs(Protocol):
    """Buttons and contacts."""

    def read(self) -> DoorInputs:
        """The state now; does not block. A press is reported once, even if it was shorter than a frame."""
        ...

    def close(self) -> None: ...

"""What comes of one step, and who takes it: the door, or the driver's watch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from edge.types import Observation

Wires_contra = TypeVar("Wires_contra", contravariant=True)


class Figures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one frame says of the driver, for the log. Angles are degrees from the calibrated road.

    ``openness``: 0..1 of the driver's own; ``level``: 0 (quiet) to 4 (unresponsive); ``calibration``: 0..1. None: not
    known.
    """

    level: int
    openness: float | None = None
    certainty: float = 0.0
    shut: bool | None = None
    perclos_60: float | None = None
    perclos_180: float | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    sigma_deg: float | None = None
    calibration: float = 0.0
    mouth_open: float | None = None
    blink_s: float | None = None
    nods: int = 0
    yawns: int = 0
    speed_kmh: float | None = None
    rate_hz: float = 0.0
    off: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The state after the step, and its events and commands as short words for people and logs.

    ``released``: the door's strike is free. ``driver``: what was measured, in driver mode.
    """

    state: str
    released: bool
    events: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    driver: Figures | None = None


class Decider(Protocol[Wires_contra]):
    """What the daemon asks once a frame: the door, or the driver's watch."""

    def decide(
        self, observation: Observation | None, inputs: Wires_contra, now_s: float, *, camera_ok: bool
    ) -> Decision:
        """Take one step and carry it out. Raises VigilError; the caller then goes to the safe state."""
        ...

"""What the driver's face says over time, measured but not judged: from edge.attributes to edge.policy; and how loud
what the policy makes of it is.

Every figure comes with its uncertainty, and is None where it is not known. Times are seconds of the camera's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from edge.spells import Spell


@dataclass(frozen=True, slots=True)
class EyeSigns:
    """``openness``: 0 (shut) to 1 (as open as this driver's eyes are), of this frame; ``certainty`` of it, 0..1.

    ``closed``: the spell of eyes at least 80 % closed, or open. ``baseline``: p(open) of this driver's open eyes;
    ``baseline_s``: seconds that it was learnt over. ``perclos_60``, ``perclos_180``: share of the readable time of the
    last 60 and 180 s in closures of at least 0.25 s; None where less than half of it was readable; ``readable_60``,
    ``readable_180``: that share (what is missing bounds the error). ``blinks_60``: blinks within 60 s, None where
    frames are too few to see them; ``blink_s``: how long the blink lasted (at half its depth) that this
    frame ended.
    """

    openness: float | None = None
    certainty: float = 0.0
    closed: Spell = field(default_factory=Spell)
    baseline: float = 0.0
    baseline_s: float = 0.0
    perclos_60: float | None = None
    perclos_180: float | None = None
    readable_60: float = 0.0
    readable_180: float = 0.0
    blinks_60: int | None = None
    blink_s: float | None = None

    @property
    def shut(self) -> bool | None:
        """Whether this frame shows closed eyes; None where they cannot be read."""
        if self.openness is None:
            return None
        return self.closed.value is True and self.closed.rival_s is None


@dataclass(frozen=True, slots=True)
class HeadSigns:
    """``yaw_deg``, ``pitch_deg`` (up is positive): from the road, None where uncertain or not calibrated.

    ``sigma_deg``: their standard error, None with them. ``calibration``: 0..1. ``road_yaw_deg``, ``road_pitch_deg``:
    the calibrated direction in the camera's frame. ``moved_s``: when the camera was last noticed to have moved.
    """

    yaw_deg: float | None = None
    pitch_deg: float | None = None
    sigma_deg: float | None = None
    calibration: float = 0.0
    road_yaw_deg: float | None = None
    road_pitch_deg: float | None = None
    moved_s: float | None = None


@dataclass(frozen=True, slots=True)
class DriverSigns:
    """All that one frame adds up to. ``usable``: the face can be judged by its eyes or its pose.

    ``nods_s``: when nods ended within the last 60 s; ``yawns_s``: when yawns were made out within the last 300 s.
    ``rate_hz``: frames a second, as they came; ``off``: signals that are switched off because that is too few.
    ``timing_s``: standard error of every onset that samples at this rate give.
    """

    seen_s: float
    usable: bool = False
    eyes: EyeSigns = field(default_factory=EyeSigns)
    head: HeadSigns = field(default_factory=HeadSigns)
    nods_s: tuple[float, ...] = ()
    yawns_s: tuple[float, ...] = ()
    rate_hz: float = 0.0
    off: tuple[str, ...] = ()

    @property
    def timing_s(self) -> float:
        # uniform within a frame's time
        return 1 / (self.rate_hz * 12**0.5) if self.rate_hz > 0 else float("inf")


class Level(IntEnum):
    """How loud. A notice is one short sound and changes no mode."""

    QUIET = 0
    NOTICE = 1
    WARNING = 2
    ALARM = 3
    UNRESPONSIVE = 4

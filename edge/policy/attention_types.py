"""What goes into a judgement of the driver, what comes out, and what is remembered between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from edge.policy.attention_limits import RATE_FROM_S, REPEATED_WINDOW_S
from edge.policy.sight import Sight, Watch
from edge.signs import DriverSigns, Level
from edge.spells import Spell, Tally


class Mode(Enum):
    """Where the driver's table stands."""

    ATTENTIVE = "attentive"
    WARNED = "warned"
    ALARMED = "alarmed"
    UNRESPONSIVE = "unresponsive"
    STANDBY = "standby"  # the car is too slow for a warning


LEVELS: dict[Mode, Level] = {
    Mode.ATTENTIVE: Level.QUIET,
    Mode.WARNED: Level.WARNING,
    Mode.ALARMED: Level.ALARM,
    Mode.UNRESPONSIVE: Level.UNRESPONSIVE,
    Mode.STANDBY: Level.QUIET,
}


class Trigger(Enum):
    """What moves the table. The values are the kinds in the event log."""

    SLOW = "slow"
    MOVING = "moving"
    ACKNOWLEDGED = "acknowledged"
    UNRESPONSIVE_CLOSED = "unresponsive_closed"
    UNRESPONSIVE_AWAY = "unresponsive_away"
    NO_RETURN = "no_return"
    SLEEP = "sleep"
    MICROSLEEP = "microsleep"
    LONG_DISTRACTION = "long_distraction"
    REPEATED_DISTRACTION = "repeated_distraction"
    IGNORED = "ignored"
    PERCLOS = "perclos"
    NODDING = "nodding"
    RECOVERED = "recovered"


class Cause(Enum):
    """What an alert is about, and so what has to be seen before it is over."""

    EYES = "eyes"  # they have to be seen open
    ROAD = "road"  # the head has to be seen on the road
    FATIGUE = "fatigue"  # as EYES, but nobody has to answer at once


CAUSES: dict[Trigger, Cause] = {
    Trigger.UNRESPONSIVE_CLOSED: Cause.EYES,
    Trigger.SLEEP: Cause.EYES,
    Trigger.MICROSLEEP: Cause.EYES,
    Trigger.NODDING: Cause.EYES,
    Trigger.PERCLOS: Cause.FATIGUE,
    Trigger.UNRESPONSIVE_AWAY: Cause.ROAD,
    Trigger.LONG_DISTRACTION: Cause.ROAD,
    Trigger.REPEATED_DISTRACTION: Cause.ROAD,
}


@dataclass(frozen=True, slots=True)
class AttentionEvidence:
    """All that one step is told. ``signs`` is None where the step brought no frame (a tick, a camera fault).

    ``speed_kmh`` None: not known, which counts as fast. ``acknowledged``: the driver pressed the button.
    """

    signs: DriverSigns | None = None
    speed_kmh: float | None = None
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """The alert that stands. ``issued_s``: when it was last raised. ``returned``: the driver was seen to answer it;
    ``acknowledged``: and pressed the button.

    ``good``: the spell in which the driver was seen to do what ``cause`` asks for, or not.
    """

    cause: Cause
    issued_s: float
    returned: bool = False
    acknowledged: bool = False
    good: Spell = field(default_factory=Spell)


@dataclass(frozen=True, slots=True)
class Budget:
    """What was raised, by level. ``alerts``: episodes that began with a warning or louder, each counted once however
    far it climbed; ``recent_s``: when, within the last hour.
    """

    notices: int = 0
    warnings: int = 0
    alarms: int = 0
    unresponsive: int = 0
    alerts: int = 0
    recent_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class AttentionState:
    """All that is remembered. Times are seconds on the clock that ``step`` is given.

    ``signs``: of the last frame. ``away``: the spell of the head off the road, or on it; ``away_tally``: its seconds
    since the road was last looked at for 2 s; ``unsure``: a frame since its last sample had no certain pose.
    ``fired``: for each trigger, which episode (its onset) it fired for last. ``from_s``: nothing before it counts; the
    button's last press, or when the car last set off. ``level``: what the outputs show. ``driven_s``: without standby.
    """

    watch: Watch
    mode: Mode = Mode.ATTENTIVE
    mode_s: float = 0.0
    now_s: float = 0.0
    signs: DriverSigns | None = None
    away: Spell = field(default_factory=Spell)
    away_tally: Tally = field(default_factory=lambda: Tally(REPEATED_WINDOW_S))
    unsure: bool = False
    alert: Alert | None = None
    fired: Mapping[Trigger, float] = field(default_factory=dict)
    from_s: float = float("-inf")
    tiring_s: float = float("-inf")
    moved_s: float | None = None
    calibrated: bool = False
    level: Level = Level.QUIET
    driven_s: float = 0.0
    budget: Budget = field(default_factory=Budget)

    @property
    def alerts_per_hour(self) -> float | None:
        """None until there is time enough to speak of a rate."""
        return self.budget.alerts * 3600 / self.driven_s if self.driven_s >= RATE_FROM_S else None

    @property
    def sight(self) -> Sight:
        return self.watch.sight


@dataclass(frozen=True, slots=True)
class Show:
    """Set the outputs to this level, until told otherwise."""

    level: Level


@dataclass(frozen=True, slots=True)
class Notice:
    """One short sound: something the driver should know, and no reason to hurry."""

    kind: Literal["blind", "camera_moved", "tiring"]


@dataclass(frozen=True, slots=True)
class Event:
    """One line for the event log. ``part``: which table moved; ``kind``: its trigger, or what became known.

    ``level``: how loud it is; ``since_s``: the estimated onset of what it is about.
    """

    part: Literal["attention", "sight", "road", "budget"]
    kind: str
    before: str
    after: str
    level: Level = Level.QUIET
    since_s: float | None = None


Command = Show | Notice | Event

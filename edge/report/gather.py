"""Records into columns: a run in a form that is small in memory and quick to draw."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.decision import Figures
from edge.events import Record, who
from edge.report.words import Happening, read_words
from edge.signs import Level

Floats = NDArray[np.float64]
Job = Literal["driver", "door"]

GAP_S = 2.0  # records further apart say nothing of the time between: frames that show nobody are not logged
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when something stayed as it was."""

    from_s: float
    to_s: float
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run of Vigil. Times are seconds as recorded; the first record is that of the first frame.

    ``columns``: figures by name, each as long as ``times``, NaN where not known. ``lanes``: what held when.
    """

    job: Job
    times: Floats
    columns: dict[str, Floats]
    lanes: dict[str, tuple[Stretch, ...]]
    happenings: tuple[Happening, ...]
    sources: tuple[str, ...]

    @property
    def start_s(self) -> float:
        return float(self.times[0])

    @property
    def end_s(self) -> float:
        return float(self.times[-1])


@dataclass(slots=True)
class _Lane:
    """``holds``: a value stays until the next; else it ends where records stop coming."""

    value: Callable[[Record], str]
    holds: bool
    done: list[Stretch] = field(default_factory=list)
    from_s: float = 0.0
    last_s: float = 0.0
    name: str | None = None

    def add(self, at_s: float, record: Record) -> None:
        name = self.value(record)
        if self.name is None:
            self.from_s, self.name = at_s, name
        elif not self.holds and at_s - self.last_s > GAP_S:
            self._turn(self.last_s, at_s, name)
        elif name != self.name:
            self._turn(at_s, at_s, name)
        self.last_s = at_s

    def stretches(self) -> tuple[Stretch, ...]:
        return () if self.name is None else (*self.done, Stretch(self.from_s, self.last_s, self.name))

    def _turn(self, end_s: float, start_s: float, name: str) -> None:
        self.done.append(Stretch(self.from_s, end_s, self.name or ""))
        self.from_s, self.name = start_s, name


class Gathering:
    """Takes the records of one run, in order; ``run`` is what they add up to so far."""

    def __init__(self, first: Record) -> None:
        """The first record decides whether it was a drive or a door."""
        self.job: Job = "door" if first.driver is None else "driver"
        self._times = array("d")
        self._figures = _DOOR if self.job == "door" else _DRIVER
        self._columns = {name: array("d") for name in self._figures}
        self._lanes = _door_lanes() if self.job == "door" else _driver_lanes()
        self._happenings: list[Happening] = []
        self._sources: dict[str, None] = {}
        self._last = first
        self.add(first)

    def add(self, record: Record) -> None:
        """The run's next record."""
        self._last = record
        self._times.append(record.time_s)
        self._sources.setdefault(record.source)
        for name, figure in self._figures.items():
            value = figure(record)
            self._columns[name].append(_NAN if value is None else value)
        for lane in self._lanes.values():
            lane.add(record.time_s, record)
        for words in record.events:
            if happening := read_words(record.time_s, words, record.person):
                self._happenings.append(happening)

    def continues(self, record: Record) -> bool:
        """Whether ``record`` belongs to the same run: a service that is started again counts from the beginning."""
        last = self._last
        job = "door" if record.driver is None else "driver"
        counted = record.frame > last.frame or record.source != last.source
        return record.time_s >= last.time_s and counted and job == self.job

    def run(self) -> Run:
        lanes = {name: lane.stretches() for name, lane in self._lanes.items()}
        end_s = self._times[-1]
        if self.job == "driver":
            lanes["blind"] = _blind(self._happenings, end_s)
        return Run(
            self.job,
            np.array(self._times),
            {name: np.array(column) for name, column in self._columns.items()},
            lanes,
            tuple(self._happenings),
            tuple(self._sources),
        )


def _of(value: Callable[[Figures], float | None]) -> Callable[[Record], float | None]:
    return lambda record: None if record.driver is None else value(record.driver)


_DRIVER: dict[str, Callable[[Record], float | None]] = {
    "openness": _of(lambda one: one.openness),
    "perclos_60": _of(lambda one: one.perclos_60),
    "perclos_180": _of(lambda one: one.perclos_180),
    "yaw_deg": _of(lambda one: one.yaw_deg),
    "pitch_deg": _of(lambda one: one.pitch_deg),
    "speed_kmh": _of(lambda one: one.speed_kmh),
    "calibration": _of(lambda one: one.calibration),
    "blink_s": _of(lambda one: one.blink_s),
    "blinks_on": _of(lambda one: float("blinks" not in one.off)),
    "rate_hz": _of(lambda one: one.rate_hz),
}
_DOOR: dict[str, Callable[[Record], float | None]] = {
    "distance": lambda record: record.distance,
    "distance_max": lambda record: record.distance_max,
}


_LEVELS = {int(level): level.name.lower() for level in Level}


def _driver_lanes() -> dict[str, _Lane]:
    return {
        "state": _Lane(lambda record: record.state, holds=True),
        "sound": _Lane(_sound, holds=True),
        "face": _Lane(_face, holds=False),
    }


def _door_lanes() -> dict[str, _Lane]:
    return {
        "state": _Lane(lambda record: record.state, holds=True),
        "strike": _Lane(lambda record: "released" if record.released else "locked", holds=True),
        "face": _Lane(_visitor, holds=False),
    }


def _sound(record: Record) -> str:
    level = record.driver.level if record.driver else Level.QUIET
    return _LEVELS.get(level, f"level {level}")


def _face(record: Record) -> str:
    if record.track is None or record.driver is None:
        return "nobody"
    return "eyes unreadable" if record.driver.openness is None else "eyes read"


def _visitor(record: Record) -> str:
    words = who(record)
    return "a face" if words.startswith("a face") else words


def _blind(happenings: list[Happening], end_s: float) -> tuple[Stretch, ...]:
    """When Vigil said that it could not see the driver."""
    found: list[Stretch] = []
    from_s: float | None = None
    for one in happenings:
        if one.part != "sight":
            continue
        if one.after == "blind":
            from_s = one.at_s
        elif from_s is not None:
            found.append(Stretch(from_s, one.at_s, "blind"))
            from_s = None
    return tuple(found) if from_s is None else (*found, Stretch(from_s, end_s, "blind"))

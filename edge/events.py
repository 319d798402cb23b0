"""One JSON line a frame that matters: what was seen, what was decided. No picture and no embedding ever goes in.

What is as its field's default says is left out of the line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.decision import Figures
from edge.errors import StateError
from edge.steady import BEAT_S, moved
from edge.types import Frame, Observation


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decided frame. Times are seconds of the camera's clock, or of the recording; angles are degrees."""

    time_s: float
    source: str
    frame: int
    state: str
    released: bool
    track: int | None = None
    person: str | None = None
    distance: float | None = None
    distance_max: float | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    faults: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    driver: Figures | None = None


def record_of(
    observation: Observation,
    state: str,
    *,
    released: bool,
    events: tuple[str, ...],
    commands: tuple[str, ...],
    driver: Figures | None = None,
) -> Record:
    """The record of one observation and the decision that followed."""
    primary = observation.primary
    match = primary.match if primary else None
    return Record(
        time_s=round(observation.captured_s, 3),
        source=observation.source,
        frame=observation.frame_index,
        state=state,
        released=released,
        track=primary.track_id if primary else None,
        person=match.person if match and match.accepted else None,
        distance=round(match.distance, 4) if match else None,
        distance_max=round(match.distance_max, 4) if match else None,
        yaw_deg=round(primary.pose.yaw_deg, 1) if primary else None,
        pitch_deg=round(primary.pose.pitch_deg, 1) if primary else None,
        roll_deg=round(primary.pose.roll_deg, 1) if primary else None,
        faults=primary.quality.faults if primary and primary.quality else (),
        events=events,
        commands=commands,
        driver=driver,
    )


class EventLog:
    """Appends records to a file. Frames in which nobody is seen and nothing changes are left out; of a drive, so are
    those whose figures stayed as they were, but for the last one before they move.
    """

    def __init__(self, path: Path) -> None:
        """Continue the file: a service that is started again loses no line. Raises StateError."""
        self._path = path
        self._last: Record | None = None  # written
        self._left_out: Record | None = None  # the newest one, where it is newer than that
        self._last_state: str | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)  # a line is in the file, or it is an error, at once
        except OSError as error:
            raise StateError(f"{path}: the event file cannot be written: {error.strerror}") from error

    def add(self, frame: Frame, observation: Observation, record: Record) -> None:  # noqa: ARG002 - a Witness
        """Raises StateError, for example when the disk is full."""
        changed = bool(record.events or record.commands) or record.state != self._last_state
        self._last_state = record.state
        if record.track is None and not changed:
            self._catch_up()
        elif changed or _is_news(self._last, record):
            self._catch_up()
            self._write(record)
        else:
            self._left_out = record

    def finish(self) -> None:
        try:
            self._catch_up()
        finally:
            self._file.close()

    def _catch_up(self) -> None:
        """Write the frame before: until then it was as the last line says, and no line of the report may slope."""
        if self._left_out is not None:
            self._write(self._left_out)

    def _write(self, record: Record) -> None:
        self._last, self._left_out = record, None
        line = msgspec.json.encode(record) + b"\n"
        try:
            written = self._file.write(line)
        except OSError as error:
            raise StateError(f"{self._path}: the event file cannot be written: {error.strerror}") from error
        if written != len(line):
            raise StateError(f"{self._path}: the event file took {written} of {len(line)} bytes: is the disk full?")


def _is_news(last: Record | None, record: Record) -> bool:
    """Whether a frame that shows somebody says more than the last line. At a door every one does."""
    if last is None or last.driver is None or record.driver is None:
        return True
    if (record.track, record.source) != (last.track, last.source):
        return True
    return record.time_s - last.time_s >= BEAT_S or moved(last.driver, record.driver)


class Timeline:
    """Tells a person at a terminal what happens, one line for each thing that changes."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._source = ""
        self._seen: tuple[int | None, str] = (None, "")

    def add(self, frame: Frame, observation: Observation, record: Record) -> None:  # noqa: ARG002 - a Witness
        if record.source != self._source:
            self._source = record.source
            self._tell(record, f"-- {record.source}")
        seen = (record.track, who(record))
        if seen != self._seen:
            self._seen = seen
            self._tell(record, f"   {seen[1]}")
        for words in (*record.events, *record.commands):
            self._tell(record, f"   {words}")

    def finish(self) -> None:
        self._say("the recording is over")

    def _tell(self, record: Record, words: str) -> None:
        self._say(f"{record.time_s:8.2f} s  {words}")


def who(record: Record) -> str:
    """Who stands there, as far as one frame tells. Distances are left to the event log: they change all the time."""
    if record.track is None:
        return "nobody"
    if record.driver is not None:
        learnt = record.driver.calibration
        return "the driver" if learnt >= 1 else f"the driver; the road is learnt to {int(learnt * 5) * 20} %"
    if record.faults:
        return f"a face ({', '.join(record.faults)})"
    if record.distance is None:
        return "a face"
    return record.person or "a stranger"

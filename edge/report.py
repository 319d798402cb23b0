"""``vigil report``: a drive's event log as one picture: eyes, PERCLOS, head, states and alerts over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from edge.attributes.lids import CLOSED_MAX
from edge.chart import Canvas, PictureCanvas, Point, SvgCanvas
from edge.decision import Figures
from edge.errors import InputError
from edge.events import Record
from edge.images import write_image
from edge.policy.attention_limits import AWAY_DOWN_DEG, AWAY_YAW_DEG, PERCLOS_60_MIN, PERCLOS_180_MIN
from edge.render import AMBER, BLUE, GREEN, INK, MUTED, PAPER, RED, Colour
from edge.signs import Level

WIDTH = 1400
_LEFT, _RIGHT = 120, WIDTH - 30
_TOP = 96
_LANE, _ROW, _GAP = 22, 118, 16
_LIST_LINE = 20
_ALERTS_MAX = 24
_GAP_MAX_S = 1.0  # a line is not drawn over more
_RULE: Colour = (228, 224, 220)
_WASH: Colour = (226, 228, 250)  # where a limit is passed
_PURPLE: Colour = (160, 60, 120)
STATES: dict[str, Colour] = {
    "attentive": GREEN,
    "warned": AMBER,
    "alarmed": RED,
    "unresponsive": _PURPLE,
    "standby": MUTED,
}


@dataclass(frozen=True, slots=True)
class Trace:
    """One line of a row."""

    value: Callable[[Figures], float | None]
    colour: Colour
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One chart: its range, its limits (each with the colour of its trace), and what lies beyond them."""

    title: str
    low: float
    high: float
    traces: tuple[Trace, ...]
    limits: tuple[tuple[float, Colour], ...]
    beyond: tuple[float, float] | None = None  # the part of the range that is washed


ROWS = (
    Row(
        "eyes, of their own openness",
        0,
        1,
        (Trace(lambda one: one.openness, BLUE, "openness"),),
        ((CLOSED_MAX, RED),),
        (0, CLOSED_MAX),
    ),
    Row(
        "PERCLOS",
        0,
        0.4,
        (
            Trace(lambda one: one.perclos_60, BLUE, "60 s"),
            Trace(lambda one: one.perclos_180, GREEN, "180 s"),
        ),
        ((PERCLOS_60_MIN, BLUE), (PERCLOS_180_MIN, GREEN)),
    ),
    Row(
        "yaw from the road, degrees",
        -90,
        90,
        (Trace(lambda one: one.yaw_deg, BLUE, "yaw"),),
        ((AWAY_YAW_DEG, RED), (-AWAY_YAW_DEG, RED), (0, MUTED)),
    ),
    Row(
        "pitch from the road, degrees",
        -60,
        60,
        (Trace(lambda one: one.pitch_deg, BLUE, "pitch"),),
        ((-AWAY_DOWN_DEG, RED), (0, MUTED)),
        (-60, -AWAY_DOWN_DEG),
    ),
)


def read_records(path: Path) -> list[Record]:
    """The records of a drive's event log. Raises InputError naming the line that is none, or what is missing."""
    records = []
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    records.append(msgspec.json.decode(line, type=Record))
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise InputError(f"{path}: line {number} is no record of vigil run: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    driven = [record for record in records if record.driver is not None]
    if not driven:
        raise InputError(f"{path}: expected the log of a drive (mode.job driver), found {len(records)} other records")
    if any(later.time_s < earlier.time_s for earlier, later in pairwise(driven)):
        raise InputError(f"{path}: expected one drive, found times that run backwards: several runs in one file")
    return driven


def write_report(records: Sequence[Record], target: Path) -> None:
    """Draw the drive into ``target``, .html or .png. Raises InputError."""
    if target.suffix.lower() == ".png":
        picture = PictureCanvas(WIDTH, height(records), PAPER)
        draw(picture, records)
        write_image(target, picture.pixels)
        return
    if target.suffix.lower() not in (".html", ".svg"):
        raise InputError(f"{target}: expected a name ending in .html, .svg or .png")
    vector = SvgCanvas(WIDTH, height(records), PAPER)
    draw(vector, records)
    page = f'<!doctype html><meta charset="utf-8"><title>Vigil: a drive</title>\n{vector.svg}\n'
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page if target.suffix.lower() == ".html" else vector.svg, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from error


def alerts(records: Iterable[Record]) -> list[tuple[float, str]]:
    """When something was raised or noticed, and the words for it."""
    return [
        (record.time_s, words)
        for record in records
        for words in record.events
        if any(f", {level.name.lower()}" in words for level in Level if level)
    ]


def height(records: Sequence[Record]) -> int:
    listed = min(len(alerts(records)), _ALERTS_MAX + 1)
    return _TOP + _LANE + (len(ROWS) + 1) * _GAP + len(ROWS) * _ROW + 60 + max(listed, 1) * _LIST_LINE


def draw(canvas: Canvas, records: Sequence[Record]) -> None:
    """Header, lane of states, one row a signal, the time axis, and a numbered list of what was raised."""
    chart = _Chart(canvas, records)
    chart.header()
    chart.states(_TOP)
    top = _TOP + _LANE + _GAP
    for row in ROWS:
        chart.row(row, top)
        top += _ROW + _GAP
    chart.axis(top)
    chart.listed(top + 44)


class _Chart:
    def __init__(self, canvas: Canvas, records: Sequence[Record]) -> None:
        self._canvas, self._records = canvas, records
        self._alerts = alerts(records)
        self._first_s = records[0].time_s
        self._span_s = max(records[-1].time_s - self._first_s, 1e-3)

    def _x(self, time_s: float) -> float:
        return _LEFT + (time_s - self._first_s) / self._span_s * (_RIGHT - _LEFT)

    def header(self) -> None:
        self._canvas.box(0, 0, WIDTH, 66, INK)
        self._canvas.text((30, 42), "Vigil", PAPER, 28)
        raised = [words for _, words in self._alerts]
        counts = ", ".join(f"{name} {sum(f', {name}' in words for words in raised)}" for name in _LEVEL_NAMES)
        words = f"a drive of {_clock(self._span_s)}: {counts}"
        self._canvas.text((140, 42), words, _RULE, 17)

    def states(self, top: float) -> None:
        self._canvas.text((_LEFT - 10, top + 16), "state", MUTED, right=True)
        for begin_s, end_s, state in _spans(self._records):
            colour = STATES.get(state, MUTED)
            self._canvas.box(self._x(begin_s), top, self._x(end_s), top + _LANE, colour)
            if self._x(end_s) - self._x(begin_s) > 90:
                self._canvas.text((self._x(begin_s) + 6, top + 16), state, PAPER)

    def row(self, row: Row, top: float) -> None:
        bottom = top + _ROW

        def y(value: float) -> float:
            return bottom - (min(max(value, row.low), row.high) - row.low) / (row.high - row.low) * _ROW

        if row.beyond:
            self._canvas.box(_LEFT, y(row.beyond[1]), _RIGHT, y(row.beyond[0]), _WASH)
        self._canvas.path([(_LEFT, bottom), (_RIGHT, bottom)], _RULE)
        for limit, colour in row.limits:
            self._canvas.path([(_LEFT, y(limit)), (_RIGHT, y(limit))], colour)
            self._canvas.text((_LEFT - 8, y(limit) + 4), f"{limit:g}", colour, 11, right=True)
        for value in (row.low, row.high):
            self._canvas.text((_LEFT - 8, y(value) + 4), f"{value:g}", MUTED, 11, right=True)
        for number, (at_s, _) in enumerate(self._alerts[:_ALERTS_MAX], 1):
            self._canvas.path([(self._x(at_s), top), (self._x(at_s), bottom)], AMBER)
            if row is ROWS[0]:
                self._canvas.text((self._x(at_s) + 3, top - 3), str(number), AMBER, 12)
        drawn = False
        for trace in row.traces:
            for points in _lines(self._records, trace.value, self._x, y):
                self._canvas.path(points, trace.colour, 2)
                drawn = True
        if not drawn:
            self._canvas.text(((_LEFT + _RIGHT) / 2 - 40, top + _ROW / 2), "not known", MUTED)
        names = "" if len(row.traces) == 1 else ": " + ", ".join(trace.name for trace in row.traces)
        title = row.title + names
        self._canvas.box(_LEFT + 4, top + 1, _LEFT + 14 + 7 * len(title), top + 19, PAPER)
        self._canvas.text((_LEFT + 8, top + 14), title, INK, 12)

    def axis(self, top: float) -> None:
        step_s = next(step for step in (1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600) if self._span_s / step <= 24)
        for tick in range(int(self._span_s // step_s) + 1):
            x = self._x(self._first_s + tick * step_s)
            self._canvas.path([(x, top - 8), (x, top)], MUTED)
            self._canvas.text((x - 8, top + 16), _clock(tick * step_s), MUTED, 11)

    def listed(self, top: float) -> None:
        if not self._alerts:
            self._canvas.text((_LEFT, top), "nothing was raised", INK)
        for number, (at_s, words) in enumerate(self._alerts[:_ALERTS_MAX], 1):
            line = f"{number}   {_clock(at_s - self._first_s, 2)}   {words}"
            self._canvas.text((_LEFT, top + (number - 1) * _LIST_LINE), line, INK)
        if len(self._alerts) > _ALERTS_MAX:
            more = f"and {len(self._alerts) - _ALERTS_MAX} more"
            self._canvas.text((_LEFT, top + _ALERTS_MAX * _LIST_LINE), more, MUTED)


_LEVEL_NAMES = tuple(level.name.lower() for level in Level if level)


def _spans(records: Sequence[Record]) -> Iterator[tuple[float, float, str]]:
    """From when to when each state lasted."""
    begin = records[0]
    for record in records[1:]:
        if record.state != begin.state:
            yield begin.time_s, record.time_s, begin.state
            begin = record
    yield begin.time_s, records[-1].time_s, begin.state


def _lines(
    records: Sequence[Record],
    value: Callable[[Figures], float | None],
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> Iterator[list[Point]]:
    """Unbroken lines: a value that is not known interrupts. Within one px only the extremes are kept."""
    points: list[Point] = []
    last_s = records[0].time_s
    for record in records:
        known = value(record.driver) if record.driver else None
        if (known is None or record.time_s - last_s > _GAP_MAX_S) and points:
            yield points
            points = []
        if known is not None:
            _extend(points, (x(record.time_s), y(known)))
        last_s = record.time_s
    if points:
        yield points


def _extend(points: list[Point], point: Point) -> None:
    """Add a point; of more than two in one column of px, the middle ones go."""
    column = int(point[0])
    if len(points) > 2 and int(points[-1][0]) == int(points[-2][0]) == int(points[-3][0]) == column:
        lowest, highest = sorted((points[-3][1], points[-2][1], points[-1][1]))[::2]
        points[-3:] = [(points[-3][0], lowest), (points[-2][0], highest)]
    points.append(point)


def _clock(seconds: float, digits: int = 0) -> str:
    """12.4 s as 12 s, 754 s as 12:34."""
    if seconds < 120:
        return f"{seconds:.{digits}f} s"
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"

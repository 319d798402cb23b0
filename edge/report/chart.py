"""The parts of a report that stand over time: flags, lanes, panels and the axis below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge.report.canvas import EMPTY, INK, MUTED, ON_TONE, PAPER, RANGE, RULE, WASH, Anchor, Canvas, Tone, words_width
from edge.report.gather import Floats, Stretch
from edge.report.thin import lines

WIDTH = 1280
LEFT, RIGHT = 116, WIDTH - 28
_FLAG_ROWS, _FLAG_ROW = 2, 16
_SLIVER = 2.0  # px: however short something loud was, it can be seen
_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_TICKS_MAX = 16
_CROWDED_S = 0.7  # a px of more holds whole blinks: then the mean is drawn, above a paler lowest to highest


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to point at. ``rank``: higher is kept where there is no room for all; ``since_s``: its onset."""

    at_s: float
    tone: Tone
    words: str
    rank: int
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the parts are drawn: the canvas, the time from left to right, and the marks that go through everything."""

    canvas: Canvas
    start_s: float
    span_s: float
    marks: tuple[Mark, ...]

    def x(self, at_s: float) -> float:
        return LEFT + min(max((at_s - self.start_s) / self.span_s, 0), 1) * (RIGHT - LEFT)

    @property
    def column_s(self) -> float:
        """The time that a px holds."""
        return self.span_s / (RIGHT - LEFT)

    def rule_marks(self, top: float, bottom: float) -> None:
        """Each mark as a thin line, behind what is drawn next."""
        for mark in self.marks:
            self.canvas.rule((self.x(mark.at_s), top), (self.x(mark.at_s), bottom), mark.tone)


class Part(Protocol):
    """One band of the report, as wide as the page."""

    @property
    def height(self) -> float: ...

    def draw(self, stage: Stage, top: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Flags:
    """The numbers of the marks, in up to two rows; where they crowd, only the line below stays."""

    height: float = _FLAG_ROWS * _FLAG_ROW

    def draw(self, stage: Stage, top: float) -> None:
        ends = [float("-inf")] * _FLAG_ROWS
        flags = []
        for number, mark in enumerate(stage.marks, 1):
            x, half = stage.x(mark.at_s), words_width(str(number), 11) / 2 + 4
            row = next((row for row, end in enumerate(ends) if end < x - half), None)
            if row is not None:
                ends[row] = x + half
                flags.append((number, mark, x, half, top + self.height - row * _FLAG_ROW))
                stage.canvas.rule((x, flags[-1][-1] - 2), (x, top + self.height), mark.tone)
        for number, mark, x, half, bottom in flags:  # above all their poles
            hint = f"{clock(mark.at_s - stage.start_s, tenths=True)} {mark.words}"
            stage.canvas.box(x - half, bottom - _FLAG_ROW + 1, x + half, bottom - 1, mark.tone, hint=hint)
            stage.canvas.text((x, bottom - 4.5), str(number), ON_TONE, 11, "middle")


@dataclass(frozen=True, slots=True)
class Lane:
    """A band in the tone of what holds. ``tones`` in rising order: what comes later in it is drawn above."""

    title: str
    stretches: Sequence[Stretch]
    tones: Mapping[str, Tone]
    default: Tone
    height: float = 14

    def draw(self, stage: Stage, top: float) -> None:
        bottom = top + self.height
        stage.canvas.text((LEFT - 10, bottom - self.height / 2 + 4.5), self.title, MUTED, 12, "end")
        stage.canvas.box(LEFT, top, RIGHT, bottom, EMPTY)
        order = {name: place for place, name in enumerate(self.tones)}
        for one in sorted(self.stretches, key=lambda one: order.get(one.name, -1)):
            tone = self.tones.get(one.name, self.default)
            if tone is EMPTY:
                continue
            left, right = stage.x(one.from_s), stage.x(one.to_s)
            left = min(left, RIGHT - _SLIVER)
            right = max(right, left + _SLIVER)
            said = f"{clock(one.from_s - stage.start_s, tenths=True)} {one.name}, {one.to_s - one.from_s:.1f} s"
            stage.canvas.box(left, top, right, bottom, tone, hint=said)
            if self.height >= 18 and right - left > words_width(one.name, 12) + 12:
                stage.canvas.text((left + 6, bottom - self.height / 2 + 4.5), one.name, ON_TONE, 12)


@dataclass(frozen=True, slots=True)
class Trace:
    """One figure over time. ``dotted``: as dots, for what was measured now and then.

    ``pale``: of the range from lowest to highest, where time is crowded.
    """

    name: str
    tone: Tone
    times: Floats
    values: Floats
    dotted: bool = False
    pale: Tone = RANGE


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart of ``traces`` from ``low`` to ``high``. ``limits``: each with its tone; ``washed``: where it gets bad."""

    title: str
    low: float
    high: float
    traces: Sequence[Trace]
    limits: Sequence[tuple[float, Tone]] = ()
    washed: Sequence[tuple[float, float]] = ()
    ticks: Sequence[float] = ()
    height: float = 100

    def draw(self, stage: Stage, top: float) -> None:
        canvas, bottom = stage.canvas, top + self.height
        for low, high in self.washed:
            canvas.box(LEFT, self._y(top, high), RIGHT, self._y(top, low), WASH)
        for value in self.ticks:
            y = self._y(top, value)
            canvas.rule((LEFT, y), (RIGHT, y), RULE)
            canvas.text((LEFT - 10, y + 4), f"{value:g}", MUTED, 11, "end")
        found = [(trace, line) for trace in self.traces for line in lines(trace.times, trace.values, stage.column_s)]
        crowded = [one for one in found if stage.column_s > _CROWDED_S and not one[0].dotted]
        for trace, line in crowded:
            self._line(stage, top, line.extremes, trace.pale)
        stage.rule_marks(top, bottom)
        for trace, line in found:
            if trace.dotted:
                canvas.dots(self._placed(stage, top, line.extremes), trace.tone)
            else:
                self._line(stage, top, line.means if crowded else line.extremes, trace.tone)
        for value, tone in self.limits:
            y = self._y(top, value)
            canvas.rule((LEFT, y), (RIGHT, y), tone, dashed=True)
            canvas.text((LEFT - 10, y + 4), f"{value:g}", tone, 11, "end")
        if not found:
            self._unknown(canvas, top + self.height / 2)
        self._names(canvas, top, crowded=bool(crowded))

    def _line(self, stage: Stage, top: float, points: Floats, tone: Tone) -> None:
        placed = self._placed(stage, top, points)
        if len(placed) > 1:
            stage.canvas.path(placed, tone)
        else:
            stage.canvas.dots(placed, tone, 1)

    def _unknown(self, canvas: Canvas, middle: float) -> None:
        words, centre = "not known in this run", (LEFT + RIGHT) / 2
        half = words_width(words, 12) / 2 + 6
        canvas.box(centre - half, middle - 9, centre + half, middle + 9, PAPER)
        canvas.text((centre, middle + 4), words, MUTED, 12, "middle")

    def _placed(self, stage: Stage, top: float, points: Floats) -> Floats:
        x = [stage.x(at_s) for at_s in points[:, 0].tolist()]
        return np.column_stack([x, [self._y(top, value) for value in points[:, 1].tolist()]])

    def _y(self, top: float, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return top + (1 - share) * self.height

    def _names(self, canvas: Canvas, top: float, *, crowded: bool) -> None:
        canvas.text((LEFT + 6, top - 5), f"{self.title} (mean; grey: all)" if crowded else self.title, INK, 12)
        x = float(RIGHT)
        for trace in reversed(self.traces):
            if trace.name:
                canvas.text((x, top - 5), trace.name, trace.tone, 12, "end")
                x -= words_width(trace.name, 12) + 16


@dataclass(frozen=True, slots=True)
class Axis:
    """Time since the start."""

    height: float = 18

    def draw(self, stage: Stage, top: float) -> None:
        step_s = tick_s(stage.span_s)
        for tick in range(int(stage.span_s / step_s) + 1):
            x = stage.x(stage.start_s + tick * step_s)
            stage.canvas.rule((x, top), (x, top + 5), MUTED)
            anchor: Anchor = "end" if x > RIGHT - 16 else "middle"
            stage.canvas.text((x, top + 17), clock(tick * step_s, tenths=step_s < 1), MUTED, 11, anchor)


def tick_s(span_s: float) -> float:
    """How far apart the axis is labelled, so that the labels have room."""
    step_s = next((step_s for step_s in _STEPS_S if span_s / step_s <= _TICKS_MAX), _STEPS_S[-1])
    while span_s / step_s > _TICKS_MAX:
        step_s *= 2
    return step_s


def clock(seconds: float, *, tenths: bool = False) -> str:
    """754 s as 12:34, 3723.4 s as 1:02:03 or, with ``tenths``, 1:02:03.4."""
    units = round(seconds * 10) if tenths else int(seconds) * 10
    minutes, rest = divmod(units, 600)
    hours, minutes = divmod(minutes, 60)
    last = f"{rest / 10:04.1f}" if tenths else f"{rest // 10:02d}"
    return f"{hours}:{minutes:02d}:{last}" if hours else f"{minutes}:{last}"

"""The parts of a report that are read: heading, figures, legend, and the list of what was marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.report.canvas import INK, MUTED, ON_TONE, RULE, Tone, words_width
from edge.report.chart import LEFT, RIGHT, WIDTH, Mark, Stage, clock

_MARGIN = 28
_LINE = 19
_ROOM_MAX = 48  # px between two figures
_LISTED_IN_ONE = 6  # marks; more go into two columns


@dataclass(frozen=True, slots=True)
class Heading:
    """What this is, and a line of where it comes from."""

    title: str
    detail: str
    height: float = 62

    def draw(self, stage: Stage, top: float) -> None:
        stage.canvas.text((_MARGIN, top + 38), "Vigil", INK, 26)
        stage.canvas.text((LEFT, top + 38), self.title, INK, 20)
        stage.canvas.text((LEFT, top + 58), self.detail, MUTED, 12)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its name. ``tone``: what it is drawn in."""

    number: str
    name: str
    tone: Tone = INK


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of the run, side by side."""

    figures: Sequence[Figure]
    height: float = 54

    def draw(self, stage: Stage, top: float) -> None:
        widths = [max(words_width(one.number, 24), words_width(one.name, 11)) for one in self.figures]
        room = (RIGHT - LEFT - sum(widths)) / max(len(widths) - 1, 1)
        x = float(LEFT)
        for one, width in zip(self.figures, widths, strict=True):
            stage.canvas.text((x, top + 30), one.number, one.tone, 24)
            stage.canvas.text((x, top + 48), one.name, MUTED, 11)
            x += width + min(room, _ROOM_MAX)


@dataclass(frozen=True, slots=True)
class Legend:
    """What the tones of the lanes stand for."""

    tones: Mapping[str, Tone]
    height: float = 16

    def draw(self, stage: Stage, top: float) -> None:
        x = float(LEFT)
        for name, tone in self.tones.items():
            stage.canvas.box(x, top + 3, x + 12, top + 13, tone)
            stage.canvas.text((x + 17, top + 12.5), name, MUTED, 11)
            x += words_width(name, 11) + 36


@dataclass(frozen=True, slots=True)
class MarkList:
    """Every mark by number and time, in words; ``more``: how many were left out, ``none``: said if there is none."""

    marks: Sequence[Mark]
    more: int
    none: str

    @property
    def height(self) -> float:
        return 14 + (self._rows + bool(self.more)) * _LINE

    @property
    def _rows(self) -> int:
        count = max(len(self.marks), 1)
        return count if count <= _LISTED_IN_ONE else -(-count // 2)

    def draw(self, stage: Stage, top: float) -> None:
        stage.canvas.rule((LEFT, top), (RIGHT, top), RULE)
        if not self.marks:
            stage.canvas.text((LEFT, top + _LINE), self.none, INK)
        for place, mark in enumerate(self.marks):
            column, row = divmod(place, self._rows)
            self._entry(stage, LEFT + column * (WIDTH - LEFT) / 2, top + 8 + row * _LINE, place + 1, mark)
        if self.more:
            words = f"and {self.more} more of less weight"
            stage.canvas.text((LEFT, top + 8 + self._rows * _LINE + 13), words, MUTED)

    def _entry(self, stage: Stage, x: float, top: float, number: int, mark: Mark) -> None:
        stage.canvas.box(x, top, x + 24, top + 16, mark.tone)
        stage.canvas.text((x + 12, top + 12), str(number), ON_TONE, 11, "middle")
        stage.canvas.text((x + 96, top + 13), clock(mark.at_s - stage.start_s, tenths=True), INK, 13, "end")
        began = "" if mark.since_s is None else f", begun {mark.at_s - mark.since_s:.1f} s before"
        stage.canvas.text((x + 110, top + 13), f"{mark.words}{began}", INK)


def chosen(marks: Sequence[Mark], most: int) -> tuple[Mark, ...]:
    """At most ``most`` marks, those of higher rank and then the earlier ones, in the order of time."""
    best = sorted(marks, key=lambda mark: (-mark.rank, mark.at_s))[:most]
    return tuple(sorted(best, key=lambda mark: mark.at_s))


def duration(seconds: float) -> str:
    """7201 s as 2 h 00 min, 754 s as 12 min 34 s, 8.34 s as 8.3 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"

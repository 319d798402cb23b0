"""What a report is drawn with. One layout draws on any canvas: coordinates in px of the layout, y down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from edge.render import Colour

Anchor = Literal["start", "middle", "end"]
At = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tone:
    """A colour by what it stands for, as ``#rrggbb``: on paper, and on a dark screen."""

    name: str
    light: str
    dark: str

    @property
    def bgr(self) -> Colour:
        red, green, blue = bytes.fromhex(self.light[1:])
        return blue, green, red


PAPER = Tone("paper", "#fbfaf8", "#14171b")
INK = Tone("ink", "#1d2126", "#eceef1")
MUTED = Tone("muted", "#6b737d", "#9aa3ae")
RULE = Tone("rule", "#d9dce0", "#3a4048")
EMPTY = Tone("empty", "#eeeeec", "#23272d")
WASH = Tone("wash", "#fdece8", "#3a2124")
RANGE = Tone("range", "#cdd1d6", "#4a515a")
CALM = Tone("calm", "#8fc29b", "#3f7a50")
GOOD = Tone("good", "#2f7d4b", "#58b27a")
NOTICE = Tone("notice", "#3f86d6", "#6aa8f0")
WARNING = Tone("warning", "#eda320", "#d8952a")
ALARM = Tone("alarm", "#d8403c", "#e5605b")
GRAVE = Tone("grave", "#83289a", "#b765cd")
REST = Tone("rest", "#bcc0c6", "#59606a")
BLIND = Tone("blind", "#4a5666", "#8896a8")
FIRST = Tone("first", "#1f5fb8", "#79adf2")
SECOND = Tone("second", "#b4561c", "#e79a63")
ON_TONE = Tone("on_tone", "#ffffff", "#ffffff")

_GROUND, _LEVELS = (PAPER, INK, MUTED, RULE, EMPTY, WASH, RANGE, ON_TONE), (CALM, GOOD, NOTICE, WARNING, ALARM, GRAVE)
TONES = (*_GROUND, *_LEVELS, REST, BLIND, FIRST, SECOND)


class Canvas(Protocol):
    """Something to draw a report on."""

    def box(self, left: float, top: float, right: float, bottom: float, tone: Tone, *, hint: str = "") -> None:
        """A filled rectangle. ``hint``: told when it is pointed at, where that can be."""
        ...

    def rule(self, start: At, end: At, tone: Tone, weight: float = 1, *, dashed: bool = False) -> None:
        """A straight line."""
        ...

    def path(self, points: ArrayLike, tone: Tone, weight: float = 1.5) -> None:
        """A line through ``points`` (n, 2), n at least 2, not closed."""
        ...

    def dots(self, points: ArrayLike, tone: Tone, radius: float = 2.5) -> None:
        """A dot on each of ``points`` (n, 2)."""
        ...

    def text(self, at: At, words: str, tone: Tone, size: float = 13, anchor: Anchor = "start") -> None:
        """Words of ``size`` px with their baseline from, around or up to ``at``."""
        ...


def words_width(words: str, size: float) -> float:
    """About how wide ``words`` come out on any canvas, in px; rather too wide than too narrow."""
    return 0.62 * size * len(words)


def as_points(points: ArrayLike) -> np.typing.NDArray[np.float64]:
    """As (n, 2)."""
    return np.asarray(points, np.float64).reshape(-1, 2)

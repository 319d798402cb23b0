"""The report as a file: one layout, drawn as HTML, SVG or PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge.errors import InputError
from edge.images import write_image, write_whole
from edge.render import Colour
from edge.report import drive, visits
from edge.report.canvas import Canvas
from edge.report.chart import WIDTH, Mark, Panel, Part, Stage, clock
from edge.report.gather import Run
from edge.report.picture import PictureCanvas
from edge.report.svg import SvgCanvas
from edge.report.text import chosen

STATES: dict[str, Colour] = {name: tone.bgr for name, tone in drive.STATE_TONES.items()}
_SUFFIXES: Final = (".html", ".svg", ".png")
_MARKS_MAX = 40
_GAP, _PANEL_GAP = 6, 22  # px above a part; a panel's title stands there


def write_report(run: Run, target: Path, remark: str = "") -> None:
    """Draw ``run`` into ``target``, by its suffix. ``remark``: to be said beside the source's name.

    Raises InputError for another suffix, StateError where it cannot be written.
    """
    suffix = target.suffix.lower()
    if suffix not in _SUFFIXES:
        raise InputError(f"{target}: expected a name ending in one of {', '.join(_SUFFIXES)}")
    listed = chosen(marks(run), _MARKS_MAX)
    layout = _layout(run, listed, remark)
    height = round(sum(_above(part) + part.height for part in layout)) + 16
    if suffix == ".png":
        picture = PictureCanvas(WIDTH, height)
        _draw(picture, run, listed, layout)
        write_image(target, picture.pixels)
        return
    vector = SvgCanvas(WIDTH, height, f"Vigil: {_headline(run)}")
    _draw(vector, run, listed, layout)
    write_whole(target, (vector.page if suffix == ".html" else vector.svg).encode())


def marks(run: Run) -> list[Mark]:
    """What the report points at, in the order of time."""
    return drive.marks(run) if run.job == "driver" else visits.marks(run)


def summary(run: Run) -> list[str]:
    """The report for a terminal: a headline, and a line for each mark."""
    return [
        _headline(run),
        *(f"{clock(mark.at_s - run.start_s, tenths=True):>10}  {mark.words}" for mark in marks(run)),
    ]


def _headline(run: Run) -> str:
    return drive.headline(run) if run.job == "driver" else visits.headline(run)


def _layout(run: Run, listed: tuple[Mark, ...], remark: str) -> list[Part]:
    sources = ", ".join(run.sources[:3]) + (f" and {len(run.sources) - 3} more" if len(run.sources) > 3 else "")
    detail = "   ".join(words for words in (sources, f"{run.times.size} records", remark) if words)
    more = len(marks(run)) - len(listed)
    return (drive.parts if run.job == "driver" else visits.parts)(run, listed, more, detail)


def _above(part: Part) -> int:
    return _PANEL_GAP if isinstance(part, Panel) else _GAP


def _draw(canvas: Canvas, run: Run, listed: tuple[Mark, ...], layout: list[Part]) -> None:
    stage = Stage(canvas, run.start_s, max(run.end_s - run.start_s, 1e-3), listed)
    top = 0.0
    for part in layout:
        top += _above(part)
        part.draw(stage, top)
        top += part.height

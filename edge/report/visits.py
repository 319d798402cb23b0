"""A door: who stood there, how near to somebody known, and what the door did about it."""

from __future__ import annotations

import numpy as np

from edge.report.canvas import ALARM, CALM, EMPTY, GOOD, GRAVE, INK, MUTED, NOTICE, REST, WARNING, Tone
from edge.report.chart import Axis, Flags, Lane, Mark, Panel, Part, Trace
from edge.report.gather import Run
from edge.report.text import Figure, Figures, Heading, Legend, MarkList, duration
from edge.report.words import Happening

_STATE_TONES: dict[str, Tone] = {
    "idle": EMPTY,
    "relock": REST,
    "requested": NOTICE,
    "scanning": NOTICE,
    "refused": WARNING,
    "delayed": ALARM,
    "disabled": GRAVE,
    "pulse": GOOD,
}
_STRIKE_TONES: dict[str, Tone] = {"locked": EMPTY, "released": GOOD}
_FACE_TONES: dict[str, Tone] = {"nobody": EMPTY, "a face": REST, "a stranger": WARNING}
_LEGEND: dict[str, Tone] = {
    "asked, or a scan": NOTICE,
    "released, or known": GOOD,
    "refused, or a stranger": WARNING,
    "delayed": ALARM,
    "disabled": GRAVE,
}
_GRANTS = ("granted", "granted_late")
_REFUSALS = ("failed", "failed_delayed", "failed_disabled")
# What an owner would want to see; comings and goings without a request are only in the lanes.
_KINDS: dict[str, tuple[Tone, str, int]] = {
    "request": (NOTICE, "asked by the button", 0),
    "inconclusive": (REST, "no verdict: too few good frames", 1),
    "exit": (CALM, "let out by the exit button", 1),
    "granted": (GOOD, "let in", 2),
    "granted_late": (GOOD, "let in after all", 2),
    "reset": (NOTICE, "failures cleared by an administrator", 2),
    "enabled": (NOTICE, "enabled again", 2),
    "failed": (WARNING, "not let in", 3),
    "refused_request": (WARNING, "asked during a lockout", 3),
    "camera_lost": (ALARM, "the camera was lost", 4),
    "failed_delayed": (ALARM, "not let in: further tries are delayed", 4),
    "failed_disabled": (GRAVE, "not let in: disabled until an administrator acts", 5),
    "held": (ALARM, "the door is held open", 4),
    "forced": (GRAVE, "the door was forced", 5),
}


def marks(run: Run) -> list[Mark]:
    """Requests, grants, refusals, lockouts, and a door that is open when it should not be."""
    return [mark for one in run.happenings if (mark := _mark(one))]


def parts(run: Run, listed: tuple[Mark, ...], more: int, detail: str) -> list[Part]:
    """The report from top to bottom."""
    return [
        Heading(headline(run), detail),
        Figures(_figures(run)),
        Flags(),
        Lane("state", run.lanes["state"], _STATE_TONES, REST, 22),
        Lane("strike", run.lanes["strike"], _STRIKE_TONES, REST),
        Lane("face", run.lanes["face"], _FACE_TONES, GOOD),
        _distances(run),
        Axis(),
        Legend(_LEGEND),
        MarkList(listed, more, "Nobody asked to be let in."),
    ]


def headline(run: Run) -> str:
    """How long, and who was let in."""
    names = sorted({one.person for one in run.happenings if one.kind in _GRANTS and one.person})
    let_in = f"let in: {', '.join(names)}" if names else "nobody was let in"
    return f"A door for {duration(run.end_s - run.start_s)}; {let_in}"


def _mark(one: Happening) -> Mark | None:
    key = one.after if one.part == "door" else one.kind  # the contact's states name what is wrong, its triggers do not
    if key not in _KINDS:
        return None
    tone, words, rank = _KINDS[key]
    name = f": {one.person}" if one.person and key in _GRANTS else ""
    return Mark(one.at_s, tone, words + name, rank)


def _figures(run: Run) -> list[Figure]:
    kinds = [one.after if one.part == "door" else one.kind for one in run.happenings]

    def count(name: str, tone: Tone, *wanted: str) -> Figure:
        found = sum(kind in wanted for kind in kinds)
        return Figure(str(found), name, tone if found else MUTED)

    return [
        count("let in", GOOD, *_GRANTS),
        count("not let in", WARNING, *_REFUSALS),
        count("asked by the button", NOTICE, "request", "refused_request"),
        count("asked during a lockout", ALARM, "refused_request"),
        count("without a verdict", INK, "inconclusive"),
        count("let out", INK, "exit"),
        count("held open", ALARM, "held"),
        count("forced", GRAVE, "forced"),
    ]


def _distances(run: Run) -> Panel:
    distance, limit = run.columns["distance"], run.columns["distance_max"]
    limits = sorted({round(float(one), 2) for one in limit[np.isfinite(limit)]})[:1]
    known = np.where(distance <= limit, distance, np.nan)
    others = np.where(distance <= limit, np.nan, distance)
    return Panel(
        "distance to the nearest person enrolled; below the line it is a match",
        0.4,
        1.6,  # photos of one person lie around 0.8, of strangers around 1.4
        (
            Trace("a match", GOOD, run.times, known, dotted=True),
            Trace("none", WARNING, run.times, others, dotted=True),
        ),
        tuple((one, ALARM) for one in limits),
        ticks=(0.4, 1.6),
        height=150,
    )

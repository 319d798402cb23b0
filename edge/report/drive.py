"""A drive: what the driver's eyes and head did against the limits, and what was raised."""

from __future__ import annotations

import numpy as np

from edge.attributes.lids import CLOSED_MAX
from edge.policy.attention_limits import AWAY_DOWN_DEG, AWAY_YAW_DEG, PERCLOS_60_MIN, PERCLOS_180_MIN
from edge.report.canvas import (
    ALARM,
    BLIND,
    CALM,
    EMPTY,
    FIRST,
    GOOD,
    GRAVE,
    INK,
    MUTED,
    NOTICE,
    REST,
    SECOND,
    WARNING,
    Tone,
)
from edge.report.chart import Axis, Flags, Lane, Mark, Panel, Part, Trace
from edge.report.gather import Floats, Run
from edge.report.text import Figure, Figures, Heading, Legend, MarkList, duration
from edge.report.words import Happening
from edge.signs import Level

STATE_TONES: dict[str, Tone] = {
    "standby": REST,
    "attentive": CALM,
    "warned": WARNING,
    "alarmed": ALARM,
    "unresponsive": GRAVE,
}
_SOUND_TONES: dict[str, Tone] = {
    "quiet": EMPTY,
    "notice": NOTICE,
    "warning": WARNING,
    "alarm": ALARM,
    "unresponsive": GRAVE,
}
_FACE_TONES: dict[str, Tone] = {"nobody": EMPTY, "eyes read": CALM, "eyes unreadable": REST, "blind": BLIND}
_LEVEL_TONES = {
    Level.NOTICE: NOTICE,
    Level.WARNING: WARNING,
    Level.ALARM: ALARM,
    Level.UNRESPONSIVE: GRAVE,
}
_ANSWERED = "acknowledged"
_READ_MIN = 0.5  # with less "nothing was raised" says little of the eyes


def marks(run: Run) -> list[Mark]:
    """Everything that was raised or noticed, and the driver's presses of the button."""
    return [_mark(one) for one in run.happenings if one.level or one.kind == _ANSWERED]


def parts(run: Run, listed: tuple[Mark, ...], more: int, detail: str) -> list[Part]:
    """The report from top to bottom."""
    face = (*run.lanes["face"], *run.lanes["blind"])
    legend = {**STATE_TONES, "eyes unreadable": REST, "blind": BLIND}
    return [
        Heading(headline(run), detail),
        Figures(_figures(run)),
        Flags(),
        Lane("state", run.lanes["state"], STATE_TONES, REST, 22),
        Lane("sound", run.lanes["sound"], _SOUND_TONES, REST),
        Lane("face", face, _FACE_TONES, REST),
        *_panels(run),
        Axis(),
        Legend(legend),
        MarkList(listed, more, "Nothing was raised."),
    ]


def headline(run: Run) -> str:
    """How long, and the worst that was raised."""
    levels = [one.level for one in run.happenings]
    worst = max(levels, default=Level.QUIET)
    said = f"at worst: {worst.name.lower()}" if worst else "nothing was raised"
    return f"A drive of {duration(run.end_s - run.start_s)}; {said}"


def _mark(one: Happening) -> Mark:
    kind = one.kind.replace("_", " ").replace("perclos", "PERCLOS")
    words = f"{one.level.name.lower()}: {kind}" if one.level else f"{kind} by the button"
    return Mark(one.at_s, _LEVEL_TONES.get(one.level, GOOD), words, int(one.level), one.since_s)


def _figures(run: Run) -> list[Figure]:
    raised = {level: sum(one.level is level for one in run.happenings) for level in Level}
    alerts = sum(one.level >= Level.WARNING and one.before == "attentive" for one in run.happenings)
    driven_s = _seconds(run, "state") - _seconds(run, "state", "standby")
    hourly = f"{alerts * 3600 / driven_s:.1f}" if driven_s >= 600 else "-"  # less says nothing of an hour
    read_s = _seconds(run, "face", "eyes read")
    share = read_s / max(run.end_s - run.start_s, 1e-3)
    seen_s = read_s * float(run.columns["blinks_on"].mean())
    blinks = int(np.isfinite(run.columns["blink_s"]).sum())
    return [
        Figure(str(alerts), "alerts", ALARM if alerts else GOOD),
        Figure(hourly, "an hour"),
        *(_count(raised, level) for level in (Level.UNRESPONSIVE, Level.ALARM, Level.WARNING, Level.NOTICE)),
        Figure(_most(run.columns["perclos_60"]), "most PERCLOS, 60 s"),
        Figure(_most(run.columns["perclos_180"]), "most, 180 s"),
        Figure(f"{share:.0%}", "of time eyes read", INK if share >= _READ_MIN else WARNING),
        Figure(f"{blinks * 60 / seen_s:.0f}" if seen_s >= 10 else "-", "blinks a minute"),
        Figure(_middle(run.columns["rate_hz"]), "frames a second"),
    ]


def _count(raised: dict[Level, int], level: Level) -> Figure:
    plural = {Level.NOTICE: "notices", Level.WARNING: "warnings", Level.ALARM: "alarms"}.get(level, "unresponsive")
    return Figure(str(raised[level]), plural, _LEVEL_TONES[level] if raised[level] else MUTED)


def _seconds(run: Run, lane: str, name: str | None = None) -> float:
    return sum(one.to_s - one.from_s for one in run.lanes[lane] if name in (None, one.name))


def _most(values: Floats) -> str:
    known = values[np.isfinite(values)]
    return f"{known.max():.2f}" if known.size else "-"


def _middle(values: Floats) -> str:
    known = values[values > 0]
    return f"{np.median(known):.0f}" if known.size else "-"


def _panels(run: Run) -> list[Part]:
    perclos = max(_reach(run, "perclos_60"), _reach(run, "perclos_180"))
    top = 0.3 if perclos <= 0.3 else 1.0
    side = 45.0 if _reach(run, "yaw_deg") <= 45 else 90.0
    down, up = (-45.0, 30.0) if _reach(run, "pitch_deg") <= 45 else (-90.0, 60.0)
    return [
        Panel(
            "eyes: 0 shut, 1 as open as this driver's are",
            0,
            1,
            (_trace(run, "", INK, "openness"),),
            ((CLOSED_MAX, ALARM),),
            ((0, CLOSED_MAX),),
            (0, 1),
        ),
        Panel(
            "PERCLOS: share of the time with eyes shut",
            0,
            top,
            (_trace(run, "of 60 s", FIRST, "perclos_60"), _trace(run, "of 180 s", SECOND, "perclos_180")),
            ((PERCLOS_60_MIN, FIRST), (PERCLOS_180_MIN, SECOND)),
            ((PERCLOS_60_MIN, top),),
            (0, top),
            80,
        ),
        Panel(
            "head aside, degrees from the road",
            -side,
            side,
            (_trace(run, "", INK, "yaw_deg"),),
            ((AWAY_YAW_DEG, ALARM), (-AWAY_YAW_DEG, ALARM)),
            ((AWAY_YAW_DEG, side), (-side, -AWAY_YAW_DEG)),
            (-side, 0, side),
        ),
        Panel(
            "head up and down, degrees from the road; looking up has no limit",
            down,
            up,
            (_trace(run, "", INK, "pitch_deg"),),
            ((-AWAY_DOWN_DEG, ALARM),),
            ((down, -AWAY_DOWN_DEG),),
            (down, 0, up),
            90,
        ),
        *_speed(run),
    ]


def _speed(run: Run) -> list[Part]:
    if not np.isfinite(run.columns["speed_kmh"]).any():
        return []
    top = 60.0 if _reach(run, "speed_kmh") <= 60 else 140.0
    return [Panel("speed, km/h", 0, top, (_trace(run, "", INK, "speed_kmh"),), ticks=(0, top), height=50)]


def _trace(run: Run, name: str, tone: Tone, column: str) -> Trace:
    return Trace(name, tone, run.times, run.columns[column])


def _reach(run: Run, column: str) -> float:
    """The largest size of the figure; 0 where it was never known."""
    known = run.columns[column][np.isfinite(run.columns[column])]
    return float(np.abs(known).max()) if known.size else 0.0

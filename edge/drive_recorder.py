"""What a drive leaves for a person to look at: an annotated video, and the report's picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.decision import Figures
from edge.events import Record
from edge.recorder import VideoFile
from edge.render import BLUE, INK, MUTED, PAPER, RED, Label, draw_face, fit, write
from edge.report import STATES, Gathering, write_report
from edge.signs import Level
from edge.types import Frame, Observation, Pixels, TrackedFace

_VIDEO_SIZE = (960, 540)
_BAR, _BAR_WIDTH = 34, 110
_EYES_MAX = 1.0
_PERCLOS_MAX = 0.3


@dataclass
class DriveRecorder:
    """Gathers a drive frame by frame."""

    video: VideoFile | None = None
    sheet: Path | None = None
    _gathered: Gathering | None = None
    _said: str = ""

    def add(self, frame: Frame, observation: Observation, record: Record) -> None:
        """Take one decided frame."""
        if self.sheet is not None:
            self._gather(record)
        if self.video is not None:
            self._said = "   ".join(record.events) or self._said
            self.video.write(annotated(frame, observation, record, self._said), record.time_s)

    def finish(self) -> None:
        """Write what is still to be written. Raises StateError, InputError."""
        if self.video is not None:
            self.video.close()
        if self.sheet is not None and self._gathered is not None:
            write_report(self._gathered.run(), self.sheet)

    def _gather(self, record: Record) -> None:
        if self._gathered is None:
            self._gathered = Gathering(record)
        else:
            self._gathered.add(record)


def annotated(frame: Frame, observation: Observation, record: Record, said: str) -> Pixels:
    """The frame with the driver's face, the state above, the figures below, and what was said last."""
    canvas = frame.pixels.copy()
    for tracked in reversed(observation.faces):
        draw_face(canvas, tracked.face, _label(tracked), tracked.pose if tracked is observation.primary else None)
    canvas = fit(canvas, *_VIDEO_SIZE)
    _state_bar(canvas, record)
    if record.driver is not None:
        _figures(canvas, record.driver)
    write(canvas, said, (14, _VIDEO_SIZE[1] - _BAR - 14), 0.5, PAPER, back=INK)
    return canvas


def _label(tracked: TrackedFace) -> Label:
    openness = tracked.eyes.openness if tracked.eyes else None
    return Label("face", MUTED) if openness is None else Label(f"eyes {openness:.2f}", BLUE)


def _state_bar(canvas: Pixels, record: Record) -> None:
    canvas[:_BAR] = STATES.get(record.state, MUTED)
    loud = Level(record.driver.level) if record.driver else Level.QUIET
    sounds = f"sounds {loud.name.lower()}" if loud else ""
    write(canvas, f"{record.time_s:7.2f} s   {record.state}   {sounds}", (14, 23), 0.6, PAPER)


def _figures(canvas: Pixels, one: Figures) -> None:
    top = canvas.shape[0] - _BAR
    canvas[top:] = (canvas[top:] * 0.25).astype(np.uint8)
    _bar(canvas, 14, "eyes", one.openness, _EYES_MAX, alarming=bool(one.shut))
    _bar(canvas, 200, "PERCLOS", one.perclos_60, _PERCLOS_MAX, alarming=(one.perclos_60 or 0) >= _PERCLOS_MAX / 2)
    head = "head ?" if one.yaw_deg is None or one.pitch_deg is None else f"head {one.yaw_deg:+.0f} {one.pitch_deg:+.0f}"
    learnt = "" if one.calibration >= 1 else f"   learning the road {one.calibration:.0%}"
    yawns = "" if one.mouth_open is None else f"   yawns {one.yawns}"
    words = f"{head}   nods {one.nods}{yawns}{learnt}"
    write(canvas, words, (440, canvas.shape[0] - 11), 0.5, PAPER)


def _bar(canvas: Pixels, x: int, name: str, value: float | None, full: float, *, alarming: bool) -> None:
    base = canvas.shape[0] - 11
    write(canvas, f"{name} {'?' if value is None else ''}", (x, base), 0.5, PAPER)
    if value is not None:
        left = x + 10 * len(name) + 12
        width = round(min(value / full, 1) * (_BAR_WIDTH - 20))
        canvas[base - 12 : base + 2, left : left + width] = RED if alarming else BLUE

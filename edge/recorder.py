"""What a run leaves for a person to look at: an annotated video, and one contact sheet that tells the visit's story."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from edge.errors import StateError
from edge.events import Record
from edge.images import write_image
from edge.render import AMBER, BLUE, GREEN, INK, MUTED, PAPER, RED, Colour, Label, draw_face, fit, text_size, write
from edge.types import Frame, Observation, Pixels, TrackedFace

_VIDEO_SIZE = (640, 360)
_TILE = (380, 214)
_TILES_MAX = 8
_COLUMNS = 4
_MARGIN, _GAP = 40, 16
_HEADLINE, _CAPTION, _TIMELINE = 118, 52, 376  # heights of the sheet's parts; a caption stands below each tile
_RULE: Colour = (222, 218, 214)
_LEGEND = (
    (GREEN, "known, or door released"),
    (RED, "unknown"),
    (AMBER, "a scan, or a visitor who was refused"),
    (MUTED, "at rest"),
)


class VideoFile:
    """An MP4 at a constant rate: frames are repeated or left out so that its time is the recording's."""

    def __init__(self, path: Path, fps: float = 25.0) -> None:
        self._path, self._fps = path, fps
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, pixels: Pixels, captured_s: float) -> None:
        """Add a frame seen at ``captured_s``; scaled to the first frame's size. Raises StateError."""
        writer = self._writer or self._open(pixels)
        fitted = fit(pixels, *self._size)
        while self._written <= captured_s * self._fps:
            writer.write(fitted)
            self._written += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def _open(self, pixels: Pixels) -> cv2.VideoWriter:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._size = (pixels.shape[1] - pixels.shape[1] % 2, pixels.shape[0] - pixels.shape[0] % 2)
        self._writer = cv2.VideoWriter(str(self._path), cv2.VideoWriter.fourcc(*"mp4v"), self._fps, self._size)
        if not self._writer.isOpened():
            raise StateError(f"{self._path}: cannot be written as an MP4 video")
        return self._writer


@dataclass
class VisitRecorder:
    """Gathers a run frame by frame. Thumbnails are small and few, so that a long run stays within its memory."""

    video: VideoFile | None = None
    sheet: Path | None = None
    records: list[Record] = field(default_factory=list)
    _tiles: list[tuple[int, Record, Pixels]] = field(default_factory=list)

    def add(self, frame: Frame, observation: Observation, record: Record) -> None:
        """Take one decided frame."""
        if self.video is None and self.sheet is None:
            return
        picture = annotated(frame, observation)
        self._keep_moment(picture, record)
        self.records.append(record)
        if self.video is not None:
            canvas = fit(picture, *_VIDEO_SIZE)
            _status_bar(canvas, record)
            self.video.write(canvas, record.time_s)

    def finish(self) -> None:
        """Write what is still to be written. Raises StateError, InputError."""
        if self.video is not None:
            self.video.close()
        if self.sheet is not None and self.records:
            write_image(self.sheet, contact_sheet(self.records, [tile[1:] for tile in self._chosen()]))

    def _keep_moment(self, picture: Pixels, record: Record) -> None:
        weight = _weight(self.records[-1] if self.records else None, record)
        if weight and self.sheet is not None:
            self._tiles.append((weight, record, fit(picture, *_TILE)))
            self._tiles = self._chosen(_TILES_MAX + 4)

    def _chosen(self, most: int = _TILES_MAX) -> list[tuple[int, Record, Pixels]]:
        best = sorted(self._tiles, key=lambda tile: (-tile[0], tile[1].time_s))[:most]
        return sorted(best, key=lambda tile: tile[1].time_s)


def _weight(last: Record | None, record: Record) -> int:
    """How much a moment adds to the story: commands, then changes of state, then new faces, then scenes."""
    if record.commands:
        return 4
    if last is None or record.source != last.source:
        return 3
    if record.state != last.state:
        return 2
    return int(record.track != last.track and record.track is not None)


def annotated(frame: Frame, observation: Observation) -> Pixels:
    """A copy of the frame with its faces drawn; the primary one in the colour of what is known about it."""
    canvas = frame.pixels.copy()
    for tracked in reversed(observation.faces):
        draw_face(canvas, tracked.face, _label(tracked), tracked.pose if tracked is observation.primary else None)
    return canvas


def _label(tracked: TrackedFace) -> Label:
    if tracked.match is None:
        faults = tracked.quality.faults if tracked.quality else ()
        return Label(", ".join(faults) or "face", MUTED if faults else BLUE)
    distance = f"{tracked.match.distance:.2f}"
    if tracked.match.accepted:
        return Label(f"{tracked.match.person}  {distance}", GREEN)
    return Label(f"unknown  {distance}", RED)


def state_colour(record: Record) -> Colour:
    """Green while the door is released, red while it is kept shut against somebody, grey at rest."""
    if record.released:
        return GREEN
    return {"idle": MUTED, "disabled": RED, "lockout": RED}.get(record.state, AMBER)


def _status_bar(canvas: Pixels, record: Record) -> None:
    height = 30
    canvas[:height] = (canvas[:height] * 0.25).astype(np.uint8)
    base = 21
    cv2.circle(canvas, (18, base - 6), 7, state_colour(record), -1, cv2.LINE_AA)
    door = "door released" if record.released else "door locked"
    write(canvas, f"{record.time_s:6.2f} s   {record.state}   {door}", (34, base), 0.5, PAPER)
    words = "   ".join(record.commands) or record.source
    write(canvas, words, (canvas.shape[1] - text_size(words, 0.5)[0] - 14, base), 0.5, PAPER)


def contact_sheet(records: list[Record], tiles: list[tuple[Record, Pixels]]) -> Pixels:
    """One picture of a run: headline, the key moments, and a timeline of distance, state and door."""
    width = 2 * _MARGIN + _COLUMNS * _TILE[0] + (_COLUMNS - 1) * _GAP
    rows = -(-len(tiles) // _COLUMNS)
    top, bottom = _HEADLINE, _HEADLINE + rows * (_TILE[1] + _CAPTION) + _MARGIN // 2
    sheet = np.full((bottom + _TIMELINE, width, 3), PAPER, np.uint8)  # parts of it are drawn on in place
    _headline(sheet[:top], records)
    _moments(sheet[top:bottom], tiles)
    _timeline(sheet[bottom:], records)
    return sheet


def _headline(part: Pixels, records: list[Record]) -> None:
    part[:] = INK
    write(part, "Vigil", (_MARGIN, 62), 1.5, PAPER)
    write(part, "door lock: what happened", (_MARGIN + 150, 60), 0.75, MUTED)
    grants = sum("pulse" in command for record in records for command in record.commands)
    seconds = records[-1].time_s - records[0].time_s
    people = sorted({record.person for record in records if record.released and record.person})
    opened = f"opened {grants}x" + (f" for {', '.join(people)}" if people else "")
    write(part, f"{seconds:.1f} s recorded    {len(records)} frames    {opened}", (_MARGIN, 100), 0.6, PAPER)


def _moments(part: Pixels, tiles: list[tuple[Record, Pixels]]) -> None:
    for index, (record, tile) in enumerate(tiles):
        x = _MARGIN + index % _COLUMNS * (_TILE[0] + _GAP)
        y = _MARGIN // 2 + index // _COLUMNS * (_TILE[1] + _CAPTION)
        part[y : y + _TILE[1], x : x + _TILE[0]] = tile
        cv2.rectangle(part, (x, y), (x + _TILE[0] - 1, y + 4), state_colour(record), -1)
        write(part, f"{record.time_s:.2f} s  {caption(record)}", (x, y + _TILE[1] + 24), 0.5, INK)


def caption(record: Record) -> str:
    """A few words on what a moment shows."""
    if record.commands:
        return ", ".join(record.commands)
    if record.person is None and record.distance is None:
        return f"{record.source}: {'a face' if record.track is not None else 'nobody'}"
    known = (
        record.person if record.distance is not None and record.distance <= (record.distance_max or 0) else "unknown"
    )
    return f"{record.state}: {known} at {record.distance:.2f}"


def _timeline(part: Pixels, records: list[Record]) -> None:
    chart = _Chart(part, records)
    chart.scenes()
    chart.distances()
    chart.lane(248, "state", [(record.time_s, state_colour(record)) for record in records])
    chart.lane(280, "door", [(record.time_s, GREEN if record.released else _RULE) for record in records])
    chart.legend(350)


class _Chart:
    """The lower part of the sheet: time to the right, distance to the nearest person upward."""

    _TOP, _BOTTOM = 40, 226
    _NEAR, _FAR = 0.4, 1.6  # photos of one person lie around 0.8, of strangers around 1.4

    def __init__(self, part: Pixels, records: list[Record]) -> None:
        self._part, self._records = part, records
        self._left, self._right = _MARGIN + 80, int(part.shape[1]) - _MARGIN
        self._start_s = records[0].time_s
        self._span_s = max(records[-1].time_s - self._start_s, 1e-3)

    def _x(self, time_s: float) -> int:
        share = (time_s - self._start_s) / self._span_s
        return self._left + round(share * (self._right - self._left))

    def _y(self, distance: float) -> int:
        share = (min(max(distance, self._NEAR), self._FAR) - self._NEAR) / (self._FAR - self._NEAR)
        return self._BOTTOM - round(share * (self._BOTTOM - self._TOP))

    def scenes(self) -> None:
        """A rule and a name where each recording starts, and the seconds below."""
        last = None
        for record in self._records:
            if record.source != last:
                x, last = self._x(record.time_s), record.source
                cv2.line(self._part, (x, self._TOP - 14), (x, 300), _RULE, 1, cv2.LINE_AA)
                write(self._part, record.source, (x + 6, self._TOP - 8), 0.42, MUTED)
        for second in range(0, int(self._span_s) + 1, 5):
            write(self._part, f"{second} s", (self._x(self._start_s + second) - 8, 322), 0.42, MUTED)

    def distances(self) -> None:
        """A dot a verified frame, below the line if it matched, and the line itself."""
        write(self._part, "distance", (_MARGIN - 10, self._TOP + 20), 0.42, MUTED)
        limits = [record.distance_max for record in self._records if record.distance_max is not None]
        if limits:
            y = self._y(limits[0])
            cv2.line(self._part, (self._left, y), (self._right, y), AMBER, 1, cv2.LINE_AA)
            write(self._part, f"limit {limits[0]:.2f}", (_MARGIN - 10, y + 5), 0.42, AMBER)
        for record in self._records:
            if record.distance is not None:
                accepted = record.distance <= (record.distance_max or 0)
                centre = (self._x(record.time_s), self._y(record.distance))
                cv2.circle(self._part, centre, 3, GREEN if accepted else RED, -1, cv2.LINE_AA)

    def legend(self, y: int) -> None:
        """What the colours stand for."""
        x = self._left
        for colour, words in _LEGEND:
            cv2.circle(self._part, (x + 5, y - 5), 6, colour, -1, cv2.LINE_AA)
            write(self._part, words, (x + 18, y), 0.42, INK)
            x += text_size(words, 0.42)[0] + 48

    def lane(self, y: int, name: str, colours: list[tuple[float, Colour]]) -> None:
        """A band of 20 px that shows one colour from each time to the next."""
        write(self._part, name, (_MARGIN - 10, y + 15), 0.42, MUTED)
        ends = [self._x(time_s) for time_s, _ in colours[1:]] + [self._right]
        for (time_s, colour), end in zip(colours, ends, strict=True):
            cv2.rectangle(self._part, (self._x(time_s), y), (end, y + 20), colour, -1)

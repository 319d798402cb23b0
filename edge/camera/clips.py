"""One clip of a recording: a video file, a picture, or a folder of pictures, as frames with their times in the clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

from edge.camera.container import is_cut_off
from edge.camera.opencv import Capture, open_video
from edge.errors import CameraError, InputError
from edge.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES, list_images, read_image
from edge.types import Pixels

_FALLBACK_FPS = 25.0  # for files that give none, or nonsense
# What a container says of its length is an estimate: edit lists hide frames, and a variable rate makes the count
# duration x nominal rate. A recording is called damaged only where frames and seconds both fall short by more.
_SHARE_MIN = 0.9
_MISSING_MAX_S = 0.5


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a clip. ``pixels``: ``(height, width, 3)`` uint8 BGR, owned; ``clip_s``: 0 at the clip's first."""

    pixels: Pixels
    clip_s: float
    period_s: float
    source: str


class Clip(Protocol):
    """Part of a recording."""

    def shots(self) -> Iterator[Shot]:
        """The shots in order, with strictly increasing times. Raises CameraError at the first that cannot be had."""
        ...


def open_clip(path: Path, pictures_fps: float) -> Clip:
    """The clip at ``path``: a video, a picture, or a folder of them. Raises CameraError naming what was expected."""
    if path.is_dir():
        return PictureClip(_pictures_in(path), pictures_fps)
    if not path.exists():
        raise CameraError(f"{path}: no such file or folder")
    if not path.is_file():
        raise CameraError(f"{path}: expected a file or a folder (a V4L2 device is given as v4l2:{path})")
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return PictureClip([path], pictures_fps)
    if suffix not in VIDEO_SUFFIXES:
        known = ", ".join((*VIDEO_SUFFIXES, *IMAGE_SUFFIXES))
        raise CameraError(f"{path}: expected a video or a picture ({known}), got suffix {suffix or 'none'}")
    return VideoClip(path)


def _pictures_in(folder: Path) -> list[Path]:
    try:
        return list_images(folder)
    except InputError as error:
        raise CameraError(str(error)) from error


class PictureClip:
    """Pictures at a constant rate, in the order of their names (plain, not natural: pad numbers with zeros)."""

    def __init__(self, paths: Sequence[Path], fps: float) -> None:
        self._paths = paths
        self._fps = fps

    def shots(self) -> Iterator[Shot]:
        for index, path in enumerate(self._paths):
            yield Shot(_read_whole(path), index / self._fps, 1 / self._fps, path.name)


def _read_whole(path: Path) -> Pixels:
    try:
        if not is_cut_off(path):
            return read_image(path).pixels
    except InputError as error:
        raise CameraError(str(error)) from error
    except OSError as error:
        raise CameraError(f"{path}: cannot be read: {error.strerror}") from error
    raise CameraError(f"{path}: the picture is cut off: its end is missing")


class VideoClip:
    """A video file. Opening it once up front lets a broken last clip be reported before the first one plays."""

    def __init__(self, path: Path) -> None:
        try:
            empty = path.stat().st_size == 0
            self._cut_off = is_cut_off(path)
        except OSError as error:
            raise CameraError(f"{path}: cannot be read: {error.strerror}") from error
        if empty:
            raise CameraError(f"{path}: expected a video, found an empty file")
        self._path = path
        open_video(path).release()

    def shots(self) -> Iterator[Shot]:
        capture = open_video(self._path)
        try:
            yield from self._read_all(capture)
        finally:
            capture.release()

    def _read_all(self, capture: Capture) -> Iterator[Shot]:
        fps = capture.get(cv2.CAP_PROP_FPS)
        period_s = 1 / (fps if 1 <= fps <= 1000 else _FALLBACK_FPS)
        promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        origin_s, clip_s, count = 0.0, 0.0, 0
        while True:
            came, pixels = capture.read()
            if not came or pixels is None:
                break
            position_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if count == 0:
                origin_s = position_s
            else:
                clip_s = _next_time(clip_s, position_s - origin_s, period_s)
            count += 1
            yield Shot(pixels, clip_s, period_s, self._path.name)
        self._check_whole(count, int(promised), clip_s, period_s)

    def _check_whole(self, count: int, promised: int, last_s: float, period_s: float) -> None:
        if count == 0:
            raise CameraError(f"{self._path}: no frame can be decoded: the file is truncated or damaged")
        if count >= promised > 0:
            return
        missing_s = promised * period_s - (last_s + period_s)
        short = count < promised * _SHARE_MIN and missing_s > max(
            _MISSING_MAX_S, promised * period_s * (1 - _SHARE_MIN)
        )
        if self._cut_off or short:
            of = f" of {promised}" if promised > 0 else ""
            raise CameraError(f"{self._path}: ended after {count}{of} frames: the file is truncated or damaged")


def _next_time(previous_s: float, position_s: float, period_s: float) -> float:
    """The container's time where it advances, else one period on: some files give none, or repeat or reverse it."""
    return position_s if position_s > previous_s else previous_s + period_s

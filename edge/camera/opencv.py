"""OpenCV's door to video files and V4L2 devices, with the chatter of its codecs turned off."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, cast

import cv2

from edge.errors import CameraError
from edge.types import Pixels

# OpenCV reads these once, when its first capture is made. AV_LOG_QUIET is -8: a broken file is reported by one line of
# ours, not by FFmpeg's on stderr. A device that hangs must not hold the capture thread for the default of 10 s.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")
# 0 is LOG_LEVEL_SILENT; OpenCV 4.11, the last one for numpy 1, keeps the function elsewhere than 4.14 does.
(getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that the drivers use."""

    def isOpened(self) -> bool: ...  # noqa: N802 (OpenCV's name)

    def read(self) -> tuple[bool, Pixels | None]:
        """Whether a frame came, and the frame ``(height, width, 3)`` uint8 BGR in a buffer of its own."""
        ...

    def get(self, prop: int, /) -> float: ...

    def set(self, prop: int, value: float, /) -> bool: ...

    def release(self) -> None: ...


def open_video(path: Path) -> Capture:
    """Open a recording; rotation stored in the file is applied. Raises CameraError where FFmpeg cannot read it."""
    # One decoding thread: each further one costs 2 MB of resident memory and stalls when the other cores are busy.
    capture = cast(Capture, cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]))
    if not capture.isOpened():
        capture.release()
        raise CameraError(
            f"{path}: expected a video, found nothing that decodes: not a video file, or cut off before its index"
        )
    return capture


def open_device(device: str) -> Capture:
    """Open a V4L2 device by its path. The result may be closed: ask ``isOpened``."""
    return cast(Capture, cv2.VideoCapture(device, cv2.CAP_V4L2))

"""USB cameras, and whatever else the kernel offers as /dev/video*, through OpenCV."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.latest import LatestFrame
from edge.camera.opencv import Capture, open_device
from edge.clock import Clock
from edge.config import CameraConfig
from edge.errors import CameraError
from edge.types import Frame

_VIDEO4LINUX_MAJOR = 81  # Linux: Documentation/admin-guide/devices.txt
_FAILURES_MAX = 5  # a lost frame is common; five in a row is an unplugged camera


class V4l2Camera:
    """A V4L2 device such as ``/dev/video0``.

    Frames are stamped with ``clock`` when they arrive. The device may choose another size or rate than ``config`` asks
    for. Raises CameraError with advice where the device is absent, no camera, not permitted or busy; ``read`` raises it
    when the device stops giving frames.
    """

    live: bool = True

    def __init__(
        self, device: str, config: CameraConfig, clock: Clock, open_capture: Callable[[str], Capture] | None = None
    ) -> None:
        if open_capture is None:
            _check_device(Path(device))
            open_capture = open_device
        self._device, self._clock = device, clock
        self._failures = 0
        self._capture = open_capture(device)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(f"{device}: cannot be opened: in use by another program, or not a capture device")
        _configure(self._capture, config)
        self._latest = LatestFrame(self._grab, self._capture.release, device)

    def _grab(self) -> tuple[NDArray[np.uint8], float] | None:
        came, pixels = self._capture.read()
        captured_s = self._clock.now_s()
        if came and pixels is not None:
            self._failures = 0
            return pixels, captured_s
        self._failures += 1
        if self._failures >= _FAILURES_MAX:
            raise CameraError(f"{self._device}: gave no frame in {_FAILURES_MAX} attempts; was the camera unplugged?")
        return None

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not yet read; never None. Raises CameraTimeoutError, CameraError."""
        return self._latest.read(timeout_s)

    def close(self) -> None:
        """Let the device go. Safe to call twice."""
        self._latest.close()


def _configure(capture: Capture, config: CameraConfig) -> None:
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)
    capture.set(cv2.CAP_PROP_FPS, config.fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # every further buffer in the kernel is one frame period of age


def _check_device(device: Path) -> None:
    """Tell apart what OpenCV reports as one failure. Raises CameraError."""
    if not device.exists():
        present = " ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "no /dev/video* at all"
        raise CameraError(f"{device}: no such device; found {present}. Is the camera plugged in?")
    status = device.stat()
    if not stat.S_ISCHR(status.st_mode) or os.major(status.st_rdev) != _VIDEO4LINUX_MAJOR:
        raise CameraError(f"{device}: expected a video device such as /dev/video0, found something else")
    if not os.access(device, os.R_OK | os.W_OK):
        raise CameraError(f"{device}: permission denied; add the user to the group 'video' and log in again")

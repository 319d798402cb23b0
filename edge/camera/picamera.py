"""The Raspberry Pi camera through picamera2, which comes with the Pi's system Python and not from PyPI."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edge.camera.latest import LatestFrame
from edge.clock import Clock
from edge.config import CameraConfig
from edge.errors import CameraError
from edge.types import Frame

_WAIT_S = 0.25  # how long the capture thread waits before it looks whether it is to end
_LATENCY_MAX_S = 1.0  # exposure, readout and the image processor; a stamp that is older comes from another clock
_SOURCE = "picamera"


class Request(Protocol):
    """picamera2's CompletedRequest: a picture in one of the camera's own buffers, until it is released."""

    def make_array(self, name: str) -> NDArray[np.uint8]:
        """A copy of the named stream's picture."""
        ...

    def get_metadata(self) -> dict[str, Any]: ...

    def release(self) -> None: ...


class Job(Protocol):
    """picamera2's Job: work that its event loop does."""

    def get_result(self) -> Request: ...


class PicameraDevice(Protocol):
    """The part of ``picamera2.Picamera2`` that the driver uses."""

    def create_video_configuration(self, *, main: dict[str, Any], controls: dict[str, Any]) -> Any: ...

    def configure(self, camera_config: Any) -> Any: ...

    def start(self) -> Any: ...

    def capture_request(self, *, wait: bool, signal_function: Callable[[Job], None]) -> Any: ...

    def stop(self) -> Any: ...

    def close(self) -> Any: ...


class Picamera:
    """The Pi's camera, at the size and rate of ``config``.

    Frames carry the sensor's time of exposure where that is on ``clock``, else the time of arrival. Raises CameraError
    where picamera2 or the camera is missing or busy; ``read`` raises it when capturing fails.
    """

    live: bool = True

    def __init__(
        self, config: CameraConfig, clock: Clock, open_device: Callable[[], PicameraDevice] | None = None
    ) -> None:
        self._clock = clock
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._waiting = False
        self._device = _start(open_device or _open_device, config)
        self._latest = LatestFrame(self._grab, self._release, _SOURCE)

    def _grab(self) -> tuple[NDArray[np.uint8], float] | None:
        # Asked for asynchronously: capture_request() itself would wait for ever on a camera that hangs.
        try:
            if not self._waiting:
                self._device.capture_request(wait=False, signal_function=self._jobs.put)
                self._waiting = True
            request = self._jobs.get(timeout=_WAIT_S).get_result()
        except queue.Empty:
            return None
        except (RuntimeError, OSError) as error:
            raise CameraError(f"{_SOURCE}: stopped giving frames: {error}") from error
        self._waiting = False
        try:
            return request.make_array("main"), self._captured_s(request.get_metadata())
        finally:
            request.release()

    def _captured_s(self, metadata: dict[str, Any]) -> float:
        # libcamera stamps the start of exposure in ns on CLOCK_BOOTTIME by its documentation, on CLOCK_MONOTONIC by the
        # Pi's kernel drivers (raspberrypi/picamera2 issue 787). The two differ by time spent suspended, which is none
        # on a Pi; a stamp that does not fit the clock is not used.
        arrived_s = self._clock.now_s()
        sensor_s = metadata.get("SensorTimestamp", 0) / 1e9
        return sensor_s if 0 <= arrived_s - sensor_s <= _LATENCY_MAX_S else arrived_s

    def _release(self) -> None:
        self._device.stop()
        self._device.close()

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame not yet read; never None. Raises CameraTimeoutError, CameraError."""
        return self._latest.read(timeout_s)

    def close(self) -> None:
        """Let the camera go. Safe to call twice."""
        self._latest.close()


def _open_device() -> PicameraDevice:
    try:
        from picamera2 import Picamera2
    except (ImportError, ValueError) as error:  # ValueError: system packages built for another numpy than this one
        raise CameraError(
            f"{_SOURCE}: picamera2 cannot be imported ({error}); on Raspberry Pi OS: sudo apt install"
            " python3-picamera2, and use a virtual environment made with --system-site-packages"
        ) from error
    return cast(PicameraDevice, Picamera2())


def _start(open_device: Callable[[], PicameraDevice], config: CameraConfig) -> PicameraDevice:
    try:
        device = open_device()
        try:
            _configure(device, config)
            device.start()
        except BaseException:
            device.close()  # else the camera stays taken for the rest of the process
            raise
    except (RuntimeError, IndexError) as error:  # what picamera2 raises for a busy camera, and for none
        raise CameraError(
            f"{_SOURCE}: no camera could be started ({error}); check its cable, that no other program uses it, and"
            " rpicam-hello --list-cameras"
        ) from error
    return device


def _configure(device: PicameraDevice, config: CameraConfig) -> None:
    frame_us = round(1e6 / config.fps)
    # "RGB888" is named after a little-endian word: in memory the bytes are B, G, R (Picamera2 manual, appendix A).
    main = {"size": (config.width, config.height), "format": "RGB888"}
    controls = {"FrameDurationLimits": (frame_us, frame_us)}
    device.configure(device.create_video_configuration(main=main, controls=controls))

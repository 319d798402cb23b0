"""Camera devices without hardware: a test shows them pictures, and they behave as OpenCV and picamera2 do."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.camera.picamera import Job, Request
from edge.types import Pixels

_SELECT_S = 0.2  # OpenCV gives up on a silent device after some time, with "no frame"
_IDLE_MAX_S = 5.0


class FakeCapture:
    """Stands in for ``cv2.VideoCapture`` on a device. ``settings``: what was set, by OpenCV's property number."""

    def __init__(self, *, opens: bool = True) -> None:
        self.settings: dict[int, float] = {}
        self.releases = 0
        self._opens, self._plugged, self._idle = opens, True, False
        self._pictures: deque[Pixels | None] = deque()
        self._changed = threading.Condition()

    def show(self, pixels: Pixels | None) -> None:
        """Queue a picture for the driver, or a lost frame (None)."""
        with self._changed:
            self._pictures.append(pixels)
            self._idle = False
            self._changed.notify_all()

    def unplug(self) -> None:
        """From now on every read fails at once."""
        with self._changed:
            self._plugged = False
            self._changed.notify_all()

    def wait_until_taken(self) -> None:
        """Block until the driver has taken all that was shown and asks for more. Raises TimeoutError after 5 s."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._idle, _IDLE_MAX_S):
                raise TimeoutError("the driver did not take what was shown")

    def isOpened(self) -> bool:  # noqa: N802 (OpenCV's name)
        return self._opens

    def read(self) -> tuple[bool, Pixels | None]:
        with self._changed:
            if not self._pictures:
                self._idle = True
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._pictures or not self._plugged, _SELECT_S)
            pixels = self._pictures.popleft() if self._pictures and self._plugged else None
        return pixels is not None, None if pixels is None else pixels.copy()

    def get(self, prop: int, /) -> float:
        return self.settings.get(prop, 0.0)

    def set(self, prop: int, value: float, /) -> bool:
        self.settings[prop] = value
        return True

    def release(self) -> None:
        self.releases += 1


@dataclass(slots=True)
class FakeRequest:
    """A picture in the camera's buffer. ``released`` counts how often it was given back: it has to end at 1."""

    pixels: Pixels
    metadata: dict[str, Any]
    released: int = 0

    def make_array(self, name: str) -> NDArray[np.uint8]:
        if name != "main" or self.released:
            raise RuntimeError(f"expected the stream 'main' of a request that is held, got {name!r}")
        return self.pixels.copy()

    def get_metadata(self) -> dict[str, Any]:
        return dict(self.metadata)

    def release(self) -> None:
        self.released += 1


@dataclass(slots=True)
class _DoneJob:
    outcome: Request | RuntimeError

    def get_result(self) -> Request:
        if isinstance(self.outcome, RuntimeError):
            raise self.outcome
        return self.outcome


@dataclass(slots=True)
class FakePicamera2:
    """Stands in for ``picamera2.Picamera2``. ``fault`` is raised by ``configure``, as a busy camera does."""

    fault: Exception | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    asked: int = 0
    _outcomes: deque[Request | RuntimeError] = field(default_factory=deque)
    _waiting: Callable[[Job], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def show(self, pixels: Pixels, **metadata: Any) -> FakeRequest:
        """Let the camera complete a request with ``pixels`` (BGR) and libcamera's ``metadata``."""
        request = FakeRequest(pixels, metadata)
        self._finish(request)
        return request

    def fail(self, error: RuntimeError) -> None:
        """Let the next request end in ``error``."""
        self._finish(error)

    def _finish(self, outcome: Request | RuntimeError) -> None:
        with self._lock:
            self._outcomes.append(outcome)
            self._deliver()

    def _deliver(self) -> None:
        if self._waiting is not None and self._outcomes:
            signal, self._waiting = self._waiting, None
            signal(_DoneJob(self._outcomes.popleft()))

    def create_video_configuration(self, *, main: dict[str, Any], controls: dict[str, Any]) -> dict[str, Any]:
        return {"main": main, "controls": controls}

    def configure(self, camera_config: dict[str, Any]) -> None:
        if self.fault is not None:
            raise self.fault
        self.configuration = camera_config

    def start(self) -> None:
        self.calls.append("start")

    def capture_request(self, *, wait: bool, signal_function: Callable[[Job], None]) -> None:
        if wait:
            raise ValueError("expected wait=False: a camera that hangs would block for ever")
        with self._lock:
            self.asked += 1
            self._waiting = signal_function
            self._deliver()

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

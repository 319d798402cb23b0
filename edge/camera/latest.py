"""A thread that keeps only the newest frame of a live camera: a slow pipeline sees the present, not a queue."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.errors import CameraError, CameraTimeoutError, FrameError
from edge.types import Frame

Grab = Callable[[], tuple[NDArray[np.uint8], float] | None]

_RETRY_PAUSE_S = 0.05
_JOIN_MAX_S = 5.0  # a driver that never returns must not keep the process from ending


class LatestFrame:
    """Calls ``grab`` in a thread of its own and hands out the newest result.

    ``grab`` blocks until the next picture and returns its pixels (BGR, in a buffer of their own) with the time of
    capture, or None where none came for now; it raises CameraError when the device is gone. ``release`` is called in
    the same thread, once, when capturing ends: no driver is closed while another thread is inside it.
    """

    def __init__(self, grab: Grab, release: Callable[[], None], source: str) -> None:
        self._grab, self._release, self._source = grab, release, source
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._picture: tuple[NDArray[np.uint8], float] | None = None
        self._failure: CameraError | None = None
        self._index = 0
        self._last_s = float("-inf")
        self._thread = threading.Thread(target=self._run, name=f"capture {source}", daemon=True)
        self._thread.start()

    def read(self, timeout_s: float) -> Frame:
        """The newest frame that was not yet handed out. ``index`` counts those handed out.

        Blocks for at most ``timeout_s`` seconds. Raises CameraTimeoutError, or CameraError when the camera is gone or
        closed.
        """
        with self._news:
            self._news.wait_for(lambda: self._picture is not None or self._over, timeout_s)
            if self._closing.is_set():
                raise CameraError(f"{self._source}: the camera is closed")
            if self._picture is None:
                raise self._failure or CameraTimeoutError(f"{self._source}: expected a frame within {timeout_s:g} s")
            (pixels, captured_s), self._picture = self._picture, None
        return self._frame(pixels, captured_s)

    @property
    def _over(self) -> bool:
        return self._closing.is_set() or self._failure is not None

    def _frame(self, pixels: NDArray[np.uint8], captured_s: float) -> Frame:
        self._last_s = max(self._last_s, captured_s)  # sensor clocks may jitter; the contract is that time does not
        try:
            frame = Frame.from_pixels(pixels, self._last_s, self._index, layout="bgr", source=self._source)
        except FrameError as error:
            raise CameraError(f"{self._source}: {error}") from error
        self._index += 1
        return frame

    def _run(self) -> None:
        failure = CameraError(f"{self._source}: the capture thread ended")  # what an unforeseen exception leaves behind
        try:
            while not self._closing.is_set():
                self._take(self._grab())
        except CameraError as error:
            failure = error
        finally:
            with self._news:
                self._failure = failure
                self._news.notify_all()
            self._release()

    def _take(self, picture: tuple[NDArray[np.uint8], float] | None) -> None:
        if picture is None:
            self._closing.wait(_RETRY_PAUSE_S)
            return
        with self._news:
            self._picture = picture
            self._news.notify_all()

    def close(self) -> None:
        """End the thread and let the device go. Safe to call twice; returns within 5 s even if the driver hangs."""
        self._closing.set()
        with self._news:
            self._news.notify_all()
        self._thread.join(_JOIN_MAX_S)

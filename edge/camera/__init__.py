"""Where frames come from: one Protocol, one file a driver."""

from __future__ import annotations

from typing import Protocol

from edge.types import Frame


class Camera(Protocol):
    """A source of frames.

    ``live`` tells whether frames are stamped by the machine's monotonic clock (True) or by a recording (False).
    """

    live: bool

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame, or None at the end of a recording (never from a live camera).

        Blocks for at most ``timeout_s`` seconds, then raises CameraTimeoutError; raises CameraError when the device is
        gone. The frame owns its buffer. Times never decrease from one frame to the next.
        """
        ...

    def close(self) -> None:
        """Let the device go. Safe to call twice."""
        ...

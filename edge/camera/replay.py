"""A recording in the place of a camera: every frame is delivered, so decisions do not depend on the machine's speed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from edge.camera.clips import Clip, open_clip
from edge.clock import Clock
from edge.errors import CameraError, CameraTimeoutError, FrameError, InputError
from edge.types import Frame

PICTURES_FPS = 10.0

_Timeline = Generator[tuple[Frame, float], None, None]


class ReplayCamera:
    """Plays video files, pictures and folders of pictures one after another as one recording.

    ``captured_s`` is the time within the whole recording and strictly increases; clips follow each other one frame
    period apart. With ``realtime``, ``read`` waits until a frame is due on ``clock`` and falls behind rather than drop
    any; without, it returns at once and ``timeout_s`` does not matter. Not for use from several threads.

    Raises CameraError (also from ``read``, and then again from each further ``read``) for what is missing, empty, cut
    off or undecodable; InputError for no path at all.
    """

    live: bool = False

    def __init__(self, paths: Sequence[Path], clock: Clock, realtime: bool, pictures_fps: float = PICTURES_FPS) -> None:
        if not paths:
            raise InputError("expected at least one recording, got none")
        if not 0 < pictures_fps <= 1000:
            raise InputError(f"expected pictures_fps in 0..1000, got {pictures_fps}")
        self.clip_start_s: dict[str, float] = {}
        """When the clip that a ``Frame.source`` belongs to began: ``captured_s - clip_start_s[source]`` is its time."""
        self._clock, self._realtime = clock, realtime
        self._timeline: _Timeline | None = _timeline([(path, open_clip(path, pictures_fps)) for path in paths])
        self._pending: tuple[Frame, float] | None = None
        self._failure: CameraError | None = None
        self._started_s: float | None = None

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, or None after the last. Raises CameraTimeoutError where it is not due within the time."""
        self._pending = self._pending or self._next()
        if self._pending is None:
            return None
        frame, start_s = self._pending
        if self._realtime:
            self._wait_until_due(frame.captured_s, timeout_s)
        self._pending = None
        self.clip_start_s[frame.source] = start_s
        return frame

    def _next(self) -> tuple[Frame, float] | None:
        if self._timeline is None:
            raise CameraError("the recording is closed")
        if self._failure is not None:
            raise self._failure
        try:
            return next(self._timeline, None)
        except CameraError as error:
            self._failure = error  # a generator that raised would pose as one that ended
            raise

    def _wait_until_due(self, captured_s: float, timeout_s: float) -> None:
        now_s = self._clock.now_s()
        if self._started_s is None:
            self._started_s = now_s - captured_s
        wait_s = self._started_s + captured_s - now_s
        self._clock.sleep_s(min(wait_s, timeout_s))
        if wait_s > timeout_s:
            raise CameraTimeoutError(
                f"expected a frame within {timeout_s:g} s, the recording's next is {wait_s:g} s away"
            )

    def close(self) -> None:
        """Let the files go. Safe to call twice."""
        if self._timeline is not None:
            self._timeline.close()
        self._timeline = self._pending = None


def _timeline(clips: Sequence[tuple[Path, Clip]]) -> _Timeline:
    """Each frame with the start of its clip, both in seconds of the whole recording."""
    start_s, index = 0.0, 0
    for path, clip in clips:
        end_s = start_s
        for shot in clip.shots():
            captured_s = start_s + shot.clip_s
            try:
                frame = Frame(shot.pixels, captured_s, index, shot.source)
            except FrameError as error:
                raise CameraError(f"{path}: {error}") from error
            yield frame, start_s
            end_s, index = captured_s + shot.period_s, index + 1
        start_s = end_s

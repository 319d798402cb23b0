"""From what the owner writes (``picamera``, ``v4l2:/dev/video0``, FILE, DIR) to a camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.camera import Camera
from edge.clock import Clock
from edge.config import CameraConfig
from edge.errors import CameraError, InputError

_PICAMERA = "picamera"
_V4L2 = "v4l2:"
_EXPECTED = "expected picamera, v4l2:/dev/videoN, a video file, a picture or a folder of pictures"


def open_camera(sources: Sequence[str], config: CameraConfig, clock: Clock, realtime: bool) -> Camera:
    """Open one live camera, or one or more recordings that play one after another.

    ``realtime`` concerns recordings only. Drivers are imported when they are chosen: a Pi without OpenCV's codecs, or
    a PC without picamera2, runs what it can. Raises InputError for sources that do not go together, CameraError for one
    that does not exist or cannot be opened.
    """
    live = [source for source in sources if is_live(source)]
    if not sources or (live and len(sources) > 1):
        given = ", ".join(sources) or "nothing"
        raise InputError(f"expected one live camera, or one or more recordings, got {given}")
    if live:
        return _open_live(live[0], config, clock)
    for source in sources:
        if not Path(source).exists():
            raise CameraError(f"{source}: no such camera or recording; {_EXPECTED}")
    from edge.camera.replay import ReplayCamera

    return ReplayCamera([Path(source) for source in sources], clock, realtime)


def is_live(source: str) -> bool:
    """Whether ``source`` names a camera rather than a recording (a file of that name is given as ``./picamera``)."""
    return source == _PICAMERA or source.startswith(_V4L2)


def _open_live(source: str, config: CameraConfig, clock: Clock) -> Camera:
    if source == _PICAMERA:
        from edge.camera.picamera import Picamera

        return Picamera(config, clock)
    device = source.removeprefix(_V4L2)
    if not device.startswith("/"):
        raise InputError(f"{source}: expected the path of a device, such as v4l2:/dev/video0")
    from edge.camera.v4l2 import V4l2Camera

    return V4l2Camera(device, config, clock)

"""What the owner writes after --camera, and what the answer is when it cannot be meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.replay import ReplayCamera
from edge.camera.source import is_live, open_camera
from edge.clock import SystemClock
from edge.config import CameraConfig
from edge.errors import CameraError, InputError


def open_fast(*sources: str) -> object:
    return open_camera(sources, CameraConfig(), SystemClock(), realtime=False)


def test_recordings_play_one_after_another(tmp_path: Path) -> None:
    paths = [tmp_path / "1.png", tmp_path / "2.png"]
    for path in paths:
        cv2.imwrite(str(path), np.zeros((48, 48, 3), np.uint8))
    camera = open_camera([str(path) for path in paths], CameraConfig(), SystemClock(), realtime=False)
    assert isinstance(camera, ReplayCamera)
    assert [frame.source for frame in iter(lambda: camera.read(1.0), None)] == ["1.png", "2.png"]


@pytest.mark.parametrize("source", ["v4l:/dev/video0", "picam", "absent.mp4", "/absent/folder", "rtsp://camera/1"])
def test_unknown_source_names_what_was_expected(source: str) -> None:
    with pytest.raises(CameraError, match=r"no such camera or recording; expected picamera, v4l2:/dev/videoN, a video"):
        open_fast(source)


@pytest.mark.parametrize("sources", [[], ["picamera", "v4l2:/dev/video0"], ["clip.mp4", "picamera"]])
def test_sources_that_do_not_go_together(sources: list[str]) -> None:
    with pytest.raises(InputError, match="expected one live camera, or one or more recordings, got"):
        open_fast(*sources)


@pytest.mark.parametrize("source", ["v4l2:", "v4l2:0", "v4l2:video0"])
def test_v4l2_wants_a_path(source: str) -> None:
    with pytest.raises(InputError, match="such as v4l2:/dev/video0"):
        open_fast(source)


def test_v4l2_device_that_is_absent() -> None:
    with pytest.raises(CameraError, match="/dev/video97: no such device"):
        open_fast("v4l2:/dev/video97")


def test_file_may_be_named_like_a_camera() -> None:
    assert is_live("picamera")
    assert is_live("v4l2:/dev/video0")
    assert not is_live("./picamera")


def test_drivers_are_imported_only_when_chosen() -> None:
    code = "import sys, edge.camera.source; print([name for name in sys.modules if name in ('cv2', 'picamera2')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""The live drivers on fake devices: only the newest frame counts, and every fault is said in one line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.fake import FakeCapture, FakePicamera2
from edge.camera.latest import LatestFrame
from edge.camera.picamera import Picamera
from edge.camera.v4l2 import V4l2Camera
from edge.clock import SystemClock
from edge.config import CameraConfig
from edge.errors import CameraError, CameraTimeoutError
from edge.types import Pixels

CONFIG = CameraConfig(width=320, height=240, fps=20.0)


class StandingClock:
    """Always the same time."""

    def __init__(self, time_s: float) -> None:
        self.time_s = time_s

    def now_s(self) -> float:
        return self.time_s

    def sleep_s(self, duration_s: float) -> None:
        raise AssertionError(f"a live camera slept {duration_s} s on the clock")


def flat(level: int, width: int = 64) -> Pixels:
    return np.full((48, width, 3), level, np.uint8)


@pytest.fixture
def capture() -> FakeCapture:
    return FakeCapture()


@pytest.fixture
def camera(capture: FakeCapture) -> Iterator[V4l2Camera]:
    with closing(V4l2Camera("/dev/video7", CONFIG, SystemClock(), lambda device: capture)) as opened:
        yield opened


def level_of(camera: V4l2Camera | Picamera) -> int:
    frame = camera.read(2.0)
    assert frame is not None
    return int(frame.pixels[0, 0, 0])


def test_only_the_newest_frame_is_kept(camera: V4l2Camera, capture: FakeCapture) -> None:
    for level in (10, 20, 30):
        capture.show(flat(level))
    capture.wait_until_taken()
    assert level_of(camera) == 30
    with pytest.raises(CameraTimeoutError, match=r"/dev/video7: expected a frame within 0\.02 s"):
        camera.read(0.02)


def test_read_wakes_up_when_a_frame_comes(camera: V4l2Camera, capture: FakeCapture) -> None:
    later = threading.Timer(0.02, capture.show, [flat(5)])
    later.start()
    assert level_of(camera) == 5
    later.join()


def test_v4l2_asks_for_size_rate_and_the_shortest_queue(camera: V4l2Camera, capture: FakeCapture) -> None:
    assert capture.settings == {
        cv2.CAP_PROP_FRAME_WIDTH: 320,
        cv2.CAP_PROP_FRAME_HEIGHT: 240,
        cv2.CAP_PROP_FPS: 20.0,
        cv2.CAP_PROP_BUFFERSIZE: 1,
    }


def test_v4l2_stamps_frames_with_the_clock(capture: FakeCapture) -> None:
    with closing(V4l2Camera("/dev/video0", CONFIG, StandingClock(42.5), lambda device: capture)) as camera:
        capture.show(flat(1))
        frame = camera.read(2.0)
    assert frame is not None
    assert (frame.captured_s, frame.source) == (42.5, "/dev/video0")


def test_v4l2_gets_over_lost_frames(camera: V4l2Camera, capture: FakeCapture) -> None:
    for level in (10, 20):
        for _ in range(4):
            capture.show(None)
        capture.show(flat(level))
        assert level_of(camera) == level


def test_v4l2_unplugged(camera: V4l2Camera, capture: FakeCapture) -> None:
    capture.show(flat(10))
    assert level_of(camera) == 10
    capture.unplug()
    for _ in range(2):
        with pytest.raises(CameraError, match="/dev/video7: gave no frame in 5 attempts; was the camera unplugged"):
            camera.read(5.0)
    camera.close()
    assert capture.releases == 1


def test_v4l2_is_released_once_on_close(camera: V4l2Camera, capture: FakeCapture) -> None:
    camera.close()
    camera.close()
    assert capture.releases == 1


def test_v4l2_busy() -> None:
    busy = FakeCapture(opens=False)
    with pytest.raises(CameraError, match="/dev/video0: cannot be opened: in use by another program"):
        V4l2Camera("/dev/video0", CONFIG, SystemClock(), lambda device: busy)
    assert busy.releases == 1


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("/dev/video98", r"/dev/video98: no such device; found .*/dev/video.* Is the camera plugged in"),
        ("/dev/null", "/dev/null: expected a video device such as /dev/video0"),
        ("/etc/hostname", "/etc/hostname: expected a video device"),
    ],
)
def test_v4l2_device_that_is_none(device: str, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        V4l2Camera(device, CONFIG, SystemClock())


def test_frame_too_small_is_a_camera_error(camera: V4l2Camera, capture: FakeCapture) -> None:
    capture.show(flat(1, width=20))
    with pytest.raises(CameraError, match="/dev/video7: expected sides of 48"):
        camera.read(2.0)


def test_time_never_goes_back() -> None:
    times = iter([5.0, 4.0])
    taken = threading.Semaphore(1)

    def grab() -> tuple[Pixels, float] | None:
        return (flat(1), next(times)) if taken.acquire(timeout=0.05) else None

    latest = LatestFrame(grab, lambda: None, "jitter")
    try:
        assert latest.read(2.0).captured_s == 5.0
        taken.release()
        assert latest.read(2.0).captured_s == 5.0
    finally:
        latest.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_unforeseen_error_in_the_capture_thread_reaches_the_reader() -> None:
    def grab() -> tuple[Pixels, float] | None:
        raise ZeroDivisionError

    released = threading.Event()
    latest = LatestFrame(grab, released.set, "broken")
    with pytest.raises(CameraError, match="broken: the capture thread ended"):
        latest.read(2.0)
    latest.close()
    assert released.is_set()


def opened(device: FakePicamera2, time_s: float = 100.0) -> Picamera:
    return Picamera(CONFIG, StandingClock(time_s), lambda: device)


def test_picamera_is_configured_for_bgr_at_the_rate() -> None:
    device = FakePicamera2()
    opened(device).close()
    assert device.configuration == {
        "main": {"size": (320, 240), "format": "RGB888"},
        "controls": {"FrameDurationLimits": (50_000, 50_000)},
    }
    assert device.calls == ["start", "stop", "close"]


@pytest.mark.parametrize(
    ("metadata", "captured_s"),
    [
        ({"SensorTimestamp": 99_950_000_000}, 99.95),
        ({"SensorTimestamp": 200_000_000_000}, 100.0),  # ahead of the clock: another clock
        ({"SensorTimestamp": 5_000_000_000}, 100.0),  # minutes ago: another clock
        ({}, 100.0),
    ],
)
def test_picamera_takes_the_sensor_time_where_it_fits(metadata: dict[str, int], captured_s: float) -> None:
    device = FakePicamera2()
    with closing(opened(device)) as camera:
        device.show(flat(1), **metadata)
        frame = camera.read(2.0)
    assert frame is not None
    assert frame.captured_s == captured_s


def test_picamera_gives_every_buffer_back() -> None:
    device = FakePicamera2()
    with closing(opened(device)) as camera:
        requests = []
        for level in (1, 2, 3):
            requests.append(device.show(flat(level)))
            assert level_of(camera) == level
    assert [request.released for request in requests] == [1, 1, 1]


def test_picamera_that_hangs_times_out_and_goes_on() -> None:
    device = FakePicamera2()
    with closing(opened(device)) as camera:
        with pytest.raises(CameraTimeoutError):
            camera.read(0.6)
        assert device.asked == 1  # the request that is under way is waited for, not repeated
        device.show(flat(9))
        assert level_of(camera) == 9


def test_picamera_that_fails_while_capturing() -> None:
    device = FakePicamera2()
    with closing(opened(device)) as camera:
        device.fail(RuntimeError("frontend timed out"))
        with pytest.raises(CameraError, match="picamera: stopped giving frames: frontend timed out"):
            camera.read(2.0)
    assert device.calls == ["start", "stop", "close"]


def test_picamera_busy_is_closed_again() -> None:
    device = FakePicamera2(fault=RuntimeError("Failed to acquire camera: Device or resource busy"))
    with pytest.raises(CameraError, match=r"no camera could be started .*busy.* rpicam-hello --list-cameras"):
        opened(device)
    assert device.calls == ["close"]


def test_picamera_without_a_camera() -> None:
    def none_found() -> FakePicamera2:
        raise IndexError("list index out of range")

    with pytest.raises(CameraError, match="no camera could be started"):
        Picamera(CONFIG, SystemClock(), none_found)


def test_picamera2_missing_says_how_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "picamera2.py").write_text("raise ImportError('No module named libcamera')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CameraError, match=r"No module named libcamera.*apt install python3-picamera2"):
        Picamera(CONFIG, SystemClock())


def test_fake_capture_says_when_the_driver_is_stuck(capture: FakeCapture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.camera.fake._IDLE_MAX_S", 0.01)
    capture.show(flat(1))
    with pytest.raises(TimeoutError, match="did not take"):
        capture.wait_until_taken()

"""What every camera promises (edge.camera.Camera), held against each driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera import Camera
from edge.camera.fake import FakeCapture, FakePicamera2
from edge.camera.picamera import Picamera
from edge.camera.replay import ReplayCamera
from edge.camera.v4l2 import V4l2Camera
from edge.clock import SystemClock
from edge.config import CameraConfig
from edge.errors import CameraError, CameraTimeoutError
from edge.testing import ScriptedCamera
from edge.types import Frame, Pixels

N_FRAMES = 5
HEIGHT, WIDTH = 64, 96


def picture(index: int) -> Pixels:
    """A flat picture whose grey level tells its place in the order."""
    return np.full((HEIGHT, WIDTH, 3), 20 + 40 * index, np.uint8)


@dataclass
class Case:
    """A camera with ``N_FRAMES`` to come. ``feed`` makes the next one happen (nothing to do for a recording)."""

    camera: Camera
    feed: Callable[[], object] = lambda: None
    live: bool = False

    def next(self) -> Frame:
        self.feed()
        frame = self.camera.read(2.0)
        assert frame is not None
        return frame


def replayed_video(folder: Path) -> Case:
    path = folder / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    for index in range(N_FRAMES):
        writer.write(picture(index))
    writer.release()
    return Case(ReplayCamera([path], SystemClock(), realtime=False))


def replayed_folder(folder: Path) -> Case:
    for index in range(N_FRAMES):
        cv2.imwrite(str(folder / f"{index}.png"), picture(index))
    return Case(ReplayCamera([folder], SystemClock(), realtime=True, pictures_fps=200))


def replayed_pictures(folder: Path) -> Case:
    paths = [folder / f"{index}.png" for index in range(N_FRAMES)]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), picture(index))
    return Case(ReplayCamera(paths, SystemClock(), realtime=False))


def script() -> list[Frame]:
    return [Frame(picture(index), index / 10, index, "script") for index in range(N_FRAMES)]


def scripted_recording(_: Path) -> Case:
    return Case(ScriptedCamera(script()))


def scripted_live(_: Path) -> Case:
    return Case(ScriptedCamera(script(), live=True), live=True)


def v4l2(_: Path) -> Case:
    capture = FakeCapture()
    camera = V4l2Camera("/dev/video0", CameraConfig(), SystemClock(), lambda device: capture)
    pictures = iter([picture(index) for index in range(N_FRAMES)])
    return Case(camera, lambda: capture.show(next(pictures)), live=True)


def picamera(_: Path) -> Case:
    device = FakePicamera2()
    camera = Picamera(CameraConfig(), SystemClock(), lambda: device)
    pictures = iter([picture(index) for index in range(N_FRAMES)])
    return Case(camera, lambda: device.show(next(pictures)), live=True)


DRIVERS = [
    replayed_video,
    replayed_folder,
    replayed_pictures,
    scripted_recording,
    scripted_live,
    v4l2,
    picamera,
]


@pytest.fixture(params=DRIVERS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    made: Case = request.param(tmp_path)
    yield made
    made.camera.close()


def test_frames_come_in_order_with_time_and_index(case: Case) -> None:
    frames = [case.next() for _ in range(N_FRAMES)]
    assert [frame.index for frame in frames] == list(range(N_FRAMES))
    times = [frame.captured_s for frame in frames]
    assert times == sorted(times)
    levels = [float(frame.pixels.mean()) for frame in frames]
    assert levels == pytest.approx([20 + 40 * index for index in range(N_FRAMES)], abs=3)


def test_every_frame_names_its_source(case: Case) -> None:
    assert case.next().source


def test_frame_owns_its_buffer(case: Case) -> None:
    first, second = case.next(), case.next()
    before = second.pixels.copy()
    first.pixels[:] = 255
    third = case.next()
    assert np.array_equal(second.pixels, before)
    assert not np.shares_memory(first.pixels, third.pixels)
    assert first.pixels.min() == 255


def test_only_a_recording_ends(case: Case) -> None:
    for _ in range(N_FRAMES):
        case.next()
    if case.camera.live:
        with pytest.raises(CameraTimeoutError):
            case.camera.read(0.05)
    else:
        assert case.camera.read(0.05) is None
        assert case.camera.read(0.05) is None


def test_live_says_whose_clock_stamps_the_frames(case: Case) -> None:
    assert case.camera.live is case.live


def slow_replay(folder: Path) -> Case:
    for index in range(N_FRAMES):
        cv2.imwrite(str(folder / f"{index}.png"), picture(index))
    return Case(ReplayCamera([folder], SystemClock(), realtime=True, pictures_fps=0.1))


@pytest.mark.parametrize("make", [slow_replay, v4l2, picamera])
def test_timeout_is_kept_and_loses_no_frame(make: Callable[[Path], Case], tmp_path: Path) -> None:
    case, clock = make(tmp_path), SystemClock()
    with closing(case.camera):
        assert case.next().index == 0
        start_s = clock.now_s()
        for _ in range(2):
            with pytest.raises(CameraTimeoutError, match=r"0\.05 s"):
                case.camera.read(0.05)
        assert 0.08 < clock.now_s() - start_s < 2.0
        if case.live:
            assert case.next().index == 1


def test_close_twice_then_read_is_an_error(case: Case) -> None:
    case.next()
    case.camera.close()
    case.camera.close()
    with pytest.raises(CameraError, match="closed"):
        case.camera.read(0.05)


def test_close_without_a_read(case: Case) -> None:
    case.camera.close()
    with pytest.raises(CameraError):
        case.camera.read(0.05)

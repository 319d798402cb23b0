"""Recordings: one time line over all clips, every frame in both modes, and one clear line for each broken file."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.camera.clips import _next_time
from edge.camera.replay import ReplayCamera
from edge.clock import SystemClock
from edge.errors import CameraError, CameraTimeoutError, ExitCode, InputError
from edge.testing import FakeClock
from edge.types import Frame, Pixels

FPS = 25.0
WIDTH, HEIGHT = 96, 64


def noise(index: int, height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    return np.random.default_rng(index).integers(0, 255, (height, width, 3), np.uint8)


def write_video(path: Path, n_frames: int, codec: str = "mp4v", height: int = HEIGHT, width: int = WIDTH) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), FPS, (width, height))
    assert writer.isOpened()
    for index in range(n_frames):
        writer.write(noise(index, height, width))
    writer.release()
    return path


def write_picture(path: Path, index: int = 0) -> Path:
    assert cv2.imwrite(str(path), noise(index))
    return path


def cut(path: Path, share: float = 0.5) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def index_first(path: Path) -> Path:
    """Move an MP4's index (moov) before its media, as "fast start" does. Chunk offsets move with the media."""
    data = path.read_bytes()
    start = data.index(b"moov") - 4
    moov, media = bytearray(data[start:]), data[:start]
    assert int.from_bytes(moov[:4], "big") == len(moov)
    at = moov.index(b"stco") + 8
    for entry in range(int.from_bytes(moov[at : at + 4], "big")):
        place = slice(at + 4 + 4 * entry, at + 8 + 4 * entry)
        moov[place] = (int.from_bytes(moov[place], "big") + len(moov)).to_bytes(4, "big")
    ftyp = int.from_bytes(media[:4], "big")
    path.write_bytes(media[:ftyp] + moov + media[ftyp:])
    return path


def play(*paths: Path, realtime: bool = False) -> list[Frame]:
    camera = ReplayCamera(paths, FakeClock(), realtime)
    return list(iter(lambda: camera.read(1.0), None))


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mov", "mp4v")])
def test_video_gives_every_frame_at_its_time(tmp_path: Path, name: str, codec: str) -> None:
    frames = play(write_video(tmp_path / name, 8, codec))
    assert [frame.captured_s for frame in frames] == pytest.approx([index / FPS for index in range(8)], abs=1e-3)
    assert {frame.source for frame in frames} == {name}


def test_clips_follow_each_other_as_one_recording(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 4)
    single = write_picture(tmp_path / "b.png")
    folder = tmp_path / "folder"
    folder.mkdir()
    write_picture(folder / "2.png"), write_picture(folder / "1.jpg")
    camera = ReplayCamera([single, video, folder], FakeClock(), realtime=False)
    frames = list(iter(lambda: camera.read(1.0), None))
    assert [frame.index for frame in frames] == list(range(7))
    assert [frame.source for frame in frames] == ["b.png", *["a.mp4"] * 4, "1.jpg", "2.png"]
    wanted = [0, 0.1, 0.14, 0.18, 0.22, 0.26, 0.36]
    assert [frame.captured_s for frame in frames] == pytest.approx(wanted, abs=1e-3)
    assert camera.clip_start_s == pytest.approx({"b.png": 0, "a.mp4": 0.1, "1.jpg": 0.26, "2.png": 0.26}, abs=1e-3)


def test_clip_may_be_played_twice(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 3)
    times = [frame.captured_s for frame in play(video, video)]
    assert times == pytest.approx([index / FPS for index in range(6)], abs=1e-3)


@given(positions=st.lists(st.floats(-1e3, 1e3), min_size=1), period_s=st.floats(0.001, 1))
def test_time_advances_whatever_the_container_says(positions: list[float], period_s: float) -> None:
    times = [0.0]
    for position_s in positions:
        times.append(_next_time(times[-1], position_s, period_s))
    assert all(later > earlier for earlier, later in pairwise(times))


def test_realtime_gives_the_same_frames_as_fast(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 6)
    fast, real = play(video), play(video, realtime=True)
    assert [frame.captured_s for frame in fast] == [frame.captured_s for frame in real]
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(fast, real, strict=True))


def test_realtime_waits_until_a_frame_is_due(tmp_path: Path) -> None:
    clock = FakeClock()
    camera = ReplayCamera([write_video(tmp_path / "a.mp4", 3)], clock, realtime=True)
    camera.read(1.0)
    clock.advance(0.01)
    camera.read(1.0)
    assert clock.now_s() == pytest.approx(1 / FPS)


def test_slow_reader_falls_behind_and_loses_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    camera = ReplayCamera([write_video(tmp_path / "a.mp4", 5)], clock, realtime=True)
    indices = []
    while (frame := camera.read(1.0)) is not None:
        indices.append(frame.index)
        clock.advance(3.0)
    assert indices == list(range(5))
    assert clock.now_s() == pytest.approx(15.0)


def test_frame_that_is_not_due_in_time_is_kept_for_the_next_read(tmp_path: Path) -> None:
    write_picture(tmp_path / "0.png"), write_picture(tmp_path / "1.png", 1)
    clock = FakeClock()
    camera = ReplayCamera([tmp_path], clock, realtime=True, pictures_fps=0.2)
    camera.read(2.0)
    for _ in range(2):
        with pytest.raises(CameraTimeoutError):
            camera.read(2.0)
    second = camera.read(2.0)
    assert second is not None
    assert second.index == 1
    assert clock.now_s() == pytest.approx(5.0)


def test_fast_replay_waits_for_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    camera = ReplayCamera([write_video(tmp_path / "a.mp4", 3)], clock, realtime=False)
    assert len(list(iter(lambda: camera.read(0.0), None))) == 3
    assert clock.now_s() == 0.0


def test_video_is_turned_as_its_file_says(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 2)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # the matrix (ISO/IEC 14496-12, 8.3.2): a b u, c d v, x y w
    one, minus_one = (1 << 16).to_bytes(4, "big"), (-1 << 16).to_bytes(4, "big", signed=True)
    data[at : at + 20] = bytes(4) + one + bytes(4) + minus_one + bytes(4)
    path.write_bytes(data)
    assert play(path)[0].pixels.shape == (WIDTH, HEIGHT, 3)


def test_grey_and_transparent_pictures_become_bgr(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.pgm"), noise(0)[:, :, 0])
    cv2.imwrite(str(tmp_path / "2.png"), np.dstack([noise(1), noise(2)[:, :, :1]]))
    assert [frame.pixels.shape for frame in play(tmp_path)] == [(HEIGHT, WIDTH, 3)] * 2


def test_four_k_frames(tmp_path: Path) -> None:
    (frame,) = play(write_video(tmp_path / "a.avi", 1, "MJPG", 2160, 3840))
    assert (frame.width, frame.height) == (3840, 2160)


def empty_file(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def text_file(folder: Path) -> Path:
    (folder / "text.mp4").write_text("not a video\n")
    return folder / "text.mp4"


def missing_index(folder: Path) -> Path:
    return cut(write_video(folder / "cut.mp4", 20))


def unknown_suffix(folder: Path) -> Path:
    (folder / "notes.txt").write_text("not a video\n")
    return folder / "notes.txt"


def empty_folder(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    (folder / "pictures" / "notes.txt").touch()
    return folder / "pictures"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "absent.mp4", "absent.mp4: no such file or folder"),
        (lambda folder: Path("/dev/null"), "/dev/null: expected a file or a folder"),
        (empty_file, "empty.mp4: expected a video, found an empty file"),
        (text_file, "text.mp4: expected a video, found nothing that decodes"),
        (missing_index, "cut.mp4: expected a video, found nothing that decodes: .* cut off before its index"),
        (unknown_suffix, r"notes.txt: expected a video or a picture .*\.mp4.*, got suffix \.txt"),
        (empty_folder, r"pictures: expected pictures .*\.png.*, found"),
    ],
)
def test_what_cannot_be_opened_is_told_at_the_start(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], make: Callable[[Path], Path], message: str
) -> None:
    good = write_video(tmp_path / "good.mp4", 1)
    with pytest.raises(CameraError, match=message) as caught:
        ReplayCamera([good, make(tmp_path)], SystemClock(), realtime=False)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code is ExitCode.CAMERA_FAILURE
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["mp4", "avi"])
def test_half_a_video_ends_in_an_error_after_its_readable_part(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    whole = write_video(tmp_path / f"a.{kind}", 30, "MJPG" if kind == "avi" else "mp4v")
    path = cut(index_first(whole) if kind == "mp4" else whole)
    camera = ReplayCamera([path], FakeClock(), realtime=False)
    frames: list[Frame] = []
    with pytest.raises(CameraError, match=rf"a\.{kind}: ended after \d+ of 30 frames: .* truncated or damaged"):
        frames.extend(iter(lambda: camera.read(1.0), None))
    assert 5 <= len(frames) <= 25
    with pytest.raises(CameraError, match="ended after"):
        camera.read(1.0)
    assert capfd.readouterr() == ("", "")


def test_missing_end_is_noticed_however_short(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"ended after 2\d of 30 frames"):
        play(cut(index_first(write_video(tmp_path / "a.mp4", 30)), 0.95))


def test_whole_video_with_its_index_first_plays_to_its_end(tmp_path: Path) -> None:
    assert len(play(index_first(write_video(tmp_path / "a.mp4", 30)))) == 30


def test_video_whose_second_half_is_blank_is_damaged(tmp_path: Path) -> None:
    path = index_first(write_video(tmp_path / "a.mp4", 50))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(CameraError, match=r"a\.mp4: ended after \d+ of 50 frames"):
        play(path)


@pytest.mark.parametrize(("suffix", "share"), [(".jpg", 0.5), (".jpg", 0.97), (".png", 0.5)])
def test_cut_picture_in_a_folder_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str, share: float
) -> None:
    write_picture(tmp_path / "1.png")
    cut(write_picture(tmp_path / f"2{suffix}"), share)
    camera = ReplayCamera([tmp_path], FakeClock(), realtime=False)
    assert camera.read(1.0) is not None
    with pytest.raises(CameraError, match=rf"2\{suffix}: the picture is cut off"):
        camera.read(1.0)
    assert capfd.readouterr() == ("", "")


def test_what_is_no_picture_in_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_text("not a picture")
    with pytest.raises(CameraError, match=r"1\.jpg: expected a picture"):
        play(tmp_path)


def test_jpeg_with_a_thumbnail_is_judged_by_the_picture(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "1.jpg")
    data = path.read_bytes()
    thumbnail = data[:2] + b"thumbnail" + b"\xff\xd9"
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + data[2:])
    assert len(play(path)) == 1
    with pytest.raises(CameraError, match="cut off"):
        play(cut(path, 0.9))


def test_video_too_small_for_a_face_names_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "tiny.mp4", 2, height=32, width=32)
    with pytest.raises(CameraError, match=r"tiny\.mp4: expected sides of 48"):
        play(path)


def test_nothing_to_play_is_an_input_error() -> None:
    with pytest.raises(InputError, match="at least one recording"):
        ReplayCamera([], SystemClock(), realtime=False)

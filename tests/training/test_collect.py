"""Photos of one's own: taken by keys or by a countdown, strangers brought in, nothing overwritten, nothing mixed."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge.errors import CameraError, ExitCode, InputError
from edge.images import read_image
from edge.types import Floats, Frame
from training.__main__ import main
from training.data.import_people import import_negatives, people_pictures
from training.data.own_folder import KINDS, OwnFolder, portrait
from training.shoot import Plan, shoot_by_keys, shoot_by_time, summary

DARK = 5  # frames darker than this hold no face in these tests


def frame(seconds: float, level: int = 100) -> Frame:
    return Frame.from_pixels(np.full((300, 400, 3), level, np.uint8), seconds)


def find(shown: Frame) -> Floats | None:
    return np.array([100, 80, 200, 200], np.float32) if shown.pixels.mean() > DARK else None


def pictures(folder: OwnFolder, kind: str) -> list[Path]:
    return sorted((folder.root / kind).iterdir())


def half_seconds(n: int, *, dark: range = range(0)) -> Iterator[Frame]:
    return (frame(index / 2, 0 if index in dark else 100) for index in range(n))


def test_the_countdown_takes_anchors_and_then_positives(tmp_path: Path) -> None:
    folder, said = OwnFolder(tmp_path / "me"), list[str]()
    shoot_by_time(half_seconds(100), Plan(each=2, countdown_s=3), find, folder, said.append)
    assert summary(folder) == "2 anchor, 2 positive, 0 negative"
    assert said[:6] == ["anchor 1 of 2", "3", "2", "1", "taken", "anchor 2 of 2"]
    assert said[-5:] == ["positive 2 of 2", "3", "2", "1", "taken"]


def test_without_a_face_it_waits_and_says_so_once(tmp_path: Path) -> None:
    folder, said = OwnFolder(tmp_path / "me"), list[str]()
    shoot_by_time(half_seconds(20, dark=range(2, 9)), Plan(1, 1.0), find, folder, said.append)
    assert said == ["anchor 1 of 1", "1", "no face", "taken", "positive 1 of 1", "1", "taken"]


def test_a_face_in_a_single_frame_is_not_believed(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path / "me")
    shoot_by_time(half_seconds(20, dark=range(3, 20)), Plan(1, 1.0), find, folder, lambda _: None)
    assert summary(folder) == "0 anchor, 0 positive, 0 negative"


def test_a_recording_that_ends_early_keeps_what_was_taken(tmp_path: Path) -> None:
    folder = OwnFolder(tmp_path / "me")
    shoot_by_time(half_seconds(13), Plan(10, 1.0), find, folder, lambda _: None)
    assert summary(folder) == "4 anchor, 0 positive, 0 negative"


class ScriptedWindow:
    """Presses a key a frame and keeps the captions."""

    def __init__(self, keys: str) -> None:
        self._keys = iter(keys)
        self.captions: list[str] = []

    def show(self, shown: Frame, caption: str) -> None:
        self.captions.append(caption)

    def key(self) -> str | None:
        key = next(self._keys)
        return None if key == " " else key


def test_keys_take_anchors_and_positives_and_end_it(tmp_path: Path) -> None:
    folder, window = OwnFolder(tmp_path / "me"), ScriptedWindow(" a pxp q")
    shoot_by_keys(half_seconds(50), window, find, folder)
    assert summary(folder) == "1 anchor, 2 positive, 0 negative"
    assert len(window.captions) == 8
    assert window.captions[-1] == "anchor 1, positive 2"


def test_a_key_without_a_face_takes_nothing_and_says_so(tmp_path: Path) -> None:
    folder, window = OwnFolder(tmp_path / "me"), ScriptedWindow("a q")
    shoot_by_keys(half_seconds(50, dark=range(1)), window, find, folder)
    assert (folder.count("anchor"), window.captions[-1]) == (0, "no face")


def test_photos_are_250_px_for_their_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    for _ in range(2):
        folder = OwnFolder(tmp_path / "me")
        shoot_by_time(half_seconds(13), Plan(3, 1.0), find, folder, lambda _: None)
    names = pictures(folder, "anchor")
    assert len(names) == 6
    assert read_image(names[0]).pixels.shape == (250, 250, 3)
    assert {stat.S_IMODE(path.stat().st_mode) for path in names} == {0o600}
    assert not folder.add("anchor", np.zeros((250, 250, 3), np.uint8), names[0].stem)
    assert read_image(names[0]).pixels.mean() > 60


@pytest.mark.parametrize("name", ["holiday.jpg", "celeba"])
def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "me/anchor").mkdir(parents=True)
    (tmp_path / "me" / name).touch()
    with pytest.raises(
        InputError, match=f"expected a new folder, or one with anchor, positive, negative only; .*{name}"
    ):
        OwnFolder(tmp_path / "me")


def test_a_file_as_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "me").touch()
    with pytest.raises(InputError, match="expected a folder, found a file"):
        OwnFolder(tmp_path / "me")


def test_the_face_is_in_the_middle_of_a_square_that_may_reach_beyond_the_picture() -> None:
    pixels = np.full((200, 300, 3), 50, np.uint8)
    pixels[20:60, 0:40] = 200
    photo = portrait(pixels, np.array([0, 20, 40, 60], np.float32))
    bright = photo[:, :, 0] > 125
    assert photo.shape == (250, 250, 3)
    assert np.argwhere(bright).mean(axis=0) == pytest.approx([124.5, 124.5], abs=3)
    assert bright.sum() ** 0.5 == pytest.approx(250 / 2.2, abs=4)
    assert not photo[:, :60].any()


def people(root: Path) -> Path:
    for number, name in enumerate(["Ann/1.png", "Ann/2.png", "Bob/1.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), frame(0, 60 + 40 * number).pixels)
    return root


def test_strangers_are_brought_in_once_and_what_is_left_out_is_named(tmp_path: Path) -> None:
    source, folder = people(tmp_path / "people"), OwnFolder(tmp_path / "me")
    (source / "Bob/2.png").write_bytes((source / "Bob/1.png").read_bytes())
    (source / "Bob/torn.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(source / "Ann/empty.png"), frame(0, 0).pixels)
    outcome = import_negatives(people_pictures(source, folder.root), find, folder)
    assert (outcome.added, outcome.known) == (3, 1)
    lines = list(outcome.lines())
    assert lines[0] == "3 negatives added"
    assert any("1 left out, no face found" in line and "Ann/empty.png" in line for line in lines)
    assert any("1 left out, cannot be read" in line and "Bob/torn.jpg" in line for line in lines)
    again = import_negatives(people_pictures(source, folder.root), find, folder)
    assert (again.added, again.known, folder.count("negative")) == (0, 4, 3)


@pytest.mark.parametrize(("source", "message"), [("none", "no such folder"), ("me", "apart from"), (".", "apart from")])
def test_a_folder_of_people_that_cannot_be_one_is_refused(tmp_path: Path, source: str, message: str) -> None:
    folder = OwnFolder(tmp_path / "me")
    with pytest.raises(InputError, match=message):
        people_pictures(tmp_path / source, folder.root)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected pictures of people"):
        people_pictures(tmp_path / "empty", tmp_path / "me")


@pytest.mark.clips
def test_a_recorded_clip_serves_as_the_camera(clips_dir: Path, tmp_path: Path) -> None:
    shot = ["collect", str(tmp_path / "me"), "--camera", str(clips_dir / "single_face.mp4"), "--timed"]
    strangers = people_folder(clips_dir, tmp_path)
    options = ["--each", "2", "--countdown-s", "0.3", "--negatives", str(strangers)]
    outcome = CliRunner().invoke(main, [*shot, *options], catch_exceptions=False)
    assert outcome.exit_code == 0
    assert outcome.output.endswith(f"{tmp_path / 'me'}: 2 anchor, 2 positive, 1 negative\n")
    assert sorted(path.name for path in (tmp_path / "me").iterdir()) == sorted(KINDS)


def people_folder(clips_dir: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "strangers/somebody"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes((clips_dir / "multi_face.jpg").read_bytes())
    return folder.parent


@pytest.mark.clips
def test_a_clip_without_a_face_ends_with_its_exit_code(clips_dir: Path, tmp_path: Path) -> None:
    args = ["collect", str(tmp_path / "me"), "--camera", str(clips_dir / "no_face.mp4"), "--timed"]
    outcome = CliRunner().invoke(main, [*args, "--countdown-s", "2.5"])
    assert getattr(outcome.exception, "exit_code", None) == ExitCode.NO_FACE


def test_a_missing_camera_is_named(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(main, ["collect", str(tmp_path / "me"), "--camera", "v4l2:/dev/none", "--timed"])
    assert isinstance(outcome.exception, CameraError)
    assert "/dev/none" in str(outcome.exception)


def test_a_voice_that_is_not_installed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = CliRunner().invoke(main, ["collect", str(tmp_path / "me"), "--speak"])
    assert isinstance(outcome.exception, InputError)
    assert not (tmp_path / "me").exists()


def test_a_window_without_a_screen_is_refused(clips_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    args = ["collect", str(tmp_path / "me"), "--camera", str(clips_dir / "single_face.mp4"), "--window"]
    outcome = CliRunner().invoke(main, args)
    assert isinstance(outcome.exception, InputError)
    assert "--timed" in str(outcome.exception)

"""Every command as a new user would try it, with good input and bad: one clear line, the documented exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.__main__ import run
from edge.errors import ExitCode
from edge.images import read_image
from edge.runtime.manifest import MODELS_DIR, load_manifest

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with its own state directory and mock pins."""
    path = tmp_path / "vigil.toml"
    path.write_text(
        f'[state]\ndirectory = "{tmp_path / "state"}"\n[gpio]\nbackend = "mock"\n[access]\nhands_free = true\n'
    )
    return path


def refused(capsys: Captured, arguments: list[str | Path], code: ExitCode, *words: str) -> None:
    """The command fails with ``code`` and one line on stderr that holds all ``words``."""
    capsys.readouterr()
    assert run([str(argument) for argument in arguments]) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert all(word in lines[0] for word in words), lines[0]


def picture(path: Path, pixels: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    return picture(tmp_path / "blank.png", np.full((200, 300, 3), 128, np.uint8))


# Commands that work


@pytest.mark.clips
def test_detect_finds_all_five_and_looks_where_they_look(tmp_path: Path, clips_dir: Path) -> None:
    numbers = tmp_path / "faces.jsonl"
    assert run(["detect", str(clips_dir / "multi_face.jpg"), str(tmp_path / "out.png"), "--json", str(numbers)]) == 0
    faces = json.loads(numbers.read_text())["faces"]
    # Where a person sees the five noses in the picture, in pixels.
    noses = {(261, 127), (370, 308), (480, 265), (574, 375), (734, 362)}
    assert len(faces) == 5
    for x, y in noses:
        assert any(np.hypot(face["landmarks"][2][0] - x, face["landmarks"][2][1] - y) < 12 for face in faces)
    # All five look into the camera, heads upright.
    assert all(
        abs(face["yaw_deg"]) < 20 and abs(face["pitch_deg"]) < 20 and abs(face["roll_deg"]) < 20 for face in faces
    )
    assert read_image(tmp_path / "out.png").pixels.shape == read_image(clips_dir / "multi_face.jpg").pixels.shape


@pytest.mark.clips
def test_detect_takes_a_folder_and_a_video(tmp_path: Path, clips_dir: Path, capsys: Captured) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(clips_dir / "single_face.jpg", folder)
    shutil.copy(clips_dir / "multi_face.jpg", folder)
    assert run(["detect", str(folder), str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["multi_face.jpg", "single_face.jpg"]
    assert "5 faces" in capsys.readouterr().out
    clip = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (572, 562))
    for _ in range(5):
        clip.write(read_image(clips_dir / "single_face.jpg").pixels)
    clip.release()
    assert run(["detect", str(tmp_path / "clip.avi"), str(tmp_path / "clip.mp4")]) == 0
    assert (tmp_path / "clip.mp4").stat().st_size > 1000
    assert run(["detect", str(tmp_path / "clip.avi"), str(tmp_path / "drawn")]) == 0
    assert (tmp_path / "drawn" / "clip.mp4").stat().st_size > 1000
    refused(capsys, ["detect", tmp_path / "clip.avi", tmp_path / "clip.gif"], ExitCode.BAD_INPUT, "clip.gif", ".mp4")


@pytest.mark.clips
def test_verify_tells_the_same_person_from_another(tmp_path: Path, clips_dir: Path, capsys: Captured) -> None:
    man = read_image(clips_dir / "single_face.jpg").pixels
    smaller = picture(tmp_path / "smaller.jpg", cv2.resize(man, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA))
    woman = picture(tmp_path / "woman.jpg", read_image(clips_dir / "multi_face.jpg").pixels[200:480, 640:860])
    assert run(["verify", str(clips_dir / "single_face.jpg"), str(smaller)]) == ExitCode.OK
    assert "same person" in capsys.readouterr().out
    assert run(["verify", str(clips_dir / "single_face.jpg"), str(woman), "--json"]) == ExitCode.DIFFERENT_PERSON
    told = json.loads(capsys.readouterr().out)
    assert told["distance"] > told["distance_max"]
    assert told["fmr"] == 1e-4


@pytest.mark.clips
def test_people_are_enrolled_listed_renamed_and_removed(config: Path, clips_dir: Path, capsys: Captured) -> None:
    photo = str(clips_dir / "single_face.jpg")
    assert run(["enroll", "Zoë", "--images", photo, "--config", str(config)]) == 0
    assert "one-shot" in capsys.readouterr().out
    assert run(["people", "rename", "Zoë", "李雷", "--config", str(config)]) == 0
    assert run(["people", "list", "--json", "--config", str(config)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["name"] == "李雷"
    assert run(["people", "remove", "李雷", "--config", str(config)]) == 0
    capsys.readouterr()
    assert run(["people", "list", "--config", str(config)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.clips
def test_enrolment_from_a_recording_takes_several_views(config: Path, clips_dir: Path, capsys: Captured) -> None:
    clip = str(clips_dir / "WolfgangLanger_Pexels.mp4")
    assert run(["enroll", "Her", "--camera", clip, "--config", str(config)]) == 0
    assert "5 views" in capsys.readouterr().out


def test_safe_and_reset_lockout_answer(config: Path, capsys: Captured) -> None:
    assert run(["safe", "--config", str(config)]) == 0
    assert run(["reset-lockout", "--config", str(config)]) == 0
    assert "safe level" in capsys.readouterr().out


def test_help_answers_before_the_heavy_imports() -> None:
    code = (
        "import sys; from edge.__main__ import run; run(['--help']); print(sorted({'numpy', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


# Bad input


def test_a_picture_that_is_not_there(tmp_path: Path, capsys: Captured) -> None:
    refused(
        capsys, ["detect", tmp_path / "no.jpg", tmp_path / "out.png"], ExitCode.BAD_INPUT, "no.jpg", "nothing there"
    )


def test_a_text_file_as_a_picture(tmp_path: Path, capsys: Captured, blank: Path) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    refused(capsys, ["detect", tmp_path / "text.jpg", tmp_path / "o.png"], ExitCode.BAD_INPUT, "text.jpg", "5 bytes")
    refused(capsys, ["verify", tmp_path / "text.jpg", blank], ExitCode.BAD_INPUT, "text.jpg")


def test_an_empty_folder(tmp_path: Path, capsys: Captured, config: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(capsys, ["detect", tmp_path / "empty", tmp_path / "out"], ExitCode.BAD_INPUT, "empty", "expected pictures")
    arguments: list[str | Path] = ["enroll", "Ada", "--images", tmp_path / "empty", "--config", config]
    refused(capsys, arguments, ExitCode.BAD_INPUT, "empty", "expected pictures")


def test_a_picture_without_a_face(tmp_path: Path, capsys: Captured, blank: Path, config: Path) -> None:
    refused(capsys, ["detect", blank, tmp_path / "out.png"], ExitCode.NO_FACE, "blank.png", "no face")
    assert (tmp_path / "out.png").exists()
    refused(capsys, ["verify", blank, blank], ExitCode.NO_FACE, "blank.png", "found none")
    refused(capsys, ["enroll", "Ada", "--images", blank, "--config", config], ExitCode.NO_FACE, "blank.png")


@pytest.mark.clips
def test_a_photo_of_several_people(tmp_path: Path, capsys: Captured, clips_dir: Path, config: Path) -> None:
    crowd = clips_dir / "multi_face.jpg"
    refused(capsys, ["enroll", "Ada", "--images", crowd, "--config", config], ExitCode.BAD_INPUT, "5 faces")
    refused(capsys, ["verify", crowd, crowd], ExitCode.BAD_INPUT, "multi_face.jpg", "found 5")


@pytest.mark.clips
def test_the_same_name_twice_changes_nothing(capsys: Captured, clips_dir: Path, config: Path) -> None:
    enrol: list[str | Path] = ["enroll", "Ada", "--images", clips_dir / "single_face.jpg", "--config", config]
    assert run([str(argument) for argument in enrol]) == 0
    refused(capsys, enrol, ExitCode.BAD_INPUT, "'Ada' is already enrolled")
    assert run(["people", "list", "--config", str(config)]) == 0
    assert capsys.readouterr().out.startswith("Ada\t1 view")
    assert run([*(str(argument) for argument in enrol), "--replace"]) == 0


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 65])
def test_a_name_that_cannot_be_one(capsys: Captured, blank: Path, config: Path, name: str) -> None:
    refused(capsys, ["enroll", name, "--images", blank, "--config", config], ExitCode.BAD_INPUT, "name")


def test_an_unknown_person(capsys: Captured, config: Path) -> None:
    refused(capsys, ["people", "remove", "Nobody", "--config", config], ExitCode.BAD_INPUT, "'Nobody' is not enrolled")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[camera]\ncolour = 1", "colour"),
        ("[camera]\ntimeout_s = -1", "camera.timeout_s"),
        ("[verify]\nfmr = 0.5", "verify.fmr"),
        ("not toml", "TOML"),
    ],
)
def test_a_bad_configuration(tmp_path: Path, capsys: Captured, text: str, word: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    refused(capsys, ["run", "--config", path], ExitCode.BAD_CONFIG, "bad.toml", word)


def test_a_configuration_that_is_not_there(tmp_path: Path, capsys: Captured) -> None:
    refused(capsys, ["run", "--config", tmp_path / "no.toml"], ExitCode.BAD_CONFIG, "no.toml")


def test_a_rate_that_was_never_measured(capsys: Captured, blank: Path) -> None:
    refused(capsys, ["verify", blank, blank, "--fmr", "0.5"], ExitCode.BAD_CONFIG, "false match rate", "0.5")


def test_a_text_file_as_a_model(tmp_path: Path, capsys: Captured, blank: Path) -> None:
    shutil.copytree(MODELS_DIR, tmp_path / "models")
    rnet = load_manifest().spec("rnet").file
    (tmp_path / "models" / rnet).write_text("not a model")
    path = tmp_path / "vigil.toml"
    path.write_text(f'[runtime]\nmodels_dir = "{tmp_path / "models"}"\n')
    refused(capsys, ["detect", blank, tmp_path / "o.png", "--config", path], ExitCode.BAD_MODEL, rnet, "sha256")


def test_a_camera_that_does_not_exist(capsys: Captured, config: Path) -> None:
    refused(
        capsys, ["run", "--camera", "v4l2:/dev/video99", "--config", config], ExitCode.CAMERA_FAILURE, "/dev/video99"
    )
    refused(capsys, ["run", "--camera", "/no/such.mp4", "--config", config], ExitCode.CAMERA_FAILURE, "/no/such.mp4")


@pytest.mark.clips
def test_a_video_cut_in_half(tmp_path: Path, capsys: Captured, clips_dir: Path, config: Path) -> None:
    for name in ("WolfgangLanger_Pexels.mp4", "noface_face.mov"):
        whole = (clips_dir / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        arguments: list[str | Path] = ["run", "--fast", "--camera", tmp_path / name, "--config", config]
        refused(capsys, arguments, ExitCode.CAMERA_FAILURE, name)


def test_an_unreadable_state_directory(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "vigil.toml"
    path.write_text(f'[state]\ndirectory = "{tmp_path / "file" / "state"}"\n')
    refused(capsys, ["people", "list", "--config", path], ExitCode.STATE_FAILURE, str(tmp_path / "file"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.clips
def test_a_full_disk_stops_the_run_with_the_door_locked(capsys: Captured, clips_dir: Path, config: Path) -> None:
    arguments: list[str | Path] = ["run", "--fast", "--camera", clips_dir / "single_face.mp4", "--config", config]
    refused(capsys, [*arguments, "--events", "/dev/full"], ExitCode.STATE_FAILURE, "/dev/full", "No space left")


def test_neither_photos_nor_a_camera(capsys: Captured, config: Path) -> None:
    refused(capsys, ["enroll", "Ada", "--config", config], ExitCode.BAD_INPUT, "--images", "--camera")


def test_an_unknown_option_is_a_usage_error(capsys: Captured) -> None:
    assert run(["run", "--no-such-option"]) == ExitCode.BAD_INPUT
    assert "No such option" in capsys.readouterr().err


def test_an_internal_fault_is_not_mistaken_for_another_person(monkeypatch: pytest.MonkeyPatch, blank: Path) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("edge.app.open_vision", broken)
    assert run(["verify", str(blank), str(blank)]) == ExitCode.INTERNAL


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.clips
def test_sigterm_ends_a_run_in_peace(tmp_path: Path, clips_dir: Path, config: Path) -> None:
    arguments = [sys.executable, "-m", "edge", "run", "--camera", str(clips_dir / "WolfgangLanger_Pexels.mp4")]
    with subprocess.Popen([*arguments, "--config", str(config)], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while "--" not in running.stdout.readline():
            pass
        running.terminate()
        assert running.wait(timeout=30) == 0

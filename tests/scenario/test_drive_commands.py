"""The driver's commands on a recorded clip, as a person runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.__main__ import run
from edge.errors import ExitCode
from edge.report import read_log

CLIP = "WolfgangLanger_Pexels.mp4"
CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "demo-driver.toml"


@pytest.mark.clips
@pytest.mark.slow
def test_a_clip_is_watched_and_reported(clips_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, video, picture = tmp_path / "events.jsonl", tmp_path / "drive.mp4", tmp_path / "report.png"
    watch = ["run", "--config", str(CONFIG), "--fast", "--camera", str(clips_dir / CLIP)]
    assert run([*watch, "--events", str(log), "--video", str(video)]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "calibrating -> calibrated" in said
    assert "minutes watched" in said
    drive = read_log(log).run()
    assert 60 < drive.times.size < 472  # frames in which nothing moves are left out
    assert log.stat().st_size < 250 * 472  # bytes a frame
    assert np.isfinite(drive.columns["blink_s"]).sum() == 5  # as counted in tests/driver_clips.toml
    yaw_deg = drive.columns["yaw_deg"]
    assert np.isfinite(yaw_deg).sum() > 30
    assert np.nanmax(np.abs(yaw_deg)) < 23  # she never looks off the road that she was taught by
    assert video.stat().st_size > 100_000
    assert run(["report", str(log), str(picture)]) == ExitCode.OK
    assert "A drive of 19.6 s" in capsys.readouterr().out
    assert picture.stat().st_size > 10_000


def test_a_report_of_nothing_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.jsonl").touch()
    assert run(["report", str(tmp_path / "events.jsonl"), str(tmp_path / "report.png")]) == ExitCode.BAD_INPUT
    assert "expected an event log" in capsys.readouterr().err


def test_the_safe_state_of_a_car_is_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["safe", "--config", str(CONFIG)]) == ExitCode.OK
    assert capsys.readouterr().out == "buzzer and lamp are off\n"

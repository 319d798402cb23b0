"""The benchmark: turns, medians and ratios on a clock that is told the time; the drawn scene; peers by entry point."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge.app import open_vision, with_threads
from edge.app_driver import open_eyenet
from edge.bench import (
    CONTRAST,
    DETECT,
    EMBED,
    EYES,
    TRACK,
    Row,
    Scene,
    lines_of,
    measure,
    open_scene,
    peer_runs,
    rows_of,
    time_in_turns,
)
from edge.cli import vigil
from edge.config import Config
from edge.errors import NoFaceError
from edge.pipeline import Vision
from edge.portrait import portrait
from edge.testing import FakeClock
from edge.types import Frame

BLANK = Scene(Frame(np.zeros((480, 640, 3), np.uint8), 0.0), np.zeros((112, 112, 3), np.uint8), 0.0)


@pytest.fixture(scope="module")
def vision() -> Vision:
    return open_vision(with_threads(Config(), 1))


def test_each_is_timed_five_times_a_round_in_turns() -> None:
    clock, calls = FakeClock(), []

    def taking(name: str, duration_s: float) -> None:
        calls.append(name)
        clock.advance(duration_s)

    runs = {"a": lambda: taking("a", 0.002), "b": lambda: taking("b", 0.008)}
    taken = time_in_turns(runs, 40, 1, clock)
    assert {name: len(values) for name, values in taken.items()} == {"a": 200, "b": 200}
    turns = "".join(calls)[6:]  # after the warm-up
    assert {turns[start : start + 10] for start in range(0, len(turns), 10)} == {"aaaaabbbbb", "bbbbbaaaaa"}
    rows = rows_of(taken, {"a": "b"})
    assert (rows[0].median_ms, rows[0].p95_ms) == pytest.approx((2, 2), rel=1e-3)
    assert rows[0].peer == "b"
    assert rows[0].ratio == pytest.approx(0.25, rel=1e-3)
    assert (rows[1].peer, rows[1].ratio) == (None, None)


def test_median_and_tail_by_hand() -> None:
    (row,) = rows_of({"a": np.array([0.001, 0.001, 0.001, 0.001, 0.011], np.float32)}, {})
    assert row == Row("a", 1.0, 9.0)


def test_the_drawn_scene_is_the_same_everywhere_and_another_by_seed() -> None:
    assert np.array_equal(portrait(), portrait())
    assert not np.array_equal(portrait(1), portrait())
    assert portrait().shape == (480, 640, 3)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_drawn_scene_shows_one_face(vision: Vision, seed: int) -> None:
    scene = open_scene(vision, None, seed)
    assert scene.aligned.shape == (112, 112, 3)
    assert 120 < scene.face_px < 220


def test_a_photo_of_any_shape_is_fitted_in_and_one_of_nobody_is_refused(vision: Vision, tmp_path: Path) -> None:
    photo = tmp_path / "tall.png"
    cv2.imwrite(str(photo), portrait()[80:400, 220:420])
    scene = open_scene(vision, photo, 0)
    assert (scene.frame.width, scene.frame.height) == (640, 480)
    cv2.imwrite(str(photo), np.full((100, 100, 3), 90, np.uint8))
    with pytest.raises(NoFaceError, match=r"tall\.png: expected one face, found none"):
        open_scene(vision, photo, 0)


def entry_point(folder: Path, *lines: str) -> None:
    """A package in ``folder`` that registers peers, as an installed one would."""
    info = folder / "others-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("\n".join(["[vigil.peers]", *lines]), encoding="utf-8")


def test_peers_come_by_entry_point_and_who_cannot_run_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "others_peers.py").write_text(
        "from edge.bench import DETECT, TRACK\n"
        "from edge.errors import InputError\n"
        "class Quick:\n"
        "    name, against = 'Quick 1', (DETECT, TRACK)\n"
        "    def prepare(self, scene):\n"
        "        return lambda: scene.face_px\n"
        "class Broken:\n"
        "    name, against = 'Broken', (DETECT,)\n"
        "    def prepare(self, scene):\n"
        "        raise InputError('no weights')\n"
        "QUICK, BROKEN = Quick(), Broken()\n",
        encoding="utf-8",
    )
    entry_point(tmp_path, "zz-quick = others_peers:QUICK", "zz-broken = others_peers:BROKEN", "zz-gone = not_here:P")
    monkeypatch.syspath_prepend(tmp_path)
    said: list[str] = []
    runs, measures = peer_runs(BLANK, said.append)
    assert runs["Quick 1"]() == 0.0
    assert (measures[DETECT], measures[TRACK]) == ("Quick 1", "Quick 1")
    assert "zz-broken left out: no weights" in said
    assert "zz-gone left out: not_here is not installed" in said


def test_the_report_reads_as_a_table(vision: Vision) -> None:
    clock = FakeClock()
    eyenet = open_eyenet(Config())
    report = measure(vision, eyenet, None, peers=False, rounds=2, seed=0, clock=clock, say=print)
    assert [row.what for row in report.rows] == [DETECT, TRACK, EMBED, EYES, CONTRAST]
    without = measure(vision, None, None, peers=False, rounds=2, seed=0, clock=clock, say=print)
    assert [row.what for row in without.rows] == [DETECT, TRACK, EMBED]
    lines = lines_of(report)
    assert lines[0].endswith("10 calls of each in turns")
    assert lines[2].split()[-2:] == ["0.000", "0.000"]


def test_the_command_prints_one_json_object() -> None:
    result = CliRunner().invoke(vigil, ["bench", "--rounds", "2", "--json"], catch_exceptions=False)
    report = json.loads(result.output)
    assert (report["frame"], report["runs"], report["threads"]) == ("640x480", 10, 1)
    assert all(0 < row["median_ms"] <= row["p95_ms"] for row in report["rows"])

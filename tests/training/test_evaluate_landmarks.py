"""The error of the five points by hand, what is refused, and the shipped cascade on some labelled crops."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.errors import InputError
from edge.types import Floats
from training.evaluate.landmarks import Looks, Sighting, command, five_of, normalised_error, read_points, summary

WANTED = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)


def test_the_error_is_a_share_of_the_distance_of_the_eyes() -> None:
    moved = WANTED + np.array([[2, 0], [0, 2], [-2, 0], [0, -2], [0, 0]], np.float32)
    assert normalised_error(moved, WANTED) == pytest.approx(100 * (8 / 5) / 40)


def test_eyes_in_one_place_are_refused() -> None:
    with pytest.raises(InputError, match=r"expected two eyes apart, got both at \[1\.0, 1\.0\]"):
        normalised_error(WANTED, np.ones((5, 2), np.float32))


def test_five_points_of_68() -> None:
    points = np.zeros((68, 2), np.float32)
    points[36:42], points[42:48], points[30], points[48], points[54] = WANTED
    points[36, 0] += 6
    assert five_of(points).tolist() == [[31, 40], *WANTED[1:].tolist()]


def test_who_is_not_found_or_turned_away_is_counted_and_not_averaged() -> None:
    def sighting(yaw_deg: float, away_px: float) -> Sighting:
        return Sighting(yaw_deg, WANTED + np.float32(away_px), WANTED)

    five: dict[str, Floats] = dict.fromkeys("abcd", WANTED)
    seen = {"a": sighting(-45, 4), "b": sighting(50, 40), "c": None, "d": sighting(0, 0)}
    figures = summary(
        five,
        {"d": WANTED + np.float32(2)},
        seen,
        {"b": Looks(WANTED + np.float32(9), WANTED), "d": Looks(WANTED + np.float32(4), WANTED + np.float32(1))},
    )
    assert (figures["n"], figures["not_found"], figures["beyond_45"], figures["n_68"]) == (4, 1, 1, 1)
    assert figures["nme"] == pytest.approx(100 * 2**0.5 * 4 / 40 / 2, abs=1e-3)
    assert figures["nme_second_look"] == 0
    # YuNet's of the one that it found and that is not turned away
    assert figures["nme_yunet"] == pytest.approx(100 * 2**0.5 * 4 / 40, abs=1e-3)
    assert figures["nme_steady_yunet"] == pytest.approx(100 * 2**0.5 * 3 / 40, abs=1e-3)
    assert figures["nme_steady"] == figures["nme_given"] == pytest.approx(100 * 2**0.5 / 40, abs=1e-3)
    assert figures["nme_68"] == figures["nme_68_yunet"] == pytest.approx(100 * 2**0.5 * 2 / 40, abs=1e-3)
    assert summary(five, {}, dict.fromkeys("abcd"), {})["nme"] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,x0\na,1\n", r"points\.csv: expected columns image, x0, y0; missing \['y0'\]"),
        ("image,x0,y0\na.jpg,1,left\n", r"points\.csv: row of a\.jpg: expected numbers"),
        ("image,x0,y0\na.jpg,1,inf\n", r"points\.csv: row of a\.jpg: expected finite numbers"),
        ("image,x0,y0\n", r"points\.csv: expected rows of points, found none"),
    ],
)
def test_bad_tables_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_points(path, ("x0", "y0"))


@pytest.mark.data
def test_the_shipped_cascade_on_some_labelled_crops(data_dir: Path, tmp_path: Path) -> None:
    source, folder = data_dir / "ytf_crops", tmp_path / "ytf_crops"
    folder.mkdir()
    (folder / "images").symlink_to(source / "images")
    for name in ("landmarks5_yunet.csv", "landmarks68.csv"):
        header, *rows = (source / name).read_text(encoding="utf-8").splitlines()
        (folder / name).write_text("\n".join([header, *sorted(rows)[::30]]), encoding="utf-8")
    figures = json.loads(CliRunner().invoke(command, ["--data", str(tmp_path)]).output.splitlines()[-1])
    assert figures["n"] > 50
    assert figures["not_found"] <= 0.05 * figures["n"]
    assert 0 < figures["nme"] < 12
    assert 0 < figures["nme_steady_second_look"] < figures["nme_given"]  # ours are steadier than the given points

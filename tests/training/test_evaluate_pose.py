"""Evaluation of pose and detection: the arithmetic, what is refused, the shipped cascade on a few labelled photos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.errors import InputError
from edge.geometry import rotation_from_euler
from edge.types import Faces, HeadPose
from training.evaluate.detection import command as detection_command
from training.evaluate.pose import command as pose_command
from training.evaluate.pose import pose_error, summary
from training.evaluate.posed_photos import best_match, read_posed_photos

HEADER = "image,yaw,pitch,roll,face_x1,face_y1,face_x2,face_y2,std_eval_lt99\n"


def table(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "poses.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_an_error_is_taken_the_short_way_round() -> None:
    error = pose_error(rotation_from_euler(0, 0, 179), HeadPose(0, 0, -179))
    assert error.angles == pytest.approx((0, 0, 2), abs=1e-3)
    assert error.geodesic == pytest.approx(2, abs=1e-2)


def test_the_summary_by_hand() -> None:
    errors = [
        pose_error(rotation_from_euler(3, 0, 0), HeadPose(0, 0, 0)),
        pose_error(rotation_from_euler(-40, 6, 0), HeadPose(-40, 0, 0)),
    ]
    found = summary(3, errors)
    assert found | {"geodesic": 0, "geodesic_by_yaw": 0} == {
        "n": 3,
        "found": 2,
        "mae": 1.5,
        "mae_yaw": 1.5,
        "mae_pitch": 3.0,
        "mae_roll": 0.0,
        "geodesic": 0,
        "geodesic_by_yaw": 0,
        "by_yaw": {"0-30": 1.0, "30-60": 2.0},
    }
    assert found["geodesic"] == pytest.approx(4.5, abs=0.01)
    assert found["geodesic_by_yaw"] == {"0-30": pytest.approx(3, abs=0.01), "30-60": pytest.approx(6, abs=0.01)}


def test_no_face_found_is_null_not_zero() -> None:
    assert json.loads(json.dumps(summary(4, [])))["mae"] is None


def test_the_face_is_the_one_that_overlaps_most() -> None:
    box = np.array([0, 0, 10, 10], np.float32)
    boxes = np.array([[40, 40, 60, 60], [0, 0, 10, 20], [1, 0, 11, 10]], np.float32)
    faces = Faces(
        boxes, np.ones(3, np.float32), np.stack([np.eye(3, dtype=np.float32)] * 3), np.zeros((3, 5, 2), np.float32)
    )
    assert best_match(faces, box, 0.4) == 2
    assert best_match(faces, box, 0.95) is None
    assert best_match(Faces(), box, 0.0) is None


def test_only_the_standard_rows_unless_asked(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.jpg").touch()
    poses = table(tmp_path, "a.jpg,1,2,3,0,0,9,9,1", "b.jpg,120,2,3,0,0,9,9,0")
    assert [photo.path.name for photo in read_posed_photos(tmp_path, poses, every_row=False)] == ["a.jpg"]
    assert len(read_posed_photos(tmp_path, poses, every_row=True)) == 2
    unmarked = table(tmp_path, "b.jpg,120,2,3,0,0,9,9", header=HEADER.replace(",std_eval_lt99", ""))
    assert len(read_posed_photos(tmp_path, unmarked, every_row=False)) == 1


@pytest.mark.parametrize(
    ("row", "header", "message"),
    [
        (
            "a.jpg,1,2,3,0,0,9,9,1",
            HEADER.replace("roll", "tilt"),
            r"poses\.csv: expected columns .* missing \['roll'\]",
        ),
        ("a.jpg,east,2,3,0,0,9,9,1", HEADER, r"poses\.csv: row of a\.jpg: expected numbers"),
        ("a.jpg,nan,2,3,0,0,9,9,1", HEADER, r"poses\.csv: row of a\.jpg: expected finite numbers"),
        ("c.jpg,1,2,3,0,0,9,9,1", HEADER, r"c\.jpg: expected a photo, named in row 2 of"),
        ("a.jpg,1,2,3,0,0,9,9,0", HEADER, r"poses\.csv: expected rows of annotated faces, found none"),
    ],
)
def test_bad_tables_are_refused(row: str, header: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(InputError, match=message):
        read_posed_photos(tmp_path, table(tmp_path, row, header=header), every_row=False)


def test_a_photo_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no photo", encoding="utf-8")
    poses = table(tmp_path, "a.jpg,1,2,3,0,0,9,9,1")
    result = CliRunner().invoke(pose_command, ["--images", str(tmp_path), "--poses", str(poses)])
    assert isinstance(result.exception, InputError)
    assert "a.jpg: expected a picture" in str(result.exception)


@pytest.mark.data
def test_the_shipped_cascade_on_some_labelled_photos(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "aflw2000"
    lines = (folder / "poses.csv").read_text(encoding="utf-8").splitlines()[1::20]
    arguments = ["--images", str(folder / "images"), "--poses", str(table(tmp_path, *lines))]
    pose = json.loads(CliRunner().invoke(pose_command, arguments).output.splitlines()[-1])
    assert pose["found"] >= 0.9 * pose["n"]
    assert pose["by_yaw"]["0-30"] < 5
    assert pose["mae"] < 8

    result = CliRunner().invoke(detection_command, [*arguments, "--negatives", str(data_dir / "backgrounds")])
    found = json.loads(result.output.splitlines()[-1])
    assert found["n"] == len(lines)
    assert found["recall"] >= 0.9
    assert found["false_positives_per_image"] < 0.1
    assert found["negatives"] + found["negatives_skipped"] == 250

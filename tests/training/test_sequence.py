"""The road from a training cache to measured models, walked once on made-up faces by the commands of the README."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from edge.images import write_image
from edge.runtime.manifest import MODELS_DIR, load_manifest
from training.__main__ import main
from training.data.cascade_smoke import smoke_set
from training.models.cascade_nets import HEADS


def ran(*words: str) -> str:
    """What ``python -m training WORDS`` prints."""
    outcome = CliRunner().invoke(main, words, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def posed_photos(folder: Path) -> Path:
    """Four drawn faces, grown to the size that the device looks for, in AFLW2000's layout."""
    faces = smoke_set(4).faces
    rows = ["image,yaw,pitch,roll,face_x1,face_y1,face_x2,face_y2"]
    for row, patch in enumerate(faces.patches):
        write_image(folder / f"images/{row}.png", cv2.resize(patch, (288, 288)))
        rows.append(f"{row}.png,0,0,0," + ",".join(f"{3 * value:g}" for value in faces.boxes[row]))
    (folder / "poses.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on TensorFlow on numpy 2
def test_every_net_is_trained_exported_and_measured(tmp_path: Path) -> None:
    runs, models = tmp_path / "runs", tmp_path / "runs/models"
    for net in HEADS:
        said = ran("train", net, "--smoke", "--runs", str(runs)).splitlines()[-1]
        assert f"{net}_int8.tflite: {(models / f'{net}_int8.tflite').stat().st_size} bytes" in said
    made, shipped = load_manifest(models).models, load_manifest(MODELS_DIR).models
    assert set(made) == set(shipped)
    assert all(made[net].sha256 != shipped[net].sha256 for net in HEADS)
    assert made["siamese"] == shipped["siamese"]
    assert "python -m training train fpnet" in (models / "cards/fpnet.md").read_text(encoding="utf-8")
    photos = posed_photos(tmp_path / "photos")
    asked = ["--images", str(photos / "images"), "--poses", str(photos / "poses.csv"), "--models", str(models)]
    measured = json.loads(ran("evaluate", "pose", *asked).splitlines()[-1])
    assert measured["n"] == 4
    assert 0 <= measured["found"] <= 4

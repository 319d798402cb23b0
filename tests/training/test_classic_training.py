"""A tutorial's network from folders of photos to ``vigil verify --model``: trained for seconds, but by every step."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.__main__ import run as vigil
from edge.errors import ExitCode
from edge.runtime.manifest import load_manifest
from edge.types import Pixels
from training.classic_callbacks import CHECKPOINT, CURVES, read_history
from training.classic_recipe import ConvolutionsPart, DenseNetPart, Recipe, load_recipe
from training.classic_results import record
from training.train_classic import run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on numpy 2

replace = msgspec.structs.replace


def face(person: int, number: int) -> Pixels:
    """Coarse patches that a person shares, with some noise of the photo's own."""
    coarse = np.random.default_rng(person).integers(30, 220, (6, 5, 3), dtype=np.uint8)
    noise = np.random.default_rng((person, number)).normal(0, 6, (72, 60, 3))
    large = cv2.resize(coarse, (60, 72), interpolation=cv2.INTER_CUBIC)
    return np.clip(large + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine people as ``att_faces``, strangers as ``lfw``, and the same nine with boxes as ``celeba``."""
    root = tmp_path_factory.mktemp("data")
    rows = ["image,identity,x,y,w,h"]
    for person in range(9):
        for number in range(6):
            for folder in (f"att_faces/s{person}", f"celeba/images/{person}"):
                path = root / folder / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                assert cv2.imwrite(str(path), face(person, number))
            rows.append(f"{person}/{number}.png,{person},6,6,48,60")
    for person in range(20, 32):
        path = root / f"lfw/images/p{person}/0.png"
        path.parent.mkdir(parents=True)
        assert cv2.imwrite(str(path), face(person, 0))
    (root / "celeba/faces.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def small(name: str, epochs: int = 1) -> Recipe:
    """The recipe ``name`` with fewer filters, pairs, pixels and people, its own layout, loss and schedule."""
    recipe = load_recipe(name)
    net = recipe.net
    if isinstance(net, ConvolutionsPart):
        net = replace(net, filters=tuple(4 for _ in net.filters), dense=tuple(min(units, 16) for units in net.dense))
        net = replace(net, kernels_px=tuple(3 for _ in net.filters))
    else:
        net = replace(net, growth=4, blocks=(1, 1), embedding=8)
    pairs = recipe.pairs
    pairs = replace(pairs, count=120, fresh=min(pairs.fresh, 24))
    return replace(
        recipe,
        net=net,
        pairs=pairs,
        photo=replace(recipe.photo, height=40, width=32),
        data=replace(recipe.data, unseen_people=3, negative_photos=10),
        schedule=replace(recipe.schedule, epochs=epochs, batch=16, checkpoint_every=1),
        export=replace(recipe.export, calibration_photos=24),
    )


def nobody(_: str) -> None:
    pass


@pytest.mark.slow
@pytest.mark.parametrize("name", ["att_contrastive", "densenet_faceid"])
def test_a_recipe_trains_is_judged_ships_and_verifies(
    name: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = small(name)
    result = run(recipe, data, tmp_path / name, nobody)
    assert result.unseen is not None
    assert 0 <= result.unseen.accuracy <= 1
    assert result.unseen_people == 3
    assert abs(result.float32 - result.int8) <= 0.15
    spec = load_manifest(tmp_path / name).spec(name)
    assert spec.comparison is not None
    assert spec.comparison.distance_max == pytest.approx(result.threshold, rel=1e-6)
    assert name in (tmp_path / name / spec.card).read_text(encoding="utf-8")
    if spec.comparison.crop == "photo":  # the others look for a face, and these are none
        photos = [str(data / f"att_faces/s0/{number}.png") for number in (0, 0)]
        model = ["--model", str(tmp_path / name / spec.file)]
        capsys.readouterr()
        assert vigil(["verify", *photos, *model, "--json"]) == ExitCode.OK
        assert json.loads(capsys.readouterr().out)["distance"] <= spec.comparison.distance_max
        assert vigil(["verify", *photos, *model, "--fmr", "1e-4"]) == ExitCode.BAD_INPUT
        assert "decides at the one threshold" in capsys.readouterr().err
    else:
        assert isinstance(recipe.net, DenseNetPart)


@pytest.mark.slow
def test_a_training_goes_on_from_its_checkpoint_and_forgets_what_came_after(data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run(small("att_subjects"), data, tmp_path, said.append)
    folder = next(path.parent for path in tmp_path.rglob(CHECKPOINT))
    assert len(read_history(folder)) == 1
    (folder / "history.json").write_text(json.dumps([*read_history(folder), {"loss": 9.0}]), encoding="utf-8")
    run(small("att_subjects", epochs=2), data, tmp_path, said.append)
    assert any("going on after epoch 1" in line for line in said)
    rows = read_history(folder)
    assert len(rows) == 2
    assert all({"loss", "val_accuracy", "val_precision", "val_recall", "val_eer"} <= set(row) for row in rows)
    assert max(row["loss"] for row in rows) < 9
    assert (folder / CURVES).stat().st_size > 5000
    assert list((folder / "logs").rglob("events.*"))


@pytest.mark.slow
def test_photos_of_one_owner_are_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Own photos as `training collect` lays them out: one owner, nobody to keep back, and the table says so."""
    for role, person in (("anchor", 1), ("positive", 1), ("negative", 2)):
        for number in range(8):
            path = tmp_path / role / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            assert cv2.imwrite(str(path), face(person, zlib.crc32(f"{role}{number}".encode())))
    said: list[str] = []
    result = run(small("koch_l1"), tmp_path, tmp_path / "run", said.append)
    assert result.unseen is None
    assert result.data == ("the owner's own photos",)
    text = record(result, tmp_path / "run").read_text(encoding="utf-8")
    assert "nobody to keep back" in text
    photos = [str(tmp_path / role / "0.png") for role in ("anchor", "anchor")]
    capsys.readouterr()
    code = vigil(["verify", *photos, "--model", str(tmp_path / "run/koch_l1_int8.tflite"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["distance"] < 1  # one epoch on eight photos: only that it is a score, and decided on
    assert code == (ExitCode.OK if found["distance"] <= found["distance_max"] else ExitCode.DIFFERENT_PERSON)

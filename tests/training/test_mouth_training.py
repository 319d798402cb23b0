"""MouthNet's data, recipe and training: what it has beyond EyeNet's, which test_eye_training.py is about."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.attributes.mouth import MOUTH_WINDOW
from edge.attributes.nods import YAWN_SHUT_MAX
from edge.attributes.patches import HEIGHT_PX, SPECKS_PX, WIDTH_PX, even_contrast, mouth_centre, patch_about
from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import ConfigError, InputError
from edge.portrait import portrait
from edge.runtime.litert import ModelStore
from edge.types import Frame
from training.data.mouth_patches import mouth_patches, read_yawns
from training.data.patch_batches import batches, clean_patches
from training.data.patch_set import CHIP_PX, PatchSet, join
from training.data.photo_sets import group_of
from training.evaluate.patch_figures import Figures, ShutFigures, figures_of
from training.export.patch import APART_MAX, export
from training.models.patch_nets import SIZE_MAX
from training.patch_recipe import RECIPES, Recipe, load_recipe
from training.train_patch import fit, judge_folds, taught

RECIPE = load_recipe(RECIPES / "mouthnet.toml", "mouthnet")


def drawn_mouths(n: int, name: str, *, yawns: bool) -> PatchSet:
    """Skin with a dark line, or every other one with a dark hole; six pictures a person."""
    rng, chips = np.random.default_rng(1), []
    opens = (np.arange(n) % 2 == 0) & yawns
    for is_open in opens:
        chip = np.full((CHIP_PX, CHIP_PX), float(rng.integers(120, 200)), np.float32)
        middle = (CHIP_PX // 2 + int(rng.integers(-3, 4)), CHIP_PX // 2)
        cv2.ellipse(chip, middle, (14, 16) if is_open else (16, 2), 0, 0, 360, 30.0, -1)
        chips.append(np.clip(chip + rng.normal(0, 4, chip.shape), 0, 255).astype(np.uint8))
    return PatchSet(
        np.stack(chips),
        np.full((n, 2), CHIP_PX / 2, np.float32),
        np.full(n, 48.0, np.float32),
        opens.astype(np.float32),
        np.array([group_of(f"{name}/{row // 6}") for row in range(n)], np.int64),
        np.full(n, name),
    )


@pytest.fixture(scope="module")
def tiny() -> Recipe:
    replace = msgspec.structs.replace
    sets = {"face_sets": ("yawdd_frames", "celeba"), "shut_sets": ("celeba",), "left_out": ("yawdd_frames/0",)}
    return replace(
        RECIPE,
        data=replace(RECIPE.data, folds=2, **sets),
        batch=replace(RECIPE.batch, patches=32, shares={"yawdd_frames": 0.7, "celeba": 0.3}),
        schedule=replace(RECIPE.schedule, steps=20, steps_per_epoch=10, warmup_steps=2, average=0.5),
        export=replace(RECIPE.export, calibration_patches=64),
    )


@pytest.fixture(scope="module")
def drawn() -> PatchSet:
    return join([drawn_mouths(96, "yawdd_frames", yawns=True), drawn_mouths(48, "celeba", yawns=False)])


def write_photos(data: Path, name: str, *, table: bool) -> None:
    """Two photos of the drawn face, one by label a yawn."""
    images = data / name / "images"
    images.mkdir(parents=True)
    for index in range(2):
        cv2.imwrite(str(images / f"{index}.png"), portrait(index))
    if table:
        with (data / name / "labels.csv").open("w", newline="", encoding="utf-8") as lines:
            csv.writer(lines).writerows([["image", "subject_cluster", "yawn"], ["0.png", 7, 0], ["1.png", 8, 1]])


def test_labels_come_from_the_table_and_the_sets_without_yawns(tmp_path: Path) -> None:
    write_photos(tmp_path, "yawdd_frames", table=True)
    write_photos(tmp_path, "celeba", table=False)
    data = msgspec.structs.replace(RECIPE.data, face_sets=("yawdd_frames", "celeba"), shut_sets=("celeba",))
    patches = mouth_patches(tmp_path, data, lambda _: None)
    assert [*zip(patches.sets.tolist(), patches.opens.tolist(), strict=True)] == [
        ("yawdd_frames", 0.0),
        ("yawdd_frames", 1.0),
        ("celeba", 0.0),
        ("celeba", 0.0),
    ]
    assert patches.groups[:2].tolist() == [group_of("yawdd_frames/7"), group_of("yawdd_frames/8")]


def test_training_and_device_cut_the_same_patch(tmp_path: Path) -> None:
    write_photos(tmp_path, "celeba", table=False)
    data = msgspec.structs.replace(RECIPE.data, face_sets=("celeba",), shut_sets=("celeba",))
    learnt = clean_patches(mouth_patches(tmp_path, data, lambda _: None), SPECKS_PX)
    cascade = Cascade(ModelStore(), DetectConfig())
    for index in range(2):
        frame = Frame.from_pixels(portrait(index), 0.0)
        face = cascade.level(frame, max(cascade.detect(frame), key=lambda face: face.area_px2))
        device = even_contrast(patch_about(frame.pixels, face, mouth_centre(face), MOUTH_WINDOW)[None])
        assert np.corrcoef(learnt[index].ravel(), device.ravel())[0, 1] > 0.985


def test_a_set_without_a_table_is_refused_unless_nobody_yawns_there(tmp_path: Path) -> None:
    write_photos(tmp_path, "celeba", table=False)
    data = msgspec.structs.replace(RECIPE.data, face_sets=("celeba",), shut_sets=())
    with pytest.raises(InputError, match=r"labels\.csv: cannot be read as a table"):
        mouth_patches(tmp_path, data, lambda _: None)


@pytest.mark.parametrize(
    ("old", "new", "trouble"),
    [("8,1", "8,maybe", "row 3: expected yawn 0 or 1, found 'maybe'"), ("yawn", "tired", r"missing \['yawn'\]")],
)
def test_a_table_with_a_mistake_is_named(tmp_path: Path, old: str, new: str, trouble: str) -> None:
    write_photos(tmp_path, "yawdd_frames", table=True)
    table = tmp_path / "yawdd_frames/labels.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=rf"labels\.csv: .*{trouble}"):
        read_yawns(table)


def test_a_photo_without_a_row_is_named(tmp_path: Path) -> None:
    write_photos(tmp_path, "yawdd_frames", table=True)
    table = tmp_path / "yawdd_frames/labels.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("1.png,8,1", ""), encoding="utf-8")
    data = msgspec.structs.replace(RECIPE.data, face_sets=("yawdd_frames",), shut_sets=())
    with pytest.raises(InputError, match=r"labels\.csv: expected a row of 1\.png"):
        mouth_patches(tmp_path, data, lambda _: None)


def test_who_is_left_out_teaches_nothing_and_has_to_be_there(tiny: Recipe, drawn: PatchSet) -> None:
    kept = taught(drawn, tiny)
    assert len(kept) == len(drawn) - 6
    assert group_of("yawdd_frames/0") not in kept.groups
    with pytest.raises(InputError, match="expected patches of yawdd_frames/0"):
        taught(kept, tiny)


def test_the_driver_of_the_clip_that_yawns_are_judged_on_is_left_out() -> None:
    """yawdd_driver_1.avi; the clusters of his frames were found by Vigil's own branch, and by eye."""
    assert {"yawdd_frames/58", "yawdd_frames/59"} <= set(RECIPE.data.left_out)


def test_a_set_without_yawns_is_drawn_from_as_often_as_the_recipe_says(tiny: Recipe, drawn: PatchSet) -> None:
    labels = np.concatenate([next(batches(drawn, tiny, step))[1] for step in range(20)])
    yawns = float((labels > 0.5).mean())
    assert yawns == pytest.approx(0.7 * (1 - tiny.batch.shut_share), abs=0.06)


@pytest.mark.parametrize(
    ("old", "new", "trouble"),
    [
        ('shut_sets = ["celeba"', 'shut_sets = ["lfw"', "expected data.shut_sets among data.face_sets"),
        ('net = "mouthnet"', 'net = "eyenet"', "expected a recipe for mouthnet, found one for eyenet"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str, trouble: str) -> None:
    text = (RECIPES / "mouthnet.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"mine\.toml.*{trouble}"):
        load_recipe(tmp_path / "mine.toml", "mouthnet")


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on TensorFlow on numpy 2
def test_a_training_is_judged_on_others_at_the_device_s_threshold_and_ships(
    tiny: Recipe, drawn: PatchSet, tmp_path: Path
) -> None:
    results = judge_folds(drawn, tiny, tmp_path, lambda _: None)
    assert isinstance(results["yawdd_frames, int8"], Figures)
    assert isinstance(results["celeba, int8"], ShutFigures)
    assert str(results["celeba, int8"]).endswith("of 48, all of them shut")
    net = fit(drawn, tiny, tmp_path / "all", lambda _: None)
    done = export(net, clean_patches(drawn, SPECKS_PX), tiny, results, tmp_path / "models")
    assert done.apart <= APART_MAX
    assert done.size <= SIZE_MAX
    model = ModelStore(tmp_path / "models").open("mouthnet")
    assert model.shape == (1, HEIGHT_PX, WIDTH_PX, 1)
    card = (tmp_path / "models" / "cards" / "mouthnet.md").read_text(encoding="utf-8")
    assert f"people it had not seen (2 folds), yawdd_frames, int8, at p(open) {YAWN_SHUT_MAX}" in card
    assert "teacher" not in card.split("## At export")[0]


@pytest.mark.data
def test_the_shipped_net_on_drivers_that_it_learnt_from_and_on_one_that_it_did_not(data_dir: Path) -> None:
    """No measure of quality for the first: it fails when patches are cut in another way."""
    data = msgspec.structs.replace(RECIPE.data, face_sets=("yawdd_frames",), shut_sets=())
    patches = mouth_patches(data_dir, data, lambda _: None)
    model = ModelStore().open_batched("mouthnet", (1,))
    p_open = model.run(clean_patches(patches, SPECKS_PX)[..., None])["open"].reshape(-1)
    strange = np.isin(patches.groups, [group_of(person) for person in RECIPE.data.left_out])
    known = figures_of(p_open[~strange], patches.opens[~strange] > 0.5, YAWN_SHUT_MAX)
    assert known.accuracy > 0.95
    assert known.auc > 0.98
    assert figures_of(p_open[strange], patches.opens[strange] > 0.5, YAWN_SHUT_MAX).accuracy > 0.9

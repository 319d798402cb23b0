"""EyeNet's data, recipe, training and evaluation: what must hold before minutes are spent on training."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import keras
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from edge.attributes.patches import GLARE_PX, HEIGHT_PX, WIDTH_PX, cut_patch, even_contrast, window_matrix
from edge.errors import ConfigError, InputError
from edge.runtime.litert import ModelStore
from edge.types import Pixels
from training.data.eye_patches import single_eyes
from training.data.eye_photos import cut_whole, near_duplicates, read_folders, read_table, whole_photo_window
from training.data.face_patches import face_chip
from training.data.patch_batches import batches, clean_patches, fold, spoilt_patches
from training.data.patch_set import CHIP_PX, FACE_WINDOW_PX, PatchSet, join, load_patches, save_patches
from training.evaluate.eyes import command
from training.evaluate.patch_figures import auc, figures_of
from training.export.patch import APART_MAX, export
from training.models.patch_nets import SIZE_MAX, build, for_device
from training.patch_recipe import RECIPES, Recipe, load_recipe
from training.train_patch import fit, judge_folds

RECIPE = load_recipe(RECIPES / "eyenet.toml", "eyenet")


def drawn_eye(is_open: bool, rng: np.random.Generator, side: int = CHIP_PX) -> Pixels:
    """A grey picture (side, side) of skin with a bright almond and a dark disc, or a dark line."""
    eye = np.full((side, side), float(rng.integers(120, 200)), np.float32)
    middle = (side // 2 + int(rng.integers(-3, 4)), int(0.56 * side) + int(rng.integers(-3, 4)))
    if is_open:
        cv2.ellipse(eye, middle, (side // 4, side // 8), 0, 0, 360, 235.0, -1)
        cv2.circle(eye, middle, side // 9, 30.0, -1)
    else:
        cv2.ellipse(eye, middle, (side // 4, side // 12), 0, 0, 180, 40.0, 2)
    return np.clip(eye + rng.normal(0, 4, eye.shape), 0, 255).astype(np.uint8)


def drawn_set(n: int = 120, name: str = "mrl_eye") -> PatchSet:
    rng = np.random.default_rng(1)
    opens = np.arange(n) % 2 == 0
    return PatchSet(
        np.stack([drawn_eye(bool(is_open), rng) for is_open in opens]),
        np.full((n, 2), CHIP_PX / 2, np.float32),
        np.full(n, float(CHIP_PX), np.float32),
        opens.astype(np.float32),
        (np.arange(n) // 10).astype(np.int64),
        np.full(n, name),
    )


@pytest.fixture(scope="module")
def tiny() -> Recipe:
    replace = msgspec.structs.replace
    return replace(
        RECIPE,
        data=replace(RECIPE.data, single_sets=("mrl_eye",), face_sets=(), folds=2),
        batch=replace(RECIPE.batch, patches=32, shares={"mrl_eye": 1.0}),
        schedule=replace(RECIPE.schedule, steps=20, steps_per_epoch=10, warmup_steps=2, average=0.5),
        export=replace(RECIPE.export, calibration_patches=64),
    )


def write_eyes(folder: Path) -> Path:
    """A table of four photos in ``folder`` like MRL's, and the same photos in the folders open and closed."""
    rng = np.random.default_rng(2)
    rows = []
    for index in range(4):
        is_open = index % 2 == 0
        eye = drawn_eye(is_open, rng, 40 + 10 * index)
        for place in (folder / "images" / f"s{index}", folder / ("open" if is_open else "closed")):
            place.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place / f"{index}.png"), eye)
        rows.append([f"s{index}/{index}.png", f"s{index}", int(is_open), 0, 1])
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows([["image", "subject", "eye_open", "glasses", "sensor"], *rows])
    return folder


def test_both_layouts_are_read(tmp_path: Path) -> None:
    folder = write_eyes(tmp_path)
    rows = read_table(folder / "images", folder / "labels.csv")
    assert [(photo.person, photo.open) for photo in rows] == [("s0", True), ("s1", False), ("s2", True), ("s3", False)]
    assert sorted(photo.open for photo in read_folders(folder)) == [False, False, True, True]


def test_a_table_with_a_mistake_names_its_row(tmp_path: Path) -> None:
    folder = write_eyes(tmp_path)
    text = (folder / "labels.csv").read_text(encoding="utf-8")
    (folder / "labels.csv").write_text(text.replace("s1,0,0,1", "s1,maybe,0,1"), encoding="utf-8")
    with pytest.raises(InputError, match=r"labels\.csv: row 3: expected eye_open 0 or 1, found 'maybe'"):
        read_table(folder / "images", folder / "labels.csv")


def test_the_window_of_a_whole_photo_lies_within_a_square_one_and_over_a_low_one() -> None:
    centre, width = whole_photo_window(80, 80)
    assert width == 80
    assert 30 <= centre[1] <= 50
    assert whole_photo_window(80, 40)[0] == pytest.approx([40, 20])


def test_training_and_device_cut_the_same_patch() -> None:
    rng = np.random.default_rng(3)
    grey = drawn_eye(True, rng, 300)
    picture = np.repeat(grey[..., None], 3, axis=2)
    centre, width = np.array([150, 165], np.float32), 120.0
    chip = face_chip(picture, centre, width, 0.0)
    middle = np.full((1, 2), CHIP_PX / 2, np.float32)
    one = PatchSet(
        chip[None],
        middle,
        np.array([FACE_WINDOW_PX], np.float32),
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        np.array(["x"]),
    )
    device = even_contrast(cut_patch(picture, window_matrix(centre, width, 0.0))[None], GLARE_PX)
    assert np.corrcoef(clean_patches(one, GLARE_PX).ravel(), device.ravel())[0, 1] > 0.985


def test_evaluation_and_training_cut_a_whole_photo_alike(tmp_path: Path) -> None:
    folder = write_eyes(tmp_path / "mrl_eye")
    patches = single_eyes(tmp_path, "mrl_eye")
    first = cv2.imread(str(folder / "images/s0/0.png"), cv2.IMREAD_GRAYSCALE)
    evaluated = even_contrast(cut_whole(np.asarray(first, np.uint8))[None], GLARE_PX)
    assert np.corrcoef(clean_patches(patches, GLARE_PX)[0].ravel(), evaluated.ravel())[0, 1] > 0.985


def test_near_duplicates_are_found_shifted_and_mirrored() -> None:
    rng = np.random.default_rng(4)
    coarse = [
        cv2.resize(rng.integers(0, 256, (6, 6), np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC) for _ in range(3)
    ]
    pictures = [np.asarray(picture, np.uint8) for picture in coarse]
    again = [np.roll(pictures[0], 4, axis=1), np.ascontiguousarray(pictures[1][:, ::-1])]
    assert near_duplicates(pictures + again).tolist() == [0, 1, 2, 0, 1]


def test_no_person_is_on_both_sides_of_a_fold_and_each_is_judged_once() -> None:
    patches = drawn_set()
    judged = []
    for index in range(3):
        learn, held_out = fold(patches, index, 3, 5)
        assert not set(learn.groups) & set(held_out.groups)
        judged += sorted(set(held_out.groups.tolist()))
    assert sorted(judged) == sorted(set(patches.groups.tolist()))


def test_batches_depend_on_seed_and_step_alone(tiny: Recipe) -> None:
    patches = drawn_set(40)
    stream = batches(patches, tiny)
    next(stream)
    second = next(stream)
    again = next(batches(patches, tiny, first_step=1))
    assert np.array_equal(second[0], again[0])
    assert np.array_equal(second[1], again[1])
    assert second[0].shape == (32, HEIGHT_PX, WIDTH_PX, 1)
    assert 0 < second[1].min() < second[1].max() < 1  # smoothed


def test_a_set_without_shut_ones_is_refused(tiny: Recipe) -> None:
    patches = drawn_set(40)
    with pytest.raises(InputError, match="mrl_eye: expected open and shut ones"):
        next(batches(patches.take(patches.opens > 0.5), tiny))


def test_spoiling_changes_a_patch_and_leaves_it_one() -> None:
    patches = drawn_set(40)
    spoilt = spoilt_patches(patches, RECIPE, np.random.default_rng(0))
    assert spoilt.shape == (40, HEIGHT_PX, WIDTH_PX)
    assert spoilt.dtype == np.uint8
    assert not np.array_equal(spoilt, clean_patches(patches, GLARE_PX))


def test_patches_survive_their_cache(tmp_path: Path) -> None:
    patches = join([drawn_set(4), drawn_set(6, "eyes_rgb")])
    save_patches(tmp_path / "cache.npz", patches)
    again = load_patches(tmp_path / "cache.npz")
    assert np.array_equal(again.chips, patches.chips)
    assert again.sets.tolist() == patches.sets.tolist()
    (tmp_path / "cache.npz").write_bytes(b"no cache")
    with pytest.raises(InputError, match=r"cache\.npz: expected a cache of patches"):
        load_patches(tmp_path / "cache.npz")


@pytest.mark.parametrize(
    ("old", "new", "trouble"),
    [
        ("[window]", "[window]\nshear = 2.0", "shear"),
        ("blur_share = ", "blur_share = 1", "blur_share"),
        ('net = "eyenet"', 'net = "mouthnet"', "expected a recipe for eyenet, found one for mouthnet"),
        ("mrl_eye = ", "mrl = ", "expected batch.shares of"),
        ("small_width_px = [9, 22]", "small_width_px = [22, 9]", "small_width_px"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str, trouble: str) -> None:
    text = (RECIPES / "eyenet.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"mine\.toml.*{trouble}"):
        load_recipe(tmp_path / "mine.toml", "eyenet")


def test_the_area_under_the_curve() -> None:
    truth = np.array([False, False, True, True])
    assert auc(np.array([0.1, 0.2, 0.8, 0.9], np.float32), truth) == 1
    assert auc(np.array([0.1, 0.8, 0.2, 0.9], np.float32), truth) == 0.75
    assert auc(np.full(4, 0.5, np.float32), truth) == 0.5
    assert figures_of(np.array([0.1, 0.5, 0.5, 0.4], np.float32), truth).accuracy == 0.5
    with pytest.raises(InputError, match="both open and shut"):
        figures_of(np.zeros(2, np.float32), np.array([True, True]))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on TensorFlow on numpy 2
def test_a_training_goes_on_from_its_checkpoint_is_judged_on_others_and_ships(tiny: Recipe, tmp_path: Path) -> None:
    patches, said = drawn_set(), list[str]()
    results = judge_folds(patches, tiny, tmp_path, said.append)
    assert set(results) == {"mrl_eye, float32", "mrl_eye, int8"}
    assert {row.n for row in results.values()} == {len(patches)}
    half = msgspec.structs.replace(tiny, schedule=msgspec.structs.replace(tiny.schedule, steps=10))
    fit(patches, half, tmp_path / "all", said.append)
    net = fit(patches, tiny, tmp_path / "all", said.append)
    assert said[-1].endswith("from step 10 of 20")
    done = export(net, spoilt_patches(patches, tiny, np.random.default_rng(0)), tiny, results, tmp_path / "models")
    assert done.apart <= APART_MAX
    assert done.size <= SIZE_MAX
    store = ModelStore(tmp_path / "models")
    three = clean_patches(patches, GLARE_PX)[:3, ..., None]
    assert store.open_batched("eyenet", (2,)).run(three)["open"].shape == (3, 1)
    card = (tmp_path / "models" / "cards" / "eyenet.md").read_text(encoding="utf-8")
    assert "people it had not seen (2 folds), mrl_eye, int8" in card


def test_a_fresh_net_fits_its_budget() -> None:
    assert build("eyenet").count_params() < SIZE_MAX - 8000  # of the file, weights are not all
    assert isinstance(build("eyenet"), keras.Model)


def test_what_is_exported_is_the_same_function() -> None:
    keras.utils.set_random_seed(3)
    net = build("eyenet")
    rng = np.random.default_rng(3)
    for index in range(1, 5):  # normalisations that have learnt something
        norm = net.get_layer(f"norm{index}")
        norm.set_weights([rng.uniform(0.5, 1, value.shape).astype(np.float32) for value in norm.get_weights()])
    patches = rng.normal(size=(5, HEIGHT_PX, WIDTH_PX, 1)).astype(np.float32)
    wanted = np.asarray(net(patches, training=False))
    assert np.ptp(wanted) > 0.01
    assert np.asarray(for_device(net)(patches, training=False)) == pytest.approx(wanted, abs=1e-5)


def evaluated(*arguments: str) -> dict[str, float]:
    outcome = CliRunner().invoke(command, list(arguments))
    assert outcome.exit_code == 0, outcome.output
    figures: dict[str, float] = json.loads(outcome.output.splitlines()[-1])
    return figures


def test_the_evaluation_prints_its_figures_for_both_layouts(tmp_path: Path) -> None:
    folder = write_eyes(tmp_path)
    table = evaluated("--images", str(folder / "images"), "--labels", str(folder / "labels.csv"))
    assert table == evaluated("--folders", str(folder))
    assert list(table) == ["n", "accuracy", "auc", "model_bytes"]
    assert table["n"] == 4


def test_the_evaluation_wants_one_layout(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(command, ["--images", str(tmp_path)])
    assert isinstance(outcome.exception, InputError)


@pytest.mark.data
def test_the_shipped_net_on_the_data_that_it_was_made_from(data_dir: Path) -> None:
    """No measure of quality: the net has seen these people. It fails when patches are cut in another way."""
    infrared = evaluated("--images", str(data_dir / "mrl_eye/images"), "--labels", str(data_dir / "mrl_eye/labels.csv"))
    assert infrared["accuracy"] > 0.96
    assert infrared["auc"] > 0.99
    assert evaluated("--folders", str(data_dir / "eyes_rgb"))["accuracy"] > 0.985

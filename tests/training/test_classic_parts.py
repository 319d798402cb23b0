"""The tutorials' recipes, losses, networks and figures: what must hold before one of them is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import msgspec
import numpy as np
import pytest
import tensorflow as tf

from edge.errors import ConfigError, InputError
from edge.runtime.manifest import MODELS_DIR
from edge.types import Floats
from training.classic_callbacks import took
from training.classic_data import batches, steps_an_epoch
from training.classic_recipe import NAMES, RECIPES, OneCyclePart, Recipe, load_recipe
from training.classic_results import Result, changes, record
from training.data.pairs import Pairs
from training.data.people import PhotoSet
from training.evaluate.classic import best_distance, figures, normalised
from training.fit_classic import refuse_shipped
from training.losses.contrastive import ContrastiveLoss, EuclideanDistance, L1Distance
from training.models.classic_nets import branch, copy_branch
from training.one_cycle import OneCycle, OneCycleAdam

replace = msgspec.structs.replace


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_that_ships_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.flat()["schedule.batch"] == str(recipe.schedule.batch)
    assert not any(key.startswith("published") for key in recipe.flat())


def test_the_published_numbers_stand() -> None:
    contrastive, koch, as_published = (load_recipe(f"{name}") for name in ("att_contrastive", *NAMES[3:]))
    assert (contrastive.pairs.count, contrastive.schedule.epochs) == (20000, 13)
    assert branch(contrastive).output_shape == (None, 50)
    assert (koch.schedule.batch, koch.schedule.epochs, koch.schedule.checkpoint_every) == (16, 50, 10)
    changed = {key for key, value in koch.flat().items() if as_published.flat()[key] != value}
    assert changed == {"name", "net.pools_px"}
    assert load_recipe("densenet_faceid").compare.same_label == 0


@pytest.mark.parametrize(
    ("old", "new", "trouble"),
    [
        ("[photo]", "[photo]\ncolour = 1", "unknown field `colour`"),
        ("margin = 1.0", "margin = 1.0\nmargins = 2", r"unknown field `margins`.*\$\.compare"),
        ("filters = [6, 12]", "filters = [6, 12, 24]", "of equal length"),
        ("test_share = 0.25", "test_share = 0.0", "expected either pairs.fresh"),
        ('scheme = "numbered"', 'scheme = "folders"', "folders with data.layout triads"),
        ('crop = "photo"', 'crop = "face"', "which has boxes"),
        ("[compare]", "[compare", "not a recipe"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str, trouble: str) -> None:
    text = (RECIPES / "att_contrastive.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=trouble):
        load_recipe(str(path))


def test_a_name_that_is_no_recipe_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"expected a recipe out of att_contrastive, .*got 'facenet'"):
        load_recipe("facenet")


def test_more_epochs_go_on_unless_the_rate_follows_their_number() -> None:
    fixed, cycle = load_recipe("att_contrastive"), load_recipe("densenet_faceid")
    assert fixed.with_epochs(99).training_digest() == fixed.training_digest()
    assert cycle.with_epochs(99).training_digest() != cycle.training_digest()
    assert replace(fixed, seed=2).training_digest() != fixed.training_digest()


def test_the_shipped_models_are_out_of_reach() -> None:
    with pytest.raises(InputError, match="expected a folder of its own"):
        refuse_shipped(MODELS_DIR)


def losses(loss: ContrastiveLoss, labels: list[float], distances: list[float]) -> list[float]:
    columns = (np.array(values, np.float32)[:, None] for values in (labels, distances))
    return [float(value) for value in np.asarray(loss.call(*columns)).ravel()]


def test_both_conventions_of_the_label_say_the_same() -> None:
    ones = ContrastiveLoss(2.0, 1, 2)
    zeros = ContrastiveLoss(2.0, 0, 2)
    distances = [0.5, 0.5, 3.0]
    assert losses(ones, [1, 0, 0], distances) == pytest.approx([0.25, 2.25, 0])
    assert losses(zeros, [0, 1, 1], distances) == pytest.approx([0.25, 2.25, 0])


def test_a_hinge_that_is_not_squared() -> None:
    assert losses(ContrastiveLoss(1.0, 1, 1), [0], [0.25]) == pytest.approx([0.75])


@pytest.mark.parametrize("root", ["floor", "added"])
def test_the_root_has_a_finite_slope_at_nothing(root: str) -> None:
    pairs = tf.Variable(np.ones((3, 2, 4), np.float32))
    with tf.GradientTape() as tape:
        distance = EuclideanDistance(root, 1e-6)(pairs)  # type: ignore[arg-type]  # parametrised
        loss = tf.reduce_mean(ContrastiveLoss(1.0, 1, 2)(np.array([[1], [0], [1]], np.float32), distance))
    assert np.isfinite(np.asarray(tape.gradient(loss, pairs))).all()
    assert np.asarray(distance) == pytest.approx(1e-3, rel=1e-3)


def test_distances_are_what_numpy_says() -> None:
    pairs = np.random.default_rng(0).normal(size=(5, 2, 7)).astype(np.float32)
    gaps = pairs[:, 0] - pairs[:, 1]
    assert np.asarray(L1Distance()(pairs)) == pytest.approx(np.abs(gaps), abs=1e-6)
    found = np.asarray(EuclideanDistance("floor", 1e-7)(pairs))[:, 0]
    assert found == pytest.approx(np.linalg.norm(gaps, axis=1), rel=1e-5)


def test_the_twin_for_the_device_says_the_same() -> None:
    recipe = load_recipe("densenet_faceid")
    net = replace(recipe.net, growth=4, blocks=(2, 2, 1), embedding=8)
    recipe = replace(recipe, net=net, photo=replace(recipe.photo, height=44, width=40))
    trained, device = branch(recipe), branch(recipe, for_device=True)
    copy_branch(trained, device)
    photos = np.random.default_rng(0).normal(size=(2, 44, 40, 3)).astype(np.float32)
    assert np.asarray(device(photos)) == pytest.approx(np.asarray(trained(photos)), abs=1e-5)
    assert not any(isinstance(layer, keras.layers.AveragePooling2D) for layer in device.layers)


def test_pooling_by_columns_and_rows_is_pooling_by_windows() -> None:
    recipe = load_recipe("koch_l1_as_published")
    x = np.random.default_rng(0).normal(size=(1, 91, 91, 2)).astype(np.float32)
    whole = np.asarray(keras.layers.MaxPooling2D(64, 2, padding="same")(x))
    twice = x
    layers = [layer for layer in branch(recipe).layers if isinstance(layer, keras.layers.MaxPooling2D)][:2]
    for layer in layers:
        twice = np.asarray(layer(twice))
    assert np.array_equal(whole, twice)


def test_published_pooling_leaves_one_vector_of_the_whole_map() -> None:
    """What the recipe's first note claims."""
    x = np.random.default_rng(0).normal(size=(1, 17, 17, 3)).astype(np.float32)
    pooled = np.asarray(keras.layers.MaxPooling2D(64, 2, padding="same")(x))
    assert pooled.shape == (1, 9, 9, 3)
    assert (pooled == x.max(axis=(1, 2))).all()


def test_the_cycle_rises_and_falls_and_momentum_mirrors_it() -> None:
    part = OneCyclePart(rate_min=1e-4, rate_max=3e-4, beta1_min=0.85, beta1_max=0.95, beta2=0.99)
    rate = OneCycle(part.rate_min, part.rate_max, 100)
    assert [float(rate(step)) for step in (0, 50, 100, 150)] == pytest.approx([1e-4, 3e-4, 1e-4, 1e-4], rel=1e-5)
    adam = OneCycleAdam(rate, beta_1=part.beta1_max, beta_2=part.beta2, beta_1_min=part.beta1_min, steps=100)
    assert [float(adam.beta_1_at(step)) for step in (0, 50, 100)] == pytest.approx([0.95, 0.85, 0.95])


def test_the_momentum_of_the_cycle_is_the_one_that_is_used() -> None:
    """Halfway, with beta 1 at its least, a first gradient moves the momentum by 1 - 0.85 of it."""
    adam = OneCycleAdam(1e-3, beta_1=0.95, beta_2=0.99, beta_1_min=0.85, steps=2)
    weight = keras.Variable(np.ones(1, np.float32))
    adam.build([weight])
    adam.iterations.assign(1)
    adam.apply([keras.ops.ones(1)])
    assert float(adam._momentums[0][0]) == pytest.approx(0.15, rel=1e-5)
    assert adam.beta_1 == 0.95
    again = keras.optimizers.deserialize(keras.optimizers.serialize(adam))
    assert (again.beta_1, again.beta_1_min, again.steps) == (0.95, 0.85, 2)


DISTANCES: Floats = np.array([0.1, 0.2, 0.4, 0.6, 0.9, 3.0], np.float32)
SAME = np.array([True, True, False, True, False, False])


def test_figures_of_six_pairs() -> None:
    found = figures(DISTANCES, SAME, 0.5)
    assert (found.accuracy, found.precision, found.recall, found.fmr) == pytest.approx((4 / 6, 2 / 3, 2 / 3, 1 / 3))
    assert found.eer == pytest.approx(1 / 3)


def test_nobody_called_the_same_is_no_division_by_zero() -> None:
    assert (figures(DISTANCES, SAME, 0.01).precision, figures(DISTANCES, SAME, 0.01).recall) == (0, 0)


@pytest.mark.parametrize("scale", [1, 40])
def test_the_best_threshold_lies_between_two_distances_of_any_range(scale: float) -> None:
    at = best_distance(scale * DISTANCES, SAME)
    assert at / scale in (pytest.approx(0.3), pytest.approx(0.75))
    assert figures(scale * DISTANCES, SAME, at).accuracy == pytest.approx(5 / 6)


def test_the_network_takes_rgb_where_it_says_so() -> None:
    bgr = np.zeros((1, 2, 2, 3), np.uint8)
    bgr[..., 2] = 255
    part = load_recipe("koch_l1").photo
    assert normalised(bgr, part)[0, 0, 0].tolist() == [1, 0, 0]
    assert normalised(bgr, replace(part, channels="bgr"))[0, 0, 0].tolist() == [0, 0, 1]


def result(**changed: Any) -> Result:
    found = figures(DISTANCES, SAME, 0.5)
    numbers: dict[str, Any] = {
        "name": "att_subjects",
        "data": ("att_faces",),
        "epochs": 1,
        "epochs_published": 10,
        "published": "none",
        "protocol": "unseen people",
        "random": found,
        "unseen": found,
        "unseen_people": 5,
        "unseen_eer": 0.25,
        "threshold": 0.4,
        "float32": 0.9,
        "int8": 0.89,
        "parity_pairs": 100,
        "apart": 0.01,
        "size": 1_250_000,
        "changed": changes(load_recipe("att_subjects").with_epochs(1)),
    }
    return Result(**{**numbers, **changed})


def test_the_table_keeps_the_others_and_replaces_its_own(tmp_path: Path) -> None:
    record(result(name="another"), tmp_path)
    record(result(), tmp_path)
    text = record(result(published="0.5"), tmp_path).read_text(encoding="utf-8")
    assert [text.count(f"| `{name}` |") for name in ("another", "att_subjects")] == [1, 1]
    assert "| `att_subjects` | 1 (10) | 0.5 | 0.6667 |" in text
    assert "1.25 MB" in text
    assert "- 1 epochs, where the tutorial runs 10" in text


def test_the_table_says_where_nobody_was_kept_back(tmp_path: Path) -> None:
    assert "nobody to keep back" in record(result(unseen=None, unseen_eer=None), tmp_path).read_text(encoding="utf-8")
    assert not any(key.startswith("unseen") for key in result(unseen=None, unseen_eer=None).rows())


def test_a_damaged_file_of_results_is_named(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{}[", encoding="utf-8")
    with pytest.raises(InputError, match=r"results\.json: expected the results of earlier trainings"):
        record(result(), tmp_path)


def mirrored_recipe() -> Recipe:
    recipe = load_recipe("densenet_faceid")
    return replace(recipe, schedule=replace(recipe.schedule, batch=4))


def ten_pairs() -> tuple[PhotoSet, Pairs]:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    data = PhotoSet(pixels, np.arange(6, dtype=np.int32) // 2, ("a", "b", "c"), np.full(6, ""), "digest")
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 6, 10), rng.integers(0, 6, 10)
    return data, Pairs(one, other, data.people[one] == data.people[other])


def test_a_resumed_stream_goes_on_where_it_stopped() -> None:
    recipe, (data, pairs) = mirrored_recipe(), ten_pairs()
    assert steps_an_epoch(pairs, recipe) == 3
    whole = batches(data, pairs, recipe)
    for _ in range(3):
        next(whole)
    resumed = batches(data, pairs, recipe, first_epoch=1)
    for (photos, labels), (again, labels_again) in zip((next(whole), next(whole)), resumed, strict=False):
        assert np.array_equal(photos, again)
        assert np.array_equal(labels, labels_again)


def test_an_epoch_shows_every_pair_once_with_its_label() -> None:
    recipe, (data, pairs) = mirrored_recipe(), ten_pairs()
    stream = batches(data, pairs, recipe)
    shown = [next(stream) for _ in range(3)]
    assert [len(labels) for _, labels in shown] == [4, 4, 2]
    labels = np.concatenate([labels for _, labels in shown])
    assert labels.sum() == (~pairs.same).sum()  # 0 is the same person here
    assert shown[0][0].shape == (4, 2, 64, 64, 3)


def test_it_is_told_on_what_each_epoch_was_run_and_for_how_long() -> None:
    gpu = {"loss": 1.0, "seconds": 1.5, "core_seconds": 2.0, "on": "jax on gpu:0"}
    cpu = {"loss": 0.5, "seconds": 240.0, "core_seconds": 300.0, "on": "tensorflow on cpu:0"}
    text = took([{"loss": 2.0}, gpu, gpu, cpu])
    assert text == (
        "1 epochs by an unknown device; 2 epochs by jax on gpu:0 in 3 s, 4 s of its processor cores;"
        " 1 epochs by tensorflow on cpu:0 in 4 min, 5 min of its processor cores"
    )

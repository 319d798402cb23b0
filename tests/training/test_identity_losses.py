"""The identity terms of the branch's loss, the centres they need, and the photos whose names are not to be trusted."""

from __future__ import annotations

from pathlib import Path

import keras
import msgspec
import numpy as np
import pytest
import tensorflow as tf

from edge.types import Floats
from training.data.face_chips import CHIP_PX, Chips
from training.evaluate.branch_conditions import conditions, judge
from training.losses.identity import angular_loss, same_person, triplet_loss
from training.models.identity_head import branch_of, person_centres, with_centres
from training.siamese_data import well_labelled
from training.siamese_recipe import Recipe, load_recipe
from training.train_siamese import fit

keras_on_numpy_2 = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def at_angles(*degrees: float) -> Floats:
    """Unit rows (n, 2)."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_without_a_margin_the_angular_loss_is_the_softmax() -> None:
    cosines, people = np.array([[0.9, 0.1], [0.2, 0.4]], np.float32), np.array([0, 1])
    logits = 10 * cosines
    expected = -np.log(np.exp(logits)[[0, 1], people] / np.exp(logits).sum(axis=1)).mean()
    assert float(angular_loss(cosines, people, 0.0, 10.0)) == pytest.approx(expected, abs=1e-5)


def test_the_angular_margin_asks_for_more() -> None:
    cosines, people = np.array([[0.9, 0.1]], np.float32), np.array([0])
    wider = np.array([[np.cos(np.arccos(0.9) + 0.3), 0.1]], np.float32)
    asked = float(angular_loss(cosines, people, 0.3, 10.0))
    assert asked == pytest.approx(float(angular_loss(wider, people, 0.0, 10.0)), abs=1e-4)
    assert asked > float(angular_loss(cosines, people, 0.0, 10.0))


def test_a_face_farther_from_its_centre_always_costs_more() -> None:
    losses = [
        float(angular_loss(np.array([[c, 0.0]], np.float32), np.array([0]), 0.5, 16.0)) for c in np.linspace(1, -1, 41)
    ]
    assert (np.diff(losses) > 0).all()


@pytest.mark.parametrize("cosine", [-1.0, 0.0, 1.0])
def test_the_angular_gradient_is_finite_everywhere(cosine: float) -> None:
    cosines = tf.Variable([[cosine, -cosine]])
    with tf.GradientTape() as tape:
        loss = angular_loss(cosines, np.array([0]), 0.3, 32.0)
    assert np.isfinite(np.asarray(tape.gradient(loss, cosines))).all()


def test_a_triplet_is_the_hardest_of_the_batch() -> None:
    rows, same = at_angles(0, 40, 60), same_person(np.array([1.0, 1.0, 2.0]))

    def chord(degrees: float) -> float:
        return float(2 * np.sin(np.radians(degrees) / 2))

    wanted = [0.3 + chord(40) - chord(60), 0.3 + chord(40) - chord(20), 0.3 - chord(20)]
    assert float(triplet_loss(rows, same, 0.3)) == pytest.approx(np.maximum(wanted, 0).mean(), abs=1e-3)


def test_faces_well_apart_have_no_triplet_loss() -> None:
    assert float(triplet_loss(at_angles(0, 5, 90, 95), same_person(np.array([0.0, 0, 1, 1])), 0.3)) == 0


class StopAfterOne(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.model.stop_training = True


def tiny_branch() -> keras.Model:
    pixels = keras.Input((112, 112, 3))
    pooled = keras.layers.Flatten()(keras.layers.AveragePooling2D(16)(pixels))
    return keras.Model(pixels, keras.layers.Dense(128, name="embedding")(pooled))


@keras_on_numpy_2
def test_the_branch_comes_out_of_its_training_graph_as_it_went_in(tmp_path: Path) -> None:
    branch, pixels = tiny_branch(), np.random.default_rng(0).normal(size=(2, 112, 112, 3)).astype(np.float32)
    centres = np.eye(3, 128, dtype=np.float32)
    graph = with_centres(branch, centres)
    graph.save(tmp_path / "graph.keras")
    restored = keras.models.load_model(tmp_path / "graph.keras")
    embedding = np.asarray(branch_of(restored)(pixels))
    assert np.array_equal(embedding, np.asarray(branch(pixels)))
    cosines = embedding[:, :3] / np.linalg.norm(embedding, axis=1, keepdims=True)
    assert np.asarray(restored(pixels))[:, 128:] == pytest.approx(cosines, abs=1e-5)


def test_centres_are_unit_means() -> None:
    centres = person_centres(at_angles(0, 90, 180), np.array([0, 0, 1]))
    assert centres == pytest.approx(at_angles(45, 180), abs=1e-6)


def chips(embeddings: Floats, people: list[int]) -> Chips:
    """``embeddings`` (n, d): SFace's and the port's, of random pictures."""
    pixels = np.random.default_rng(0).integers(0, 256, (len(people), CHIP_PX, CHIP_PX, 3), dtype=np.uint8)
    both = np.stack([embeddings, embeddings], axis=1)
    return Chips(pixels, np.array(people, np.int32), {"sface": both, "port": both})


def test_a_photo_unlike_the_others_of_its_name_is_left_out() -> None:
    faces = chips(at_angles(0, 10, 20, 100, 200, 205, 50), [3, 3, 3, 3, 8, 8, 9])
    assert well_labelled(faces, 0.5).tolist() == [0, 1, 2, 4, 5, 6]
    assert len(well_labelled(faces, -1)) == 7


def test_two_photos_that_disagree_are_both_left_out() -> None:
    assert well_labelled(chips(at_angles(0, 90, 200, 201), [0, 0, 1, 1]), 0.5).tolist() == [2, 3]


def random_chips() -> Chips:
    rows = np.random.default_rng(1).normal(size=(8, 128)).astype(np.float32)
    return chips(rows / np.linalg.norm(rows, axis=1, keepdims=True), [0, 0, 1, 1, 5, 5, 6, 6])


def test_each_condition_does_what_it_says_and_is_repeatable() -> None:
    faces = random_chips()
    crops = conditions(faces)
    assert all(value.shape == (8, 112, 112, 3) for value in crops.values())
    assert crops["dark"].mean() < 0.8 * crops["jittered"].mean()
    assert crops["small"].std() < 0.8 * crops["jittered"].std()
    assert np.ptp(crops["infrared"].astype(int), axis=3).max() <= 60  # grey but for the sensor's noise
    assert not np.array_equal(crops["clean"], crops["jittered"])
    again = conditions(faces)
    assert all(np.array_equal(again[name], value) for name, value in crops.items())


def test_a_perfect_embedding_is_judged_perfect() -> None:
    faces = random_chips()
    centres = np.eye(8, dtype=np.float32)[faces.people]
    results = judge(lambda crops: centres, faces)
    assert results["dark eer"] == 0
    assert results["small tar 0.001"] == 1


def short(steps: int) -> Recipe:
    recipe, change = load_recipe(), msgspec.structs.replace
    fast = change(recipe.schedule, frozen_layers=0, warmup_steps=0)
    schedule = change(fast, people=4, photos_each=2, steps=4, steps_per_epoch=steps)
    return change(recipe, schedule=schedule, loss=change(recipe.loss, angular=1.0))


@keras_on_numpy_2
def test_a_training_with_centres_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    branch = tiny_branch()
    start = branch.get_weights()
    whole = fit(branch, random_chips(), short(2), tmp_path / "whole", lambda _: None).get_weights()
    assert not np.array_equal(whole[0], start[0])
    branch.set_weights(start)
    fit(branch, random_chips(), short(2), tmp_path / "cut", lambda _: None, callbacks=[StopAfterOne()])
    resumed = fit(tiny_branch(), random_chips(), short(2), tmp_path / "cut", lambda _: None).get_weights()
    assert resumed[0] == pytest.approx(whole[0], abs=1e-6)

"""What the pose head learns from, how it is drawn and jittered, and that the export is what was trained."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError, InputError
from edge.geometry import geodesic_deg, mirror_rotation, rotation_from_6d, rotation_from_euler, sixd_from_rotation
from edge.types import Floats, Pixels
from training.data.cascade_set import PATCH_PX
from training.data.pose_faces import PoseFaces, pose_faces
from training.models.fpnet import build_fpnet, onet_features
from training.models.fpnet_recipe import FpnetRecipe, load_recipe
from training.models.mtcnn import build_onet
from training.models.port_onet import split
from training.models.pose_head import centred, drawing_chances, feature_pool, jittered, scaled, train_pose_head
from training.teachers.blend import BlendedTeacher

RECIPE = load_recipe()


def faces(count: int, seed: int = 0) -> PoseFaces:
    rng = np.random.default_rng(seed)
    rotations = np.stack([rotation_from_euler(*rng.uniform(-40, 40, 3)) for _ in range(count)])
    patches = rng.integers(0, 256, (count, PATCH_PX, PATCH_PX, 3)).astype(np.uint8)
    return PoseFaces(patches, rotations, np.linspace(0, 30, count, dtype=np.float32), np.arange(count) * 10)


def still(**changes: float) -> FpnetRecipe:
    """The recipe without any jitter but ``changes``."""
    none = {"scale_min": 1.0, "scale_max": 1.0, "shift_sigma": 0.0, "roll_sigma_deg": 0.0}
    none |= {"contrast_sigma": 0.0, "brightness_sigma": 0.0, "grey_share": 0.0}
    return msgspec.structs.replace(RECIPE, jitter=msgspec.structs.replace(RECIPE.jitter, **(none | changes)))


def dot(x: int, y: int) -> Pixels:
    patch = np.zeros((PATCH_PX, PATCH_PX, 3), np.uint8)
    cv2.circle(patch, (x, y), 3, (255, 255, 255), -1)
    return patch


def centre_of(crop: Pixels) -> Floats:
    rows, columns = np.nonzero(crop[..., 0] > 100)
    return np.array([columns.mean(), rows.mean()], np.float32)


def test_a_turned_crop_carries_the_turned_label() -> None:
    """A dot right of the centre, turned clockwise, goes down by the angle that the label's roll grew by."""
    recipe, rng = still(roll_sigma_deg=25.0), np.random.default_rng(5)
    seen = set()
    for _ in range(12):
        crop, found = jittered(dot(64, 48), rotation_from_euler(0, 0, 0), recipe.jitter, rng)
        x, y = centre_of(crop) - 23.5
        mirrored = x < 0
        roll = np.degrees(np.arctan2(y, abs(x)))
        wanted = rotation_from_euler(0, 0, roll)
        assert geodesic_deg(found, mirror_rotation(wanted) if mirrored else wanted) < 4
        seen.add(bool(mirrored))
    assert seen == {True, False}


def test_a_mirrored_crop_carries_the_mirrored_label() -> None:
    rng, wanted = np.random.default_rng(1), rotation_from_euler(30, 10, 5)
    for _ in range(10):
        crop, found = jittered(dot(64, 48), wanted, still().jitter, rng)
        mirrored = centre_of(crop)[0] < 24
        assert geodesic_deg(found, mirror_rotation(wanted) if mirrored else wanted) < 0.1


def test_networks_see_rgb_in_the_manifest_s_scaling() -> None:
    np.testing.assert_allclose(
        scaled(np.array([[[[0, 128, 255]]]], np.uint8))[0, 0, 0], [127.5 / 128, 0.5 / 128, -127.5 / 128]
    )


def test_profiles_are_drawn_more_often_than_frontal_faces() -> None:
    chances = drawing_chances(np.stack([rotation_from_euler(yaw, 0, 0) for yaw in (0, 90, -90)]), 4.0)
    assert chances.sum() == pytest.approx(1)
    np.testing.assert_allclose(chances / chances[0], [1, 4, 4], rtol=1e-5)


def test_no_person_stands_on_both_sides_and_disagreements_are_dropped() -> None:
    every = faces(100)
    learn, judge = split(every, RECIPE)
    assert not set(learn.groups) & set(judge.groups)
    limit = RECIPE.disagreement_max_deg
    assert max(learn.disagreements_deg.max(), judge.disagreements_deg.max()) <= limit
    assert len(learn) + len(judge) == int((every.disagreements_deg <= limit).sum())


def test_the_exported_graph_is_the_head_that_was_trained() -> None:
    """Forty epochs on a few faces lower the loss, and folding the normalisation away changes no output."""
    recipe = msgspec.structs.replace(still(), crops_per_face=8, epochs=40, batch=16, hidden_units=16)
    some, onet = faces(12), build_onet()
    features = onet_features(onet)
    pool, targets = feature_pool(features, some, recipe, lambda _: None)
    assert pool.shape == (96, 1408)
    head = train_pose_head(pool, targets, recipe, verbose=0)
    untrained = train_pose_head(pool, targets, msgspec.structs.replace(recipe, learning_rate=1e-9), verbose=0)
    assert head.evaluate(pool, targets, verbose=0) < 0.8 * untrained.evaluate(pool, targets, verbose=0)
    crops = scaled(centred(some.patches, 1.0))
    wanted = head.predict_on_batch(features.predict_on_batch(crops))
    np.testing.assert_allclose(build_fpnet(onet, head).predict_on_batch(crops)[-1], wanted, atol=1e-4)


def test_the_same_seed_draws_the_same_pool() -> None:
    recipe = msgspec.structs.replace(RECIPE, crops_per_face=2)
    pools = [feature_pool(onet_features(build_onet()), faces(4), recipe, lambda _: None)[1] for _ in range(2)]
    np.testing.assert_array_equal(pools[0], pools[1])
    for six in pools[0]:
        np.testing.assert_allclose(sixd_from_rotation(rotation_from_6d(six[None]))[0], six, atol=1e-5)


@pytest.fixture(scope="module")
def mesh_alone() -> BlendedTeacher:
    try:
        return BlendedTeacher()
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ["aflw2000", "lfw", "att_faces"])
def test_sets_for_evaluation_are_never_learnt_from(name: str, mesh_alone: BlendedTeacher, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{name} is an evaluation set"):
        pose_faces(tmp_path, [name], mesh_alone, tmp_path, print)


def test_a_set_without_photos_is_named(mesh_alone: BlendedTeacher, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"celeba/images: expected photos, found none"):
        pose_faces(tmp_path, ["celeba"], mesh_alone, tmp_path, print)


@pytest.mark.clips
def test_labels_are_cached(mesh_alone: BlendedTeacher, clips_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data/celeba/images/someone"
    folder.mkdir(parents=True)
    (folder / "face.jpg").write_bytes((clips_dir / "single_face.jpg").read_bytes())
    said: list[str] = []
    first = pose_faces(tmp_path / "data", ["celeba"], mesh_alone, tmp_path / "cache", said.append)
    again = pose_faces(tmp_path / "data", ["celeba"], mesh_alone, tmp_path / "cache", said.append)
    assert said == ["labelling 1 photos with mesh"]
    assert first.patches.shape == (1, PATCH_PX, PATCH_PX, 3)
    np.testing.assert_array_equal(first.rotations, again.rotations)


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("seed = 1\nsteps = 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"r\.toml: not a recipe of FPNet version 0"):
        load_recipe(tmp_path / "r.toml")

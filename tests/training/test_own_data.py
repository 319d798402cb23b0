"""Training on one's own photos: both layouts, what is left out and why, what is refused, and the curves."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import keras
import msgspec
import numpy as np
import pytest

from edge.errors import InputError
from edge.images import read_image
from edge.runtime.manifest import MODELS_DIR, load_manifest
from edge.types import Floats, Pixels
from training.data.face_chips import CHIP_PX, Chips, Embed, chips_key
from training.data.face_sets import Photo, select, sets_for
from training.data.unmixed import LeftOut
from training.siamese_data import split
from training.siamese_progress import ERROR_PLOT, LOSS_PLOT, TABLE, progress, read_history
from training.siamese_recipe import OWN_RECIPE, load_recipe
from training.train_siamese import fit, run_name


def write_photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8))


def anchored(root: Path) -> Path:
    for seed, name in enumerate(["anchor/a", "anchor/b", "positive/a", "positive/b", "negative/a", "negative/b"]):
        write_photo(root / f"{name}.png", seed)
    return root


def by_folder(root: Path) -> Path:
    for seed, name in enumerate(["Ann/1", "Ann/2", "Bob/1", "Bob/2"]):
        write_photo(root / f"{name}.png", seed)
    return root


def test_anchors_and_positives_are_one_person_and_each_negative_another(tmp_path: Path) -> None:
    photos = select(anchored(tmp_path), ["own"]).photos
    assert [photo.person for photo in photos] == ["owner"] * 4 + ["stranger:a.png", "stranger:b.png"]
    assert all(photo.centre is None for photo in photos)


def test_else_each_folder_is_a_person(tmp_path: Path) -> None:
    (by_folder(tmp_path) / ".trash").mkdir()
    selection = select(tmp_path, ["own"])
    assert [photo.person for photo in selection.photos] == ["Ann", "Ann", "Bob", "Bob"]
    assert selection.left_out == ()


def test_which_layout_it_is_is_seen_from_the_folder(tmp_path: Path) -> None:
    assert sets_for(anchored(tmp_path / "me"), ["celeba"]) == ("own",)
    (tmp_path / "sets/celeba").mkdir(parents=True)
    assert sets_for(tmp_path / "sets", ["celeba", "ytf_crops"]) == ["celeba", "ytf_crops"]
    (tmp_path / "me/celeba").mkdir()
    with pytest.raises(InputError, match="found both: celeba"):
        sets_for(tmp_path / "me", ["celeba"])


def test_anchors_beside_people_are_refused(tmp_path: Path) -> None:
    by_folder(anchored(tmp_path))
    with pytest.raises(InputError, match="found Ann, Bob"):
        select(tmp_path, ["own"])


@pytest.mark.parametrize(("folders", "message"), [((), "found neither"), (("anchor",), "found 0 and 0")])
def test_a_folder_without_photos_is_refused(tmp_path: Path, folders: tuple[str, ...], message: str) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(InputError, match=message):
        select(tmp_path, ["own"])


def test_own_photos_are_not_mixed_with_sets(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected own by itself"):
        select(tmp_path, ["own", "celeba"])


def test_a_person_with_one_photo_is_named_and_left_out(tmp_path: Path) -> None:
    write_photo(by_folder(tmp_path) / "Cid/1.png", 9)
    selection = select(tmp_path, ["own"])
    assert "Cid" not in {photo.person for photo in selection.photos}
    assert selection.left_out == (LeftOut("the only one of their person", ("Cid",), 1),)


def test_the_same_photo_twice_counts_once(tmp_path: Path) -> None:
    write_photo(by_folder(tmp_path) / "Ann/again.png", 0)
    selection = select(tmp_path, ["own"])
    assert len(selection.photos) == 4
    assert selection.left_out == (LeftOut("the same photo twice", (str(tmp_path / "Ann/again.png"),), 1),)


def test_a_photo_under_two_names_is_nobodys(tmp_path: Path) -> None:
    write_photo(by_folder(tmp_path) / "Bob/3.png", 0)
    selection = select(tmp_path, ["own"])
    torn = (str(tmp_path / "Ann/1.png"), str(tmp_path / "Bob/3.png"))
    assert selection.left_out == (
        LeftOut("the same photo under two names", torn, 2),
        LeftOut("the only one of their person", ("Ann",), 1),
    )
    assert [photo.person for photo in selection.photos] == ["Bob", "Bob"]
    assert str(selection.left_out[1]) == "left out 1 photo, the only one of their person: Ann"


def test_nothing_left_says_why(tmp_path: Path) -> None:
    write_photo(tmp_path / "Ann/1.png", 0)
    with pytest.raises(
        InputError, match="nothing left to train on: left out 1 photo, the only one of their person: Ann"
    ):
        select(tmp_path, ["own"])


def test_two_sets_that_share_a_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "celeba").mkdir()
    rows = "image,identity,x,y,w,h\na.png,1,2,3,4,5\nb.png,1,2,3,4,5\n"
    (tmp_path / "celeba/faces.csv").write_text(rows, encoding="utf-8")
    for seed, name in enumerate("ab"):
        write_photo(tmp_path / f"celeba/images/{name}.png", seed)
    assert len(select(tmp_path, ["celeba"]).photos) == 2
    with pytest.raises(InputError, match=r"celeba and celeba share 1 names of people \(celeba:1\)"):
        select(tmp_path, ["celeba", "celeba"])


def chips(people: list[int]) -> Chips:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (len(people), CHIP_PX, CHIP_PX, 3), dtype=np.uint8)
    rows = rng.normal(size=(len(people), 128)).astype(np.float32)
    both = np.stack([rows / np.linalg.norm(rows, axis=1, keepdims=True)] * 2, axis=1)
    return Chips(pixels, np.array(people, np.int32), {"port": both, "sface": both})


def test_few_people_are_split_by_photo_many_by_person() -> None:
    owner = chips([0] * 10 + list(range(1, 11)))
    learn, judged = split(owner, 0.2, seed=1)
    assert sorted([*learn, *judged]) == list(range(20))
    assert (owner.people[judged] == 0).sum() == 2
    assert (owner.people[learn] == 0).sum() == 8
    assert (owner.people[judged] != 0).sum() == 2
    crowd = chips([person for person in range(10) for _ in range(2)])
    learn, judged = split(crowd, 0.2, seed=1)
    assert not set(crowd.people[learn]) & set(crowd.people[judged])


@pytest.mark.parametrize("people", [[0, 0, 0, 0, 0], [0, 0, 0, 1, 2]])
def test_too_few_photos_are_refused(people: list[int]) -> None:
    with pytest.raises(InputError, match="expected 4 photos of somebody, and photos of somebody else"):
        split(chips(people), 0.2, seed=1)


def test_a_training_goes_on_with_the_chips_that_it_began_with_alone(tmp_path: Path) -> None:
    recipe = load_recipe(OWN_RECIPE)
    assert recipe.data.sets == ("own",)
    for name in ("me", "you"):
        (tmp_path / name).write_bytes(b"a photo")
    photos = [Photo(tmp_path / name, name, None) for name in ("me", "you")]
    sface = {"sface": "a hash"}
    mine, ours = chips_key(photos[:1], sface), chips_key(photos, sface)
    assert run_name(recipe, mine) != run_name(recipe, ours)
    assert run_name(recipe, ours) == run_name(recipe, chips_key(photos, sface)) != run_name(load_recipe(), ours)
    assert chips_key(photos, {"sface": "another"}) != ours  # as with another file of --weights
    aligned_otherwise = shutil.copytree(MODELS_DIR, tmp_path / "models")
    manifest = aligned_otherwise / "manifest.toml"
    fpnet = load_manifest(aligned_otherwise).spec("fpnet").sha256
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(fpnet, "0" * 64), encoding="utf-8")
    assert chips_key(photos, sface, aligned_otherwise) != ours


def tiny_branch() -> keras.Model:
    pixels = keras.Input((112, 112, 3))
    pooled = keras.layers.Flatten()(keras.layers.AveragePooling2D(16)(pixels))
    return keras.Model(pixels, keras.layers.Dense(128, name="embedding")(pooled))


def embedder(model: keras.Model) -> Embed:
    def embed(crops: Pixels) -> Floats:
        raw = np.asarray(model(crops.astype(np.float32)))
        units: Floats = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return units

    return embed


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on TensorFlow on numpy 2
def test_a_training_draws_its_curves_and_goes_on_with_them(tmp_path: Path) -> None:
    faces, recipe = chips([0, 0, 1, 1, 2, 2, 3, 3]), load_recipe(OWN_RECIPE)

    def train(steps: int) -> None:
        fast = msgspec.structs.replace(recipe.schedule, people=4, photos_each=2, frozen_layers=0, warmup_steps=0)
        schedule = msgspec.structs.replace(fast, steps=steps, steps_per_epoch=1)
        own = msgspec.structs.replace(recipe, schedule=schedule)
        fit(tiny_branch(), faces, own, tmp_path, lambda _: None, callbacks=progress(tmp_path, faces, embedder))

    train(1)
    train(3)
    table = read_history(tmp_path / TABLE)
    assert [row["epoch"] for row in table] == [1, 2, 3]
    assert all(0 <= row["held_out_eer"] <= 1 for row in table)
    assert all(read_image(tmp_path / plot).width > 300 for plot in (LOSS_PLOT, ERROR_PLOT))
    assert list((tmp_path / "logs").rglob("events*"))

"""The Siamese branch's loss, recipe, jitter and data: what must hold before an hour is spent on training."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import keras
import msgspec
import numpy as np
import pytest
import tensorflow as tf

from edge.errors import ConfigError, InputError, StateError
from edge.types import Floats, Pixels
from training.data.face_chips import CHIP_PX, Chips, Embed, Locator, cached_chips, centre_crops, make_chips
from training.data.face_sets import Photo, select
from training.data.jitter import jittered_crops, realigned_crops
from training.data.unmixed import LeftOut
from training.losses.distil import DistilLoss, relational_loss, targets
from training.losses.identity import distances, unit
from training.siamese_data import batches, normalised, split_by_person
from training.siamese_recipe import DEFAULT_RECIPE, Recipe, load_recipe
from training.train_siamese import average_weights

OFF = {"anchor": 0.0, "relational": 0.0, "contrastive": 0.0, "margin": 1.2, "triplet": 0.0, "triplet_margin": 0.3}
OFF |= {"angular": 0.0, "angular_margin": 0.3, "angular_scale": 32.0}
LOSS = DistilLoss({**OFF, "anchor": 1.0, "relational": 10.0, "contrastive": 0.1, "triplet": 0.1})


def unit_rows(seed: int, n: int = 8) -> Floats:
    rows = np.random.default_rng(seed).normal(size=(n, 128)).astype(np.float32)
    units: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


def gradient(predicted: Floats, truth: Floats) -> Floats:
    variable = tf.Variable(predicted)
    with tf.GradientTape() as tape:
        loss = LOSS(truth, variable)
    return np.asarray(tape.gradient(loss, variable))


@pytest.mark.parametrize("row", [unit_rows(0, 1)[0], np.zeros(128, np.float32)], ids=["equal rows", "zero rows"])
def test_the_gradient_is_finite_at_distance_zero(row: Floats) -> None:
    truth = targets(np.array([0, 0, 1, 1], np.int32), unit_rows(1, 4), unit_rows(2, 4))
    assert np.isfinite(gradient(np.tile(row, (4, 1)), truth)).all()


def test_distances_of_unit_rows() -> None:
    rows = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    expected = np.sqrt(np.array([[0, 2, 4], [2, 0, 2], [4, 2, 0]], np.float32))
    assert np.asarray(distances(rows)) == pytest.approx(expected, abs=2e-4)


def test_the_loss_forgives_length_and_is_least_at_the_teachers() -> None:
    anchor = unit_rows(3)
    truth = targets(np.arange(8, dtype=np.int32), anchor, anchor)
    perfect = float(LOSS(truth, anchor))
    assert float(LOSS(truth, 7 * anchor)) == pytest.approx(perfect, abs=1e-5)
    assert perfect < float(LOSS(truth, unit_rows(4)))
    assert float(relational_loss(unit(anchor), anchor)) == pytest.approx(0, abs=1e-9)


def test_the_contrastive_term_pulls_the_same_and_pushes_others() -> None:
    teacher = unit_rows(5, 2)
    only = DistilLoss({**OFF, "contrastive": 1.0})
    near, far = np.eye(128, dtype=np.float32)[[0, 0]], np.eye(128, dtype=np.float32)[[0, 1]]
    same, other = (
        targets(np.zeros(2, np.int32), teacher, teacher),
        targets(np.arange(2, dtype=np.int32), teacher, teacher),
    )
    assert float(only(same, near)) == pytest.approx(0, abs=1e-6)
    assert float(only(same, far)) == pytest.approx(2, abs=1e-4)
    assert float(only(other, near)) == pytest.approx(1.2**2, abs=1e-3)
    assert float(only(other, far)) == 0


def test_the_loss_survives_saving() -> None:
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(LOSS))
    assert restored.get_config() == LOSS.get_config()


def test_the_shipped_recipe_names_no_evaluation_set() -> None:
    assert set(load_recipe().data.sets) == {"celeba", "ytf_crops"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 20", "seed = 20\ncolour = 1", "unknown field `colour`"),
        ("margin = 1.2", "margin = 1.2\nmargins = 2", r"unknown field `margins`.*\$\.loss"),
        ("margin = 1.2", "margin = 3.0", r"<= 2.*\$\.loss\.margin"),
        ("small_side_px = [40, 70]", "small_side_px = [70, 40]", "small_side_px as .least, most., got .70, 40."),
        ("[loss]", "[loss", "not a recipe"),
    ],
)
def test_a_bad_recipe_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = DEFAULT_RECIPE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_recipe(path)


def test_another_number_is_another_recipe() -> None:
    recipe = load_recipe()
    assert recipe.digest() == load_recipe().digest()
    assert recipe.digest() != msgspec.structs.replace(recipe, seed=recipe.seed + 1).digest()


def chips(n: int = 12, people: int = 4) -> Chips:
    rng = np.random.default_rng(0)
    pixels: Pixels = rng.integers(0, 256, (n, CHIP_PX, CHIP_PX, 3), dtype=np.uint8)
    embeddings = np.stack([unit_rows(1, n), unit_rows(2, n)], axis=1)
    return Chips(pixels, (np.arange(n) % people).astype(np.int32), {"port": embeddings, "sface": embeddings})


def test_jitter_depends_on_its_seed_alone() -> None:
    faces, recipe = chips().pixels, load_recipe()
    first = jittered_crops(faces, recipe, (1, 2))
    assert np.array_equal(first, jittered_crops(faces, recipe, (1, 2)))
    assert not np.array_equal(first, jittered_crops(faces, recipe, (1, 3)))
    assert first.shape == (12, 112, 112, 3)


def test_no_jitter_cuts_out_the_clean_crop() -> None:
    still = msgspec.structs.replace(load_recipe().jitter, scale_sigma=0, shift_sigma_px=0)
    faces = chips().pixels
    assert np.array_equal(realigned_crops(faces, still, 0, (0,)), centre_crops(faces))


def test_normalised_pixels_are_rgb_by_imagenet() -> None:
    bgr = np.zeros((1, 1, 1, 3), np.uint8)
    bgr[..., 2] = 255
    assert normalised(bgr)[0, 0, 0] == pytest.approx([(255 - 123.675) / 58.395, -116.28 / 57.12, -103.53 / 57.375])


def small(recipe: Recipe) -> Recipe:
    return msgspec.structs.replace(recipe, schedule=msgspec.structs.replace(recipe.schedule, people=3, photos_each=2))


def test_a_resumed_stream_continues_where_it_stopped() -> None:
    recipe = small(load_recipe())
    whole = batches(chips(), recipe)
    next(whole), next(whole)
    pixels, truth = next(whole)
    resumed_pixels, resumed_truth = next(batches(chips(), recipe, first_step=2))
    assert np.array_equal(pixels, resumed_pixels)
    assert np.array_equal(truth, resumed_truth)


def test_a_batch_holds_several_photos_of_each_person() -> None:
    pixels, truth = next(batches(chips(), small(load_recipe())))
    assert pixels.shape == (6, 112, 112, 3)
    people, counts = np.unique(truth[:, 0], return_counts=True)
    assert (len(people), set(counts)) == (3, {2})


def test_nobody_is_both_trained_and_judged_on() -> None:
    faces = chips(40, 10)
    learn, held_out = split_by_person(faces, 0.2, seed=1)
    assert not set(faces.people[learn]) & set(faces.people[held_out])
    assert len(learn) + len(held_out) == 40
    assert len(np.unique(faces.people[held_out])) == 2


def write_photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8))


def ytf(root: Path, people: list[str]) -> None:
    points = [f"{point}_{axis}" for point in ("re", "le", "n", "rm", "lm") for axis in "xy"]
    for number, person in enumerate(people):
        write_photo(root / "ytf_crops/images" / person / f"{1 + people[:number].count(person)}.png", number)
    with (root / "ytf_crops/landmarks5_yunet.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["image", "identity", *points])
        for number, person in enumerate(people):
            writer.writerow([f"{person}/{1 + people[:number].count(person)}.png", person, *range(10)])


def test_people_who_are_also_in_lfw_are_left_out_and_counted(tmp_path: Path) -> None:
    ytf(tmp_path, ["Ann_One", "Bob_Two", "Cid_Three", "Cid_Three"])
    write_photo(tmp_path / "lfw/images/Ann_One/Ann_One_0001.png", 90)
    (tmp_path / "lfw/pairs.csv").write_text("image_a,image_b\nBob_Two/1.jpg,Dan_Four/1.jpg\n", encoding="utf-8")
    selection = select(tmp_path, ["ytf_crops"])
    assert [photo.person for photo in selection.photos] == ["Cid_Three", "Cid_Three"]
    assert selection.left_out == (LeftOut("of people who are also in LFW", ("Ann_One", "Bob_Two"), 2),)


def test_nothing_left_is_refused(tmp_path: Path) -> None:
    ytf(tmp_path, ["Ann_One"])
    write_photo(tmp_path / "lfw/images/Ann_One/Ann_One_0001.png", 90)
    with pytest.raises(InputError, match=r"every person in .* is also in an evaluation set"):
        select(tmp_path, ["ytf_crops"])


@pytest.mark.parametrize("name", ["lfw", "att_faces", "aflw2000"])
def test_an_evaluation_set_is_refused_as_data(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is an evaluation set"):
        select(tmp_path / name, ["celeba"])
    with pytest.raises(InputError, match=f"{name} is an evaluation set"):
        select(tmp_path, ["celeba", name])


def test_a_link_to_an_evaluation_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sets/lfw").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/celeba").symlink_to(tmp_path / "sets/lfw")
    with pytest.raises(InputError, match="lfw is an evaluation set"):
        select(tmp_path / "mine", ["celeba"])


@pytest.mark.parametrize("name", ["lfw", "att_faces", "aflw2000"])
def test_a_renamed_copy_of_an_evaluation_photo_is_refused(tmp_path: Path, name: str) -> None:
    ytf(tmp_path, ["Ann_One", "Bob_Two"])
    write_photo(tmp_path / name / "images/x/photo.png", 1)  # the same pixels as Bob_Two's
    with pytest.raises(InputError, match=r"Bob_Two/1\.png: is the same file as .*photo\.png"):
        select(tmp_path, ["ytf_crops"])


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"celeba/faces\.csv: cannot be read"):
        select(tmp_path, ["celeba"])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("image,identity,x,y\na.png,1,2,3\n", r"missing \['w', 'h'\]"),
        ("image,identity,x,y,w,h\na.png,1,2,3,4,wide\n", r"numbers in the row of 'a\.png': .*'wide'"),
        ("image,identity,x,y,w,h\na.png,1,2,3\n", r"numbers in the row of 'a\.png'"),
    ],
)
def test_wrong_annotations_say_what_is_wrong(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "celeba").mkdir()
    (tmp_path / "celeba/faces.csv").write_text(table, encoding="utf-8")
    with pytest.raises(InputError, match=rf"faces\.csv: expected .*{said}"):
        select(tmp_path, ["celeba"])


def test_chips_on_a_full_disk_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, written = [], np.save

    def make(photos: Sequence[Photo], teachers: dict[str, Embed], say: Callable[[str], None]) -> Chips:
        made.append(len(photos))
        return chips()

    def full_disk(path: Path, array: Floats) -> None:
        if "teacher" in path.name:
            raise OSError(28, "No space left on device")
        written(path, array)

    monkeypatch.setattr("training.data.face_chips.make_chips", make)
    teachers: dict[str, Embed] = {"port": lambda crops: unit_rows(1, len(crops))}
    with monkeypatch.context() as disk:
        disk.setattr("numpy.save", full_disk)
        with pytest.raises(StateError, match=r"chips-.*: cannot keep the aligned faces: No space left"):
            cached_chips([], teachers, tmp_path / "chips-1", print)
    assert np.array_equal(cached_chips([], teachers, tmp_path / "chips-1", print).pixels, chips().pixels)
    cached_chips([], teachers, tmp_path / "chips-1", print)
    assert made == [0, 0]


def test_photos_that_are_broken_or_show_no_face_are_named(tmp_path: Path) -> None:
    try:
        Locator()
    except InputError as error:
        pytest.skip(str(error))
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    write_photo(tmp_path / "noise.png", 1)
    centre = np.full(2, 32, np.float32)
    with pytest.raises(InputError, match=r"found none in 1: .*broken\.png"):
        make_chips([Photo(tmp_path / "broken.png", "a", centre)], {}, print)
    with pytest.raises(InputError, match=r"expected photos of faces, found none in 1: .*noise\.png"):
        make_chips([Photo(tmp_path / "noise.png", "a", centre)], {}, print)


def test_averaging_weights_goes_part_of_the_way_back() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[4.0]], np.float32), np.array([8.0], np.float32)])
    average_weights(model, [np.zeros((1, 1), np.float32), np.zeros(1, np.float32)], 0.25)
    assert [float(weight.reshape(())) for weight in model.get_weights()] == [3.0, 6.0]


def test_chips_are_taken_together() -> None:
    taken = chips().take(np.array([3, 1]))
    assert [len(getattr(taken, field.name)) for field in dataclasses.fields(taken)][:2] == [2, 2]
    assert np.array_equal(taken.teachers["port"], chips().teachers["port"][[3, 1]])

"""The cascade's training cache: whole or absent, the same for the same seed, never made of evaluation photos."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.errors import InputError, StateError
from edge.images import list_images, write_image
from edge.types import Frame
from training import prepare_cascade, search_fpnet, train_cascade
from training.data.cascade_set import (
    CascadeSet,
    FaceSet,
    NegativeSet,
    empty_faces,
    empty_negatives,
    join_faces,
    load_cascade_set,
    save_cascade_set,
)
from training.data.photo_sets import FacePhoto, find_photos, held_out_backgrounds, training_backgrounds
from training.prepare_cascade import plan_shards, prepare


def made_up_faces(count: int, rng: np.random.Generator) -> FaceSet:
    """Noise in the shape of faces."""
    return FaceSet(
        rng.integers(0, 256, (count, 96, 96, 3)).astype(np.uint8),
        rng.uniform(24, 72, (count, 4)).astype(np.float32),
        rng.uniform(24, 72, (count, 5, 2)).astype(np.float32),
        np.tile(np.eye(3, dtype=np.float32), (count, 1, 1)),
        rng.random(count) < 0.9,
        rng.uniform(0, 9, count).astype(np.float32),
        rng.random(count) < 0.4,
        rng.integers(0, 5, count).astype(np.int64),
    )


def made_up_negatives(count: int, rng: np.random.Generator) -> NegativeSet:
    return NegativeSet(
        rng.integers(0, 256, (count, 48, 48, 3)).astype(np.uint8), rng.integers(0, 4, count).astype(np.int64)
    )


def same(one: FaceSet | NegativeSet, other: FaceSet | NegativeSet) -> bool:
    return all(np.array_equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(one))


@pytest.fixture
def some() -> CascadeSet:
    rng = np.random.default_rng(1)
    return CascadeSet(made_up_faces(50, rng), made_up_negatives(160, rng), "some recipe", {"photos": 7})


class NoiseLabeller:
    """Stands for the teachers: what it gives is drawn from ``rng`` alone. Stops at the photo named ``stops_at``."""

    def __init__(self, stops_at: str = "") -> None:
        self.stops_at, self.seen = stops_at, 0

    def photo(
        self, frame: Frame, photo: FacePhoto, rng: np.random.Generator, counts: Counter[str]
    ) -> tuple[FaceSet, NegativeSet]:
        if photo.path.name == self.stops_at:
            raise KeyboardInterrupt
        self.seen += 1
        return made_up_faces(2, rng), made_up_negatives(7, rng)

    def background(self, frame: Frame, rng: np.random.Generator) -> NegativeSet | None:
        self.seen += 1
        return made_up_negatives(3, rng) if frame.pixels.mean() < 128 else None


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Data with one set of twelve photos of three people, and eight backgrounds, the last of them bright."""
    data = tmp_path / "data"
    for index in range(12):
        write_image(data / f"people/images/{index % 3}/{index:02}.png", np.full((64, 64, 3), index, np.uint8))
    for index in range(8):
        write_image(data / f"backgrounds/{index}.png", np.full((64, 64, 3), 200 if index == 7 else index, np.uint8))
    return data


def made(photos: Path, output: Path, labeller: NoiseLabeller, seed: int = 1) -> CascadeSet:
    backgrounds = [FacePhoto(path, f"backgrounds/{path.name}", 0) for path in training_backgrounds(photos)]
    shards = plan_shards(find_photos(photos, ["people"]), backgrounds, [seed])
    return prepare(shards, lambda: labeller, seed, output)


def test_what_was_saved_is_loaded(some: CascadeSet, tmp_path: Path) -> None:
    save_cascade_set(tmp_path / "cache", some)
    found = load_cascade_set(tmp_path / "cache")
    assert same(found.faces, some.faces)
    assert same(found.negatives, some.negatives)
    assert (found.recipe_hash, found.counts) == (some.recipe_hash, some.counts)
    assert isinstance(found.faces.patches, np.memmap)


def test_nothing_at_all_is_loaded_as_nothing(tmp_path: Path) -> None:
    save_cascade_set(tmp_path / "cache", CascadeSet(empty_faces(), empty_negatives(), "none"))
    found = load_cascade_set(tmp_path / "cache")
    assert (len(found.faces), len(found.negatives)) == (0, 0)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError("99 requested and 5 written")])
def test_a_write_that_is_cut_short_leaves_what_was_there(
    some: CascadeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    save_cascade_set(tmp_path / "cache", some)
    written = np.save

    def full_disk(path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
        if "negatives" in path.name:
            raise error
        written(path, array)

    monkeypatch.setattr("numpy.save", full_disk)
    with pytest.raises(StateError, match=r"cache: cannot keep the training data here: (No space left|99 requested)"):
        save_cascade_set(tmp_path / "cache", replace(some, recipe_hash="another"))
    assert load_cascade_set(tmp_path / "cache").recipe_hash == "some recipe"
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


@pytest.mark.parametrize("damage", ["truncated", "missing", "no index", "other count"])
def test_half_a_cache_is_refused(some: CascadeSet, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "cache"
    save_cascade_set(folder, some)
    patches = folder / "faces-patches.npy"
    if damage == "truncated":
        patches.write_bytes(patches.read_bytes()[:-1000])
    elif damage == "missing":
        patches.unlink()
    elif damage == "no index":
        (folder / "index.json").unlink()
    else:
        index = folder / "index.json"
        index.write_text(index.read_text(encoding="utf-8").replace('"faces": 50', '"faces": 51'), encoding="utf-8")
    with pytest.raises(InputError, match=r"cache.*expected"):
        load_cascade_set(folder)


def test_arrays_that_do_not_fit_each_other_are_refused(some: CascadeSet) -> None:
    with pytest.raises(InputError, match=r"expected boxes float32 \(50, 4\), got float32 \(49, 4\)"):
        replace(some.faces, boxes=some.faces.boxes[1:])
    with pytest.raises(InputError, match="expected kinds int64"):
        replace(some.negatives, kinds=some.negatives.kinds.astype(np.int32))


def test_rows_are_taken_and_joined_in_order(some: CascadeSet) -> None:
    halves = [some.faces.take(np.arange(20)), some.faces.take(np.arange(50) >= 20)]
    assert same(join_faces(halves), some.faces)


def test_the_same_seed_gives_the_same_cache_and_another_seed_another(photos: Path, tmp_path: Path) -> None:
    one, again, other = (
        made(photos, tmp_path / name, NoiseLabeller(), seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert same(one.faces, again.faces)
    assert same(one.negatives, again.negatives)
    assert one.recipe_hash == again.recipe_hash != other.recipe_hash
    assert not same(one.faces, other.faces)


def test_a_run_that_was_cut_short_goes_on_where_it_was(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_cascade, "_SHARD_PHOTOS", 4)
    whole = made(photos, tmp_path / "whole", NoiseLabeller())
    with pytest.raises(KeyboardInterrupt):
        made(photos, tmp_path / "cut", NoiseLabeller(stops_at="05.png"))
    assert not (tmp_path / "cut").exists()
    rest = NoiseLabeller()
    resumed = made(photos, tmp_path / "cut", rest)
    assert rest.seen < 12 + 6
    assert same(resumed.faces, whole.faces)
    assert same(resumed.negatives, whole.negatives)
    assert not (tmp_path / "cut-shards").exists()


def test_a_disk_that_fills_up_in_mid_cache_is_gone_on_from(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_cascade, "_SHARD_PHOTOS", 4)
    whole, saved, saves = made(photos, tmp_path / "whole", NoiseLabeller()), np.save, Counter[str]()

    def full_disk(path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
        saves[path.name] += 1
        if saves["faces-boxes.npy"] == 3:
            raise OSError(28, "No space left on device")
        saved(path, array)

    with monkeypatch.context() as disk:
        disk.setattr("numpy.save", full_disk)
        with pytest.raises(StateError, match="cannot keep the training data here: No space left"):
            made(photos, tmp_path / "cut", NoiseLabeller())
    assert not (tmp_path / "cut").exists()
    assert len(list((tmp_path / "cut-shards").iterdir())) == 2
    assert same(made(photos, tmp_path / "cut", NoiseLabeller()).faces, whole.faces)


def test_training_refuses_a_cache_of_an_evaluation_set(some: CascadeSet, tmp_path: Path) -> None:
    save_cascade_set(tmp_path / "cache", replace(some, counts={"faces of celeba": 47, "faces of lfw": 3}))
    for command in (train_cascade.rnet, search_fpnet.command):
        asked = ["--cache", str(tmp_path / "cache"), "--runs", str(tmp_path / "runs")]
        error = CliRunner().invoke(command, asked).exception
        assert isinstance(error, InputError)
        assert "cache: holds faces of lfw, which is an evaluation set" in str(error)
    assert not (tmp_path / "runs").exists()


def test_a_finished_cache_is_not_made_again(photos: Path, tmp_path: Path) -> None:
    made(photos, tmp_path / "cache", NoiseLabeller())
    idle = NoiseLabeller()
    made(photos, tmp_path / "cache", idle)
    assert idle.seen == 0


def test_negatives_are_two_to_a_face_and_everything_is_counted(photos: Path, tmp_path: Path) -> None:
    (photos / "people/images/0/00.png").write_bytes(b"not a picture")
    found = made(photos, tmp_path / "cache", NoiseLabeller())
    assert (len(found.faces), len(found.negatives)) == (22, 44)
    counts = found.counts
    assert (counts["photos"], counts["photos unreadable"]) == (11, 1)
    assert (counts["backgrounds"], counts["backgrounds with people"]) == (6, 1)
    assert counts["faces real"] + counts["faces rendered"] == 22
    assert sum(count for name, count in counts.items() if name.startswith("negatives ")) == 44


def test_photos_without_any_face_are_an_error(photos: Path, tmp_path: Path) -> None:
    class Blind(NoiseLabeller):
        def photo(
            self, frame: Frame, photo: FacePhoto, rng: np.random.Generator, counts: Counter[str]
        ) -> tuple[FaceSet, NegativeSet]:
            return empty_faces(), empty_negatives()

    with pytest.raises(InputError, match="expected faces"):
        made(photos, tmp_path / "cache", Blind())
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["lfw", "att_faces", "aflw2000"])
def test_evaluation_sets_are_refused(photos: Path, name: str) -> None:
    shutil.copytree(photos / "people", photos / name)
    with pytest.raises(InputError, match=f"{name} is an evaluation set"):
        find_photos(photos, [name])


def test_a_renamed_evaluation_photo_is_refused(photos: Path) -> None:
    (photos / "aflw2000").mkdir()
    shutil.copy(photos / "people/images/1/04.png", photos / "aflw2000/other.png")
    with pytest.raises(InputError, match=r"04\.png: is the same file as"):
        find_photos(photos, ["people"])


def test_photos_of_one_person_share_a_group(photos: Path) -> None:
    by_folder: dict[str, set[int]] = {}
    for photo in find_photos(photos, ["people"]):
        by_folder.setdefault(photo.path.parent.name, set()).add(photo.group)
    assert [len(groups) for groups in by_folder.values()] == [1, 1, 1]
    assert len(set.union(*by_folder.values())) == 3


def test_held_out_backgrounds_are_not_trained_on(photos: Path) -> None:
    held_out, trained = held_out_backgrounds(photos), training_backgrounds(photos)
    assert [path.name for path in held_out] == ["0.png", "6.png"]
    assert sorted([*held_out, *trained]) == list_images(photos / "backgrounds")


def test_a_missing_set_is_named(photos: Path) -> None:
    with pytest.raises(InputError, match="celeba: expected photos"):
        find_photos(photos, ["celeba"])
    with pytest.raises(InputError, match="expected the names of sets"):
        find_photos(photos, [])

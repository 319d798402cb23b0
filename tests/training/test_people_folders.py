"""Folders of people as they are found in the wild: each oddity is named and counted, and nothing is silently mixed."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import InputError
from edge.types import Floats, Pixels
from training.data.own_folder import ANCHOR, NEGATIVE, POSITIVE
from training.data.people import (
    PhotoFile,
    PhotoSet,
    has_triads,
    list_celeba,
    list_people,
    list_triads,
    read_photos,
    triads_from_people,
)


def photo(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (60, 50, 3), dtype=np.uint8))
    return path


def seed_of(name: str, number: int) -> int:
    return zlib.crc32(f"{name} {number}".encode())


def people(folder: Path, **photos: int) -> Path:
    for person, count in photos.items():
        for number in range(count):
            photo(folder / person / f"{number}.png", seed_of(person, number))
    return folder


def small(pixels: Pixels, box: Floats | None) -> Pixels:
    return np.ascontiguousarray(pixels[:8, :8])


def read(files: list[PhotoFile]) -> tuple[PhotoSet, list[str]]:
    said: list[str] = []
    return read_photos(files, small, said.append), said


def test_people_are_sorted_as_a_person_would(tmp_path: Path) -> None:
    found, said = read(list_people(people(tmp_path, s1=2, s10=2, s2=2)))
    assert found.names == ("s1", "s2", "s10")
    assert found.pixels.shape == (6, 8, 8, 3)
    assert said == []


def test_a_person_with_one_photo_is_named(tmp_path: Path) -> None:
    _, said = read(list_people(people(tmp_path, ann=3, bob=1, cid=1)))
    assert said == ["2 people with one photo only, who are in pairs of different people alone: bob, cid"]


def test_the_same_photo_twice_counts_once_and_is_named(tmp_path: Path) -> None:
    folder = people(tmp_path, ann=2, bob=2)
    (folder / "ann/copy.png").write_bytes((folder / "ann/0.png").read_bytes())
    found, said = read(list_people(folder))
    assert len(found.people) == 4
    assert said == [f"left out 1 photo, the same photo twice: {folder / 'ann/copy.png'}"]


def test_the_same_photo_of_two_people_is_nobodys_and_named(tmp_path: Path) -> None:
    folder = people(tmp_path, ann=2, bob=2)
    (folder / "bob/hers.png").write_bytes((folder / "ann/0.png").read_bytes())
    found, said = read(list_people(folder))
    assert [len(found.rows_of([person])) for person in (0, 1)] == [1, 2]
    torn = f"{folder / 'ann/0.png'}, {folder / 'bob/hers.png'}"
    assert f"left out 2 photos, the same photo under two names: {torn}" in said


def test_files_that_are_no_pictures_are_named_with_their_trouble(tmp_path: Path) -> None:
    folder = people(tmp_path, ann=2, bob=2)
    (folder / "ann/notes.txt").write_text("remember the milk", encoding="utf-8")
    (folder / "bob/empty.png").touch()
    (folder / "bob/.hidden").write_text("not looked at", encoding="utf-8")
    found, said = read(list_people(folder))
    assert len(found.people) == 4
    assert len(said) == 1
    assert said[0].startswith(f"left out 2 photos, cannot be read as a picture: {folder / 'ann/notes.txt'}")
    assert "bob/empty.png" in said[0]
    assert "an empty file" in said[0]


def test_many_troubles_are_counted_and_the_first_named(tmp_path: Path) -> None:
    folder = people(tmp_path, ann=3, **{f"p{number}": 1 for number in range(12)})
    _, said = read(list_people(folder))
    assert said[0].endswith(": p0, p1, p2, p3, p4 and 7 more")


@pytest.mark.parametrize("counts", [{"ann": 5}, {"ann": 1, "bob": 1}], ids=["one person", "no two photos of anybody"])
def test_what_cannot_be_paired_is_refused(tmp_path: Path, counts: dict[str, int]) -> None:
    with pytest.raises(InputError, match="expected two people and two photos of one of them"):
        read(list_people(people(tmp_path, **counts)))


def test_an_empty_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected folders of photos, one folder a person, found none"):
        list_people(tmp_path)
    with pytest.raises(InputError, match=r"none: cannot be read as a folder of photos"):
        list_people(tmp_path / "none")


def test_two_sets_with_a_person_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    here, there = (people(tmp_path / name, ann=2) for name in ("here", "there"))
    for path in (there / "ann").iterdir():
        photo(path, seed_of(path.as_posix(), 0))
    found, _ = read(list_people(here, set_name="here") + list_people(there, set_name="there"))
    assert found.names == ("here/ann", "there/ann")


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "faces.csv").write_text("image,identity,x,y,w\na.jpg,1,0,0,9\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"faces\.csv: expected columns .*missing \['h'\]"):
        list_celeba(tmp_path)


def test_a_box_that_is_no_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "faces.csv").write_text("image,identity,x,y,w,h\na.jpg,1,0,0,nine,9\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"faces\.csv: expected numbers as x, y, w, h, got .*nine"):
        list_celeba(tmp_path)


def test_a_photo_that_the_table_names_and_nobody_finds_is_named(tmp_path: Path) -> None:
    rows = "".join(f"{name}.png,{name[0]},0,0,9,9\n" for name in ("a1", "a2", "b1", "b2"))
    (tmp_path / "faces.csv").write_text("image,identity,x,y,w,h\n" + rows, encoding="utf-8")
    for seed, name in enumerate(("a1", "a2", "b1")):
        photo(tmp_path / "images" / f"{name}.png", seed)
    _, said = read(list_celeba(tmp_path))
    assert f"left out 1 photo, cannot be read: {tmp_path / 'images/b2.png'}" in said


def test_the_three_folders_of_one_owner(tmp_path: Path) -> None:
    for role in (ANCHOR, POSITIVE, NEGATIVE):
        for number in range(3):
            photo(tmp_path / role / f"{number}.png", seed_of(role, number))
    assert has_triads(tmp_path)
    found, _ = read(list_triads(tmp_path))
    assert found.names == ("owner", "strangers")
    assert [len(found.rows_of([0], role)) for role in (ANCHOR, POSITIVE)] == [3, 3]


def test_an_anchor_among_the_negatives_is_refused(tmp_path: Path) -> None:
    for role in (ANCHOR, POSITIVE, NEGATIVE):
        photo(tmp_path / role / "1.png", 0 if role != POSITIVE else 1)
    with pytest.raises(InputError, match=r"the same under two: .*anchor.1\.png, .*negative.1\.png"):
        read(list_triads(tmp_path))


def test_a_missing_folder_of_the_three_is_named(tmp_path: Path) -> None:
    photo(tmp_path / "anchor/1.png", 1)
    with pytest.raises(InputError, match="positive: cannot be read as a folder"):
        list_triads(tmp_path)


def test_people_become_anchors_and_positives_by_turns(tmp_path: Path) -> None:
    files = triads_from_people(
        list_people(people(tmp_path / "a", ann=5)), list_people(people(tmp_path / "b", bob=2), set_name="b")
    )
    assert [file.role for file in files] == [ANCHOR, POSITIVE, ANCHOR, POSITIVE, ANCHOR, NEGATIVE, NEGATIVE]
    assert files[-1].person == "b/bob"

"""The photos that the Siamese branch may learn from, and the people that it must not have seen before it is judged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import InputError
from edge.types import Floats
from training.data.own_folder import ANCHOR, POSITIVE
from training.data.own_sets import OWN, own_people
from training.data.tables import read_rows
from training.data.unmixed import LeftOut, refuse_shared_names, without_copies, without_lone_photos

EVALUATION_SETS = ("lfw", "att_faces", "aflw2000")
FACES_OF = "faces of "  # and a set's name: how many a cascade's cache holds of it
_PICTURES = {".jpg", ".jpeg", ".png", ".pgm"}


@dataclass(frozen=True, slots=True)
class Photo:
    """One labelled face. ``centre``: (2,) px, where the labelled face is; None: it is the photo's main face.

    ``person`` is unique over all sets.

    ``landmarks``: (5, 2) px where the set has them, else None.
    """

    path: Path
    person: str
    centre: Floats | None
    landmarks: Floats | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """``photos`` to train on, and what was ``left_out`` of the sets, by reason."""

    photos: tuple[Photo, ...]
    left_out: tuple[LeftOut, ...]


def select(data: Path, sets: Sequence[str]) -> Selection:
    """The photos of the named ``sets`` below ``data``, without the people of any evaluation set beside them.

    ``own`` is ``data`` itself, the owner's photos, and goes with no other set. Copies and lone photos are left out.
    Raises InputError where ``data`` or a set is, or holds files of, an evaluation set, where a set is missing, or where
    two share a name.
    """
    if OWN in sets and len(sets) > 1:
        raise InputError(f"expected {OWN} by itself, or sets out of {', '.join(READERS)}; got {list(sets)}")
    refuse_by_name(data, [name for name in sets if name != OWN], READERS)
    by_set = [(name, list(_reader(name)(data if name == OWN else data / name))) for name in sets]
    refuse_shared_names([(name, {photo.person for photo in photos}) for name, photos in by_set])
    photos = [photo for _, some_photos in by_set for photo in some_photos]
    refuse_by_content(data, [photo.path for photo in photos])
    unjudged, known = _without_judged(data, photos)
    if not unjudged:
        raise InputError(f"{data}: every person in {list(sets)} is also in an evaluation set; nothing left to train on")
    once, copies = without_copies(unjudged)
    kept, lone = without_lone_photos(once)
    left_out = (*known, *copies, *lone)
    if not kept:
        raise InputError(f"{data}: nothing left to train on: {'; '.join(map(str, left_out))}")
    return Selection(tuple(kept), left_out)


def sets_for(data: Path, sets: Sequence[str]) -> Sequence[str]:
    """``sets``, or the owner's own photos where ``data`` holds none of them. Raises InputError where it holds both."""
    present = [name for name in sets if (data / name).is_dir()]
    if present and any((data / kind).is_dir() for kind in (ANCHOR, POSITIVE)):
        raise InputError(
            f"{data}: expected sets of photos or {ANCHOR} and {POSITIVE}, found both: {', '.join(present)}"
        )
    return sets if present else (OWN,)


def _without_judged(data: Path, photos: Sequence[Photo]) -> tuple[list[Photo], list[LeftOut]]:
    judged = evaluation_people(data)
    kept = [photo for photo in photos if photo.person not in judged]
    people = tuple(sorted({photo.person for photo in photos} & judged))
    return kept, [LeftOut("of people who are also in LFW", people, len(photos) - len(kept))] if people else []


def evaluation_people(data: Path) -> set[str]:
    """Names of LFW's people, from its folders and its pairs: the one evaluation set that names them."""
    folder = data / "lfw"
    people = {path.name for path in (folder / "images").glob("*") if path.is_dir()}
    if (folder / "pairs.csv").is_file():
        rows = read_rows(folder / "pairs.csv", ("image_a", "image_b"))
        people |= {row[side].split("/")[0] for row in rows for side in ("image_a", "image_b")}
    return people


def refuse_by_name(data: Path, sets: Sequence[str], known: Iterable[str] = ()) -> None:
    """Raises InputError where ``data`` or a set below it is called like an evaluation set. ``known``: what would do."""
    for folder in (data, *(data / name for name in sets)):
        judged = set(folder.resolve().parts) & set(EVALUATION_SETS)
        if judged:
            wanted = f" that holds {', '.join(known)}" if known else " to train on"
            raise InputError(
                f"{folder}: {judged.pop()} is an evaluation set; a model trained on it could not be judged. Expected a"
                f" folder{wanted}"
            )


def refuse_by_content(data: Path, photos: Sequence[Path]) -> None:
    """A renamed copy is still an evaluation photo: compare the files themselves. Raises InputError."""
    by_size: dict[int, list[Path]] = {}
    for path in photos:
        by_size.setdefault(_size(path), []).append(path)
    for name in EVALUATION_SETS:
        for path in (data / name).rglob("*"):
            if path.suffix.lower() in _PICTURES:
                _refuse_same(by_size.get(_size(path), []), path)


def refuse_cached(cache: Path, counts: Mapping[str, int]) -> None:
    """Raises InputError where the ``counts`` of a cascade's ``cache`` tell of faces of an evaluation set."""
    judged = sorted(name for name in EVALUATION_SETS if counts.get(f"{FACES_OF}{name}", 0))
    if judged:
        raise InputError(f"{cache}: holds faces of {judged[0]}, which is an evaluation set; make a cache without it")


def _refuse_same(photos: Sequence[Path], judged: Path) -> None:
    for path in photos:
        if _digest(path) == _digest(judged):
            raise InputError(f"{path}: is the same file as {judged}, a photo for evaluation only")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: photo cannot be read: {error.strerror}") from error


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise InputError(f"{path}: photo cannot be read: {error.strerror}") from error


def _reader(name: str) -> Callable[[Path], Iterator[Photo]]:
    if name not in READERS:
        raise InputError(f"expected training sets out of {', '.join(READERS)}, got {name!r}")
    return READERS[name]


def _celeba(folder: Path) -> Iterator[Photo]:
    table = folder / "faces.csv"
    for row in read_rows(table, ("image", "identity", "x", "y", "w", "h")):
        x, y, w, h = _numbers(table, row, "xywh")
        centre = np.array([x + w / 2, y + h / 2], np.float32)
        yield Photo(folder / "images" / row["image"], f"celeba:{row['identity']}", centre)


_YTF_POINTS = tuple(f"{point}_{axis}" for point in ("re", "le", "n", "rm", "lm") for axis in "xy")


def _ytf_crops(folder: Path) -> Iterator[Photo]:
    """Persons are called First_Last, as in LFW, so that people of both can be told."""
    table = folder / "landmarks5_yunet.csv"
    for row in read_rows(table, ("image", "identity", *_YTF_POINTS)):
        landmarks = np.array(_numbers(table, row, _YTF_POINTS), np.float32).reshape(5, 2)
        yield Photo(folder / "images" / row["image"], row["identity"], landmarks.mean(axis=0), landmarks)


def _own(folder: Path) -> Iterator[Photo]:
    for path, person in own_people(folder):
        yield Photo(path, person, None)


READERS: Mapping[str, Callable[[Path], Iterator[Photo]]] = {"celeba": _celeba, "ytf_crops": _ytf_crops, OWN: _own}


def _numbers(table: Path, row: Mapping[str, str], columns: Iterable[str]) -> list[float]:
    try:
        return [float(row[column]) for column in columns]
    except (TypeError, ValueError) as error:  # a row that is too short gives None
        raise InputError(f"{table}: expected numbers in the row of {row['image']!r}: {error}") from error

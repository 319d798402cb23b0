"""Folders of photos to cut faces out of, whatever annotation they come with, and those that are kept for judging."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import InputError
from edge.images import IMAGE_SUFFIXES
from edge.types import Floats
from training.data import annotation_files as files
from training.data.face_sets import refuse_by_content, refuse_by_name

BACKGROUNDS = "backgrounds"
_HELD_OUT_STEP = 6
_TRAIN = 0  # of CelebA's partitions


@dataclass(frozen=True, slots=True)
class FacePhoto:
    """One photo. ``key``: its set and path within it; ``group``: equal for photos of one person, as far as known.

    ``boxes`` (n, 4) px: annotated faces, all of them where there are any; ``landmarks`` (5, 2) px of the one face.
    """

    path: Path
    key: str
    group: int
    boxes: Floats | None = None
    landmarks: Floats | None = None

    @property
    def set_name(self) -> str:
        return self.key.split("/")[0]


def find_photos(data: Path, sets: Sequence[str]) -> list[FacePhoto]:
    """The photos of ``sets`` below ``data``. Raises InputError: a set is missing, empty, wrongly annotated, or kept
    for evaluation.
    """
    if not sets:
        raise InputError("expected the names of sets of photos, got none")
    refuse_by_name(data, sets)
    photos = [photo for name in sets for photo in _photos_of(data, name)]
    refuse_by_content(data, [photo.path for photo in photos])
    return photos


def thinned(photos: list[FacePhoto], limit: int | None) -> list[FacePhoto]:
    """At most ``limit`` photos, evenly spread over the list."""
    if limit is None or limit >= len(photos):
        return photos
    return [photos[row] for row in np.linspace(0, len(photos) - 1, limit).round().astype(int)]


def training_backgrounds(data: Path) -> list[Path]:
    """The photos of ``backgrounds`` that may be trained on, by name: all but the held out. May be none."""
    held_out = set(held_out_backgrounds(data))
    return [path for path in _backgrounds(data) if path not in held_out]


def held_out_backgrounds(data: Path) -> list[Path]:
    """Every sixth photo of ``backgrounds`` by name: no training cache holds a crop of them, so that false positives can
    be judged on them. People in them are not filtered out here.
    """
    return _backgrounds(data)[::_HELD_OUT_STEP]


def _backgrounds(data: Path) -> list[Path]:
    folder = data / BACKGROUNDS
    return _pictures(folder) if folder.is_dir() else []


def _photos_of(data: Path, name: str) -> list[FacePhoto]:
    folder = data / name
    if _annotation(folder, files.WIDER_BOXES):
        photos = _wider(folder, name)
    elif _annotation(folder, files.CELEBA_PARTITION):
        photos = _whole_celeba(folder, name)
    else:
        photos = _plain(folder, name)
    if not photos:
        raise InputError(f"{folder}: expected photos ({' '.join(IMAGE_SUFFIXES)}), found none")
    return photos


def _plain(folder: Path, name: str) -> list[FacePhoto]:
    """Photos in folders. ``images`` below the set is left out of keys; ``labels.csv`` may tell the people apart."""
    root = folder / "images" if (folder / "images").is_dir() else folder
    people = _people(folder / "labels.csv")
    photos = []
    for path in _pictures(root):
        inner = path.relative_to(root).as_posix()
        person = people.get(inner) or _person_by_name(inner)
        photos.append(FacePhoto(path, f"{name}/{inner}", group_of(f"{name}/{person}")))
    return photos


def _people(table: Path) -> dict[str, str]:
    """Picture -> person where the table tells them (YawDD's ``subject_cluster``), else nothing."""
    if not table.is_file():
        return {}
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read as a table: {error}") from error
    return {row["image"]: row["subject_cluster"] for row in rows if row.get("image") and row.get("subject_cluster")}


def _person_by_name(inner: str) -> str:
    """``personNN`` in a name, else the folder, else the photo alone."""
    path = Path(inner)
    named = re.match(r"person\d\d", path.stem)
    return named[0] if named else path.parent.as_posix() if len(path.parts) > 1 else path.stem


def _whole_celeba(folder: Path, name: str) -> list[FacePhoto]:
    """CelebA as its authors give it. Only its training partition; the annotated points are taken for the face's."""
    parts = files.read_celeba_partition(_wanted(folder, files.CELEBA_PARTITION))
    boxes = files.read_celeba_boxes(_wanted(folder, files.CELEBA_BOXES))
    points = files.read_celeba_landmarks(_wanted(folder, files.CELEBA_POINTS))
    people_file = _annotation(folder, files.CELEBA_PEOPLE)
    people = files.read_celeba_people(people_file) if people_file else {}
    images = _image_folder(folder, "img_celeba", "Img/img_celeba", "images")
    photos = []
    for picture in sorted(key for key, part in parts.items() if part == _TRAIN):
        if picture not in boxes or picture not in points:
            raise InputError(f"{folder}: expected a box and landmarks of {picture}, which its partition lists")
        group = group_of(f"{name}/{people.get(picture, picture)}")
        photos.append(FacePhoto(images / picture, f"{name}/{picture}", group, boxes[picture][None], points[picture]))
    return photos


def _wider(folder: Path, name: str) -> list[FacePhoto]:
    boxes = files.read_wider(_wanted(folder, files.WIDER_BOXES))
    images = _image_folder(folder, "WIDER_train/images", "images")
    return [FacePhoto(images / key, f"{name}/{key}", group_of(f"{name}/{key}"), boxes[key]) for key in sorted(boxes)]


def _annotation(folder: Path, file: str) -> Path | None:
    places = [folder / inner / file for inner in (".", "Anno", "Eval", "wider_face_split")]
    return next((place for place in places if place.is_file()), None)


def _wanted(folder: Path, file: str) -> Path:
    found = _annotation(folder, file)
    if found is None:
        raise InputError(f"{folder}: expected the annotation file {file}, found none")
    return found


def _image_folder(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise InputError(f"{folder}: expected photos in {' or '.join(names)}, found no such folder")


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def group_of(person: str) -> int:
    """A number for a person, the same in every run."""
    return zlib.crc32(person.encode())

"""Folders of people as they are found: one photo only, the same photo twice, files that are no pictures. Each is named
and counted, and nothing is silently mixed.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError
from edge.images import read_image
from edge.types import Floats, Pixels
from training.data.own_folder import ANCHOR, NEGATIVE, POSITIVE
from training.data.tables import read_rows
from training.data.unmixed import UNDER_TWO_NAMES, LeftOut, some, without_copies

Role = str
ANY = ""
Rows = NDArray[np.intp]
See = Callable[[Pixels, Floats | None], Pixels]


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """One photo of ``person``. ``box``: (4,) px of the face, where the set tells; ``role``: in triads, else empty."""

    path: Path
    person: str
    box: Floats | None = None
    role: Role = ANY


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """What a network sees of n photos: ``pixels`` (n, h, w, c); ``people`` (n,) index into ``names``; ``roles`` (n,).

    ``digest``: of what was read, so that no checkpoint of other photos is continued.
    """

    pixels: Pixels
    people: NDArray[np.int32]
    names: tuple[str, ...]
    roles: NDArray[np.str_]
    digest: str

    def rows_of(self, people: Iterable[int], role: Role = ANY) -> Rows:
        """Rows of the photos of these ``people`` in this ``role``."""
        return np.flatnonzero(np.isin(self.people, list(people)) & (self.roles == role))


def list_people(folder: Path, role: Role = ANY, *, set_name: str = "") -> list[PhotoFile]:
    """The files below the folders of ``folder``, one folder a person. Raises InputError.

    ``set_name`` keeps people of two sets apart that happen to be called the same.
    """
    people = sorted((path for path in _entries(folder) if path.is_dir()), key=natural)
    prefix = f"{set_name}/" if set_name else ""
    files = [PhotoFile(file, prefix + person.name, role=role) for person in people for file in _files(person)]
    if not files:
        raise InputError(f"{folder}: expected folders of photos, one folder a person, found none")
    return files


def list_celeba(folder: Path) -> list[PhotoFile]:
    """The photos of ``faces.csv`` with their boxes. Raises InputError for a missing column or a number that is none."""
    rows = read_rows(folder / "faces.csv", ("image", "identity", "x", "y", "w", "h"))
    return [_celeba(folder, row) for row in sorted(rows, key=lambda row: (row["identity"], row["image"]))]


def list_triads(folder: Path) -> list[PhotoFile]:
    """``anchor/``, ``positive/`` and ``negative/``: photos of one person, or a folder a person in the first two.

    Raises InputError where one of them is missing or empty.
    """
    files = []
    for role in (ANCHOR, POSITIVE, NEGATIVE):
        inner = folder / role
        loose = [PhotoFile(file, _owner(role), role=role) for file in _files(inner)]
        found = loose + (list_people(inner, role) if any(path.is_dir() for path in _entries(inner)) else [])
        if not found:
            raise InputError(f"{inner}: expected photos, found none")
        files += found
    return files


def has_triads(folder: Path) -> bool:
    """Whether any of the three folders is there: then all of them have to be."""
    return any((folder / role).is_dir() for role in (ANCHOR, POSITIVE, NEGATIVE))


def triads_from_people(people: Sequence[PhotoFile], negatives: Sequence[PhotoFile]) -> list[PhotoFile]:
    """Of each person, every second photo as anchor and the others as positives; all of ``negatives`` as negatives."""
    counts: dict[str, int] = {}
    files = []
    for file in people:
        counts[file.person] = counts.get(file.person, -1) + 1
        role = POSITIVE if counts[file.person] % 2 else ANCHOR
        files.append(PhotoFile(file.path, file.person, file.box, role))
    return files + [PhotoFile(file.path, file.person, file.box, NEGATIVE) for file in negatives]


def read_photos(files: Sequence[PhotoFile], see: See, say: Callable[[str], None]) -> PhotoSet:
    """Read every file once, tell of each that is left out; of a photo under two names both are. Raises InputError where
    an anchor or positive is somebody else's photo too, or no two photos of one person, or no two people, are left.
    """
    once, left_out = without_copies(files)
    _refuse_torn_triads(files, left_out)
    kept, pixels, no_pictures = [], [], []
    for file in once:
        try:
            pixels.append(see(read_image(file.path).pixels, file.box))
            kept.append(file)
        except InputError as error:  # it names the file and what is wrong with it
            no_pictures.append(str(error))
    if no_pictures:
        left_out.append(LeftOut("cannot be read as a picture", tuple(no_pictures), len(no_pictures)))
    for one in left_out:
        say(str(one))
    names = tuple(dict.fromkeys(file.person for file in kept))
    photos_of = Counter(file.person for file in kept)
    _tell_lone(kept, photos_of, say)
    if len(names) < 2 or max(photos_of.values()) < 2:
        raise InputError(f"expected two people and two photos of one of them, found {len(kept)} photos of {len(names)}")
    digest = hashlib.sha256()
    for file, seen in zip(kept, pixels, strict=True):
        digest.update(seen.tobytes() + f"{file.person}/{file.role}".encode())
    people = np.array([names.index(file.person) for file in kept], np.int32)
    roles = np.array([file.role for file in kept], np.str_)
    return PhotoSet(np.stack(pixels), people, names, roles, digest.hexdigest()[:12])


def _refuse_torn_triads(files: Sequence[PhotoFile], left_out: Sequence[LeftOut]) -> None:
    """An anchor that is a negative too: the owner can and should say which."""
    torn = {name for one in left_out if one.reason == UNDER_TWO_NAMES for name in one.names}
    of_triads = [str(file.path) for file in files if str(file.path) in torn and file.role != ANY]
    if of_triads:
        raise InputError(f"expected each photo under one person, found the same under two: {some(of_triads)}")


def _tell_lone(kept: Sequence[PhotoFile], photos_of: Mapping[str, int], say: Callable[[str], None]) -> None:
    lone = [file.person for file in kept if photos_of[file.person] == 1 and file.role != NEGATIVE]
    if lone:
        say(f"{len(lone)} people with one photo only, who are in pairs of different people alone: {some(lone)}")


def natural(path: Path) -> list[tuple[int, str]]:
    """Sorts s2 before s10."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def _celeba(folder: Path, row: dict[str, str]) -> PhotoFile:
    try:
        x, y, w, h = (float(row[key]) for key in "xywh")
    except (TypeError, ValueError) as error:
        raise InputError(f"{folder / 'faces.csv'}: expected numbers as x, y, w, h, got {row}") from error
    return PhotoFile(folder / "images" / row["image"], row["identity"], np.array([x, y, x + w, y + h], np.float32))


def _owner(role: Role) -> str:
    return "strangers" if role == NEGATIVE else "owner"


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read as a folder of photos: {error.strerror}") from error


def _files(folder: Path) -> list[Path]:
    return sorted((path for path in _entries(folder) if path.is_file()), key=natural)

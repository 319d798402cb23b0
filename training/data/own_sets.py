"""The owner's own photos as a training set: ``anchor``, ``positive`` and ``negative``, or a folder for each person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.errors import InputError
from edge.images import IMAGE_SUFFIXES
from training.data.own_folder import ANCHOR, KINDS, NEGATIVE, POSITIVE
from training.data.unmixed import STRANGER, some

OWN = "own"
OWNER = "owner"


def own_people(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each picture with the person that it shows.

    ``anchor`` and ``positive`` are the owner; each photo in ``negative`` is a stranger by itself. Without those two
    folders, each folder is a person. Raises InputError: neither layout, both at once, or no picture.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of photos")
    inner = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if ANCHOR in inner or POSITIVE in inner:
        return _anchored(folder, inner)
    return _by_folder(folder, inner)


def _anchored(folder: Path, inner: list[str]) -> Iterator[tuple[Path, str]]:
    others = [name for name in inner if name not in KINDS]
    if others:
        raise InputError(
            f"{folder}: expected {', '.join(KINDS)} only, or a folder for each person; found {some(others)}"
        )
    owner = [path for kind in (ANCHOR, POSITIVE) for path in _pictures(folder / kind)]
    strangers = _pictures(folder / NEGATIVE)
    if not owner or not strangers:
        raise InputError(
            f"{folder}: expected photos in {ANCHOR} and {POSITIVE}, and other people's in {NEGATIVE}; found"
            f" {len(owner)} and {len(strangers)}"
        )
    yield from ((path, OWNER) for path in owner)
    yield from ((path, f"{STRANGER}{path.name}") for path in strangers)


def _by_folder(folder: Path, inner: list[str]) -> Iterator[tuple[Path, str]]:
    photos = [(path, name) for name in inner for path in _pictures(folder / name)]
    if not photos:
        raise InputError(f"{folder}: expected {', '.join(KINDS)}, or a folder of photos for each person; found neither")
    yield from photos


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    return [path for path in found if not path.name.startswith(".")]

"""Photos that would teach something wrong or nothing: named, counted and left out, or refused where nobody can tell."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from edge.errors import InputError

STRANGER = "stranger:"  # begins the name of somebody of whom one photo is all that is expected
_NAMES_SHOWN = 5


class Labelled(Protocol):
    """A photo of a named person."""

    @property
    def path(self) -> Path: ...
    @property
    def person(self) -> str: ...


P = TypeVar("P", bound=Labelled)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """``names`` of photos or people that were left out for ``reason``; ``photos``: how many photos that were."""

    reason: str
    names: tuple[str, ...]
    photos: int

    def __str__(self) -> str:
        return f"left out {self.photos} photos, {self.reason}: {some(self.names)}"


def some(names: Sequence[str]) -> str:
    """The first few of ``names``, and how many more there are."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def refuse_shared_names(people_of: Sequence[tuple[str, set[str]]]) -> None:
    """Raises InputError where two sets share a name: whether it is one person or two, no file says."""
    for row, (name, people) in enumerate(people_of):
        for other, others in people_of[:row]:
            if shared := sorted(people & others):
                raise InputError(
                    f"{other} and {name} share {len(shared)} names of people ({some(shared)}): one person or two?"
                    " Rename one of them"
                )


def without_copies(photos: Sequence[P]) -> tuple[list[P], list[LeftOut]]:
    """Each photo once: of copies under one name the first is kept, of a photo under two names none.

    Raises InputError.
    """
    by_content: dict[bytes, list[P]] = {}
    for group in _by(photos, lambda photo: _read(photo.path, lambda path: path.stat().st_size)).values():
        for photo in group if len(group) > 1 else ():
            by_content.setdefault(_read(photo.path, _digest), []).append(photo)
    copies, torn = set[Path](), set[Path]()
    for same in by_content.values():
        if len({photo.person for photo in same}) > 1:
            torn |= {photo.path for photo in same}
        else:
            copies |= {photo.path for photo in same[1:]}
    left_out = _left_out("the same photo twice", copies) + _left_out("the same photo under two names", torn)
    return [photo for photo in photos if photo.path not in copies | torn], left_out


def without_lone_photos(photos: Sequence[P]) -> tuple[list[P], list[LeftOut]]:
    """Only people of two photos or more, and strangers: one photo of a person teaches nothing of how he varies."""
    counts = Counter(photo.person for photo in photos)
    lone = {person for person, count in counts.items() if count == 1 and not person.startswith(STRANGER)}
    reason = "the only one of their person"
    left_out = [LeftOut(reason, tuple(sorted(lone)), len(lone))] if lone else []
    return [photo for photo in photos if photo.person not in lone], left_out


def _left_out(reason: str, paths: set[Path]) -> list[LeftOut]:
    return [LeftOut(reason, tuple(sorted(map(str, paths))), len(paths))] if paths else []


K = TypeVar("K")


def _by(photos: Iterable[P], key: Callable[[P], K]) -> Mapping[K, list[P]]:
    groups: dict[K, list[P]] = {}
    for photo in photos:
        groups.setdefault(key(photo), []).append(photo)
    return groups


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def _read(path: Path, what: Callable[[Path], K]) -> K:
    try:
        return what(path)
    except OSError as error:
        raise InputError(f"{path}: photo cannot be read: {error.strerror}") from error

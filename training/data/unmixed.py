"""Photos that would teach something wrong or nothing: named, counted and left out, or refused where nobody can tell."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from edge.errors import InputError

STRANGER = "stranger:"  # begins the name of somebody of whom one photo is all that is expected
UNDER_TWO_NAMES = "the same photo under two names"
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
        photos = "photo" if self.photos == 1 else "photos"
        return f"left out {self.photos} {photos}, {self.reason}: {some(self.names)}"


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
    """Each photo once: of copies under one name the first is kept, of a photo under two names none, nor of a file that
    cannot be read.
    """
    by_size: dict[int, list[P]] = {}
    by_content: dict[bytes, list[P]] = {}
    unreadable, copies, torn = set[Path](), set[Path](), set[Path]()
    _group(photos, lambda path: path.stat().st_size, by_size, unreadable)
    for group in by_size.values():
        _group(group if len(group) > 1 else (), _digest, by_content, unreadable)
    for same in by_content.values():
        if len({photo.person for photo in same}) > 1:
            torn |= {photo.path for photo in same}
        else:
            copies |= {photo.path for photo in same[1:]}
    left_out = [
        LeftOut(reason, tuple(sorted(map(str, paths))), len(paths))
        for reason, paths in (
            ("cannot be read", unreadable),
            ("the same photo twice", copies),
            (UNDER_TWO_NAMES, torn),
        )
        if paths
    ]
    return [photo for photo in photos if photo.path not in unreadable | copies | torn], left_out


def without_lone_photos(photos: Sequence[P]) -> tuple[list[P], list[LeftOut]]:
    """Only people of two photos or more, and strangers: one photo of a person teaches nothing of how he varies."""
    counts = Counter(photo.person for photo in photos)
    lone = {person for person, count in counts.items() if count == 1 and not person.startswith(STRANGER)}
    reason = "the only one of their person"
    left_out = [LeftOut(reason, tuple(sorted(lone)), len(lone))] if lone else []
    return [photo for photo in photos if photo.person not in lone], left_out


K = TypeVar("K")


def _group(photos: Iterable[P], key: Callable[[Path], K], groups: dict[K, list[P]], unreadable: set[Path]) -> None:
    """Sort ``photos`` into ``groups`` by ``key`` of their files; of those that cannot be read to ``unreadable``."""
    for photo in photos:
        try:
            groups.setdefault(key(photo.path), []).append(photo)
        except OSError:
            unreadable.add(photo.path)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()

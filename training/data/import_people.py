"""Strangers for the owner's own training: every face in any folder of people, cut out as the camera's photos are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import InputError
from edge.images import IMAGE_SUFFIXES, read_image
from training.data.own_folder import NEGATIVE, Find, OwnFolder, portrait


@dataclass(slots=True)
class Imported:
    """What became of the photos: ``added`` new ones, ``known`` seen before, and those left out, by name."""

    added: int = 0
    known: int = 0
    without_face: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """A line for each outcome that occurred."""
        yield f"{self.added} negatives added"
        if self.known:
            yield f"{self.known} left out: the same photo is there already"
        if self.without_face:
            yield f"{len(self.without_face)} left out, no face found: {_some(self.without_face)}"
        if self.unreadable:
            yield f"{len(self.unreadable)} left out, cannot be read: {_some(self.unreadable)}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def people_pictures(source: Path, target: Path) -> list[Path]:
    """Every picture below ``source``, sorted. Raises InputError: no folder, none in it, or the one to be written to."""
    if not source.is_dir():
        raise InputError(f"{source}: no such folder of people")
    inside = source.resolve(), target.resolve()
    if inside[0] == inside[1] or inside[0] in inside[1].parents or inside[1] in inside[0].parents:
        raise InputError(f"{source}: expected a folder apart from {target}, which the photos are written to")
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    pictures = [path for path in found if not path.name.startswith(".")]
    if not pictures:
        raise InputError(f"{source}: expected pictures of people ({' '.join(IMAGE_SUFFIXES)}), found none")
    return pictures


def import_negatives(pictures: Iterable[Path], find: Find, folder: OwnFolder) -> Imported:
    """Add the main face of each picture, named by what the file holds: no photo is taken twice. Raises StateError."""
    outcome = Imported()
    for path in pictures:
        try:
            frame = read_image(path)
        except InputError:
            outcome.unreadable.append(str(path))
            continue
        box = find(frame)
        if box is None:
            outcome.without_face.append(str(path))
        elif folder.add(NEGATIVE, portrait(frame.pixels, box), hashlib.sha256(path.read_bytes()).hexdigest()[:32]):
            outcome.added += 1
        else:
            outcome.known += 1
    return outcome

"""Labelled pairs of photos, as LFW's protocol has them: a folder for each person, and a table of pairs in folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import InputError
from training.data.tables import read_rows

COLUMNS = ("fold", "image_a", "image_b", "same")


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of the pairs file; ``image_a`` and ``image_b`` are paths below the folder of images."""

    fold: int
    image_a: str
    image_b: str
    same: bool


def read_pairs(path: Path, images: Path) -> list[Pair]:
    """The rows of a CSV with the columns fold, image_a, image_b, same (0 or 1). Raises InputError naming the row."""
    if not images.is_dir():
        raise InputError(f"{images}: no such folder of images")
    rows = enumerate(read_rows(path, COLUMNS), start=2)
    pairs = [_pair(f"{path}, line {line}", row, images) for line, row in rows]
    if not pairs:
        raise InputError(f"{path}: expected at least one pair, found the header only")
    return pairs


def _pair(where: str, row: Mapping[str, str | None], images: Path) -> Pair:
    values = {column: (row[column] or "").strip() for column in COLUMNS}
    if not values["fold"].isdigit() or values["same"] not in ("0", "1"):
        raise InputError(f"{where}: expected a number as fold and 0 or 1 as same, got {values}")
    for side in ("image_a", "image_b"):
        if not values[side] or not (images / values[side]).is_file():
            raise InputError(f"{where}: no such image: {images / values[side]}")
    return Pair(int(values["fold"]), values["image_a"], values["image_b"], values["same"] == "1")


def list_images(images: Path) -> list[str]:
    """Names of all pictures one folder deep below ``images`` (folder = person), sorted. Raises InputError."""
    names = [str(path.relative_to(images)) for path in sorted(images.glob("*/*")) if path.is_file()]
    if not names:
        raise InputError(f"{images}: expected folders of pictures, one folder a person, found none")
    return names


def random_pairs(names: Sequence[str], count: int, folds: int, random: np.random.Generator) -> list[Pair]:
    """``count`` pairs, by turns of one person and of two, drawn with replacement, numbered into ``folds``.

    The person is drawn first, so that many photos of one do not rule. Raises InputError where nobody has two photos.
    """
    people: dict[Path, list[str]] = {}
    for name in sorted(names):
        people.setdefault(Path(name).parent, []).append(name)
    albums = list(people.values())
    several = [album for album in albums if len(album) > 1]
    if not several or len(albums) < 2:
        raise InputError(f"expected several photos of somebody, and several people; got {len(albums)} people")

    def draw(fold: int, same: bool) -> Pair:
        if same:
            one, other = random.choice(several[random.integers(len(several))], 2, replace=False)
        else:
            rows = random.choice(len(albums), 2, replace=False)
            one, other = (random.choice(albums[row]) for row in rows)
        return Pair(fold, str(one), str(other), same)

    return [draw(row * folds // count, row % 2 == 0) for row in range(count)]

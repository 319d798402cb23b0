"""From a recipe's sets to photos, and from pairs to batches: a seeded stream that a stopped training continues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edge.types import Floats, Pixels
from edge.verify.comparison import seen
from training.classic_recipe import Recipe
from training.data.pairs import Pairs
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
from training.evaluate.classic import normalised


def load_photos(recipe: Recipe, data: Path, say: Callable[[str], None]) -> PhotoSet:
    """What the recipe's network sees of the photos below ``data``. Raises InputError."""
    part = recipe.photo
    spec = part.spec(1)

    def see(photo: Pixels, box: Floats | None) -> Pixels:
        return seen(photo, spec, box, face_scale=part.scale_of_face)

    photos = read_photos(list_files(recipe, data), see, say)
    say(f"{len(photos.people)} photos of {len(photos.names)} people")
    return photos


def list_files(recipe: Recipe, data: Path) -> list[PhotoFile]:
    """The files of the recipe's layout below ``data``. Raises InputError."""
    part = recipe.data
    if part.layout == "celeba":
        return list_celeba(data / part.set)
    if part.layout == "people":
        return list_people(data / part.set)
    if has_triads(data):
        return list_triads(data)
    strangers = list_people(data / part.negatives, set_name=part.negatives)
    rows = np.linspace(0, len(strangers) - 1, min(part.negative_photos, len(strangers))).round().astype(int)
    return triads_from_people(list_people(data / part.set), [strangers[row] for row in rows])


def batches(photos: PhotoSet, pairs: Pairs, recipe: Recipe, first_epoch: int = 0) -> Iterator[tuple[Floats, Floats]]:
    """Endless ``(n, 2, h, w, depth)`` with labels ``(n, 1)`` from an epoch on; each depends on seed and epoch alone."""
    batch, epoch = recipe.schedule.batch, first_epoch
    while True:
        rng = np.random.default_rng((recipe.seed, epoch))
        order = rng.permutation(len(pairs))
        for start in range(0, len(order), batch):
            yield _batch(photos, pairs.take(order[start : start + batch]), recipe, rng)
        epoch += 1


def steps_an_epoch(pairs: Pairs, recipe: Recipe) -> int:
    """Batches in an epoch; the last may be smaller."""
    return -(-len(pairs) // recipe.schedule.batch)


def _batch(photos: PhotoSet, pairs: Pairs, recipe: Recipe, rng: np.random.Generator) -> tuple[Floats, Floats]:
    seen_now = photos.pixels[np.concatenate([pairs.one, pairs.other])]
    if recipe.data.mirror:
        mirrored = rng.random(len(seen_now)) < 0.5
        seen_now[mirrored] = seen_now[mirrored][:, :, ::-1]
    one, other = np.split(normalised(seen_now, recipe.photo), 2)
    labels = pairs.same if recipe.compare.same_label == 1 else ~pairs.same
    return np.stack([one, other], axis=1), labels.astype(np.float32)[:, None]

"""From chips to batches: the split by people, and the seeded stream that a stopped training continues."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError
from edge.types import Floats, Pixels
from training.data.face_chips import Chips
from training.data.jitter import jittered_crops
from training.losses.distil import targets
from training.models.mobilefacenet import PIXEL_MEAN, PIXEL_STD
from training.siamese_recipe import Recipe, SchedulePart

_PEOPLE_MIN = 10  # with several photos: fewer are too few to keep some of them back
_SPLIT_MIN = 4  # photos of a person: two to learn from, two to judge on
Rows = NDArray[np.intp]


def normalised(crops: Pixels) -> Floats:
    """BGR uint8 ``(n, 112, 112, 3)`` to what the network takes: RGB float32 by ImageNet's mean and deviation."""
    rgb = crops[..., ::-1].astype(np.float32)
    mean, std = (np.asarray(values, np.float32) for values in (PIXEL_MEAN, PIXEL_STD))
    np.divide(np.subtract(rgb, mean, out=rgb), std, out=rgb)
    return rgb


def split_by_person(chips: Chips, held_out_share: float, seed: int) -> tuple[Rows, Rows]:
    """Row indices to train on and to judge on: no person is in both, and at least one is held out."""
    people = np.unique(chips.people)
    shuffled = np.random.default_rng(seed).permutation(people)
    held_out = shuffled[: max(1, round(held_out_share * len(people)))]
    judged = np.isin(chips.people, held_out)
    return np.flatnonzero(~judged), np.flatnonzero(judged)


def split_by_photo(chips: Chips, held_out_share: float, seed: int) -> tuple[Rows, Rows]:
    """Row indices to train on and to judge on, of each person with several photos some of both; at least two judged.

    For few people, of whom none can be spared: it tells how they will be known again, not how strangers will.
    """
    shuffled = np.random.default_rng(seed).permutation(len(chips.people))
    judged = np.zeros(len(chips.people), bool)
    for rows in _rows_by_person(classes(chips)[shuffled]):
        count = max(2, round(held_out_share * len(rows))) if len(rows) >= _SPLIT_MIN else 0
        judged[shuffled[rows[:count]]] = True
    singles = [shuffled[rows[0]] for rows in _rows_by_person(classes(chips)[shuffled]) if len(rows) == 1]
    judged[singles[: round(held_out_share * len(singles))]] = True
    return np.flatnonzero(~judged), np.flatnonzero(judged)


def split(chips: Chips, held_out_share: float, seed: int) -> tuple[Rows, Rows]:
    """By person where at least ten have several photos, else by photo. Raises InputError where nobody has four."""
    counts = np.bincount(classes(chips))
    if (counts > 1).sum() >= _PEOPLE_MIN:
        return split_by_person(chips, held_out_share, seed)
    if len(counts) < 2 or counts.max() < _SPLIT_MIN:
        raise InputError(
            f"expected {_SPLIT_MIN} photos of somebody, and photos of somebody else; found {len(counts)} people with"
            f" up to {counts.max()} usable photos"
        )
    return split_by_photo(chips, held_out_share, seed)


def well_labelled(chips: Chips, similarity_min: float) -> Rows:
    """Row indices whose median SFace cosine to the others of their name is at least ``similarity_min``.

    Lists of celebrities name some photos wrongly, and beside the right face there may stand another. A person with two
    photos that disagree loses both: nothing tells which is right. A single photo is kept.
    """
    sface = views_mean(chips.teachers["sface"])
    kept = [rows[_agreeing(sface[rows], similarity_min)] for rows in _rows_by_person(classes(chips))]
    return np.sort(np.concatenate(kept))


def _agreeing(embeddings: Floats, similarity_min: float) -> NDArray[np.bool_]:
    if len(embeddings) == 1:
        return np.ones(1, bool)
    similar = embeddings @ embeddings.T
    others = similar[~np.eye(len(similar), dtype=bool)].reshape(len(similar), -1)
    agreeing: NDArray[np.bool_] = np.median(others, axis=1) >= similarity_min
    return agreeing


def classes(chips: Chips) -> NDArray[np.int32]:
    """(n,) the people of ``chips`` counted from 0 without gaps, in the order of their indices."""
    return np.unique(chips.people, return_inverse=True)[1].astype(np.int32)


def _rows_by_person(people: NDArray[np.int32]) -> list[Rows]:
    return [np.flatnonzero(people == person) for person in range(people.max() + 1)]


def views_mean(embeddings: Floats) -> Floats:
    """Unit mean ``(n, 128)`` of a face's and its mirror image's embeddings ``(n, 2, 128)``: steadier than either."""
    mean = embeddings.mean(axis=1)
    units: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return units


def batches(chips: Chips, recipe: Recipe, first_step: int = 0) -> Iterator[tuple[Floats, Floats]]:
    """Endless batches from step ``first_step`` on; each depends on the recipe's seed and its step alone."""
    anchor, sface = views_mean(chips.teachers["port"]), views_mean(chips.teachers["sface"])
    people = classes(chips)
    by_person = _rows_by_person(people)
    step = first_step
    while True:
        rows = _draw(by_person, recipe.schedule, np.random.default_rng((recipe.seed, step, 0)))
        crops = jittered_crops(chips.pixels[rows], recipe, (recipe.seed, step, 1))
        yield normalised(crops), targets(people[rows], anchor[rows], sface[rows])
        step += 1


def _draw(by_person: list[Rows], schedule: SchedulePart, rng: np.random.Generator) -> Rows:
    """``people`` different people (all, where fewer), ``photos_each`` of each; repeated where they have fewer."""
    chosen = rng.permutation(len(by_person))[: schedule.people]
    photos = [by_person[person] for person in chosen]
    each = schedule.photos_each
    return np.concatenate([rng.choice(rows, each, replace=len(rows) < each) for rows in photos])

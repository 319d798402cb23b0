"""The one pair generator of the tutorials' recipes: which two photos a network is shown, and whether one person's.

Schemes: ``random``: half of the pairs of one person, half of two. ``numbered``: the same, but two people meet on their
photos of one number alone, which leaves fewer pairs of two people to draw. ``neighbours``: each photo of a person with
the next, and with the photo of the same number of somebody else. ``folders``: each anchor with a positive of the same
person, and with a negative: one of the folder, or, where there are several people, as often a positive of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError
from training.classic_recipe import PairsPart
from training.data.own_folder import ANCHOR, NEGATIVE, POSITIVE
from training.data.people import ANY, PhotoSet, Rows

UNSEEN_PAIRS = 2000  # drawn to judge on unseen people, half of one person


@dataclass(frozen=True, slots=True)
class Pairs:
    """``one`` and ``other`` (m,): rows of a PhotoSet; ``same`` (m,): whether they show one person."""

    one: Rows
    other: Rows
    same: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.same)

    def take(self, rows: Rows) -> Pairs:
        return Pairs(self.one[rows], self.other[rows], self.same[rows])

    def keys(self) -> set[tuple[int, int]]:
        """Each pair, whichever way round."""
        return {(min(pair), max(pair)) for pair in zip(self.one.tolist(), self.other.tolist(), strict=True)}

    def without(self, known: set[tuple[int, int]]) -> Pairs:
        """The pairs that are not in ``known``, whichever way round."""
        rows = [row for row in range(len(self)) if not self.take(np.array([row])).keys() & known]
        return self.take(np.array(rows, np.intp))


@dataclass(frozen=True, slots=True)
class Split:
    """Pairs to ``train`` on, to choose the threshold by (``validation``) and to judge on (``test``), all of the same
    people; and ``unseen``: pairs of people of whom no photo is in the others. None where nobody was kept back.
    """

    train: Pairs
    validation: Pairs
    test: Pairs
    unseen: Pairs | None


def split(photos: PhotoSet, part: PairsPart, unseen_people: int, seed: int) -> Split:
    """Draw the pairs. The last ``unseen_people`` by name are kept back. Raises InputError where too few are left."""
    rng = np.random.default_rng(seed)
    able = _able_people(photos)
    kept_back = able[len(able) - unseen_people :] if 0 < unseen_people <= len(able) - 1 else []
    seen = [person for person in range(len(photos.names)) if person not in kept_back]
    train, validation, test = _of_seen(photos, seen, part, rng)
    for name, pairs in (("train on", train), ("choose the threshold by", validation), ("judge on", test)):
        if pairs.same.all() or not pairs.same.any():
            raise InputError(f"expected pairs of one and of two people to {name}, got {len(pairs)} of one kind")
    if len(kept_back) < 2:
        return Split(train, validation, test, None)
    if part.scheme == "neighbours":
        return Split(train, validation, test, _neighbours(photos, kept_back, rng))
    return Split(train, validation, test, _random(photos, kept_back, UNSEEN_PAIRS, rng))


def every_pair(photos: PhotoSet, pairs: Pairs) -> Pairs:
    """Every pair of different photos that ``pairs`` shows."""
    rows = np.unique(np.concatenate([pairs.one, pairs.other]))
    one, other = (rows[index] for index in np.triu_indices(len(rows), 1))
    return Pairs(one, other, photos.people[one] == photos.people[other])


def _of_seen(
    photos: PhotoSet, seen: Sequence[int], part: PairsPart, rng: np.random.Generator
) -> tuple[Pairs, Pairs, Pairs]:
    drawn = _SCHEMES[part.scheme](photos, seen, part.count, rng)
    drawn = drawn.take(rng.permutation(len(drawn)))
    if part.fresh:
        rest = _random(photos, seen, 4 * part.fresh, rng).without(drawn.keys())
        rest = rest.take(rng.permutation(len(rest)))
        return drawn, rest.take(np.arange(part.fresh)), rest.take(np.arange(part.fresh, 2 * part.fresh))
    n_test = round(part.test_share * len(drawn))
    n_validation = round(part.validation_share * (len(drawn) - n_test))
    test, validation, train = np.split(np.arange(len(drawn)), [n_test, n_test + n_validation])
    return drawn.take(train), drawn.take(validation), drawn.take(test)


def _able_people(photos: PhotoSet) -> list[int]:
    """People who can be in a pair of one person: two photos, or an anchor and a positive."""
    able = []
    for person in range(len(photos.names)):
        roles = photos.roles[photos.people == person]
        if (roles == ANY).sum() >= 2 or {ANCHOR, POSITIVE} <= set(roles.tolist()):
            able.append(person)
    if not able:
        raise InputError("expected somebody with two photos, or with an anchor and a positive, found nobody")
    return able


def _photos_of(photos: PhotoSet, people: Sequence[int]) -> list[Rows]:
    """Of each person who has any, the photos that are no negatives."""
    found = [np.flatnonzero((photos.people == person) & (photos.roles != NEGATIVE)) for person in people]
    return [rows for rows in found if len(rows)]


def _random(photos: PhotoSet, people: Sequence[int], count: int, rng: np.random.Generator) -> Pairs:
    by_person = _photos_of(photos, people)
    several = [rows for rows in by_person if len(rows) >= 2]
    if len(by_person) < 2 or not several:
        raise InputError(f"expected two people and two photos of one, found {len(by_person)} and {len(several)}")
    genuine = [rng.choice(several[index], 2, replace=False) for index in np.arange(count // 2) % len(several)]
    impostor = []
    for _ in range(count - len(genuine)):
        a, b = rng.choice(len(by_person), 2, replace=False)
        impostor.append([rng.choice(by_person[a]), rng.choice(by_person[b])])
    return _pairs(genuine, impostor)


def _numbered(photos: PhotoSet, people: Sequence[int], count: int, rng: np.random.Generator) -> Pairs:
    by_person = _photos_of(photos, people)
    length = min((len(rows) for rows in by_person), default=0)
    if len(by_person) < 2 or length < 2:
        raise InputError(f"expected two photos of each of two people, found {length} of {len(by_person)}")
    genuine = [rng.choice(by_person[index], 2, replace=False) for index in np.arange(count // 2) % len(by_person)]
    impostor = []
    for number in np.arange(count - len(genuine)) % length:
        a, b = rng.choice(len(by_person), 2, replace=False)
        impostor.append([by_person[a][number], by_person[b][number]])
    return _pairs(genuine, impostor)


def _neighbours(photos: PhotoSet, people: Sequence[int], rng: np.random.Generator) -> Pairs:
    by_person = _photos_of(photos, people)
    length = min(len(rows) for rows in by_person)
    if len(by_person) < 2 or length < 2:
        raise InputError(f"expected two photos of each of two people, found {length} of {len(by_person)}")
    genuine, impostor = [], []
    for index, rows in enumerate(by_person):
        others = [other for other in range(len(by_person)) if other != index]
        for number in range(length - 1):
            genuine.append([rows[number], rows[number + 1]])
            impostor.append([rows[number], by_person[int(rng.choice(others))][number]])
    return _pairs(genuine, impostor)


def _folders(photos: PhotoSet, people: Sequence[int], count: int, rng: np.random.Generator) -> Pairs:
    negatives = np.flatnonzero(photos.roles == NEGATIVE)
    owners = [person for person in people if len(photos.rows_of([person], ANCHOR))]
    owners = [person for person in owners if len(photos.rows_of([person], POSITIVE))]
    if not owners or not len(negatives):
        raise InputError("expected an anchor and a positive of one person, and a negative, found none")
    genuine, impostor = [], []
    for number in range(count // 2):
        owner = owners[number % len(owners)]
        anchors, positives = photos.rows_of([owner], ANCHOR), photos.rows_of([owner], POSITIVE)
        anchor = anchors[number // len(owners) % len(anchors)]
        others = photos.rows_of([person for person in owners if person != owner], POSITIVE)
        genuine.append([anchor, rng.choice(positives)])
        impostor.append([anchor, rng.choice(others if len(others) and number % 2 else negatives)])
    return _pairs(genuine, impostor)


def _pairs(genuine: Sequence[Sequence[int]] | Sequence[Rows], impostor: Sequence[Sequence[int]]) -> Pairs:
    rows = np.array([*genuine, *impostor], np.intp).reshape(-1, 2)
    return Pairs(rows[:, 0], rows[:, 1], np.arange(len(rows)) < len(genuine))


_SCHEMES = {
    "random": _random,
    "numbered": _numbered,
    "neighbours": lambda photos, people, count, rng: _neighbours(photos, people, rng),  # noqa: ARG005
    "folders": _folders,
}

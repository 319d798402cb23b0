"""The one pair generator: what each scheme draws, that nobody who judges was trained on, and that seeds decide."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import InputError
from training.classic_recipe import PairsPart
from training.data.own_folder import ANCHOR, NEGATIVE, POSITIVE
from training.data.pairs import Pairs, Split, every_pair, split
from training.data.people import ANY, PhotoSet

RANDOM = PairsPart(scheme="random", count=400, test_share=0.25, validation_share=0.25)
NUMBERED = PairsPart(scheme="numbered", count=400, test_share=0.25, validation_share=0.25)
NEIGHBOURS = PairsPart(scheme="neighbours", count=1, fresh=20)
FOLDERS = PairsPart(scheme="folders", count=80, test_share=0.25, validation_share=0.25)


def photos(people: int = 8, each: int = 6, roles: tuple[str, ...] = (ANY,), strangers: int = 0) -> PhotoSet:
    n = people * each
    everybody = np.repeat(np.arange(people + strangers, dtype=np.int32), [each] * people + [1] * strangers)
    given = [roles[row % each % len(roles)] for row in range(n)] + [NEGATIVE] * strangers
    names = tuple(f"s{person}" for person in range(people + strangers))
    pixels = np.zeros((n + strangers, 4, 4, 1), np.uint8)
    return PhotoSet(pixels, everybody, names, np.array(given), "digest")


def people_in(data: PhotoSet, pairs: Pairs) -> set[int]:
    return set(data.people[np.concatenate([pairs.one, pairs.other])].tolist())


def check_labels(data: PhotoSet, parts: Split) -> None:
    for pairs in (parts.train, parts.validation, parts.test, parts.unseen):
        assert pairs is not None
        assert np.array_equal(pairs.same, data.people[pairs.one] == data.people[pairs.other])
        assert (pairs.one != pairs.other).all()
        assert 0 < pairs.same.sum() < len(pairs)


def test_random_pairs_are_half_of_one_person_and_shared_out() -> None:
    data = photos()
    parts = split(data, RANDOM, 2, seed=1)
    check_labels(data, parts)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [225, 75, 100]
    assert sum(int(part.same.sum()) for part in (parts.train, parts.validation, parts.test)) == 200


@pytest.mark.parametrize("part", [RANDOM, NUMBERED, NEIGHBOURS], ids=["random", "numbered", "neighbours"])
def test_the_last_people_are_never_trained_on(part: PairsPart) -> None:
    data = photos()
    parts = split(data, part, 2, seed=1)
    assert parts.unseen is not None
    assert people_in(data, parts.unseen) == {6, 7}
    for pairs in (parts.train, parts.validation, parts.test):
        assert people_in(data, pairs) <= set(range(6))


def test_numbered_pairs_of_two_people_are_of_one_number() -> None:
    data = photos()
    parts = split(data, NUMBERED, 2, seed=1)
    check_labels(data, parts)
    for pairs in (parts.train, parts.validation, parts.test):
        far = pairs.take(np.flatnonzero(~pairs.same))
        assert np.array_equal(far.one % 6, far.other % 6)
        near = pairs.take(np.flatnonzero(pairs.same))
        assert not np.array_equal(near.one % 6, near.other % 6)


def test_keeping_nobody_back_trains_on_everybody() -> None:
    data = photos()
    parts = split(data, RANDOM, 0, seed=1)
    assert parts.unseen is None
    assert people_in(data, parts.train) == set(range(8))


def test_neighbours_are_the_published_pairs_and_fresh_ones_are_others() -> None:
    data = photos()
    parts = split(data, NEIGHBOURS, 2, seed=1)
    check_labels(data, parts)
    assert len(parts.train) == 6 * 5 * 2
    near = parts.train.take(np.flatnonzero(parts.train.same))
    assert (near.other - near.one == 1).all()
    assert [len(parts.validation), len(parts.test)] == [20, 20]
    for fresh in (parts.validation, parts.test):
        assert not fresh.keys() & parts.train.keys()


def test_anchors_meet_positives_of_their_own_and_both_sorts_of_strangers() -> None:
    data = photos(roles=(ANCHOR, POSITIVE), strangers=30)
    parts = split(data, FOLDERS, 2, seed=1)
    check_labels(data, parts)
    pairs = parts.train
    assert set(data.roles[pairs.one]) == {ANCHOR}
    assert set(data.roles[pairs.other[pairs.same]]) == {POSITIVE}
    assert set(data.roles[pairs.other[~pairs.same]]) == {POSITIVE, NEGATIVE}
    assert parts.unseen is not None
    assert people_in(data, parts.unseen) == {6, 7}


def test_a_single_owner_has_nobody_to_keep_back() -> None:
    data = photos(people=1, roles=(ANCHOR, POSITIVE), strangers=9)
    parts = split(data, FOLDERS, 5, seed=1)
    assert parts.unseen is None
    assert set(data.roles[parts.train.other[~parts.train.same]]) == {NEGATIVE}


def test_the_seed_decides() -> None:
    data = photos()
    first, again, other = (split(data, RANDOM, 2, seed=seed).train for seed in (1, 1, 2))
    assert np.array_equal(first.one, again.one)
    assert not np.array_equal(first.one, other.one)


def test_every_pair_of_five_photos_is_ten() -> None:
    data = photos(people=2, each=3)
    shown = Pairs(np.array([0, 1, 3]), np.array([1, 3, 4]), np.array([True, False, True]))
    found = every_pair(data, shown)
    assert len(found) == 6  # photos 0, 1, 3, 4
    assert int(found.same.sum()) == 2


def test_too_few_photos_are_refused() -> None:
    with pytest.raises(InputError, match="expected somebody with two photos"):
        split(photos(people=5, each=1), RANDOM, 2, seed=1)
    with pytest.raises(InputError, match="a negative, found none"):
        split(photos(roles=(ANCHOR, POSITIVE)), FOLDERS, 2, seed=1)

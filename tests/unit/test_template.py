"""One vector for all views of a person: what more views must not do is let strangers in more often than was stated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.errors import InputError
from edge.types import Floats
from edge.verify.template import distances, template

WIDTH = 16


def unit_rows(raw: NDArray[np.floating]) -> Floats:
    return np.asarray(raw / np.linalg.norm(raw, axis=-1, keepdims=True), np.float32)


def people(random: np.random.Generator, count: int, views: int) -> Floats:
    """(count, views, WIDTH): a shared part, as all faces have, one's own, and each view's."""
    common, own = random.normal(size=WIDTH), random.normal(size=(count, 1, WIDTH))
    return unit_rows(0.7 * common + own + 0.8 * random.normal(size=(count, views, WIDTH)))


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_one_view_or_the_same_view_again_is_its_own_template(seed: int, times: int) -> None:
    one, other = unit_rows(np.random.default_rng(seed).normal(size=(2, WIDTH)))
    kept = template(np.tile(one, (times, 1)))
    assert kept == pytest.approx(one, abs=1e-6)
    assert distances(kept[None], other)[0] == pytest.approx(float(np.linalg.norm(one - other)), abs=1e-5)


@given(st.integers(0, 10_000), st.integers(2, 8))
def test_its_likeness_to_anyone_lies_between_the_mean_of_the_views_and_its_direction(seed: int, views: int) -> None:
    random = np.random.default_rng(seed)
    shown, face = people(random, 1, views)[0], unit_rows(random.normal(size=WIDTH))
    mean = shown.mean(axis=0)
    likeness, undivided, direction = (float(face @ one) for one in (template(shown), mean, unit_rows(mean)))
    assert sorted((abs(undivided), abs(likeness), abs(direction)))[1] == pytest.approx(abs(likeness), abs=1e-6)


def test_more_views_let_no_more_strangers_in_and_turn_fewer_owners_away() -> None:
    """The limit is that of single views; made-up people who have something in common, as faces do."""
    shown = people(np.random.default_rng(5), 400, 9)
    probes = shown[:, 8]
    strangers = ~np.eye(len(shown), dtype=bool)

    def measured(views: int) -> Floats:
        return np.stack([distances(probes, template(one[:views])) for one in shown])

    limit = np.quantile(measured(1)[strangers], 1e-2)
    fmr = {views: float((measured(views)[strangers] <= limit).mean()) for views in (1, 2, 4, 8)}
    fnmr = {views: float((measured(views)[~strangers] > limit).mean()) for views in (1, 2, 4, 8)}
    assert max(fmr.values()) <= 1.1e-2
    assert fnmr[8] < fnmr[4] < fnmr[2] < fnmr[1]


def test_views_that_cancel_out_are_refused() -> None:
    view = np.eye(WIDTH, dtype=np.float32)[:1]
    with pytest.raises(InputError, match="cancel out"):
        template(np.concatenate([view, -view]))

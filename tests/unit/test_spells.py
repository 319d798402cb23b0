"""Spells and tallies: what samples say of the time between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.spells import GAP_MAX_S, Spell, Tally


def test_an_onset_lies_half_way_between_the_samples() -> None:
    spell = Spell().sample(False, 1.0).sample(True, 1.2).sample(True, 1.4)
    assert spell.value is True
    assert spell.since_s == pytest.approx(1.1)
    assert spell.lasted_s(True, 1.5) == pytest.approx(0.4)
    assert spell.lasted_s(False, 1.5) == 0


def test_a_gap_ends_what_is_known() -> None:
    before = Spell().sample(True, 1.0).sample(True, 1.5)
    assert before.sample(True, 1.5 + GAP_MAX_S).since_s == 1.0
    assert before.sample(True, 1.51 + GAP_MAX_S).since_s == 1.51 + GAP_MAX_S


def test_a_glitch_is_not_believed_and_leaves_no_trace() -> None:
    shut = Spell().sample(True, 1.0).sample(True, 1.1)
    glitch = shut.sample(False, 1.14, glitch_s=0.08)
    assert not glitch.holds(True, 1.14)  # but nothing is claimed while it lasts
    assert glitch.sample(True, 1.18, glitch_s=0.08) == Spell(True, 1.0, 1.18)
    believed = glitch.sample(False, 1.22, glitch_s=0.08)
    assert believed.value is False
    assert believed.since_s == pytest.approx(1.12)


def test_a_sample_soon_says_nothing_of_now() -> None:
    assert Spell().sample(True, 1.0).holds(True, 1.0 + GAP_MAX_S / 2)
    assert not Spell().sample(True, 1.0).holds(True, 1.01 + GAP_MAX_S / 2)


stretches = st.lists(st.tuples(st.floats(0, 3), st.floats(0.01, 5), st.booleans()), max_size=60)


@given(stretches, st.floats(1, 30))
def test_a_tally_is_the_sum_over_its_window(told: list[tuple[float, float, bool]], window_s: float) -> None:
    tally, now_s, spans = Tally(30.0), 50.0, []
    for gap_s, length_s, counted in told:
        begin_s, now_s = now_s + gap_s, now_s + gap_s + length_s
        spans.append((begin_s, now_s, counted))
        tally = tally.add(begin_s, now_s, counted=counted)
    from_s = now_s - window_s
    parts = [(end_s - max(begin_s, from_s), counted) for begin_s, end_s, counted in spans if end_s > from_s]
    counted_s, watched_s = tally.within(window_s, now_s)
    assert watched_s == pytest.approx(sum(length_s for length_s, _ in parts), abs=1e-6)
    assert counted_s == pytest.approx(sum(length_s for length_s, counted in parts if counted), abs=1e-6)


def test_a_tally_forgets_what_no_window_reaches() -> None:
    tally = Tally(10.0)
    for second in range(1000):
        tally = tally.add(second, second + 1, counted=second % 2 == 0)
    assert len(tally.knots) <= 25
    assert tally.within(10.0, 1000.0) == pytest.approx((5, 10))


def test_nothing_is_counted_twice() -> None:
    tally = Tally(10.0).add(0, 2, counted=True).add(1, 3, counted=True).add(1, 2, counted=True)
    assert tally.within(10, 3) == (3.0, 3.0)

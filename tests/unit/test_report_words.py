"""The report reads the words that the daemons write: whatever changes there has to be read here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.actuate import CabinInputs
from edge.config import DriverConfig
from edge.door import _words as door_words
from edge.driver import DriverWatch
from edge.policy.access_types import Event as AccessEvent
from edge.report.chart import clock, tick_s
from edge.report.gather import GAP_S
from edge.report.text import duration
from edge.report.thin import UNKNOWN_S, lines
from edge.report.words import Happening, read_words
from edge.signs import Level
from edge.testing import FakeClock
from edge.testing_driver import Pose, RecordingAlerter


def test_what_the_driver_mode_says_is_read() -> None:
    watch = DriverWatch(DriverConfig(), RecordingAlerter(FakeClock()), 0.0)
    found: list[Happening] = []
    for index in range(200):
        at_s = index / 10
        pose = Pose(eyes=0.02 if 5 <= at_s < 9 else 0.95, face=at_s < 9)
        inputs = CabinInputs(acknowledged=index == 95)
        decided = watch.decide(pose.observed(at_s, index), inputs, at_s, camera_ok=True)
        read = [read_words(at_s, words) for words in decided.events]
        found += [one for one in read if one]
        assert len(read) == len(decided.events) == sum(one is not None for one in read)
    told = [(one.kind, one.level, one.since_s is not None) for one in found]
    assert told == [
        ("microsleep", Level.ALARM, True),
        ("sleep", Level.ALARM, True),
        ("acknowledged", Level.QUIET, False),
        ("no_usable_face", Level.NOTICE, False),
    ]
    assert found[0].since_s == pytest.approx(5.0, abs=0.1)


def test_what_the_door_says_is_read() -> None:
    words = door_words(AccessEvent("access", "granted", "scanning", "pulse", "Ada", 0.8))
    assert read_words(2.0, words, "Ada") == Happening(2.0, "access", "granted", "scanning", "pulse", person="Ada")


@pytest.mark.parametrize("words", ["", "a -> b", "attention: a -> b", "pulse 3 s (granted)"])
def test_other_words_are_none(words: str) -> None:
    assert read_words(0.0, words) is None


@given(
    st.lists(
        st.tuples(st.floats(0, 10), st.one_of(st.just(float("nan")), st.floats(-90, 90))), min_size=1, max_size=200
    ),
    st.floats(0.05, 30),
)
def test_thinning_keeps_the_extremes_and_the_gaps(samples: list[tuple[float, float]], column_s: float) -> None:
    times = np.cumsum([step for step, _ in samples])
    values = np.array([value for _, value in samples])
    known = values[np.isfinite(values)]
    found = lines(times, values, column_s)
    if not known.size:
        assert found == []
        return
    kept = np.concatenate([line.extremes for line in found])
    assert (kept[:, 1].min(), kept[:, 1].max()) == (known.min(), known.max())
    assert len(kept) <= 2 * sum(len(line.means) for line in found)
    assert (np.diff(kept[:, 0]) >= 0).all()
    gaps = np.diff(times[np.isfinite(values)])
    assert 1 + (gaps > max(GAP_S, 2 * column_s)).sum() <= len(found)
    assert len(found) <= 1 + (gaps > max(UNKNOWN_S, 2 * column_s)).sum()


def test_no_line_is_drawn_across_what_is_not_known() -> None:
    times = np.arange(0, 3, 0.1)
    values = np.where((times > 0.95) & (times < 1.95), np.nan, 0.5)
    assert [(line.extremes[0, 0], line.extremes[-1, 0]) for line in lines(times, values, 0.01)] == [
        (pytest.approx(0.0), pytest.approx(0.9)),
        (pytest.approx(2.0), pytest.approx(2.9)),
    ]
    values[times < 1.85] = 0.5
    assert len(lines(times, values, 0.01)) == 1  # one frame
    assert len(lines(times[::12], np.full(3, 0.5), 0.01)) == 1  # a slow log without a gap


@pytest.mark.parametrize(
    ("seconds", "words", "exact"),
    [(0, "0:00", "0:00.0"), (59.97, "0:59", "1:00.0"), (754.26, "12:34", "12:34.3"), (3723.4, "1:02:03", "1:02:03.4")],
)
def test_a_time_is_told_as_on_a_clock(seconds: float, words: str, exact: str) -> None:
    assert (clock(seconds), clock(seconds, tenths=True)) == (words, exact)


def test_a_duration_is_told_as_people_do() -> None:
    assert [duration(seconds) for seconds in (8.34, 59.99, 754, 7199.6)] == [
        "8.3 s",
        "60.0 s",
        "12 min 34 s",
        "2 h 00 min",
    ]


@given(st.floats(1e-3, 1e9))
def test_an_axis_is_never_crowded(span_s: float) -> None:
    assert 1 <= span_s // tick_s(span_s) + 1 <= 17

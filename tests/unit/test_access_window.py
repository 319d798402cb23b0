"""The window of good frames, and the counters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.config import AccessConfig
from edge.errors import InputError
from edge.policy.lockout import Counters, Standing, after_failure, hands_free_delay_s, standing, try_delay_s
from edge.policy.window import FrameEvidence, Verdict, Window, judge

GOOD = FrameEvidence(0, True, 1, "ada", 0.5, 1.0, 100.0, True)


def window_of(*frames: FrameEvidence, size: int = 5) -> Window:
    window = Window()
    for index, frame in enumerate(frames):
        window = window.add(replace(frame, frame_index=index), float(index), size=size, age_max_s=60.0)
    return window


def at(distance: float, *, person: str | None = "ada", weight_px2: float = 100.0) -> FrameEvidence:
    return replace(GOOD, distance=distance, person=person, weight_px2=weight_px2)


def test_three_of_five_at_the_limit_are_enough() -> None:
    assert judge(window_of(at(1.0), at(1.0), at(1.0)), 3) == Verdict("ada", 1.0)


def test_two_are_never_enough() -> None:
    assert judge(window_of(at(0.1), at(0.1)), 3) is None
    assert judge(window_of(at(0.1), at(0.1), at(1.5), at(1.5), at(1.5)), 3) is None


def test_the_mean_over_all_frames_has_to_match_too() -> None:
    assert judge(window_of(at(0.9), at(0.9), at(0.9), at(1.2), at(1.2)), 3) is None
    assert judge(window_of(at(0.7), at(0.7), at(0.7), at(1.2), at(1.2)), 3) is not None


def test_a_nearer_face_weighs_more() -> None:
    small = [at(0.9, weight_px2=10.0)] * 3
    assert judge(window_of(*small, at(1.3, weight_px2=1000.0)), 3) is None
    assert judge(window_of(*small, at(1.3, weight_px2=1.0)), 3) is not None


def test_the_mean_distance_is_weighted_by_area() -> None:
    verdict = judge(window_of(at(0.2, weight_px2=300.0), at(0.6, weight_px2=100.0), at(0.6, weight_px2=100.0)), 3)
    assert verdict is not None
    assert verdict.distance == pytest.approx((0.2 * 300 + 0.6 * 200) / 500)


def test_a_frame_nearest_to_somebody_else_never_helps() -> None:
    three = [at(1.0), at(0.95), at(1.0)]
    verdict = judge(window_of(*three, at(0.0, person="bob"), at(0.0, person="bob")), 3)
    assert verdict is not None
    assert verdict.person == "ada"
    assert verdict.distance == pytest.approx(0.99)


def test_a_good_frame_without_any_match_counts_as_the_farthest() -> None:
    unmatched = replace(GOOD, person=None, distance=None, distance_max=0.0)
    assert judge(window_of(at(0.9), at(0.9), at(0.9), unmatched), 3) is None


def test_the_strictest_limit_of_the_window_holds() -> None:
    strict = replace(at(0.8), distance_max=0.85)
    assert judge(window_of(at(0.95), at(0.95), strict), 3) is None


def test_one_frame_that_is_not_live_denies_the_window() -> None:
    assert judge(window_of(at(0.5), at(0.5), at(0.5), replace(GOOD, live=False)), 3) is None
    assert judge(window_of(at(0.5), at(0.5), replace(GOOD, live=True)), 3) is not None


@pytest.mark.parametrize(
    "frame",
    [
        replace(GOOD, good=False),
        replace(GOOD, face_present=False),
        replace(GOOD, track_id=None),
        replace(GOOD, weight_px2=0.0),
    ],
)
def test_a_frame_that_is_not_usable_is_left_out(frame: FrameEvidence) -> None:
    assert len(window_of(GOOD, frame, GOOD)) == 2


def test_the_same_frame_counts_once() -> None:
    window = Window()
    for tick in range(100):
        window = window.add(GOOD, float(tick), size=5, age_max_s=1000.0)
    assert len(window) == 1


def test_another_track_begins_anew() -> None:
    assert len(window_of(GOOD, GOOD, replace(GOOD, track_id=2))) == 1


def test_a_count_that_runs_backwards_begins_anew() -> None:
    window = window_of(GOOD, GOOD, GOOD)
    assert len(window.add(replace(GOOD, frame_index=1), 3.0, size=5, age_max_s=60.0)) == 1


def test_the_window_keeps_the_newest() -> None:
    frames = [replace(GOOD, distance=index / 10) for index in range(8)]
    assert [one.frame.frame_index for one in window_of(*frames).sightings] == [3, 4, 5, 6, 7]


def test_old_frames_drop_out() -> None:
    window = window_of(GOOD, GOOD)  # seen at 0 s and 1 s
    later = window.add(replace(GOOD, frame_index=9), 5.5, size=5, age_max_s=5.0)
    assert [one.seen_s for one in later.sightings] == [1.0, 5.5]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 2.1])
def test_numbers_that_cannot_be_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="a distance of"):
        replace(GOOD, distance=value)
    with pytest.raises(InputError, match="a distance_max of"):
        replace(GOOD, distance_max=value)
    with pytest.raises(InputError, match="a face area"):
        replace(GOOD, weight_px2=-1.0 if value == 2.1 else -abs(value))


def test_tries_and_visits_are_counted_apart() -> None:
    assert after_failure(Counters(1, 2), requested=True) == Counters(2, 2)
    assert after_failure(Counters(1, 2), requested=False) == Counters(1, 3)


@pytest.mark.parametrize(
    ("failures", "expected", "delay_s"),
    [(4, Standing.FREE, 0), (5, Standing.DELAYED, 30), (49, Standing.DELAYED, 30), (50, Standing.DISABLED, 30)],
)
def test_five_failures_delay_and_fifty_disable(failures: int, expected: Standing, delay_s: float) -> None:
    config = AccessConfig()
    assert standing(Counters(failures), config) is expected
    assert try_delay_s(Counters(failures), config) == delay_s
    assert hands_free_delay_s(Counters(failures), config) == delay_s


def test_failed_visits_delay_only_hands_free() -> None:
    counters = Counters(visits_failed=1000)
    assert standing(counters, AccessConfig()) is Standing.FREE
    assert try_delay_s(counters, AccessConfig()) == 0
    assert hands_free_delay_s(counters, AccessConfig()) == 30


def test_a_negative_counter_is_refused() -> None:
    with pytest.raises(InputError, match="0 or more"):
        Counters(failures=-1)

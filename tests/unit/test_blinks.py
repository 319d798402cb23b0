"""Blinks by their dips: which are told, how long they lasted, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.attributes.blinks import BLINK_MAX_S, BLINK_MIN_S, BLINKS_S, GAP_MAX_S, TURN_MAX_DEG, Blinks
from edge.types import HeadPose

AHEAD = HeadPose(0, 0, 0)
OPEN = 0.95


def watch(
    openness: list[float | None], fps: float = 24.0, yaws_deg: list[float] | None = None, begin_s: float = 0.0
) -> list[tuple[float, float]]:
    """When blinks ended, and how long each lasted."""
    blinks, told = Blinks(), []
    for index, value in enumerate(openness):
        yaw_deg = yaws_deg[index] if yaws_deg else 0.0
        blinks = blinks.step(value, HeadPose(yaw_deg, 0, 0), begin_s + index / fps)
        if blinks.blink_s is not None:
            told.append((begin_s + index / fps, blinks.blink_s))
    return told


def dip(depth: float, frames: int) -> list[float | None]:
    return [*[OPEN] * 8, *[OPEN - depth] * frames, *[OPEN] * 8]


@pytest.mark.parametrize(("fps", "frames"), [(30.0, 6), (24.0, 5), (15.0, 3), (10.0, 2), (8.0, 2)])
def test_a_blink_of_0_2_s_is_told_with_its_length_at_every_rate(fps: float, frames: int) -> None:
    ((_, lasted_s),) = watch(dip(0.9, frames), fps)
    assert lasted_s == pytest.approx(0.2, abs=1 / fps)


def test_lids_on_their_way_are_enough() -> None:
    seen: list[float | None] = [0.98, 0.98, 0.98, 0.51, 0.87, 0.96, 0.97]  # of a blink at 24 frames a second
    ((at_s, _),) = watch(seen)
    assert at_s == pytest.approx(4 / 24)


@pytest.mark.parametrize(
    "openness",
    [
        dip(0.1, 3),  # half-way lids
        dip(0.9, 20),  # a closure
        [*[0.4] * 8, 0.05, 0.05, *[0.4] * 8],  # an eye that droops
        [OPEN - 0.02 * index for index in range(40)],  # sinking lids
        [*[OPEN] * 8, 0.05, None, OPEN, OPEN],  # the end was not seen
        [*[OPEN] * 8, 0.05, 0.05],  # nor was it here
    ],
    ids=["too shallow", "too long", "drooping", "sinking", "unreadable", "not over"],
)
def test_what_is_no_blink_is_not_told(openness: list[float | None]) -> None:
    assert watch(openness) == []


def test_one_unreadable_frame_within_a_blink_hides_it_not() -> None:
    """As recorded: shut lids let one frame of seven fall short of what is trusted. Two of them do hide it."""
    shut: list[float | None] = [0.42, 0.24, 0.25, 0.19, None, 0.21, 0.32]
    ((_, lasted_s),) = watch([*[OPEN] * 8, *shut, 0.61, 0.9, OPEN])
    assert lasted_s == pytest.approx(0.3, abs=0.05)
    assert watch([*[OPEN] * 8, *shut[:5], None, *shut[5:], 0.61, 0.9, OPEN]) == []


def test_a_head_that_turns_smears_the_eyes() -> None:
    openness = dip(0.4, 3)
    turning = [6.0 * index for index in range(len(openness))]
    assert watch(openness, yaws_deg=turning) == []
    nodding_along = [TURN_MAX_DEG / len(openness) * index for index in range(len(openness))]
    assert len(watch(openness, yaws_deg=nodding_along)) == 1


def test_between_frames_far_apart_nothing_is_claimed() -> None:
    assert watch([OPEN, OPEN, 0.05, OPEN, OPEN], fps=0.9 / GAP_MAX_S) == []


def test_blinks_are_kept_for_a_minute() -> None:
    blinks = Blinks()
    for at_s, openness in ((0.0, OPEN), (0.1, 0.05), (0.2, OPEN), (BLINKS_S, OPEN), (BLINKS_S + 0.3, OPEN)):
        blinks = blinks.step(openness, AHEAD, at_s)
        assert len(blinks.times_s) == (0.2 <= at_s <= BLINKS_S)


def test_without_a_face_nothing_is_told() -> None:
    blinks = Blinks().step(OPEN, AHEAD, 0.0).step(0.05, AHEAD, 0.1).step(None, None, 0.2).step(OPEN, AHEAD, 0.3)
    assert (blinks.times_s, blinks.blink_s) == ((), None)


@given(
    st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=60),
    st.floats(5, 60),
)
def test_every_blink_is_short_and_ended_with_eyes_that_were_seen_to_open(
    openness: list[float | None], fps: float
) -> None:
    for at_s, lasted_s in watch(openness, fps):
        now, before = openness[round(at_s * fps)], openness[round(at_s * fps) - 1]
        assert now is not None
        assert before is not None
        assert now > before
        assert BLINK_MIN_S <= lasted_s <= BLINK_MAX_S


@pytest.mark.parametrize(("dip", "is_blink"), [(0.25, False), (0.38, True)])
def test_one_frame_of_noise_is_no_blink_and_the_shallowest_counted_one_is(dip: float, is_blink: bool) -> None:
    blinks = Blinks()
    for frame, openness in enumerate((1.0, 1.0, 1.0 - dip, 1.0, 1.0)):
        blinks = blinks.step(openness, AHEAD, frame / 20)
    assert len(blinks.times_s) == is_blink

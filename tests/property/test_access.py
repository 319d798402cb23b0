"""What holds for every sequence of evidence, however odd."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.actuate.span import Span, begin_or_extend
from edge.config import AccessConfig
from edge.errors import ClockError
from edge.policy.access import (
    PULSE_LIMIT_S,
    TABLE,
    AccessEvidence,
    AccessState,
    Command,
    CounterChanged,
    Counters,
    Event,
    FrameEvidence,
    Lock,
    Mode,
    Pulse,
    initial,
    step,
)

Timed = tuple[float, AccessEvidence]  # seconds since the step before, and what it brought

LIMIT = 1.0
near, far = st.floats(0.0, LIMIT), st.floats(LIMIT, 2.0, exclude_min=True)
NEVER = st.just(False)


def frames(
    distances: st.SearchStrategy[float], people: tuple[str | None, ...] = ("ada", "bob", None)
) -> st.SearchStrategy[FrameEvidence]:
    """Frames of few tracks and few indices, so that repeats, swaps and restarts of the count are common."""
    return st.builds(
        FrameEvidence,
        frame_index=st.integers(0, 12),
        face_present=st.booleans(),
        track_id=st.sampled_from((1, 1, 1, 2, None)),
        person=st.sampled_from(people),
        distance=distances,
        distance_max=st.just(LIMIT),
        weight_px2=st.sampled_from((0.0, 1.0, 900.0, 1e6)),
        good=st.sampled_from((True, True, False)),
        live=st.sampled_from((None, None, True, False)),
    )


def runs(
    frame: st.SearchStrategy[FrameEvidence], *, exits: st.SearchStrategy[bool] = NEVER
) -> st.SearchStrategy[list[Timed]]:
    evidence = st.builds(
        AccessEvidence,
        camera_ok=st.sampled_from((True, True, True, False)),
        frame=st.one_of(st.none(), frame, frame, frame),
        request_pressed=st.booleans(),
        exit_pressed=exits,
        door_open=st.sampled_from((None, False, True)),
        reset=st.sampled_from((False, False, False, True)),
    )
    return st.lists(st.tuples(st.sampled_from((0.0, 0.04, 0.1, 0.5, 2.0, 31.0)), evidence), max_size=60)


@st.composite
def visits(draw: st.DrawFn) -> list[Timed]:
    """A ring, and then pictures in a row with a few odd ones among them: here grants are common."""
    run = [(0.1, AccessEvidence(request_pressed=True))]
    index = 0
    for _ in range(draw(st.integers(2, 12))):
        index += draw(st.sampled_from((1, 1, 1, 0)))
        face = FrameEvidence(
            index,
            face_present=True,
            track_id=draw(st.sampled_from((1, 1, 1, 1, 1, 2))),
            person=draw(st.sampled_from(("ada", "ada", "ada", "bob"))),
            distance=draw(st.sampled_from((0.2, 0.9, 1.0, 1.05))),
            distance_max=LIMIT,
            weight_px2=100.0,
            good=draw(st.sampled_from((True, True, True, False))),
            live=draw(st.sampled_from((None, None, None, True, False))),
        )
        run.append((0.1, AccessEvidence(frame=face, camera_ok=draw(st.sampled_from((True,) * 9 + (False,))))))
    return run


configs = st.builds(
    AccessConfig,
    hands_free=st.booleans(),
    frames_min=st.just(3),
    failures_before_delay=st.integers(1, 3),
    failures_before_disable=st.integers(4, 6),
)
Trace = list[tuple[float, AccessEvidence, AccessState, tuple[Command, ...]]]


def play(config: AccessConfig, run: list[Timed], counters: Counters | None = None) -> Trace:
    """Each step's time, evidence, state before it, and commands."""
    state, now_s, trace = initial(config, 50.0, counters), 50.0, []
    for gap_s, evidence in run:
        now_s += gap_s
        after, commands = step(state, evidence, now_s, config)
        trace.append((now_s, evidence, state, commands))
        state = after
    return trace


def pulses(trace: Trace) -> list[Pulse]:
    return [command for *_, commands in trace for command in commands if isinstance(command, Pulse)]


@given(configs, runs(frames(far)))
def test_no_sequence_without_a_match_ever_opens(config: AccessConfig, run: list[Timed]) -> None:
    assert pulses(play(config, run)) == []


@given(configs, runs(frames(near, people=(None,))))
def test_no_sequence_without_a_person_ever_opens(config: AccessConfig, run: list[Timed]) -> None:
    assert pulses(play(config, run)) == []


@given(configs, runs(frames(near, people=("ada",)).map(lambda frame: replace(frame, good=False))))
def test_no_sequence_of_bad_frames_ever_opens(config: AccessConfig, run: list[Timed]) -> None:
    assert pulses(play(config, run)) == []


@given(configs, runs(frames(near, people=("ada",)).map(lambda frame: replace(frame, live=False))))
def test_no_sequence_that_is_not_live_ever_opens(config: AccessConfig, run: list[Timed]) -> None:
    assert pulses(play(config, run)) == []


@given(runs(frames(near, people=("ada",))))
def test_without_a_request_nothing_opens_by_itself(run: list[Timed]) -> None:
    quiet = [(gap_s, replace(evidence, request_pressed=False)) for gap_s, evidence in run]
    assert pulses(play(AccessConfig(), quiet)) == []


@given(runs(frames(near, people=("ada",))))
def test_a_disabled_door_stays_shut_until_it_is_reset(run: list[Timed]) -> None:
    untouched = [(gap_s, replace(evidence, reset=False)) for gap_s, evidence in run]
    for hands_free in (False, True):
        assert pulses(play(AccessConfig(hands_free=hands_free), untouched, Counters(failures=50))) == []


@given(configs, st.one_of(visits(), runs(frames(st.floats(0, 1.2), people=("ada", "ada", "bob")))))
def test_each_grant_rests_on_three_distinct_good_frames_of_one_track(config: AccessConfig, run: list[Timed]) -> None:
    trace = play(config, run)
    for at, (now_s, evidence, before, commands) in enumerate(trace):
        for pulse in (command for command in commands if isinstance(command, Pulse)):
            assert evidence.camera_ok
            assert evidence.frame is not None
            recent = [past.frame for then_s, past, *_ in trace[: at + 1] if now_s - then_s <= config.scan_s]
            backing = {
                frame.frame_index
                for frame in recent
                if frame is not None
                and frame.track_id == evidence.frame.track_id
                and frame.usable
                and frame.accepted_person == pulse.person
            }
            assert len(backing) >= 3
            assert any(frame is not None and frame.live is False for frame in recent[-1:]) is False
            assert before.mode in (Mode.SCANNING, Mode.REFUSED, Mode.RELOCK)


@given(configs, runs(frames(near, people=("ada",)), exits=st.booleans()))
def test_the_strike_is_never_free_for_longer_than_the_limit(config: AccessConfig, run: list[Timed]) -> None:
    span: Span | None = None
    for now_s, _, _, commands in play(config, run):
        for command in commands:
            if isinstance(command, Lock):
                span = None
            elif isinstance(command, Pulse):
                assert 0 < command.duration_s <= config.pulse_s
                # a relay without a limit of its own: the policy's commands alone keep it
                span = begin_or_extend(span, now_s, command.duration_s, float("inf"))
                assert span.until_s - span.first_s <= PULSE_LIMIT_S + 1e-6


@given(configs, runs(frames(near), exits=st.booleans()), st.integers(0, 60))
def test_the_exit_button_opens_at_once_whatever_came_before(
    config: AccessConfig, run: list[Timed], failures: int
) -> None:
    for _, evidence, _, commands in play(config, run, Counters(failures)):
        opened = [command for command in commands if isinstance(command, Pulse)]
        if evidence.exit_pressed:
            assert [pulse.reason for pulse in opened] == ["exit"]


@given(configs, runs(frames(near), exits=st.booleans()))
def test_the_same_evidence_gives_the_same_decisions(config: AccessConfig, run: list[Timed]) -> None:
    assert play(config, run) == play(config, run)


@given(configs, runs(frames(near), exits=st.booleans()))
def test_every_transition_is_in_the_table_and_in_the_log(config: AccessConfig, run: list[Timed]) -> None:
    trace = play(config, run)
    for (_, _, before, commands), (_, _, after, _) in pairwise(trace):
        moves = [one for one in commands if isinstance(one, Event) and one.part == "access"]
        moves = [one for one in moves if one.kind not in ("refused_request", "reset")]
        if before.mode is not after.mode:
            assert [(one.before, one.after) for one in moves] == [(before.mode.value, after.mode.value)]
        for one in moves:
            row = {trigger.value: target.value for trigger, target in TABLE[Mode(one.before)].items()}
            assert row[one.kind] == one.after


@given(configs, runs(frames(st.floats(0, 2))))
def test_what_is_stored_is_what_is_counted(config: AccessConfig, run: list[Timed]) -> None:
    stored = Counters()
    for _, _, before, commands in play(config, run):
        assert before.counters == stored
        for command in commands:
            stored = command.counters if isinstance(command, CounterChanged) else stored


@given(configs, runs(frames(near), exits=st.booleans()), st.floats(1e-6, 1e6))
def test_time_that_goes_backwards_is_an_error(config: AccessConfig, run: list[Timed], back_s: float) -> None:
    state, now_s = initial(config, 50.0), 50.0
    for gap_s, evidence in run:
        now_s += gap_s
        state, _ = step(state, evidence, now_s, config)
    with pytest.raises(ClockError):
        step(state, AccessEvidence(exit_pressed=True), now_s - back_s, config)

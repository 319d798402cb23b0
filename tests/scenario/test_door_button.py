"""A door with a request button: visits as a person would tell them."""

from __future__ import annotations

import pytest

from edge.actuate.span import Span, begin_or_extend
from edge.config import AccessConfig
from edge.errors import ClockError
from edge.policy.access import AccessEvidence, Counters, FrameEvidence, Lock, Mode, Pulse, step
from edge.testing import DoorScene

OWNER, FAR = 0.6, 1.3  # distances; the scenes accept up to 1.0


def stranger_rings(scene: DoorScene) -> DoorScene:
    """A try that fails, and then some seconds in which nobody is there."""
    return scene.ring().show(5.5, person="ada", distance=FAR).nobody(0.5)


def test_a_visitor_rings_and_is_known() -> None:
    scene = DoorScene().nobody(1).ring().nobody(0.5).show(1, person="ada", distance=OWNER).nobody(5)
    assert [(pulse.reason, pulse.person, pulse.duration_s) for pulse in scene.pulses] == [("granted", "ada", 3.0)]
    assert scene.state.mode is Mode.IDLE
    assert not scene.relay.released


def test_the_third_good_frame_opens_and_no_earlier_one() -> None:
    scene = DoorScene(fps=10).ring().nobody(0.1)
    scene.show(0.2, person="ada", distance=OWNER)
    assert scene.pulses == []
    scene.show(0.1, person="ada", distance=OWNER)
    assert len(scene.pulses) == 1


def test_nobody_rings_and_the_owner_walks_by() -> None:
    scene = DoorScene().show(30, person="ada", distance=OWNER)
    assert scene.pulses == []
    assert scene.state.mode is Mode.IDLE


def test_somebody_rings_and_goes_away() -> None:
    scene = DoorScene().ring().nobody(2.5)
    assert scene.times("no_face")
    assert scene.counters == Counters()
    assert scene.show(5, person="ada", distance=OWNER).pulses == []


def test_no_face_comes_after_two_seconds_not_earlier() -> None:
    scene = DoorScene().ring().nobody(1.9)
    assert scene.state.mode is Mode.REQUESTED
    assert scene.show(0.5, person="ada", distance=OWNER).pulses


def test_a_stranger_rings_five_times_and_waits_thirty_seconds() -> None:
    scene = DoorScene()
    for tries in range(1, 6):
        stranger_rings(scene)
        assert scene.counters.failures == tries
    assert scene.state.mode is Mode.DELAYED
    scene.ring().show(20, person="ada", distance=OWNER)  # even a match is not looked at
    assert scene.times("refused_request")
    assert scene.pulses == []
    scene.nobody(10)
    assert scene.times("delay_over")
    stranger_rings(scene)
    assert scene.state.mode is Mode.DELAYED  # before *each* further try
    assert scene.pulses == []


def test_the_delay_lasts_thirty_seconds_from_the_failure() -> None:
    scene = DoorScene()
    for _ in range(5):
        stranger_rings(scene)
    scene.nobody(31)
    assert scene.times("delay_over")[0] - scene.times("failed_delayed")[0] == pytest.approx(30, abs=0.06)


def test_a_grant_forgets_the_failures() -> None:
    scene = DoorScene()
    for _ in range(4):
        stranger_rings(scene)
    scene.ring().show(1, person="ada", distance=OWNER).nobody(5)
    assert scene.counters == Counters()
    assert stranger_rings(scene).state.mode is Mode.IDLE


def test_fifty_failures_disable_the_door_until_an_administrator_acts() -> None:
    scene = DoorScene(counters=Counters(failures=49)).nobody(31)
    stranger_rings(scene)
    assert scene.state.mode is Mode.DISABLED
    scene.nobody(3600).ring().show(5, person="ada", distance=OWNER)
    assert scene.pulses == []
    scene.restart().ring().show(5, person="ada", distance=OWNER)
    assert scene.pulses == []
    scene.administer().nobody(0.1).ring().show(1, person="ada", distance=OWNER)
    assert len(scene.pulses) == 1


def test_a_restart_does_not_shorten_a_delay() -> None:
    scene = DoorScene()
    for _ in range(5):
        stranger_rings(scene)
    scene.restart().ring().show(25, person="ada", distance=OWNER)
    assert scene.state.mode is Mode.DELAYED
    assert scene.pulses == []


def test_the_owner_stands_behind_a_stranger() -> None:
    scene = DoorScene().ring().show(2, person="ada", distance=FAR, track=1)
    assert scene.pulses == []
    scene.show(0.5, person="ada", distance=OWNER, track=2)  # he steps in front: a new track, a new window
    assert len(scene.pulses) == 1


def test_two_faces_that_take_turns_never_add_up() -> None:
    scene = DoorScene().ring()
    for _ in range(20):
        scene.show(0.1, person="ada", distance=OWNER, track=1).show(0.1, person="ada", distance=OWNER, track=2)
    assert scene.pulses == []


def test_a_hand_is_held_over_the_camera() -> None:
    scene = DoorScene().ring().show(0.1, person="ada", distance=OWNER).nobody(6).show(1, person="ada", distance=OWNER)
    assert scene.pulses == []
    assert scene.counters == Counters()


def test_a_stranger_who_ducks_away_has_still_failed() -> None:
    scene = DoorScene().ring().show(1, person="ada", distance=FAR).nobody(2.5)
    assert scene.counters.failures == 1


def test_an_earlier_failure_does_not_make_the_next_ring_one() -> None:
    scene = stranger_rings(DoorScene()).ring().nobody(0.1).show(0.1, good=False).nobody(3)
    assert scene.counters.failures == 1


def test_somebody_else_opens_from_inside_while_the_owner_waits_and_has_not_rung() -> None:
    scene = DoorScene().press_exit().show(6, person="ada", distance=OWNER)
    assert [pulse.reason for pulse in scene.pulses] == ["exit"]


def test_bad_frames_are_not_a_failure() -> None:
    scene = DoorScene().ring().show(6, person="ada", distance=OWNER, good=False)
    assert scene.times("inconclusive")
    assert scene.pulses == []
    assert scene.counters == Counters()


def test_the_camera_is_lost_in_mid_scan() -> None:
    scene = DoorScene().ring().show(0.15, person="ada", distance=OWNER)
    scene.blind(1).show(5, person="ada", distance=OWNER)
    assert scene.pulses == []
    assert scene.counters == Counters()
    assert scene.times("camera_lost")


def test_ringing_while_the_camera_is_lost_is_turned_down() -> None:
    scene = DoorScene().ring().blind(1)
    assert scene.times("refused_request")
    assert scene.state.mode is Mode.IDLE


@pytest.mark.parametrize("failures", [0, 5, 50])
def test_the_exit_button_opens_also_in_lockout_and_without_a_camera(failures: int) -> None:
    scene = DoorScene(counters=Counters(failures=failures))
    before = scene.state.mode
    scene.press_exit().blind(0.1)
    assert [pulse.reason for pulse in scene.pulses] == ["exit"]
    scene.nobody(4)
    assert scene.state.mode is before  # and the lockout stands
    assert not scene.relay.released


def test_a_lockout_cannot_be_left_through_the_exit_button() -> None:
    scene = DoorScene(counters=Counters(failures=50)).press_exit().nobody(4).ring().show(5, person="ada", distance=0.1)
    assert [pulse.reason for pulse in scene.pulses] == ["exit"]


def test_the_exit_button_is_leant_on() -> None:
    scene = DoorScene()
    for _ in range(60 * 20):
        scene.press_exit().nobody(0.05)
    span: Span | None = None
    locked = 0
    for at_s, command in scene.said:
        if isinstance(command, Pulse):  # the policy alone keeps the limit, whatever the relay's own
            span = begin_or_extend(span, at_s, command.duration_s, 3600)
            assert span.until_s - span.first_s <= 10 + 1e-6
        elif isinstance(command, Lock):
            span, locked = None, locked + 1
    assert locked >= 5  # it locks, and opens again


def test_the_same_picture_a_hundred_times_never_opens() -> None:
    face = FrameEvidence(7, True, 1, "ada", 0.1, 1.0, 10_000.0, True)
    scene = DoorScene().ring().freeze(5, face)
    assert scene.pulses == []
    assert scene.times("no_face")  # a frozen camera shows nobody
    assert scene.counters == Counters()


def test_three_pictures_in_a_loop_bring_no_more_than_three() -> None:
    faces = [FrameEvidence(i, True, 1, "ada", d, 1.0, 10_000.0, True) for i, d in enumerate((0.5, 0.5, 1.9))]
    scene = DoorScene().ring().nobody(0.1)
    for turn in range(60):
        scene.freeze(0.05, faces[turn % 3])
    assert scene.pulses == []


def test_a_photo_that_is_judged_not_live_is_denied_and_counted() -> None:
    scene = DoorScene().ring().show(5.5, person="ada", distance=OWNER, live=False)
    assert scene.pulses == []
    assert scene.counters.failures == 1


def test_a_face_judged_live_still_has_to_match() -> None:
    assert DoorScene().ring().show(5.5, person="ada", distance=FAR, live=True).pulses == []


def test_an_empty_gallery_opens_to_nobody() -> None:
    assert DoorScene().ring().show(5.5).pulses == []


def test_the_clock_jumps_backwards() -> None:
    scene = DoorScene().ring().show(0.1, person="ada", distance=OWNER)
    before = scene.state
    with pytest.raises(ClockError, match="or later"):
        step(scene.state, AccessEvidence(exit_pressed=True), scene.clock.now_s() - 0.001, scene.config)
    with pytest.raises(ClockError):
        step(scene.state, AccessEvidence(), float("nan"), scene.config)
    assert scene.state == before


def test_a_match_after_the_loop_hung_for_a_minute_comes_too_late() -> None:
    scene = DoorScene().ring().show(0.15, person="ada", distance=OWNER)
    scene.clock.advance(60)
    assert scene.show(0.05, person="ada", distance=OWNER).pulses == []


def test_the_third_good_frame_comes_just_after_the_time_is_up() -> None:
    scene = DoorScene().ring().show(4.85, person="ada", distance=OWNER, good=False)
    scene.show(0.1, person="ada", distance=OWNER)
    scene.clock.advance(0.5)
    assert scene.show(0.05, person="ada", distance=OWNER).pulses == []


def test_a_new_request_after_relock_opens_again() -> None:
    scene = DoorScene(AccessConfig(pulse_s=1.0))
    for _ in range(2):
        scene.ring().show(2, person="ada", distance=OWNER)
    assert [pulse.person for pulse in scene.pulses] == ["ada", "ada"]

"""From what the pipeline saw to what the policy is told, and the order of its commands."""

from __future__ import annotations

import numpy as np
import pytest

from edge.actuate import DoorInputs
from edge.config import AccessConfig
from edge.policy.access import (
    TABLE,
    AccessEvidence,
    CounterChanged,
    Counters,
    Event,
    Mode,
    Pulse,
    Trigger,
    evidence_from,
    initial,
    step,
)
from edge.policy.access_guards import GUARDS
from edge.testing import DoorScene
from edge.types import Face, HeadPose, Match, Observation, Quality, TrackedFace

POSE = HeadPose(0.0, 0.0, 0.0)


def tracked(*, quality: Quality | None, match: Match | None) -> TrackedFace:
    box = np.array([10, 10, 50, 90], np.float32)
    face = Face(box, 0.9, np.eye(3, dtype=np.float32), np.zeros((5, 2), np.float32))
    return TrackedFace(7, face, 1.0, POSE, quality, match)


def test_the_primary_face_becomes_evidence() -> None:
    quality = Quality(60.0, 50.0, 120.0, POSE)
    seen = Observation(3.0, 42, (tracked(quality=quality, match=Match("ada", 0.7, 0.9)),))
    evidence = evidence_from(seen, DoorInputs(request_pressed=True, door_open=False), live=True)
    frame = evidence.frame
    assert frame is not None
    assert (frame.frame_index, frame.track_id, frame.person, frame.distance) == (42, 7, "ada", 0.7)
    assert (frame.distance_max, frame.good, frame.live) == (0.9, True, True)
    assert frame.weight_px2 == pytest.approx(40 * 80)
    assert (evidence.request_pressed, evidence.exit_pressed, evidence.door_open) == (True, False, False)


@pytest.mark.parametrize("quality", [None, Quality(30.0, 50.0, 120.0, POSE, ("too small",))])
def test_a_face_without_good_quality_is_present_but_not_usable(quality: Quality | None) -> None:
    frame = evidence_from(Observation(3.0, 1, (tracked(quality=quality, match=None),)), DoorInputs()).frame
    assert frame is not None
    assert frame.face_present
    assert not frame.usable


def test_an_empty_observation_is_a_frame_without_a_face() -> None:
    frame = evidence_from(Observation(3.0, 5), DoorInputs()).frame
    assert frame is not None
    assert (frame.frame_index, frame.face_present) == (5, False)


def test_no_observation_is_a_step_without_a_frame() -> None:
    assert evidence_from(None, DoorInputs(), camera_ok=False) == AccessEvidence(camera_ok=False)


def test_a_grant_is_written_down_before_the_strike_is_released() -> None:
    scene = DoorScene(counters=Counters(failures=1)).ring().show(1, person="ada", distance=0.5)
    granted_s = scene.times("granted")[0]
    event, counted, pulse = [command for at_s, command in scene.said if at_s == granted_s]
    assert isinstance(event, Event)
    assert (event.person, event.distance, event.before, event.after) == ("ada", 0.5, "scanning", "pulse")
    assert counted == CounterChanged(Counters())
    assert isinstance(pulse, Pulse)


def test_the_exit_button_releases_before_anything_is_written() -> None:
    config = AccessConfig()
    _, commands = step(initial(config, 0.0), AccessEvidence(exit_pressed=True), 1.0, config)
    assert commands[0] == Pulse(config.pulse_s, "exit")
    assert isinstance(commands[1], Event)


def test_the_exit_button_outranks_a_grant() -> None:
    scene = DoorScene().ring().nobody(0.05).show(0.1, person="ada", distance=0.5)
    scene.press_exit().show(0.05, person="ada", distance=0.5)
    assert [pulse.reason for pulse in scene.pulses] == ["exit"]


def test_who_is_turned_down_learns_how_long_to_wait() -> None:
    scene = DoorScene(counters=Counters(failures=5)).nobody(10).ring().nobody(0.05)
    (event,) = [said for _, said in scene.said if isinstance(said, Event) and said.kind == "refused_request"]
    assert event.wait_s == pytest.approx(20, abs=0.1)


def test_every_row_starts_with_the_exit_button_and_every_trigger_has_its_question() -> None:
    assert set(TABLE) == set(Mode)
    for row in TABLE.values():
        assert next(iter(row)) is Trigger.EXIT
    used = {trigger for row in TABLE.values() for trigger in row}
    assert used == set(Trigger) == set(GUARDS)

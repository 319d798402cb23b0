"""A door with a contact: held open, forced, and shut again early."""

from __future__ import annotations

from edge.config import AccessConfig
from edge.policy.access import Mode
from edge.testing import DoorScene


def let_in(scene: DoorScene) -> DoorScene:
    scene.ring().nobody(0.05).show(0.15, person="ada", distance=0.5)
    assert scene.state.mode is Mode.PULSE
    return scene


def shut_door() -> DoorScene:
    return DoorScene().door(is_open=False).nobody(1)


def test_the_door_is_held_open() -> None:
    scene = let_in(shut_door()).door(is_open=True).nobody(29)
    assert scene.alarms == []
    scene.nobody(60)
    assert scene.alarms == ["held"]  # once, not at every frame
    scene.door(is_open=False).nobody(1)
    assert scene.times("closed")


def test_the_door_is_forced() -> None:
    scene = shut_door().door(is_open=True).nobody(60)
    assert scene.alarms == ["forced"]


def test_going_through_in_time_raises_no_alarm() -> None:
    scene = let_in(shut_door()).nobody(1).door(is_open=True).nobody(5).door(is_open=False).nobody(60)
    assert scene.alarms == []


def test_pulling_just_as_the_strike_falls_back_is_no_alarm() -> None:
    scene = let_in(shut_door()).nobody(3.5)
    assert scene.state.mode is Mode.IDLE
    assert scene.door(is_open=True).nobody(1).alarms == []


def test_opening_seconds_after_the_relock_is_forced() -> None:
    scene = let_in(shut_door()).nobody(4.5)
    assert scene.door(is_open=True).nobody(1).alarms == ["forced"]


def test_the_strike_locks_early_once_the_door_is_shut_again() -> None:
    scene = let_in(shut_door()).door(is_open=True).nobody(0.5).door(is_open=False).nobody(0.2)
    assert not scene.relay.released
    assert scene.relay.spans[0].until_s - scene.relay.spans[0].first_s < 1.0


def test_a_shut_door_that_nobody_opens_stays_free_for_the_whole_pulse() -> None:
    scene = let_in(shut_door()).nobody(2.8)
    assert scene.relay.released


def test_leaving_by_the_exit_button_is_no_alarm() -> None:
    scene = shut_door().press_exit().door(is_open=True).nobody(3).door(is_open=False).nobody(10)
    assert scene.alarms == []


def test_a_daemon_that_starts_while_the_door_stands_open_raises_no_forced_alarm() -> None:
    assert DoorScene().door(is_open=True).nobody(29).alarms == []


def test_a_contact_that_broke_open_does_not_keep_the_owner_out() -> None:
    scene = shut_door().door(is_open=True).nobody(60)
    let_in(scene)
    assert scene.relay.released


def test_a_door_without_a_contact_never_alarms() -> None:
    assert let_in(DoorScene(AccessConfig(door_held_s=1.0))).nobody(60).alarms == []

"""What clears an alert and what does not: hiding, the button, speed, a moved camera, and clocks."""

from __future__ import annotations

import pytest

from edge.attributes.signals import start
from edge.errors import ClockError
from edge.policy.attention import initial, step
from edge.policy.attention_types import AttentionEvidence, Mode
from edge.policy.sight import Sight
from edge.signs import Level
from edge.testing_driver import DriverScene, Pose


def test_hiding_the_face_does_not_clear_a_warning() -> None:
    scene = DriverScene(15).attentive(1).look(3.4, yaw_deg=40).hide(60)
    assert scene.raised(Level.WARNING) == ["long_distraction", "ignored", "no_return"]
    assert scene.state.mode is Mode.UNRESPONSIVE
    assert scene.state.level is Level.UNRESPONSIVE  # it still sounds
    assert scene.notices == ["blind"]


def test_sunglasses_do_not_answer_for_closed_eyes() -> None:
    scene = DriverScene(15).attentive(1).close(1.7).be(Pose(eyes=None), 60)
    assert scene.raised(Level.UNRESPONSIVE) == ["no_return"]
    assert scene.times("recovered") == []
    assert scene.attentive(14).state.mode is Mode.ATTENTIVE


def test_no_face_is_never_taken_for_sleep() -> None:
    scene = DriverScene(15).attentive(1).hide(300)
    assert scene.raised(Level.NOTICE) == ["no_usable_face"]
    assert scene.times("face") == []
    assert scene.attentive(1).state.sight is Sight.SEEING


def test_a_camera_that_gives_nothing_is_blindness_too() -> None:
    scene = DriverScene(10).attentive(1)
    now_s = scene.now_s
    state = scene.state
    for tick in range(150):
        state, _ = step(state, AttentionEvidence(), now_s + tick / 10, 20)
    assert (state.sight, state.mode) == (Sight.BLIND, Mode.ATTENTIVE)


@pytest.mark.parametrize("fps", [5.0, 24.0])
def test_blinks_do_not_keep_a_driver_from_coming_back(fps: float) -> None:
    scene = DriverScene(fps).attentive(1).close(4)
    for _ in range(6):
        scene.attentive(1.8).close(0.2)
    assert scene.raised(Level.UNRESPONSIVE) == []
    assert scene.state.mode is Mode.ATTENTIVE


def test_eyes_that_open_at_last_are_an_answer_from_the_first_frame_on() -> None:
    scene = DriverScene(15).attentive(1).close(5.8).attentive(1)
    assert scene.raised(Level.ALARM) == ["microsleep", "sleep"]


def test_the_button_silences_and_a_driver_who_sleeps_on_is_woken_again() -> None:
    scene = DriverScene(15).attentive(1).close(2.0).acknowledge().close(0.1)
    assert (scene.state.mode, scene.state.level) == (Mode.WARNED, Level.QUIET)
    pressed_s = scene.times("acknowledged")[0]
    scene.close(2.0)
    assert scene.times("microsleep")[1] - pressed_s == pytest.approx(1.5, abs=0.1)
    assert scene.state.level is Level.ALARM


def test_below_the_speed_nothing_is_raised_and_nothing_is_saved_up() -> None:
    scene = DriverScene(15).attentive(1)
    scene.speed_kmh = 19.0
    scene.close(20).look(20, yaw_deg=60)
    assert not scene.raised(Level.NOTICE)
    assert scene.state.mode is Mode.STANDBY
    moving_s = scene.now_s
    scene.speed_kmh = 60.0
    scene.look(4, yaw_deg=60)
    assert scene.times("long_distraction")[0] - moving_s == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(("speed_kmh", "due_s"), [(None, 3.0), (80.0, 3.0), (50.0, 3.0), (49.0, 6.0)])
def test_slow_traffic_allows_longer_looks_and_an_unknown_speed_is_the_strictest(
    speed_kmh: float | None, due_s: float
) -> None:
    scene = DriverScene(15).attentive(1)
    scene.speed_kmh = speed_kmh
    begin_s = scene.now_s
    scene.look(10, yaw_deg=40)
    assert scene.times("long_distraction")[0] - begin_s == pytest.approx(due_s, abs=0.1)
    assert scene.times("unresponsive_away")[0] - begin_s == pytest.approx(due_s + 3, abs=0.1)


def test_slowing_down_ends_an_alert() -> None:
    scene = DriverScene(15).attentive(1).close(4)
    scene.speed_kmh = 0.0
    scene.close(1)
    assert (scene.state.mode, scene.state.level) == (Mode.STANDBY, Level.QUIET)


@pytest.mark.parametrize("fps", [5.0, 15.0])
def test_a_moved_camera_is_noticed_within_a_minute_and_the_road_is_learnt_anew(fps: float) -> None:
    scene = DriverScene(fps, calibration_s=20).attentive(60)
    moved_s = scene.now_s
    for _ in range(12):  # a driver who looks about as before, seen from elsewhere
        scene.look(6.0, yaw_deg=14, pitch_deg=6).look(1.0, yaw_deg=50, pitch_deg=6)
    assert scene.notices == ["camera_moved"]
    assert 0 < scene.times("camera_moved")[0] - moved_s <= 60
    assert scene.signals.road.direction == pytest.approx((14, 6), abs=1)
    assert not scene.raised(Level.WARNING)


def test_looking_about_is_no_moved_camera() -> None:
    scene = DriverScene(10)
    for turn in range(30):
        scene.attentive(4).look(1.5, yaw_deg=(-40, 40, 25)[turn % 3])
    assert scene.signals.road.direction == (0.0, 0.0)


def test_the_road_is_clamped_so_that_a_phone_is_not_learnt() -> None:
    scene = DriverScene(10, calibrated=False, calibration_s=10).look(12, yaw_deg=60, pitch_deg=-50)
    assert scene.signals.road.direction == (45.0, -25.0)


def test_who_sits_down_after_a_minute_of_nobody_is_learnt_anew() -> None:
    scene = DriverScene(10).attentive(30).hide(61).attentive(1)
    assert scene.signals.road.progress < 0.1
    assert scene.signals.lids.baseline.learnt_s < 2


def test_a_narrow_eyed_driver_is_measured_by_his_own_eyes() -> None:
    scene = DriverScene(15).be(Pose(eyes=0.6), 60)
    assert scene.signals.lids.baseline.value == pytest.approx(0.61, abs=0.02)
    assert not scene.be(Pose(eyes=0.15), 3).raised(Level.WARNING)  # three quarters shut
    assert scene.be(Pose(eyes=0.1), 3).raised(Level.ALARM)


def test_sleeping_from_the_start_teaches_no_baseline() -> None:
    scene = DriverScene(15).close(60)
    assert scene.signals.lids.baseline.value == 0.5
    assert "unresponsive_closed" in scene.raised(Level.UNRESPONSIVE)


def test_one_wrong_frame_does_not_hide_a_microsleep() -> None:
    scene = DriverScene(30).attentive(1).close(0.8)
    scene.attentive(1 / 30).close(0.9)
    assert scene.raised(Level.ALARM) == ["microsleep"]


def test_yawns_beside_a_rising_perclos_are_a_notice_and_alone_nothing() -> None:
    alone = DriverScene(10)
    for _ in range(4):
        alone.be(Pose(mouth=0.9), 4).attentive(20)
    assert not alone.raised(Level.NOTICE)
    tired = DriverScene(10).attentive(30)
    for turn in range(20):
        tired.close(0.8).attentive(5.2).be(Pose(mouth=0.9 if turn % 5 == 4 else 0.0), 2)
    assert tired.raised(Level.NOTICE) == ["tiring"]


def test_lids_that_hang_because_the_head_is_down_are_not_asleep() -> None:
    down = Pose(eyes=0.02, pitch_deg=-25)
    scene = DriverScene(15).attentive(1)
    for _ in range(3):
        scene.be(down, 1.9).attentive(2)
    assert not scene.raised(Level.NOTICE)
    assert scene.signs is not None
    assert scene.signs.eyes.perclos_60 is None  # too little of it was readable
    assert scene.be(down, 3.5).raised(Level.NOTICE) == ["long_distraction"]


def test_a_head_that_drops_after_the_eyes_have_shut_is_asleep() -> None:
    scene = DriverScene(15).attentive(1)
    begin_s = scene.now_s
    scene.close(0.5).be(Pose(eyes=0.02, pitch_deg=-35), 3)
    assert scene.times("microsleep")[0] - begin_s == pytest.approx(1.5, abs=0.1)
    assert scene.times("sleep")[0] - begin_s == pytest.approx(3.0, abs=0.1)


def test_the_second_alert_of_an_hour_is_over_the_budget() -> None:
    scene = DriverScene(5).attentive(1).close(2).attentive(15)
    assert scene.times("over_budget") == []
    scene.close(2).attentive(15)
    assert len(scene.times("over_budget")) == 1
    assert scene.state.budget.alerts == 2
    assert scene.state.alerts_per_hour is None  # after half a minute
    scene.attentive(600)
    assert scene.state.alerts_per_hour == pytest.approx(2 * 3600 / scene.state.driven_s)


def test_monotonic_time_that_runs_backwards_is_an_error() -> None:
    with pytest.raises(ClockError, match=r"10\.000 s or later"):
        step(initial(10.0), AttentionEvidence(), 9.99, 20)
    with pytest.raises(ClockError, match="later, got nan"):
        step(initial(10.0), AttentionEvidence(), float("nan"), 20)
    signals, _ = start(60).step(Pose().observed(10.0, 0))
    with pytest.raises(ClockError, match=r"10\.000 s or later"):
        signals.step(Pose().observed(9.0, 1))


def test_the_clock_that_it_starts_at_changes_nothing() -> None:
    told = []
    for start_s in (0.0, 1e6):  # only differences count: no wall clock comes in anywhere
        scene = DriverScene(10, start_s=start_s).attentive(1).close(4).attentive(13).look(4, yaw_deg=50)
        told.append([(round(at_s - start_s, 3), one) for at_s, one in scene.said if not hasattr(one, "since_s")])
    assert told[0] == told[1]

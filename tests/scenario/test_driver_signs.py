"""Each sign of the driver's table fires within 0.3 s of its limit and never 0.3 s before it, at every rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from edge.policy.attention_types import Mode
from edge.signs import Level
from edge.testing_driver import DriverScene, Pose

OFF_BY_S = 0.3  # the acceptance: at most so late, and at most so early
RATES = (5.0, 10.0, 15.0, 30.0)


@dataclass(frozen=True, slots=True)
class Sign:
    """What to play after a second of attentive driving, and when which kind of event is due from there on."""

    play: Callable[[DriverScene], object]
    due: dict[str, float]


def glances(scene: DriverScene) -> DriverScene:
    """2.8 s away, 1.2 s back: the sum of 10 s is reached 1.6 s into the fourth."""
    for _ in range(4):
        scene.look(2.8, yaw_deg=-45).attentive(1.2)
    return scene


def nods(scene: DriverScene) -> DriverScene:
    for _ in range(2):
        scene.look(0.45, pitch_deg=-25).attentive(3.0)
    return scene


SIGNS = {
    "microsleep": Sign(lambda scene: scene.close(2.0), {"microsleep": 1.5}),
    "sleep, to the end": Sign(lambda scene: scene.close(6.5), {"sleep": 3.0, "unresponsive_closed": 6.0}),
    "long distraction": Sign(
        lambda scene: scene.look(6.5, yaw_deg=40),
        {"long_distraction": 3.0, "ignored": 4.5, "unresponsive_away": 6.0},
    ),
    "a look down": Sign(lambda scene: scene.look(3.5, pitch_deg=-30), {"long_distraction": 3.0}),
    "no return": Sign(lambda scene: scene.look(3.2, yaw_deg=60).hide(3.5), {"long_distraction": 3.0, "no_return": 6.0}),
    "repeated distraction": Sign(glances, {"repeated_distraction": 13.6}),
    "nodding": Sign(nods, {"nodding": 3.9}),
    "blind": Sign(lambda scene: scene.hide(10.5), {"no_usable_face": 10.0}),
}


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("name", SIGNS)
def test_a_sign_fires_at_its_limit(name: str, fps: float) -> None:
    for phase in (0.0, 0.37, 0.9):  # where between two frames it begins
        assert_due(SIGNS[name], DriverScene(fps), phase / fps)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("name", SIGNS)
def test_a_sign_fires_at_its_limit_though_every_fifth_frame_is_dropped(name: str, fps: float) -> None:
    scene = DriverScene(fps, dropped=0.2, seed=1)
    if (name, fps) == ("nodding", 5.0):  # 4 frames a second come through: too few for a nod, and it says so
        nods(scene.attentive(4))
        assert scene.signs is not None
        assert scene.signs.off == ("blinks", "nods")
        assert not scene.raised(Level.WARNING)
        return
    assert_due(SIGNS[name], scene, 0.0)


def assert_due(sign: Sign, scene: DriverScene, phase_s: float) -> None:
    scene.attentive(1.0 + phase_s)
    begin_s = scene.now_s
    sign.play(scene)
    for kind, due_s in sign.due.items():
        fired = [at_s - begin_s for at_s in scene.times(kind)]
        assert fired, f"{kind} never fired"
        assert abs(fired[0] - due_s) <= OFF_BY_S + 1e-9, f"{kind} fired at {fired[0]:.2f} s, due at {due_s} s"


@pytest.mark.parametrize("dropped", [0.0, 0.2])
@pytest.mark.parametrize("fps", [5.0, 10.0, 15.0, pytest.param(30.0, marks=pytest.mark.slow)])
def test_perclos_fires_when_both_windows_are_over_their_limits(fps: float, dropped: float) -> None:
    scene = DriverScene(fps, dropped=dropped, seed=2)
    begin_s = scene.now_s
    scene.attentive(50)
    for _ in range(8):
        scene.close(1.2).attentive(4.8)
    # 0.89 s into the eighth closure: 9.29 s of 60 s (0.155), and of the 92.89 s readable so far (0.100)
    (fired_s,) = scene.times("perclos")
    assert fired_s - begin_s == pytest.approx(92.89, abs=OFF_BY_S)
    assert scene.raised(Level.WARNING) == ["perclos"]


def test_signals_are_switched_off_below_their_rates_and_named() -> None:
    for fps, off in (
        (30.0, ()),
        (6.0, ("blinks",)),
        (4.0, ("blinks", "nods")),
        (2.7, ("blinks", "nods", "perclos")),
        (2.0, ("blinks", "nods", "perclos", "eyes")),
        (1.2, ("blinks", "nods", "perclos", "eyes", "head")),
    ):
        scene = DriverScene(fps).attentive(12).close(8)
        assert scene.signs is not None
        assert scene.signs.off == off
        assert bool(scene.raised(Level.ALARM)) is ("eyes" not in off)


def test_a_head_that_hangs_at_the_limit_does_not_nod_though_its_pose_jumps() -> None:
    scene = DriverScene(30).attentive(2)
    for _ in range(15):
        scene.be(Pose(pitch_deg=-14), 0.3).be(Pose(pitch_deg=-6), 1 / 30)
    assert scene.signs is not None
    assert scene.signs.nods_s == ()
    assert scene.attentive(2).raised(Level.WARNING) == []


def test_two_slow_frames_at_the_start_switch_nothing_off() -> None:
    assert DriverScene(5, dropped=0.2, seed=22).attentive(1).close(2).raised(Level.ALARM) == ["microsleep"]


def test_short_closures_are_no_perclos() -> None:
    scene = DriverScene(30)
    for _ in range(100):
        scene.close(0.2).attentive(0.8)
    assert scene.signs is not None
    assert scene.signs.eyes.perclos_60 == 0
    assert not scene.raised(Level.NOTICE)


def test_what_cannot_be_read_leaves_both_terms_of_perclos() -> None:
    scene = DriverScene(15)
    for _ in range(10):  # of 8 s readable, 1.2 s are shut; 2 s are behind sunglasses
        scene.close(1.2).attentive(6.8).be(Pose(eyes=None), 2.0)
    assert scene.signs is not None
    assert scene.signs.eyes.perclos_60 == pytest.approx(0.15, abs=0.005)
    assert scene.signs.eyes.readable_60 == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("fps", RATES)
def test_the_sound_ends_when_the_driver_is_back_and_the_level_comes_down_slower_than_it_rose(fps: float) -> None:
    scene = DriverScene(fps).attentive(1)
    begin_s = scene.now_s
    scene.close(6.5).attentive(15)
    down_s = [at_s - begin_s - 6.5 for at_s in scene.times("recovered")]
    assert down_s == [pytest.approx(4 * step, abs=0.35) for step in (1, 2, 3)]
    assert scene.levels == [Level.ALARM, Level.UNRESPONSIVE, Level.QUIET]
    assert scene.state.mode is Mode.ATTENTIVE


def test_looking_up_never_counts() -> None:
    assert not DriverScene(15).attentive(1).look(20, pitch_deg=50).raised(Level.NOTICE)


def test_an_uncertain_pose_never_counts() -> None:
    assert not DriverScene(15).attentive(1).be(Pose(yaw_deg=60, blurred=True), 9).raised(Level.WARNING)


def test_without_a_known_road_nobody_is_distracted() -> None:
    scene = DriverScene(15, calibrated=False).look(20, yaw_deg=40)
    assert not scene.raised(Level.NOTICE)
    assert scene.signals.road.progress == pytest.approx(20 / 60, abs=0.01)

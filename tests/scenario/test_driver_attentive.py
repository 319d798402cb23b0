"""Two hours with an attentive driver: no alarm, no warning, at most two notices."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from edge.signs import Level
from edge.testing_driver import DriverScene, Pose

HOURS_2 = 7200.0
SUNGLASSES_S = (3000.0, 3600.0)


def attentive_driver(seed: int, until_s: float = HOURS_2) -> Iterator[tuple[Pose, float]]:
    """Stretches of a drive: 10 to 25 blinks a minute of 0.1 to 0.4 s, looks aside below 2 s, talk, and sunglasses."""
    chance = Random(seed)
    at_s = 0.0
    while at_s < until_s:
        for pose, for_s in _a_little_later(chance):
            shaded = SUNGLASSES_S[0] <= at_s < SUNGLASSES_S[1]
            yield Pose(None if shaded else pose.eyes, pose.yaw_deg, pose.pitch_deg, pose.mouth), for_s
            at_s += for_s


def _a_little_later(chance: Random) -> Iterator[tuple[Pose, float]]:
    wander = Pose(chance.uniform(0.8, 1.0), chance.gauss(0, 3), chance.gauss(0, 2), chance.choice((0.0, 0.0, 0.3)))
    yield wander, chance.uniform(1.2, 4.5)
    yield Pose(chance.uniform(0.0, 0.1), wander.yaw_deg, wander.pitch_deg), chance.uniform(0.1, 0.4)
    yield wander, chance.uniform(0.3, 1.0)
    look = chance.random()
    if look < 0.12:  # a mirror
        yield Pose(0.9, chance.choice((-1, 1)) * chance.uniform(25, 50), -5), chance.uniform(0.4, 1.3)
    elif look < 0.16:  # over the shoulder
        yield Pose(0.7, chance.choice((-1, 1)) * chance.uniform(55, 80), 0), chance.uniform(0.8, 1.9)
    elif look < 0.22:  # the instruments
        yield Pose(0.6, 0, -20), chance.uniform(1.0, 1.9)
    elif look < 0.35:  # a word or two
        for _ in range(4):
            yield Pose(0.9, 2, 1, mouth=chance.uniform(0.5, 1.0)), chance.uniform(0.1, 0.5)
            yield Pose(0.9, 2, 1, mouth=0.1), chance.uniform(0.1, 0.4)


@pytest.mark.parametrize(
    ("fps", "dropped"),
    [
        (5.0, 0.2),
        (10.0, 0.0),
        pytest.param(15.0, 0.2, marks=pytest.mark.slow),
        pytest.param(30.0, 0.0, marks=pytest.mark.slow),
    ],
)
def test_two_attentive_hours_raise_no_alarm_and_at_most_two_notices(fps: float, dropped: float) -> None:
    scene = DriverScene(fps, dropped=dropped, seed=3, calibrated=False)
    for pose, for_s in attentive_driver(seed=5):
        scene.be(pose, for_s)
    assert scene.now_s - 100 >= HOURS_2
    assert scene.raised(Level.WARNING) == []
    assert len(scene.notices) <= 2
    assert scene.state.budget.alerts == 0
    assert scene.state.alerts_per_hour == 0
    assert scene.signs is not None
    assert scene.signs.head.calibration == 1  # it was watched, not asleep


def test_blinks_are_counted_where_frames_are_enough_to_see_them() -> None:
    blinks = 0
    scene = DriverScene(30)
    for pose, for_s in attentive_driver(seed=6, until_s=60):
        scene.be(pose, for_s)
        blinks += pose.eyes is not None and pose.eyes <= 0.1
    assert scene.signs is not None
    assert scene.signs.eyes.blinks_60 == pytest.approx(blinks, abs=2)
    slow = DriverScene(5).attentive(10)
    assert slow.signs is not None
    assert (slow.signs.eyes.blinks_60, slow.signs.off) == (None, ("blinks",))

"""What every actuator promises, held against the relay on mock pins, the dry run and the fake."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
from gpiozero.pins.mock import MockFactory

from edge.actuate import Actuator
from edge.actuate.gpio import GpioRelay
from edge.actuate.log import LogActuator
from edge.clock import Clock, SystemClock
from edge.config import GpioConfig
from edge.errors import ActuatorError
from edge.testing import FakeClock, RecordingActuator

LIMIT_S = 0.5
PULSE_S = 0.3  # long enough to be seen by a test whose thread is kept waiting
SLACK_S = 5.0  # the machine that runs the tests is shared: a thread may be late


class Strike(Actuator, Protocol):
    @property
    def released(self) -> bool: ...


class Rig:
    """An actuator and the clock that it goes by."""

    def __init__(self, strike: Strike, clock: Clock) -> None:
        self.strike = strike
        self.clock = clock

    def wait_until_locked(self) -> float:
        """Seconds until the strike is locked; fails the test if it is not within LIMIT_S + SLACK_S."""
        start_s = self.clock.now_s()
        while self.strike.released:
            waited_s = self.clock.now_s() - start_s
            assert waited_s < LIMIT_S + SLACK_S, "the pulse did not end by itself"
            self.clock.sleep_s(0.005)
        return self.clock.now_s() - start_s


def relay() -> Rig:
    clock = SystemClock()
    return Rig(GpioRelay(GpioConfig(backend="mock", pulse_limit_s=LIMIT_S), clock, MockFactory()), clock)


def inverted_relay() -> Rig:
    clock = SystemClock()
    config = GpioConfig(backend="mock", relay_active_high=False, pulse_limit_s=LIMIT_S)
    return Rig(GpioRelay(config, clock, MockFactory()), clock)


def dry_run() -> Rig:
    clock = FakeClock()
    return Rig(LogActuator(clock, io.StringIO(), pulse_limit_s=LIMIT_S), clock)


def recording() -> Rig:
    clock = FakeClock()
    return Rig(RecordingActuator(clock, pulse_limit_s=LIMIT_S), clock)


@pytest.fixture(params=[relay, inverted_relay, dry_run, recording], ids=lambda make: str(make.__name__))
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    make: Callable[[], Rig] = request.param
    made = make()
    yield made
    made.strike.close()


def test_it_starts_locked(rig: Rig) -> None:
    assert not rig.strike.released


def test_a_pulse_ends_by_itself(rig: Rig) -> None:
    rig.strike.pulse(PULSE_S)
    assert rig.strike.released
    assert rig.wait_until_locked() < LIMIT_S + SLACK_S


def test_a_pulse_never_outlasts_the_hard_limit(rig: Rig) -> None:
    start_s = rig.clock.now_s()
    rig.strike.pulse(3600.0)
    rig.wait_until_locked()
    assert LIMIT_S - 0.01 <= rig.clock.now_s() - start_s < LIMIT_S + SLACK_S


def test_pulses_in_a_row_do_not_outlast_the_limit_from_the_first_edge(rig: Rig) -> None:
    start_s = rig.clock.now_s()
    rig.strike.pulse(0.15)
    rig.clock.sleep_s(0.05)
    rig.strike.pulse(3600.0)
    waited_s = rig.wait_until_locked()
    assert rig.clock.now_s() - start_s < LIMIT_S + SLACK_S
    if isinstance(rig.clock, FakeClock):
        assert waited_s == pytest.approx(LIMIT_S - 0.05, abs=0.01)


def test_a_second_pulse_draws_the_first_out_and_never_shortens_it(rig: Rig) -> None:
    start_s = rig.clock.now_s()
    rig.strike.pulse(0.1)
    rig.strike.pulse(0.01)
    rig.wait_until_locked()
    assert rig.clock.now_s() - start_s >= 0.09


def test_it_can_pulse_again_afterwards(rig: Rig) -> None:
    for _ in range(2):
        rig.strike.pulse(PULSE_S)
        assert rig.strike.released
        rig.wait_until_locked()


def test_safe_locks_now_and_may_come_at_any_time(rig: Rig) -> None:
    rig.strike.safe()
    rig.strike.pulse(PULSE_S)
    rig.strike.safe()
    assert not rig.strike.released
    rig.strike.safe()


def test_safe_begins_a_new_limit(rig: Rig) -> None:
    rig.strike.pulse(LIMIT_S)
    rig.clock.sleep_s(LIMIT_S / 2)
    rig.strike.safe()
    rig.strike.pulse(PULSE_S)
    assert rig.strike.released


def test_close_locks_and_is_safe_to_call_twice(rig: Rig) -> None:
    rig.strike.pulse(0.15)
    rig.strike.close()
    assert not rig.strike.released
    rig.strike.close()
    rig.strike.safe()


def test_a_closed_actuator_does_not_pulse(rig: Rig) -> None:
    rig.strike.close()
    with pytest.raises(ActuatorError, match="closed"):
        rig.strike.pulse(0.05)
    assert not rig.strike.released


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_duration_that_is_none_is_refused_and_leaves_it_locked(rig: Rig, duration_s: float) -> None:
    rig.strike.pulse(0.15)
    with pytest.raises(ActuatorError, match="more than 0 s"):
        rig.strike.pulse(duration_s)
    assert not rig.strike.released

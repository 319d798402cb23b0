"""Dry run: writes what the outputs would do, and touches no pin."""

from __future__ import annotations

import logging
from typing import TextIO

from edge.actuate.span import Span, begin_or_extend
from edge.clock import Clock
from edge.errors import ActuatorError
from edge.signs import Level

_LOG = logging.getLogger(__name__)


class LogActuator:
    """An Actuator whose strike exists on paper only. ``out``: a text stream, or None for the log. Nothing blocks."""

    def __init__(self, clock: Clock, out: TextIO | None = None, *, pulse_limit_s: float = 10.0) -> None:
        self._clock = clock
        self._out = out
        self._limit_s = pulse_limit_s
        self._span: Span | None = None
        self._closed = False

    @property
    def released(self) -> bool:
        """Whether the strike would be free now."""
        return self._span is not None and self._span.holds(self._clock.now_s())

    def pulse(self, duration_s: float) -> None:
        if self._closed:
            raise ActuatorError("expected an open relay (dry run), got one that was closed")
        now_s = self._clock.now_s()
        try:
            self._span = begin_or_extend(self._span, now_s, duration_s, self._limit_s)
        except ActuatorError:
            self.safe()
            raise
        self._say(f"would release the strike for {self._span.until_s - now_s:.1f} s")

    def safe(self) -> None:
        if self.released:
            self._say("would lock")
        self._span = None

    def close(self) -> None:
        self.safe()
        self._closed = True

    def _say(self, words: str) -> None:
        if self._out is None:
            _LOG.info("relay (dry run): %s", words)
        else:
            self._out.write(f"relay (dry run): {words}\n")


class LogAlerter:
    """An Alerter that only says what would be heard. ``out``: a text stream. Nothing blocks."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._level = Level.QUIET
        self._closed = False

    def show(self, level: Level) -> None:
        if self._closed:
            raise ActuatorError("expected an open alerter (dry run), got one that was closed")
        self._level = level
        self._out.write(f"alerter (dry run): would sound {level.name.lower()}\n")

    def notice(self) -> None:
        if self._level < Level.WARNING:
            self._out.write("alerter (dry run): would sound once\n")

    def safe(self) -> None:
        if self._level is not Level.QUIET:
            self._out.write("alerter (dry run): would be silent\n")
        self._level = Level.QUIET

    def close(self) -> None:
        self.safe()
        self._closed = True

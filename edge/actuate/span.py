"""How long a pulse lasts: one rule for the relay, the dry run and the fake. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.errors import ActuatorError


@dataclass(frozen=True, slots=True)
class Span:
    """The strike is free from ``first_s`` (the rising edge) until ``until_s``, on the machine's clock."""

    first_s: float
    until_s: float

    def holds(self, at_s: float) -> bool:
        return self.first_s <= at_s < self.until_s


def begin_or_extend(running: Span | None, now_s: float, duration_s: float, limit_s: float) -> Span:
    """The span once a pulse of ``duration_s`` is asked for at ``now_s``.

    A pulse during a pulse draws it out, never shortens it, and never beyond ``limit_s`` from the first rising edge.
    Raises ActuatorError for a duration that is not above 0 s.
    """
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise ActuatorError(f"expected a pulse of more than 0 s, got {duration_s} s")
    first_s, until_s = (now_s, now_s)
    if running is not None and running.holds(now_s):
        first_s, until_s = running.first_s, running.until_s
    return Span(first_s, min(max(until_s, now_s + duration_s), first_s + limit_s))

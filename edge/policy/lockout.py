"""How often a door may be tried: counters and delays. Pure.

Tries on the request button and visits in hands-free mode are counted apart. A try is deliberate: five failures in a
row earn a delay before each further one, fifty disable the door until an administrator acts. A visit is anyone whose
face passes the camera: if those counted alike, strangers walking by would lock the owner out of his own house. So
failed visits only pause hands-free mode; the request button goes on working.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge.config import AccessConfig
from edge.errors import InputError


@dataclass(frozen=True, slots=True)
class Counters:
    """Failures in a row since the last grant: what has to survive a restart. Raises InputError."""

    failures: int = 0
    visits_failed: int = 0

    def __post_init__(self) -> None:
        if self.failures < 0 or self.visits_failed < 0:
            raise InputError(f"expected counters of 0 or more, got {self}")


class Standing(Enum):
    """What the counters allow on the request button."""

    FREE = "free"
    DELAYED = "delayed"
    DISABLED = "disabled"


def after_failure(counters: Counters, *, requested: bool) -> Counters:
    """The counters after one more scan in which good faces matched nobody."""
    if requested:
        return Counters(counters.failures + 1, counters.visits_failed)
    return Counters(counters.failures, counters.visits_failed + 1)


def standing(counters: Counters, config: AccessConfig) -> Standing:
    """What the failed tries stand for."""
    if counters.failures >= config.failures_before_disable:
        return Standing.DISABLED
    if counters.failures >= config.failures_before_delay:
        return Standing.DELAYED
    return Standing.FREE


def try_delay_s(counters: Counters, config: AccessConfig) -> float:
    """Seconds from a failure to the next try on the request button."""
    return config.delay_s if counters.failures >= config.failures_before_delay else 0.0


def hands_free_delay_s(counters: Counters, config: AccessConfig) -> float:
    """Seconds from a failure to the next hands-free scan; failed tries slow it down as well."""
    worst = max(counters.failures, counters.visits_failed)
    return config.delay_s if worst >= config.failures_before_delay else 0.0

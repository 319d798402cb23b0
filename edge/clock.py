"""The only file that reads time. Everything else is told what time it is (``now_s``, seconds, monotonic)."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock that can also wait."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start; never decreases."""
        ...

    def sleep_s(self, duration_s: float) -> None:
        """Block for ``duration_s`` seconds (not at all if it is zero or negative)."""
        ...


class SystemClock:
    """The machine's monotonic clock: wall-clock jumps (NTP, time zones) do not touch it."""

    def now_s(self) -> float:
        return time.monotonic()

    def sleep_s(self, duration_s: float) -> None:
        if duration_s > 0:
            time.sleep(duration_s)


class CpuClock(SystemClock):
    """The processor time of this process, all its threads together: what a call costs whatever else is running."""

    def now_s(self) -> float:
        return time.process_time()


def unix_s() -> float:
    """Wall-clock time, for audit rows that people read. Never used for a decision."""
    return time.time()

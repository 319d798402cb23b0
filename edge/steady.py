"""Which frames of a drive are worth a line in the log: those whose figures moved since the last line. Pure."""

from __future__ import annotations

from edge.decision import Figures

BEAT_S = 1.0  # a line at least so often: the report takes 2 s without one for a stop
# What moves by less stays within the width of the report's lines, or within what the figure is known to.
STEPS = {
    "openness": 0.05,
    "mouth_open": 0.1,
    "perclos_60": 0.005,
    "perclos_180": 0.005,
    "yaw_deg": 3.0,
    "pitch_deg": 3.0,
    "calibration": 0.05,
    "speed_kmh": 1.0,
    "rate_hz": 2.0,
}
_EXACT = ("level", "shut", "nods", "yawns", "off")


def moved(last: Figures, now: Figures) -> bool:
    """Whether ``now`` says something that ``last`` did not."""
    if now.blink_s is not None or any(getattr(last, name) != getattr(now, name) for name in _EXACT):
        return True
    return any(_apart(getattr(last, name), getattr(now, name), step) for name, step in STEPS.items())


def _apart(last: float | None, now: float | None, step: float) -> bool:
    if last is None or now is None:
        return last is not now
    return abs(now - last) >= step

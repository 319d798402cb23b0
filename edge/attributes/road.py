"""Where the road is: the driver's usual head direction, learnt from valid driving, and whether the camera still agrees.

A mount on a dashboard sees every driver from another side, so nothing is said of a direction before it is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from statistics import median

from edge.types import HeadPose

# Further from the camera's axis than this it is no road: somebody teaches his phone. (YawDD's mirror camera sees 40.)
YAW_CLAMP_DEG, PITCH_CLAMP_DEG = 45.0, 25.0
SAMPLE_MAX_S = 0.5  # what one sample may count for after a gap
# The camera has moved if for most of MOVED_OVER_S the head held one direction (within MOVED_SPREAD_DEG) that is
# MOVED_BY_DEG or more from the road. A person's own looks wander; FPNet's error below 30 degrees of yaw is 2.9.
MOVED_BY_DEG = 8.0
MOVED_SPREAD_DEG = 6.0
MOVED_OVER_S = 40.0  # the median follows after half of it, so that a moved camera is noticed within 60 s
MOVED_SHARE = 0.7
MOVED_SECONDS_MIN = 25
_HALF = 90  # bins of 1 degree, from -90 to 90

Direction = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Angles:
    """Seconds spent at each degree, for a median that costs the same however long it is learnt over."""

    seconds: tuple[float, ...] = (0.0,) * (2 * _HALF + 1)

    def add(self, angle_deg: float, for_s: float) -> _Angles:
        row = min(max(round(angle_deg) + _HALF, 0), 2 * _HALF)
        return _Angles((*self.seconds[:row], self.seconds[row] + for_s, *self.seconds[row + 1 :]))

    def median_deg(self) -> float:
        """Linear within the bin that holds the median."""
        sums = list(accumulate(self.seconds))
        half_s = sums[-1] / 2
        row = next(row for row, sum_s in enumerate(sums) if sum_s >= half_s)
        return row - _HALF - 0.5 + (half_s - (sums[row] - self.seconds[row])) / self.seconds[row]


@dataclass(frozen=True, slots=True)
class Road:
    """``direction``: (yaw, pitch) of the road in the camera's frame, None until learnt. ``progress``: 0..1.

    ``moved_s``: when the camera was last found to have moved; the direction is then learnt anew.
    """

    calibration_s: float
    direction: Direction | None = None
    moved_s: float | None = None
    learnt_s: float = 0.0
    sampled_s: float | None = None
    _yaw: _Angles = field(default_factory=_Angles)
    _pitch: _Angles = field(default_factory=_Angles)
    _second: tuple[int, int, float, float] = (0, 0, 0.0, 0.0)  # which, and its count and sums of yaw and pitch
    _recent: tuple[tuple[int, float, float], ...] = ()  # which second, and its mean yaw and pitch from the road

    @property
    def progress(self) -> float:
        return 1.0 if self.direction else min(self.learnt_s / self.calibration_s, 1.0)

    def from_road(self, pose: HeadPose) -> Direction | None:
        """Yaw and pitch of ``pose`` from the road's direction, in degrees."""
        if self.direction is None:
            return None
        return pose.yaw_deg - self.direction[0], pose.pitch_deg - self.direction[1]

    def step(self, pose: HeadPose, now_s: float, *, driving: bool) -> Road:
        """Take in a pose that is certain. ``driving``: the car moves and the eyes are not shut: worth learning from."""
        if self.direction is not None:
            return self._watch(pose, now_s)
        gap_s = 0.0 if self.sampled_s is None else min(now_s - self.sampled_s, SAMPLE_MAX_S)
        seen = replace(self, sampled_s=now_s)
        return seen._learn(pose, gap_s) if driving else seen

    def _learn(self, pose: HeadPose, for_s: float) -> Road:
        learnt_s = self.learnt_s + for_s
        yaw, pitch = self._yaw.add(pose.yaw_deg, for_s), self._pitch.add(pose.pitch_deg, for_s)
        learnt = replace(self, learnt_s=learnt_s, _yaw=yaw, _pitch=pitch)
        if learnt_s < self.calibration_s - 1e-9:
            return learnt
        return replace(learnt, direction=_clamped(yaw.median_deg(), pitch.median_deg()), _second=(0, 0, 0.0, 0.0))

    def _watch(self, pose: HeadPose, now_s: float) -> Road:
        offset = self.from_road(pose) or (0.0, 0.0)
        second, count, yaw_sum, pitch_sum = self._second
        if int(now_s) == second:
            return replace(self, _second=(second, count + 1, yaw_sum + offset[0], pitch_sum + offset[1]))
        begun = replace(self, _second=(int(now_s), 1, *offset))
        if not count:
            return begun
        oldest = int(now_s - MOVED_OVER_S)
        kept = tuple(one for one in self._recent if one[0] >= oldest)
        recent = (*kept, (second, yaw_sum / count, pitch_sum / count))
        if _is_elsewhere(recent):
            return Road(self.calibration_s, moved_s=now_s, sampled_s=now_s)
        return replace(begun, _recent=recent)


def _clamped(yaw_deg: float, pitch_deg: float) -> Direction:
    return (
        min(max(yaw_deg, -YAW_CLAMP_DEG), YAW_CLAMP_DEG),
        min(max(pitch_deg, -PITCH_CLAMP_DEG), PITCH_CLAMP_DEG),
    )


def _is_elsewhere(recent: tuple[tuple[int, float, float], ...]) -> bool:
    """Whether the head held one direction that is not the road's."""
    if len(recent) < MOVED_SECONDS_MIN:
        return False
    yaw_deg, pitch_deg = median(one[1] for one in recent), median(one[2] for one in recent)
    if max(abs(yaw_deg), abs(pitch_deg)) < MOVED_BY_DEG:
        return False
    near = sum(max(abs(one[1] - yaw_deg), abs(one[2] - pitch_deg)) <= MOVED_SPREAD_DEG for one in recent)
    return near >= MOVED_SHARE * len(recent)

"""The driver's signals of one frame after another: eyes, head, nods and yawns, each switched off below its rate. Pure.

``step`` takes capture times; frames may be dropped and come at any rate. A new driver is learnt anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edge.attributes.blinks import Blinks
from edge.attributes.lids import Lids
from edge.attributes.nods import Nods, Yawns
from edge.attributes.road import Road
from edge.errors import ClockError
from edge.signs import DriverSigns, EyeSigns, HeadSigns
from edge.types import HeadPose, Observation, TrackedFace

# Below so many frames a second a signal is switched off and named in DriverSigns.off. A blink of 0.1 s needs a frame
# that shows it (of the counted ones two in three are found at 8 a second, all at 24); a nod of 0.45 s two; a closure of
# 1.5 s three, so that no single frame decides.
RATES_MIN_HZ = {"blinks": 8.0, "nods": 4.5, "perclos": 3.0, "eyes": 2.5, "head": 1.5}
RATE_SMOOTHING = 0.05  # share of each new interval, once there are 20; the plain mean before
RATE_FROM = 5  # intervals; before, the rate is not known and nothing is switched off
INTERVAL_MAX_S = 1.0  # a longer gap is a stop, not a rate
NEW_DRIVER_S = 60.0  # nobody for so long: who sits there next is somebody else
# FPNet's mean absolute error on AFLW2000 by yaw (python -m training evaluate pose)
_SIGMA_DEG = ((30.0, 2.9), (60.0, 5.2), (float("inf"), 11.4))
_POSE_FAULTS = {"turned away"}  # no fault of a pose; every other one makes it uncertain


@dataclass(frozen=True, slots=True)
class DriverSignals:
    """All that is remembered. Make one with :func:`start`."""

    road: Road
    lids: Lids = field(default_factory=Lids)
    blinks: Blinks = field(default_factory=Blinks)
    nods: Nods = field(default_factory=Nods)
    yawns: Yawns = field(default_factory=Yawns)
    now_s: float = float("-inf")
    face_s: float | None = None
    interval_s: float | None = None
    intervals: int = 0

    def step(self, observation: Observation, *, driving: bool = True) -> tuple[DriverSignals, DriverSigns]:
        """Take a frame in. ``driving``: the car moves, as far as is known. Raises ClockError for an older frame."""
        now_s = observation.captured_s
        if not now_s >= self.now_s:
            raise ClockError(f"expected a frame of {self.now_s:.3f} s or later, got {now_s:.3f} s")
        begun = self._somebody_new(now_s)
        face = observation.primary
        read = face.eyes if face else None
        pose = certain_pose(face)
        before = begun.road.from_road(pose) if pose else None
        lids, eyes = begun.lids.step(read, before[1] if before else None, now_s)
        read_open = read.openness if read and eyes.openness is not None else None
        blinks = begun.blinks.step(read_open, face.pose if face else None, now_s)
        road, nods = begun.road, begun.nods
        if pose is not None:
            road = road.step(pose, now_s, driving=driving and eyes.shut is not True)
            offset = road.from_road(pose)
            nods = nods.step(*offset, now_s) if offset else Nods()
        yawns = begun.yawns.step(read.mouth_open if read else None, now_s)
        face_s = now_s if face else begun.face_s
        seen = DriverSignals(road, lids, blinks, nods, yawns, now_s, face_s, *begun._interval_at(now_s))
        return seen, seen._signs(eyes, pose)

    def _somebody_new(self, now_s: float) -> DriverSignals:
        if self.face_s is None or now_s - self.face_s < NEW_DRIVER_S:
            return self
        return replace(
            self,
            road=Road(self.road.calibration_s),
            lids=Lids(),
            blinks=Blinks(),
            nods=Nods(),
            yawns=Yawns(),
            face_s=None,
        )

    def _interval_at(self, now_s: float) -> tuple[float | None, int]:
        """The mean interval between frames with this one, and how many there were."""
        gap_s = now_s - self.now_s
        if not 0 < gap_s <= INTERVAL_MAX_S:
            return self.interval_s, self.intervals
        before_s = gap_s if self.interval_s is None else self.interval_s
        share = max(RATE_SMOOTHING, 1 / (self.intervals + 1))
        return before_s + share * (gap_s - before_s), self.intervals + 1

    def _signs(self, eyes: EyeSigns, pose: HeadPose | None) -> DriverSigns:
        rate_hz = 1 / self.interval_s if self.interval_s else 0.0
        known = self.intervals >= RATE_FROM
        off = tuple(name for name, least_hz in RATES_MIN_HZ.items() if known and rate_hz < least_hz)
        head = HeadSigns() if "head" in off else self._head(pose)
        return DriverSigns(
            self.now_s,
            usable=eyes.openness is not None or pose is not None,
            eyes=_without(self._with_blinks(eyes), off),
            head=head,
            nods_s=() if "nods" in off else self.nods.times_s,
            yawns_s=self.yawns.times_s,
            rate_hz=rate_hz,
            off=off,
        )

    def _with_blinks(self, eyes: EyeSigns) -> EyeSigns:
        return replace(eyes, blinks_60=len(self.blinks.times_s), blink_s=self.blinks.blink_s)

    def _head(self, pose: HeadPose | None) -> HeadSigns:
        road = self.road
        offset = road.from_road(pose) if pose else None
        yaw_deg, pitch_deg = offset if offset else (None, None)
        road_yaw_deg, road_pitch_deg = road.direction if road.direction else (None, None)
        return HeadSigns(
            yaw_deg=yaw_deg,
            pitch_deg=pitch_deg,
            sigma_deg=sigma_deg(pose) if pose and offset else None,
            calibration=road.progress,
            road_yaw_deg=road_yaw_deg,
            road_pitch_deg=road_pitch_deg,
            moved_s=road.moved_s,
        )


def start(calibration_s: float) -> DriverSignals:
    """Nothing seen yet. ``calibration_s``: seconds of valid driving that the road's direction is learnt over."""
    return DriverSignals(Road(calibration_s))


def certain_pose(face: TrackedFace | None) -> HeadPose | None:
    """The pose of a face that is large, whole, sharp and lit enough to trust it; else None."""
    if face is None or (face.quality is not None and not set(face.quality.faults) <= _POSE_FAULTS):
        return None
    return face.pose


def sigma_deg(pose: HeadPose) -> float:
    """The standard error of a certain pose's yaw and pitch, in degrees."""
    return next(sigma for below_deg, sigma in _SIGMA_DEG if abs(pose.yaw_deg) < below_deg)


def _without(eyes: EyeSigns, off: tuple[str, ...]) -> EyeSigns:
    if "eyes" in off:
        return EyeSigns(baseline=eyes.baseline, baseline_s=eyes.baseline_s)
    if "perclos" in off:
        eyes = replace(eyes, perclos_60=None, perclos_180=None)
    return replace(eyes, blinks_60=None, blink_s=None) if "blinks" in off else eyes

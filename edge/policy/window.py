"""The last few good frames of one face, and whether together they name one person. Pure.

One frame never decides: a single lucky frame (blur, an odd angle) is where false matches come from. Three of five
distinct frames and their mean distance must agree (DESIGN, section 4).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from edge.errors import InputError

FARTHEST = 2.0  # greatest possible Euclidean distance of two unit embeddings: stands in where nothing was compared


@dataclass(frozen=True, slots=True)
class FrameEvidence:
    """What one frame says about the face nearest to the camera.

    ``frame_index``: the camera's count, distinct for each picture. ``face_present``: any face at all, good or not.
    ``track_id``: whose face. ``person``, ``distance`` (0..2): the nearest enrolled person, None where the gallery gave
    none; ``distance_max``: the most that counts as a match. ``weight_px2``: area of the face. ``good``: fit to be
    verified. ``live``: the liveness verdict, None where not judged. Raises InputError.
    """

    frame_index: int
    face_present: bool = False
    track_id: int | None = None
    person: str | None = None
    distance: float | None = None
    distance_max: float = 0.0
    weight_px2: float = 0.0
    good: bool = False
    live: bool | None = None

    def __post_init__(self) -> None:
        if self.distance is not None and not 0.0 <= self.distance <= FARTHEST:
            raise InputError(f"expected a distance of 0..{FARTHEST:g}, got {self.distance}")
        if not 0.0 <= self.distance_max <= FARTHEST:
            raise InputError(f"expected a distance_max of 0..{FARTHEST:g}, got {self.distance_max}")
        if not (math.isfinite(self.weight_px2) and self.weight_px2 >= 0):
            raise InputError(f"expected a face area of 0 px² or more, got {self.weight_px2}")

    @property
    def usable(self) -> bool:
        """Whether the frame enters a decision: a good face that is followed and has an area to weigh it by."""
        return self.face_present and self.good and self.track_id is not None and self.weight_px2 > 0

    @property
    def accepted_person(self) -> str | None:
        """The person that this frame alone would accept, if any."""
        if self.person is None or self.distance is None or self.distance > self.distance_max:
            return None
        return self.person


@dataclass(frozen=True, slots=True)
class Sighting:
    """A usable frame and when it was taken in."""

    seen_s: float
    frame: FrameEvidence


@dataclass(frozen=True, slots=True)
class Window:
    """The latest usable frames of one track, oldest first."""

    sightings: tuple[Sighting, ...] = ()

    def __len__(self) -> int:
        return len(self.sightings)

    def add(self, frame: FrameEvidence, now_s: float, *, size: int, age_max_s: float) -> Window:
        """The window with ``frame`` as its newest, if it is usable.

        Another track, or a frame count that runs backwards (the camera started again), begins a new window: evidence
        of one face never helps another. A frame that is already there changes nothing. Frames older than
        ``age_max_s`` or beyond the newest ``size`` drop out.
        """
        if not frame.usable:
            return self
        kept = self.sightings
        if kept and (frame.track_id != kept[-1].frame.track_id or frame.frame_index < kept[-1].frame.frame_index):
            kept = ()
        if kept and frame.frame_index == kept[-1].frame.frame_index:
            return self
        young = tuple(one for one in kept if now_s - one.seen_s <= age_max_s)
        return Window((*young, Sighting(now_s, frame))[-size:])


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who a window shows, and the area-weighted mean distance that says so."""

    person: str
    distance: float


def judge(window: Window, frames_min: int) -> Verdict | None:
    """The person whom at least ``frames_min`` frames accept, if the mean over *all* frames accepts him too.

    A frame nearest to somebody else is no help: it weighs at least as much as the limit. One frame judged not live
    denies the window.
    """
    frames = [one.frame for one in window.sightings]
    accepted = Counter(frame.accepted_person for frame in frames if frame.accepted_person is not None)
    if not accepted or any(frame.live is False for frame in frames):
        return None
    person, count = accepted.most_common(1)[0]
    mean = _mean_distance(frames, person)
    if count < frames_min or mean > min(frame.distance_max for frame in frames if frame.person == person):
        return None
    return Verdict(person, mean)


def _mean_distance(frames: list[FrameEvidence], person: str) -> float:
    weighted = sum(frame.weight_px2 * _distance_to(frame, person) for frame in frames)
    return weighted / sum(frame.weight_px2 for frame in frames)


def _distance_to(frame: FrameEvidence, person: str) -> float:
    if frame.distance is None:
        return FARTHEST
    if frame.person != person:
        return max(frame.distance, frame.distance_max)  # the true distance is larger still, but was not measured
    return frame.distance

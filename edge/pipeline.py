"""Frame to Observation: detect or follow, judge the quality, and say who it may be. No I/O, no decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np

from edge.attributes.pose import head_pose
from edge.attributes.quality import assess
from edge.config import Config
from edge.detect.cascade import Cascade
from edge.runtime.litert import ModelStore
from edge.track.tracker import Track, Tracker
from edge.types import Eyes, Face, Faces, Floats, Frame, HeadPose, Match, Observation, Pixels, Quality, TrackedFace
from edge.verify.siamese import Branch

_FOLLOW_SCORE_MIN = 0.6  # below the detector's own: a held face may turn or blur a little before it is let go
_GLANCE_PX = (32, 24)  # the thumbnail on which movement is judged
_GLANCE_EVERY_PX = 4  # of rows and columns: enough for a thumbnail, a tenth of the time that all pixels take
_MOVED_LEVELS = 2.0  # mean change of brightness (of 255) above a camera's noise
_CUT_LEVELS = 30.0  # no camera at a door sees that from one frame to the next; a recording's cut does


class Known(Protocol):
    """The people who are enrolled, as the pipeline needs them."""

    def __len__(self) -> int: ...

    def nearest(self, embedding: Floats) -> tuple[str, float] | None:
        """The nearest person and the distance to them, or None if nobody is enrolled."""
        ...


class ReadsEyes(Protocol):
    """EyeNet, as the pipeline needs it."""

    def read(self, frame: Frame, face: TrackedFace) -> Eyes:
        """How open the eyes are; ``mouth_open`` is left to a :class:`ReadsMouth`."""
        ...


class NoEyes:
    """For models without an EyeNet: no eye can be read, and nothing is claimed of them."""

    def read(self, frame: Frame, face: TrackedFace) -> Eyes:  # noqa: ARG002 - a ReadsEyes
        return Eyes()


class ReadsMouth(Protocol):
    """MouthNet, as the pipeline needs it."""

    def read(self, frame: Frame, face: TrackedFace) -> float | None:
        """How far the mouth is open, 0..1; None where that cannot be told."""
        ...


class NoMouth:
    """For models without a MouthNet: nothing is said of the mouth, and no yawn is counted."""

    def read(self, frame: Frame, face: TrackedFace) -> float | None:  # noqa: ARG002 - a ReadsMouth
        return None


class Sight:
    """The cascade, and what it tells of one picture: faces with pose and quality."""

    def __init__(self, store: ModelStore, config: Config) -> None:
        """Loads the cascade's models. Raises ModelError."""
        self.config = config
        self.cascade = Cascade(store, config.detect)

    def analyse(self, frame: Frame) -> list[tuple[Face, HeadPose, Quality]]:
        """Every face of a single picture, largest first, with pose and quality."""
        faces = sorted(self.cascade.detect(frame), key=lambda face: -face.area_px2)
        return [self.judge(frame, face) for face in faces]

    def judge(self, frame: Frame, face: Face) -> tuple[Face, HeadPose, Quality]:
        """A face with its pose and quality."""
        pose = head_pose(face)
        return face, pose, assess(frame, face, pose, self.config.verify)


class Vision(Sight):
    """Sight that also tells faces apart."""

    def __init__(self, store: ModelStore, config: Config, branch: Branch | None = None) -> None:
        """Loads the branch as well, unless one is given. Raises ModelError, and ConfigError for a rate that was never
        measured.
        """
        super().__init__(store, config)
        self.branch = branch or Branch(store)
        self.branch.distance_max(config.verify.fmr)

    def embed(self, frame: Frame, face: Face) -> Floats:
        """The unit embedding (d,) of a face, levelled by a second look at it."""
        return self.branch.embed(frame.pixels, self.cascade.level(frame, face).landmarks)

    def distance_max(self, n_people: int) -> float:
        """The distance allowed so that one visitor is taken for *any* of ``n_people`` at the configured rate.

        Each enrolled person is one more chance of a false match, so the rate is shared among them; it is never asked
        below the lowest rate that was measured.
        """
        lowest = min(row.fmr for row in self.branch.spec.thresholds)
        return self.branch.distance_max(max(self.config.verify.fmr / max(n_people, 1), lowest))


class Follower:
    """Follows the faces of one camera. Give it every frame in order."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._tracker = Tracker()
        self._glance = _Glance()
        self._searched_s = float("-inf")

    def process(self, frame: Frame) -> Observation:
        """What is seen in ``frame``. Raises ClockError if it is older than the one before."""
        change = self._glance.change(frame.pixels)
        if change > _CUT_LEVELS:
            self._tracker.reset()
        tracks = self._tracker.update(self._find(frame, change), frame.captured_s)
        faces = tuple(self._describe(frame, track, primary=row == 0) for row, track in enumerate(tracks))
        return Observation(frame.captured_s, frame.index, faces, frame.source)

    def _find(self, frame: Frame, change: float) -> Faces:
        """FPNet at the faces that are held; the whole cascade when one is lost, when due, or when something moved."""
        held = self._tracker.boxes
        due = frame.captured_s - self._searched_s >= self._sight.config.detect.interval_s
        if len(held) and not due:
            faces = self._sight.cascade.follow(frame, held, _FOLLOW_SCORE_MIN)
            if len(faces) == len(held):
                return faces
        if not (due or len(held) or change > _MOVED_LEVELS):
            return Faces()
        self._searched_s = frame.captured_s
        return self._sight.cascade.detect(frame)

    def _describe(self, frame: Frame, track: Track, *, primary: bool) -> TrackedFace:
        age_s = frame.captured_s - track.born_s
        if not primary:
            return TrackedFace(track.track_id, track.face, age_s, head_pose(track.face))
        face, pose, quality = self._sight.judge(frame, track.face)
        return self._detailed(frame, TrackedFace(track.track_id, face, age_s, pose, quality))

    def _detailed(self, frame: Frame, face: TrackedFace) -> TrackedFace:  # noqa: ARG002 - nothing more to say of it
        """The primary face with what the job wants to know of it."""
        return face


class Pipeline(Follower):
    """The door's: says who the primary face may be."""

    def __init__(self, vision: Vision, known: Known) -> None:
        super().__init__(vision)
        self._vision, self._known = vision, known

    def _detailed(self, frame: Frame, face: TrackedFace) -> TrackedFace:
        good = face.quality is not None and face.quality.good
        return replace(face, match=self._match(frame, face.face)) if good else face

    def _match(self, frame: Frame, face: Face) -> Match | None:
        n_people = len(self._known)
        nearest = self._known.nearest(self._vision.embed(frame, face)) if n_people else None
        return Match(*nearest, self._vision.distance_max(n_people)) if nearest else None


class DriverPipeline(Follower):
    """The driver's: reads the eyes and the mouth of the primary face."""

    def __init__(self, sight: Sight, eyes: ReadsEyes, mouth: ReadsMouth) -> None:
        super().__init__(sight)
        self._eyes, self._mouth = eyes, mouth

    def _detailed(self, frame: Frame, face: TrackedFace) -> TrackedFace:
        eyes = replace(self._eyes.read(frame, face), mouth_open=self._mouth.read(frame, face))
        return replace(face, eyes=eyes)


class _Glance:
    """How much the picture changed since the last frame, on a thumbnail."""

    def __init__(self) -> None:
        self._last: Floats | None = None

    def change(self, pixels: Pixels) -> float:
        """Mean absolute change of brightness, 0..255; 255 for the first frame."""
        some = np.ascontiguousarray(pixels[::_GLANCE_EVERY_PX, ::_GLANCE_EVERY_PX])
        small = cv2.resize(some, _GLANCE_PX, interpolation=cv2.INTER_AREA).mean(axis=2, dtype=np.float32)
        last, self._last = self._last, small
        return 255.0 if last is None else float(np.abs(small - last).mean())

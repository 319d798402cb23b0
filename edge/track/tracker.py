"""Following faces from frame to frame by the overlap of their boxes. Ages are seconds, never frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge.errors import ClockError
from edge.geometry import iou
from edge.types import Face, Faces, Floats

LINK_IOU_MIN = 0.3
LOST_AFTER_S = 0.4  # a blink of the detector or a hand before the face; longer, and it is somebody new


@dataclass(frozen=True, slots=True)
class Track:
    """One face that is followed. ``track_id`` is never used again; ``born_s`` and ``seen_s`` are capture times."""

    track_id: int
    face: Face
    born_s: float
    seen_s: float


class Tracker:
    """Links the faces of successive frames."""

    def __init__(self) -> None:
        self.tracks: tuple[Track, ...] = ()
        self._next_id = 1
        self._now_s = float("-inf")

    @property
    def boxes(self) -> Floats:
        """The last boxes (n, 4) of everything that is held."""
        return np.stack([track.face.box for track in self.tracks]) if self.tracks else np.zeros((0, 4), np.float32)

    def update(self, faces: Faces, now_s: float) -> tuple[Track, ...]:
        """The tracks seen in this frame, largest face first. Raises ClockError if ``now_s`` went backwards."""
        if now_s < self._now_s:
            raise ClockError(f"expected a time of at least {self._now_s} s, got {now_s} s")
        self._now_s = now_s
        held = [track for track in self.tracks if now_s - track.seen_s <= LOST_AFTER_S]
        seen = self._link(faces, held, now_s)
        self.tracks = (*seen, *held)
        return tuple(sorted(seen, key=lambda track: -track.face.area_px2))

    def reset(self) -> None:
        """Forget everything that is held: the scene was cut."""
        self.tracks = ()

    def _link(self, faces: Faces, free: list[Track], now_s: float) -> list[Track]:
        """Each face with the free track that it overlaps most (taken out of ``free``), else with a new one."""
        seen: list[Track] = []
        for face in faces:
            overlaps = [float(iou(face.box, track.face.box[None])[0]) for track in free]
            if overlaps and max(overlaps) >= LINK_IOU_MIN:
                known = free.pop(int(np.argmax(overlaps)))
                seen.append(replace(known, face=face, seen_s=now_s))
            else:
                seen.append(Track(self._next_id, face, now_s, now_s))
                self._next_id += 1
        return seen

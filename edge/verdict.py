"""Two photos, one question: are they of the same person? Asked of the door's own pipeline, or of any other model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import InputError, NoFaceError
from edge.images import read_image
from edge.pipeline import Sight, Vision
from edge.types import Face, Frame
from edge.verify.comparison import Comparer
from edge.verify.siamese import distance


@dataclass(frozen=True, slots=True)
class Verdict:
    """``distance`` of two photos; up to ``distance_max`` they are of one person. ``fmr``: the share of different people
    who were as near when that was measured.
    """

    distance: float
    distance_max: float
    fmr: float

    @property
    def same(self) -> bool:
        return self.distance <= self.distance_max


def by_branch(vision: Vision, photos: Sequence[Path], fmr: float) -> Verdict:
    """As the door does it, at false match rate ``fmr``. Raises ConfigError, InputError, NoFaceError."""
    distance_max = vision.branch.distance_max(fmr)
    frames = [read_image(path) for path in photos]
    faces = [only_face(vision, frame, str(path)) for frame, path in zip(frames, photos, strict=True)]
    one, other = (vision.embed(frame, face) for frame, face in zip(frames, faces, strict=True))
    return Verdict(distance(one, other), distance_max, fmr)


def by_comparer(comparer: Comparer, sight: Sight | None, photos: Sequence[Path]) -> Verdict:
    """By a network that levels no face, at its own threshold. ``sight``: finds the face, where the network sees only
    that. Raises InputError, NoFaceError.
    """
    frames = [read_image(path) for path in photos]
    boxes = [
        None if sight is None else only_face(sight, frame, str(path)).box
        for frame, path in zip(frames, photos, strict=True)
    ]
    one, other = (comparer.see(frame.pixels, box) for frame, box in zip(frames, boxes, strict=True))
    limits = comparer.comparison
    return Verdict(comparer.distance(one, other), limits.distance_max, limits.fmr)


def only_face(sight: Sight, frame: Frame, where: str) -> Face:
    """The one face of ``frame``, which is called ``where``. Raises NoFaceError for none, InputError for several."""
    found = sight.analyse(frame)
    if not found:
        raise NoFaceError(f"{where}: expected one face, found none of at least {sight.config.detect.min_face_px} px")
    if len(found) > 1:
        raise InputError(f"{where}: expected one face, found {len(found)}")
    return found[0][0]

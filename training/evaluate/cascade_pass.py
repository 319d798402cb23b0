"""The cascade once over every annotated photo and every photo without people: all that its cards are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from edge.config import DetectConfig
from edge.crops import Octaves
from edge.detect.cascade import Cascade
from edge.geometry import iou
from edge.images import list_images, read_image
from edge.runtime.litert import ModelStore
from edge.types import Faces, Floats, Frame
from training.evaluate.detection import IOU_MIN, without_people
from training.evaluate.posed_photos import PosedPhoto, read_posed_photos
from training.teachers.yunet import YuNet

# Below the device's, so that one pass serves every higher threshold: suppression goes by score, and what is added below
# a face never takes it away. It is what FPNet gives a second look: a lower one gave more of them, and other results.
_SCORE_MIN = 0.3


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture's ``faces`` down to a score of 0.02, and the windows of P-Net and of R-Net (n, 4) px before them."""

    faces: Faces
    proposals: Floats
    refined: Floats


@dataclass(frozen=True, slots=True)
class CascadePass:
    """``photos`` with what was ``seen`` on each, ``standard`` (n,) whether publications count it; and the photos
    without people: ``empty`` with ``empty_seen``, ``skipped`` ones that show somebody. ``config``: the device's.
    """

    photos: Sequence[PosedPhoto]
    seen: Sequence[Seen]
    standard: Sequence[bool]
    empty: Sequence[Frame]
    empty_seen: Sequence[Seen]
    skipped: int
    config: DetectConfig

    def found(self, row: int) -> Faces:
        """What the device finds on photo ``row``."""
        return above(self.seen[row].faces, self.config.fpnet_score_min)

    def hit_scores(self) -> Floats:
        """Of each photo, the best score of a face that overlaps the annotated one; 0 where none does."""
        return np.array([_hit_score(s.faces, p.box) for s, p in zip(self.seen, self.photos, strict=True)], np.float32)

    def wrong_scores(self) -> Floats:
        """The scores of everything that is taken for a face on photos without people."""
        return np.concatenate([np.zeros(0, np.float32), *(seen.faces.scores for seen in self.empty_seen)])

    def yaws_deg(self) -> Floats:
        """The annotated yaw of each photo."""
        return np.array([photo.pose.yaw_deg for photo in self.photos], np.float32)


def run_pass(store: ModelStore, data: Path, say: Callable[[str], None]) -> CascadePass:
    """Over ``aflw2000`` and ``backgrounds`` below ``data``. Raises InputError, ModelError."""
    images, table = data / "aflw2000/images", data / "aflw2000/poses.csv"
    photos = read_posed_photos(images, table, every_row=True)
    standard = {photo.path for photo in read_posed_photos(images, table, every_row=False)}
    empty, skipped = without_people([read_image(path) for path in list_images(data / "backgrounds")], YuNet())
    config = DetectConfig()
    cascade = Cascade(store, msgspec.structs.replace(config, fpnet_score_min=_SCORE_MIN))
    say(f"the cascade over {len(photos)} annotated photos and {len(empty)} without people")
    seen = [_see(cascade, read_image(photo.path)) for photo in photos]
    flags = [photo.path in standard for photo in photos]
    return CascadePass(photos, seen, flags, empty, [_see(cascade, frame) for frame in empty], skipped, config)


def _see(cascade: Cascade, frame: Frame) -> Seen:
    octaves = Octaves(frame.pixels)
    proposals = cascade.propose(octaves)
    return Seen(cascade.detect(frame), proposals.boxes, cascade.refine(octaves, proposals).boxes)


def above(faces: Faces, score_min: float) -> Faces:
    """The faces of at least that score."""
    return faces.take(np.flatnonzero(faces.scores >= score_min))


def _hit_score(faces: Faces, box: Floats) -> float:
    overlapping = faces.scores[iou(box, faces.boxes) >= IOU_MIN]
    return float(overlapping.max(initial=0.0))


def held(boxes: Floats, box: Floats) -> bool:
    """Whether any of ``boxes`` (n, 4) overlaps the annotated one enough to be a hit."""
    return bool((iou(box, boxes) >= IOU_MIN).any())

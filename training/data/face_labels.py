"""From one photo to labelled faces, faces turned to the side, and crops without a face."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from edge.crops import warp
from edge.geometry import euler_from_rotation, iou, square_boxes, transform_points
from edge.types import Floats, Frame, Pixels
from training.data.cascade_set import (
    FACE_PX,
    PATCH_PX,
    FaceSet,
    NegativeKind,
    NegativeSet,
    empty_faces,
    join_faces,
)
from training.data.negatives import Miner, cut, windows_inside, windows_outside
from training.data.photo_sets import FacePhoto
from training.data.profiles import (
    SOURCE_PITCH_MAX_DEG,
    SOURCE_SIDE_MIN_PX,
    SOURCE_YAW_MAX_DEG,
    Profile,
    ProfileRenderer,
    draw_target,
)
from training.teachers.blend import BlendedTeacher, Label
from training.teachers.crops import square_about
from training.teachers.yunet import Detections, YuNet

SIDE_MIN_PX = 40.0
ASPECT_MIN = 0.45  # width over height: narrower boxes are of faces that the photo's edge cuts; profiles have 0.55
_FACE_SCORE_MIN = 0.7  # to be learned as a face
_DOUBT_SCORE_MIN = 0.3  # not to be learned as none
_BACKGROUND_SCORE_MIN = 0.6
_MATCH_IOU_MIN = 0.4
_POINTS_APART_MAX = 0.15  # of the box: mean distance of annotated points to YuNet's for the same face


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much a photo gives. ``disagreement_max_deg``: rotations that the teachers differ in by more are dropped."""

    disagreement_max_deg: float = 9.0
    profiles_a_face: float = 2.0
    inside_a_face: float = 2.0
    outside_a_photo: int = 2
    mined_a_photo: int = 4
    random_a_background: int = 80
    mined_a_background: int = 120


class FaceLabeller:
    """The teachers, the renderer and the miner with their networks. Not for several threads at once."""

    def __init__(self, teacher: BlendedTeacher, renderer: ProfileRenderer, miner: Miner, wanted: Wanted) -> None:
        self._yunet = YuNet(_DOUBT_SCORE_MIN)
        self._teacher, self._renderer, self._miner, self._wanted = teacher, renderer, miner, wanted

    def photo(
        self, frame: Frame, photo: FacePhoto, rng: np.random.Generator, counts: Counter[str]
    ) -> tuple[FaceSet, NegativeSet]:
        """The faces of a photo, real ones first, and its negatives. ``counts`` tells what was dropped and why."""
        found = self._yunet.detect(frame.pixels)
        faces, boxes = [], []
        for box, landmarks in _sure_faces(found, photo, counts):
            label = self._teacher.label(frame.pixels, box, landmarks)
            agreed = label.disagreement_deg <= self._wanted.disagreement_max_deg
            counts["rotations dropped"] += not agreed
            faces.append(_real(frame.pixels, box, landmarks, label, agreed=agreed, group=photo.group))
            boxes.append((box, landmarks))
            if agreed:
                faces += [_rendered(made, photo.group) for made in self._profiles(frame.pixels, box, label, rng)]
        counts["photos without a face"] += not boxes
        every = found.boxes if photo.boxes is None else np.concatenate([found.boxes, photo.boxes])
        # The square about a narrow box overlaps it little, and yet it shows the face
        doubtful = np.concatenate([every, square_boxes(every)])
        return join_faces(faces) if faces else empty_faces(), self._negatives(frame, boxes, doubtful, rng)

    def background(self, frame: Frame, rng: np.random.Generator) -> NegativeSet | None:
        """The negatives of a photo without people. None: YuNet sees somebody in it."""
        if (self._yunet.detect(frame.pixels).scores >= _BACKGROUND_SCORE_MIN).any():
            return None
        nobody = np.zeros((0, 4), np.float32)
        anywhere = windows_outside(frame.pixels, nobody, self._wanted.random_a_background, rng)
        mined = self._miner.windows(frame, nobody, self._wanted.mined_a_background, rng)
        return cut(frame.pixels, [(NegativeKind.BACKGROUND, anywhere), (NegativeKind.MINED, mined)])

    def _profiles(self, bgr: Pixels, box: Floats, label: Label, rng: np.random.Generator) -> list[Profile]:
        yaw_deg, pitch_deg, _ = euler_from_rotation(label.rotation)
        small = float((box[2:] - box[:2]).max()) < SOURCE_SIDE_MIN_PX
        if small or abs(yaw_deg) > SOURCE_YAW_MAX_DEG or abs(pitch_deg) > SOURCE_PITCH_MAX_DEG:
            return []
        count = int(self._wanted.profiles_a_face + rng.random())
        targets = [draw_target(yaw_deg, rng) for _ in range(count)]
        return [self._renderer.render(bgr, label.mesh, label.rotation, target) for target in targets]

    def _negatives(
        self, frame: Frame, faces: list[tuple[Floats, Floats]], every: Floats, rng: np.random.Generator
    ) -> NegativeSet:
        """``every`` (n, 4): all that may be a face, so that none is taken for a negative."""
        wanted, pixels = self._wanted, frame.pixels
        parts = [(NegativeKind.OUTSIDE, windows_outside(pixels, every, wanted.outside_a_photo, rng))]
        for box, landmarks in faces:
            count = int(wanted.inside_a_face + rng.random())
            parts.append((NegativeKind.INSIDE, windows_inside(box, landmarks, every, count, rng)))
        parts.append((NegativeKind.MINED, self._miner.windows(frame, every, wanted.mined_a_photo, rng)))
        return cut(pixels, parts)


def _sure_faces(found: Detections, photo: FacePhoto, counts: Counter[str]) -> list[tuple[Floats, Floats]]:
    """Box (4,) and landmarks (5, 2) of each face to learn. Where the photo is annotated, of the annotated ones."""
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    sure, large = found.scores >= _FACE_SCORE_MIN, sides.max(axis=1, initial=0) >= SIDE_MIN_PX
    whole = sides[:, 0] >= ASPECT_MIN * sides[:, 1]
    counts["faces too small"] += int((sure & ~large).sum())
    counts["faces cut off"] += int((sure & large & ~whole).sum())
    pairs = [(found.boxes[row], found.landmarks[row]) for row in np.flatnonzero(sure & large & whole)]
    if photo.landmarks is not None:
        matched = _with_points(pairs, photo.landmarks)
    elif photo.boxes is not None:
        matched = _with_boxes(pairs, photo.boxes)
    else:
        return pairs
    counts["annotated faces not found"] += max(len(photo.boxes if photo.boxes is not None else ()) - len(matched), 0)
    return matched


def _with_points(pairs: list[tuple[Floats, Floats]], annotated: Floats) -> list[tuple[Floats, Floats]]:
    """The face whose landmarks were annotated, with these. Its box stays YuNet's: CelebA's are looser by a half."""
    apart = [float(np.linalg.norm(points - annotated, axis=1).mean() / np.ptp(box[1::2])) for box, points in pairs]
    return [(box, annotated) for (box, _), far in zip(pairs, apart, strict=True) if far < _POINTS_APART_MAX][:1]


def _with_boxes(pairs: list[tuple[Floats, Floats]], annotated: Floats) -> list[tuple[Floats, Floats]]:
    """The faces whose boxes were annotated, with these."""
    if not len(annotated):
        return []
    overlaps = [(iou(box, annotated), points) for box, points in pairs]
    return [(annotated[np.argmax(shares)], points) for shares, points in overlaps if shares.max() >= _MATCH_IOU_MIN]


def _real(bgr: Pixels, box: Floats, landmarks: Floats, label: Label, *, agreed: bool, group: int) -> FaceSet:
    matrix = square_about(box, PATCH_PX / FACE_PX, PATCH_PX)
    patch = warp(bgr, matrix, PATCH_PX)
    moved = transform_points(np.concatenate([box.reshape(2, 2), landmarks]), matrix).astype(np.float32)
    rotation, apart_deg = label.rotation if agreed else np.eye(3, dtype=np.float32), label.disagreement_deg
    return _one(patch, moved, rotation, has_rotation=agreed, apart_deg=apart_deg, rendered=False, group=group)


def _rendered(made: Profile, group: int) -> FaceSet:
    points = np.concatenate([made.box.reshape(2, 2), made.landmarks])
    return _one(made.patch, points, made.rotation, has_rotation=True, apart_deg=0.0, rendered=True, group=group)


def _one(
    patch: Pixels, points: Floats, rotation: Floats, *, has_rotation: bool, apart_deg: float, rendered: bool, group: int
) -> FaceSet:
    """``points`` (7, 2): the box's corners, then the landmarks."""
    return FaceSet(
        patch[None],
        points[:2].reshape(1, 4),
        points[2:][None],
        rotation[None],
        np.array([has_rotation]),
        np.array([apart_deg], np.float32),
        np.array([rendered]),
        np.array([group], np.int64),
    )

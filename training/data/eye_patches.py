"""From photos to eye patches: photos of single eyes with their labels, and eyes of whole faces with a teacher's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.attributes.eyes import EYE_WINDOW
from edge.attributes.patches import WIDTH_PX, eye_distance_px, window_matrix
from edge.attributes.pose import head_pose
from edge.config import DetectConfig
from edge.crops import warp
from edge.detect.cascade import Cascade
from edge.errors import InputError
from edge.geometry import tilt_deg
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Face, Floats, Pixels
from training.data.eye_photos import EyePhoto, groups_of, read_folders, read_grey, read_table, whole_chip
from training.data.face_sets import refuse_by_name
from training.data.patch_set import CHIP_PX, FACE_WINDOW_PX, PatchSet, join
from training.data.photo_sets import FacePhoto, find_photos, thinned
from training.patch_recipe import DataPart
from training.teachers.iris import EYE_SHARE, IrisTeacher

_EYE_WIDTH = 0.42  # of the distance between the eyes (MediaPipe's canonical face)
_EYE_DISTANCE_MIN_PX = 22.0  # below it the teacher sees no lids
_FAR_YAW_MAX_DEG, _NEAR_YAW_MAX_DEG, _PITCH_MAX_DEG = 35.0, 60.0, 35.0  # beyond, neither does it
# The teacher tells the photos of eyes_rgb apart best at 0.23 (0.9958 of them), but people who laugh or have narrow eyes
# look about at 0.2: p(open) = 0.5 lies nearer to its closed eyes, of which 95 % are below 0.17.
_APERTURE_HALF, _APERTURE_SLOPE = 0.19, 0.03


def eye_patches(data: Path, part: DataPart, say: Callable[[str], None]) -> PatchSet:
    """The eyes of the sets below ``data``. Raises InputError: a set is missing, or kept for evaluation."""
    refuse_by_name(data, part.single_sets)
    photos = find_photos(data, part.face_sets) if part.face_sets else []
    every = [single_eyes(data, name) for name in part.single_sets] + _face_eyes(thinned(photos, part.face_photos), say)
    whole = join(every)
    for name in (*part.single_sets, *part.face_sets):
        opens = whole.opens[whole.sets == name]
        say(f"{name}: {len(opens)} eyes, {float((opens >= 0.5).mean()):.3f} open")
    return whole


def single_eyes(data: Path, name: str) -> PatchSet:
    """The photos of single eyes of one set: a table with ``images``, or the folders ``open`` and ``closed``."""
    folder = data / name
    table = folder / "labels.csv"
    photos = read_table(folder / "images", table) if table.is_file() else read_folders(folder)
    greys = [read_grey(photo.path) for photo in photos]
    return whole_photos(photos, greys, name)


def whole_photos(photos: list[EyePhoto], greys: list[Pixels], name: str) -> PatchSet:
    """Photos (h, w) that an eye fills, as chips."""
    chips, centres, widths = zip(*(whole_chip(grey) for grey in greys), strict=True)
    return PatchSet(
        np.stack(chips),
        np.stack(centres),
        np.array(widths, np.float32),
        np.array([photo.open for photo in photos], np.float32),
        groups_of(photos, greys, name),
        np.full(len(photos), name),
    )


def face_chip(pixels: Pixels, centre: Floats, width_px: float, clockwise_deg: float) -> Pixels:
    """The grey chip (80, 80) about ``centre`` (2,) whose middle shows ``width_px`` of the BGR picture, levelled."""
    wide = window_matrix(centre, width_px * CHIP_PX / FACE_WINDOW_PX, clockwise_deg)
    drawn = warp(pixels, wide * np.float32(2 * CHIP_PX / WIDTH_PX), 2 * CHIP_PX)
    grey = cv2.cvtColor(drawn, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (CHIP_PX, CHIP_PX), interpolation=cv2.INTER_AREA), np.uint8)


def found_faces(photos: Sequence[FacePhoto], say: Callable[[str], None]) -> Iterator[tuple[FacePhoto, Pixels, Face]]:
    """Each face that the shipped cascade finds, its landmarks from a second look; unreadable photos are left out."""
    cascade, faces = Cascade(ModelStore(MODELS_DIR), DetectConfig()), 0
    for count, photo in enumerate(photos, 1):
        try:
            frame = read_image(photo.path)
        except InputError:
            continue
        for face in cascade.detect(frame):
            faces += 1
            yield photo, frame.pixels, cascade.level(frame, face)
        if count % 1000 == 0 or count == len(photos):
            say(f"{count} of {len(photos)} photos, {faces} faces")


def _face_eyes(photos: Sequence[FacePhoto], say: Callable[[str], None]) -> list[PatchSet]:
    teacher = IrisTeacher()
    parts = []
    for photo, pixels, face in found_faces(photos, say):
        apart_px = eye_distance_px(face)
        if apart_px >= _EYE_DISTANCE_MIN_PX:
            parts += [_face_eye(photo, pixels, face, face.landmarks[row], teacher) for row in _seen_eyes(face)]
    return parts


def _seen_eyes(face: Face) -> list[int]:
    """Rows of the landmarks of the eyes that the head does not hide. Yaw > 0 hides the eye at image left first."""
    pose = head_pose(face)
    if abs(pose.pitch_deg) > _PITCH_MAX_DEG:
        return []
    turns = (pose.yaw_deg, -pose.yaw_deg)
    return [row for row in (0, 1) if -_NEAR_YAW_MAX_DEG <= turns[row] <= _FAR_YAW_MAX_DEG]


def _face_eye(photo: FacePhoto, pixels: Pixels, face: Face, centre: Floats, teacher: IrisTeacher) -> PatchSet:
    lean_deg, apart_px = tilt_deg(face.rotation), eye_distance_px(face)
    seen_px = 64
    square = window_matrix(centre, apart_px * _EYE_WIDTH / EYE_SHARE, lean_deg) * np.float32(seen_px / WIDTH_PX)
    aperture = teacher.aperture(warp(pixels, square, seen_px))
    return PatchSet(
        face_chip(pixels, centre, EYE_WINDOW * apart_px, lean_deg)[None],
        np.full((1, 2), CHIP_PX / 2, np.float32),
        np.array([FACE_WINDOW_PX], np.float32),
        np.array([1 / (1 + np.exp((_APERTURE_HALF - aperture) / _APERTURE_SLOPE))], np.float32),
        np.array([photo.group], np.int64),
        np.array([photo.key.split("/")[0]]),
    )

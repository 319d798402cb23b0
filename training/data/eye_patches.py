"""From photos to eye patches: photos of single eyes with their labels, and eyes of whole faces with a teacher's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.attributes.eyes import EYE_WINDOW
from edge.attributes.patches import WIDTH_PX, eye_distance_px, window_matrix
from edge.attributes.pose import head_pose
from edge.crops import warp
from edge.geometry import tilt_deg
from edge.types import Face, Floats, Pixels
from training.data.eye_photos import EyePhoto, groups_of, read_folders, read_grey, read_table, whole_chip
from training.data.face_patches import chip_about, face_patch, found_faces
from training.data.face_sets import refuse_by_name
from training.data.patch_set import PatchSet, join
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
    every = [single_eyes(data, name) for name in part.single_sets]
    if part.face_sets:
        every += _face_eyes(thinned(find_photos(data, part.face_sets), part.face_photos), say)
    return join(every)


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


def _face_eyes(photos: list[FacePhoto], say: Callable[[str], None]) -> list[PatchSet]:
    teacher = IrisTeacher()
    parts = []
    for photo, pixels, faces in found_faces(photos, say):
        for face in faces:
            if eye_distance_px(face) >= _EYE_DISTANCE_MIN_PX:
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
    p_open = 1 / (1 + float(np.exp((_APERTURE_HALF - aperture) / _APERTURE_SLOPE)))
    return face_patch(photo, chip_about(pixels, face, centre, EYE_WINDOW), p_open)

"""From photos of faces to patches of mouths: yawning or not by a set's table, and sets in which nobody yawns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.attributes.mouth import MOUTH_WINDOW
from edge.attributes.patches import eye_distance_px, mouth_centre
from edge.attributes.pose import head_pose
from edge.errors import InputError
from edge.types import Face
from training.data.face_patches import chip_about, face_patch, found_faces
from training.data.patch_set import PatchSet, join
from training.data.photo_sets import find_photos, thinned
from training.data.tables import read_rows
from training.patch_recipe import DataPart

TABLE = "labels.csv"
_COLUMNS = ("image", "yawn")
# What the device hardly reads is not taught either, with some room beyond its limits.
_EYE_DISTANCE_MIN_PX = 16.0
_YAW_MAX_DEG, _PITCH_MAX_DEG = 65.0, 45.0


def mouth_patches(data: Path, part: DataPart, say: Callable[[str], None]) -> PatchSet:
    """The mouths of the sets below ``data``: of a photo with a label that of its largest face, else of every face.

    Raises InputError: a set is missing, has no table and is not said to be without yawns, or is kept for evaluation.
    """
    yawns = {
        f"{name}/{image}": yawn
        for name in part.face_sets
        if name not in part.shut_sets
        for image, yawn in read_yawns(data / name / TABLE).items()
    }
    photos = thinned(find_photos(data, part.face_sets), part.face_photos)
    parts = []
    for photo, pixels, faces in found_faces(photos, say):
        labelled = photo.set_name not in part.shut_sets
        if labelled and photo.key not in yawns:
            raise InputError(f"{data / photo.set_name / TABLE}: expected a row of {photo.path.name}, found none")
        for face in filter(_readable, faces[:1] if labelled else faces):
            opens = float(yawns.get(photo.key, False))
            chip = chip_about(pixels, face, mouth_centre(face), MOUTH_WINDOW)
            parts.append(face_patch(photo, chip, opens))
    return join(parts)


def read_yawns(table: Path) -> dict[str, bool]:
    """Picture -> whether a yawn is seen there, of a table like YawDD's labels.csv. Raises InputError naming the row."""
    rows = read_rows(table, _COLUMNS)
    for line, row in enumerate(rows, start=2):
        if row["yawn"] not in ("0", "1"):
            raise InputError(f"{table}: row {line}: expected yawn 0 or 1, found {row['yawn']!r}")
    return {row["image"]: row["yawn"] == "1" for row in rows}


def _readable(face: Face) -> bool:
    pose = head_pose(face)
    turned = abs(pose.yaw_deg) > _YAW_MAX_DEG or abs(pose.pitch_deg) > _PITCH_MAX_DEG
    return not turned and eye_distance_px(face) >= _EYE_DISTANCE_MIN_PX

"""Photos with one annotated face each, as AFLW2000-3D gives them: what pose and detection are measured on."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import InputError
from edge.geometry import iou
from edge.types import Faces, Floats, HeadPose

_POSE, _BOX = ("yaw", "pitch", "roll"), ("face_x1", "face_y1", "face_x2", "face_y2")
_STANDARD = "std_eval_lt99"  # the rows that publications report: all three angles within 99 degrees


@dataclass(frozen=True, slots=True)
class PosedPhoto:
    """``path`` of the photo; ``pose`` of the annotated face; ``box`` (4,) px around it."""

    path: Path
    pose: HeadPose
    box: Floats


def read_posed_photos(images: Path, table: Path, *, every_row: bool) -> list[PosedPhoto]:
    """The rows of ``table``, their photos below ``images``. Without ``every_row`` only the standard rows, if marked.

    Raises InputError naming the file, the row and the column.
    """
    rows = _rows(table)
    if not every_row:
        rows = [row for row in rows if row.get(_STANDARD, "1") == "1"]
    photos = [_photo(images, table, line, row) for line, row in enumerate(rows, start=2)]
    if not photos:
        raise InputError(f"{table}: expected rows of annotated faces, found none")
    return photos


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in ("image", *_POSE, *_BOX) if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{table}: expected columns image, {', '.join(_POSE + _BOX)}; missing {missing}")
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read as a table: {error}") from error


def _photo(images: Path, table: Path, line: int, row: Mapping[str, str]) -> PosedPhoto:
    try:
        angles = [float(row[name]) for name in _POSE]
        box = np.array([float(row[name]) for name in _BOX], np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{table}: row of {row['image']}: expected numbers in {_POSE + _BOX}: {error}") from error
    if not (np.isfinite(angles).all() and np.isfinite(box).all()):
        raise InputError(f"{table}: row of {row['image']}: expected finite numbers in {_POSE + _BOX}")
    path = images / row["image"]
    if not path.is_file():
        raise InputError(f"{path}: expected a photo, named in row {line} of {table}; found no such file")
    return PosedPhoto(path, HeadPose(*angles), box)


def best_match(faces: Faces, box: Floats, iou_min: float) -> int | None:
    """Row of the face that overlaps ``box`` most, if it does so by ``iou_min``."""
    return best_box(faces.boxes, box, iou_min)


def best_box(boxes: Floats, box: Floats, iou_min: float) -> int | None:
    """Row of ``boxes`` (n, 4) that overlaps ``box`` most, if it does so by ``iou_min``."""
    if not len(boxes):
        return None
    overlaps = iou(box, boxes)
    row = int(np.argmax(overlaps))
    return row if overlaps[row] >= iou_min else None

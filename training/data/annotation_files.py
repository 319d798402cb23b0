"""Annotation files of whole CelebA and WIDER FACE, for owners of the full sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge.errors import InputError
from edge.types import Floats

CELEBA_BOXES, CELEBA_POINTS = "list_bbox_celeba.txt", "list_landmarks_celeba.txt"
CELEBA_PARTITION, CELEBA_PEOPLE = "list_eval_partition.txt", "identity_CelebA.txt"
WIDER_BOXES = "wider_face_train_bbx_gt.txt"
_BOX_COLUMNS = ("image_id", "x_1", "y_1", "width", "height")
_POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")  # left in the picture, as ours
_POINT_COLUMNS = tuple(f"{point}_{axis}" for point in _POINTS for axis in "xy")
_WIDER_COLUMNS = 10  # x y w h blur expression illumination invalid occlusion pose
_WIDER_INVALID = 7

Number = TypeVar("Number", int, float)


def read_celeba_boxes(path: Path) -> dict[str, Floats]:
    """``list_bbox_celeba.txt``: picture -> box (4,) x1 y1 x2 y2 px. Raises InputError."""
    rows = _celeba_table(path, _BOX_COLUMNS)
    return {name: np.array([x, y, x + w, y + h], np.float32) for name, (x, y, w, h) in rows}


def read_celeba_landmarks(path: Path) -> dict[str, Floats]:
    """``list_landmarks_celeba.txt``: picture -> landmarks (5, 2) px in our order. Raises InputError."""
    return {name: np.array(values, np.float32).reshape(5, 2) for name, values in _celeba_table(path, _POINT_COLUMNS)}


def read_celeba_partition(path: Path) -> dict[str, int]:
    """``list_eval_partition.txt``: picture -> 0 train, 1 validation, 2 test. Raises InputError."""
    parts = dict(_pairs(path))
    wrong = sorted({part for part in parts.values() if part not in (0, 1, 2)})
    if wrong:
        raise InputError(f"{path}: expected partitions 0, 1 or 2, found {wrong[0]}")
    return parts


def read_celeba_people(path: Path) -> dict[str, int]:
    """``identity_CelebA.txt``: picture -> number of the person. Raises InputError."""
    return dict(_pairs(path))


def read_wider(path: Path) -> dict[str, Floats]:
    """``wider_face_train_bbx_gt.txt``: picture -> boxes (n, 4) x1 y1 x2 y2 px, n may be 0. Raises InputError.

    Faces that the annotators called invalid are left out.
    """
    lines = _lines(path)
    boxes: dict[str, Floats] = {}
    at = 0
    while at < len(lines):
        name, count = lines[at], _number(path, at + 2, lines[at + 1] if at + 1 < len(lines) else "", int)
        # A picture without faces is followed by one row of zeros
        rows = [_wider_row(path, at + 3 + row, lines) for row in range(max(count, 1))]
        valid = [row for row in rows[:count] if not row[_WIDER_INVALID] and min(row[2:4]) > 0]
        boxes[name] = np.array([[x, y, x + w, y + h] for x, y, w, h, *_ in valid], np.float32).reshape(-1, 4)
        at += 2 + len(rows)
    return boxes


def _wider_row(path: Path, line: int, lines: list[str]) -> list[float]:
    values = lines[line - 1].split() if line <= len(lines) else []
    if len(values) != _WIDER_COLUMNS:
        raise InputError(f"{path}: line {line}: expected {_WIDER_COLUMNS} numbers of a face, found {len(values)}")
    return [_number(path, line, value, float) for value in values]


def _celeba_table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, list[float]]]:
    """CelebA's tables: the number of rows, a line of column names, then rows."""
    lines = _lines(path)
    found = tuple(lines[1].split()) if len(lines) > 1 else ()
    if found[-len(columns) :] != columns:
        raise InputError(f"{path}: expected columns {' '.join(columns)}, found {' '.join(found) or 'none'}")
    if _number(path, 1, lines[0], int) != len(lines) - 2:
        raise InputError(f"{path}: expected {lines[0]} rows, as its first line says, found {len(lines) - 2}")
    wanted = len(columns) - (columns[0] == _BOX_COLUMNS[0])
    for line, text in enumerate(lines[2:], start=3):
        name, *values = text.split()
        if len(values) != wanted:
            raise InputError(f"{path}: line {line}: expected {wanted} numbers, found {len(values)}")
        yield name, [_number(path, line, value, float) for value in values]


def _pairs(path: Path) -> Iterator[tuple[str, int]]:
    for line, text in enumerate(_lines(path), start=1):
        values = text.split()
        if len(values) != 2:
            raise InputError(f"{path}: line {line}: expected a picture and a number, found {text!r}")
        yield values[0], _number(path, line, values[1], int)


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as annotations: {error}") from error


def _number(path: Path, line: int, text: str, kind: Callable[[str], Number]) -> Number:
    try:
        return kind(text)
    except ValueError as error:
        raise InputError(f"{path}: line {line}: expected a number, found {text!r}") from error

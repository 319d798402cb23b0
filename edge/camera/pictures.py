"""Pictures from files: what is accepted, and one line about what is wrong with the others."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np

from edge.errors import InputError
from edge.types import Pixels

PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

_JPEG_START, _JPEG_END, _JPEG_SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def is_picture(path: Path) -> bool:
    """Whether the name is that of a picture (by its suffix; hidden files are not taken)."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def read_picture(path: Path) -> Pixels:
    """The picture as ``(height, width, 3)`` uint8 BGR, turned upright by its EXIF orientation; alpha is dropped.

    Raises InputError for a file that is missing, empty, cut off or no picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if not data:
        raise InputError(f"{path}: expected a picture, found an empty file")
    if _cut_off(data):
        raise InputError(f"{path}: the picture is cut off: its end is missing")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # OpenCV raises for sizes beyond its limits, and returns None for all else
        raise InputError(f"{path}: the picture cannot be decoded: {error.err}") from error
    if pixels is None:
        raise InputError(f"{path}: expected a picture, found data that cannot be decoded as one")
    return np.asarray(pixels, np.uint8)


def _cut_off(data: bytes) -> bool:
    """OpenCV decodes half a JPEG without an error and leaves the rest grey: no face must be judged by that."""
    if data.startswith(_JPEG_START):
        return _JPEG_END not in data[_jpeg_scan_start(data) :]
    if data.startswith(_PNG_START):
        return _PNG_END not in data
    return False


def _jpeg_scan_start(data: bytes) -> int:
    """Where the compressed image begins; the segments before it may hold a thumbnail with an end marker of its own."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _JPEG_SCAN:
        at += 1 if data[at + 1] == 0xFF else 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    return at

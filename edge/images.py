"""Reading and writing pictures and finding them in folders. Names every file that it refuses."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.errors import InputError, StateError
from edge.types import Frame, Pixels

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".ppm", ".webp", ".tif", ".tiff")
VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mjpeg", ".mjpg")


def read_image(path: Path) -> Frame:
    """The picture at ``path``, turned as its EXIF says. Raises InputError naming the file."""
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"{path}: expected a readable picture: {error.strerror}") from error
    pixels = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if pixels is None:
        raise InputError(f"{path}: expected a picture ({', '.join(IMAGE_SUFFIXES)}), found {content.size} other bytes")
    return Frame.from_pixels(pixels, 0.0, source=path.name)


def write_image(path: Path, pixels: Pixels) -> None:
    """Write ``pixels`` in the format of the suffix, whole or not at all. Raises StateError, InputError."""
    try:
        done, encoded = cv2.imencode(path.suffix, pixels)
    except cv2.error as error:
        raise InputError(f"{path}: expected a name ending in one of {', '.join(IMAGE_SUFFIXES)}") from error
    if not done:
        raise InputError(f"{path}: this picture cannot be written as {path.suffix}")
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(encoded.tobytes())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StateError(f"{path}: cannot be written: {error.strerror}") from error


def list_images(folder: Path) -> list[Path]:
    """The pictures directly in ``folder``, by name. Raises InputError if it is no folder or holds none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of pictures, found no such folder")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise InputError(f"{folder}: expected pictures ({', '.join(IMAGE_SUFFIXES)}), found none")
    return found

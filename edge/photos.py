"""Photos from disk. cv2 turns them upright by their EXIF orientation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.errors import InputError
from edge.types import Frame

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def read_photo(path: Path) -> Frame:
    """The picture at ``path``, upright, as a BGR frame at time 0. Raises InputError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        # IMREAD_COLOR drops alpha and turns 16 bit into 8; imdecode raises on an empty buffer.
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error as error:
        raise InputError(f"{path}: cannot be decoded as a picture: {error.err}") from error
    if pixels is None:
        raise InputError(f"{path}: expected a picture ({' '.join(SUFFIXES)}), found {_describe(content)}")
    try:
        return Frame.from_pixels(pixels, 0.0, source=str(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def list_photos(folder: Path) -> list[Path]:
    """The files of ``folder`` (not of folders in it) whose suffix is one of SUFFIXES, by name. Raises InputError."""
    try:
        files = sorted(entry for entry in folder.iterdir() if entry.is_file())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read as a folder: {error.strerror}") from error
    photos = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not photos:
        found = f"{len(files)} other files" if files else "an empty folder"
        raise InputError(f"{folder}: expected photos ({' '.join(SUFFIXES)}), found {found}")
    return photos


def _describe(content: bytes) -> str:
    return f"{len(content)} bytes that are none, or a damaged one" if content else "an empty file"

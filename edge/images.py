"""Reading and writing pictures and finding them in folders. Names every file that it refuses."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from edge.errors import InputError, StateError
from edge.quiet import quiet_stderr
from edge.types import Frame, Pixels

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".ppm", ".webp", ".tif", ".tiff")
VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mjpeg", ".mjpg")


def read_image(path: Path) -> Frame:
    """The picture at ``path`` as a BGR frame at time 0, turned as its EXIF says. Raises InputError naming the file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        # IMREAD_COLOR drops alpha and turns 16 bit into 8; imdecode raises on an empty buffer.
        with quiet_stderr():
            pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error as error:
        raise InputError(f"{path}: cannot be decoded as a picture: {error.err}") from error
    if pixels is None:
        found = f"{len(content)} bytes that are none, or a damaged one" if content else "an empty file"
        raise InputError(f"{path}: expected a picture ({' '.join(IMAGE_SUFFIXES)}), found {found}")
    try:
        return Frame.from_pixels(pixels, 0.0, source=path.name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def list_images(folder: Path) -> list[Path]:
    """The pictures directly in ``folder``, by name, hidden ones left out. Raises InputError."""
    try:
        files = sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read as a folder: {error.strerror}") from error
    found = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    if not found:
        held = f"{len(files)} other files" if files else "an empty folder"
        raise InputError(f"{folder}: expected pictures ({' '.join(IMAGE_SUFFIXES)}), found {held}")
    return found


def write_image(path: Path, pixels: Pixels) -> None:
    """Write ``pixels`` in the format of the suffix, whole or not at all. Raises StateError, InputError."""
    try:
        done, encoded = cv2.imencode(path.suffix, pixels)
    except cv2.error as error:
        raise InputError(f"{path}: expected a name ending in one of {', '.join(IMAGE_SUFFIXES)}") from error
    if not done:
        raise InputError(f"{path}: this picture cannot be written as {path.suffix}")
    write_whole(path, encoded.tobytes())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; its folder is made. Raises StateError."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # where its folder is none there is nothing to remove, and the first error says so
            partial.unlink()
        raise StateError(f"{path}: cannot be written: {error.strerror}") from error

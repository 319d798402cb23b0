"""``vigil detect``: pictures and videos in; the same with boxes, points, axes and scores out, and rows of numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.camera import Camera
from edge.errors import InputError
from edge.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES, list_images, read_image, write_image
from edge.pipeline import Sight
from edge.recorder import VideoFile
from edge.render import Label, draw_face
from edge.types import Face, Frame, HeadPose, Pixels, Quality

Found = tuple[Face, HeadPose, Quality]


def detect_pictures(sight: Sight, source: Path, target: Path) -> Iterator[dict[str, Any]]:
    """Draw on one picture, or on each of a folder, and yield a row for each. Raises InputError, StateError.

    ``target`` is a picture for a picture, or a folder (made if absent), in which each file keeps its name.
    """
    single = source.is_file()
    into_folder = not single or target.is_dir() or target.suffix.lower() not in IMAGE_SUFFIXES
    for path in [source] if single else list_images(source):
        frame = read_image(path)
        found = sight.analyse(frame)
        place = target / path.name if into_folder else target
        write_image(place, drawn(frame, found))
        yield {"image": str(path), "picture": str(place), **row(found)}


def detect_video(sight: Sight, camera: Camera, target: Path) -> Iterator[dict[str, Any]]:
    """Draw on every frame of a recording and yield a row for each. Raises CameraError, StateError."""
    with VideoFile(target) as video:
        while (frame := camera.read(timeout_s=5.0)) is not None:
            found = sight.analyse(frame)
            video.write(drawn(frame, found), frame.captured_s)
            yield {"frame": frame.index, "time_s": round(frame.captured_s, 3), **row(found)}


def drawn(frame: Frame, found: list[Found]) -> Pixels:
    """A copy of the frame's pixels with every face drawn on it."""
    canvas = frame.pixels.copy()
    for face, pose, _ in reversed(found):
        draw_face(canvas, face, Label(f"{face.score:.2f}"), pose)
    return canvas


def row(found: list[Found]) -> dict[str, Any]:
    """The faces as plain numbers: pixels and degrees, rounded to what they are worth."""
    return {"faces": [_face_row(*each) for each in found]}


def _face_row(face: Face, pose: HeadPose, quality: Quality) -> dict[str, Any]:
    return {
        "box": [round(float(edge), 1) for edge in face.box],
        "score": round(face.score, 4),
        "landmarks": [[round(float(x), 1), round(float(y), 1)] for x, y in face.landmarks],
        "yaw_deg": round(pose.yaw_deg, 1),
        "pitch_deg": round(pose.pitch_deg, 1),
        "roll_deg": round(pose.roll_deg, 1),
        "faults": list(quality.faults),
    }


def is_video(source: Path) -> bool:
    """Whether ``source`` is to be played rather than shown. Raises InputError if it is neither."""
    if not source.exists():
        raise InputError(f"{source}: expected a picture, a folder or a video, found nothing there")
    if source.is_dir() or source.suffix.lower() in IMAGE_SUFFIXES:
        return False
    if source.suffix.lower() in VIDEO_SUFFIXES:
        return True
    raise InputError(f"{source}: expected one of {', '.join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)}")


def video_target(source: Path, target: Path) -> Path:
    """Where the drawn video goes: ``target`` if it names an MP4, else into the folder ``target``. Raises InputError."""
    if target.suffix.lower() == ".mp4" and not target.is_dir():
        return target
    if target.suffix and not target.is_dir():
        raise InputError(f"{target}: expected a name ending in .mp4, or a folder")
    return target / f"{source.stem}.mp4"


def write_json(path: Path | None, rows: list[dict[str, Any]]) -> str:
    """The rows as JSON lines; written to ``path`` too if given. Raises InputError."""
    text = "".join(json.dumps(each) + "\n" for each in rows)
    if path is not None:
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    return text

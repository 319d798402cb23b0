"""The owner's own photos: ``anchor``, ``positive``, ``negative`` in one folder, 250x250, never overwritten."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edge.crops import crop_windows
from edge.detect.cascade import Cascade
from edge.errors import InputError, StateError
from edge.images import IMAGE_SUFFIXES
from edge.private_file import create_private_file
from edge.types import Floats, Frame, Pixels
from training.evaluate.embedded import main_face

ANCHOR, POSITIVE, NEGATIVE = KINDS = ("anchor", "positive", "negative")
SIDE_PX = 250
_FACES_WIDE = 2.2  # of the photo, as in LFW (Huang et al. 2007), where most people's negatives come from
_JPEG_QUALITY = 95

Find = Callable[[Frame], Floats | None]


def face_finder(cascade: Cascade) -> Find:
    """A function from a frame to the box (4,) px of its main face; None where there is none."""

    def find(frame: Frame) -> Floats | None:
        faces = cascade.detect(frame)
        return np.asarray(faces.boxes[main_face(faces, frame)], np.float32) if len(faces) else None

    return find


def portrait(pixels: Pixels, box: Floats) -> Pixels:
    """The square about ``box`` (4,) px, 2.2 times its longer side, as (250, 250, 3); black beyond the picture."""
    centre, side = (box[:2] + box[2:]) / 2, _FACES_WIDE * float((box[2:] - box[:2]).max())
    corner = np.round(centre - side / 2)
    window = np.concatenate([corner, corner + round(side)]).astype(np.float32)
    crop: Pixels = crop_windows(pixels, window[None], SIDE_PX)[0]
    return crop


class OwnFolder:
    """Writes photos into ``root``, readable by their owner alone. ``added``: how many of each kind."""

    def __init__(self, root: Path) -> None:
        """Raises InputError where ``root`` holds anything but the three folders, StateError where it cannot be made."""
        _refuse_other_content(root)
        try:
            for kind in KINDS:
                (root / kind).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"{root}: cannot be made a folder of photos: {error.strerror}") from error
        self.root = root
        self.added: Counter[str] = Counter()

    def add(self, kind: str, photo: Pixels, name: str | None = None) -> bool:
        """Write ``photo`` under ``name`` without suffix (default: a new one). False: it is there. StateError."""
        _, encoded = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        path = self.root / kind / f"{name or uuid.uuid4().hex}.jpg"
        new = create_private_file(path, encoded.tobytes())
        self.added[kind] += new
        return new

    def count(self, kind: str) -> int:
        """Pictures of ``kind`` that are there now."""
        return sum(path.suffix.lower() in IMAGE_SUFFIXES for path in (self.root / kind).iterdir())


def _refuse_other_content(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: expected a folder, found a file")
    others = sorted(entry.name for entry in root.iterdir() if entry.name not in KINDS) if root.exists() else []
    if others:
        found = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        raise InputError(f"{root}: expected a new folder, or one with {', '.join(KINDS)} only; found {found}")

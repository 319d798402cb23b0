"""How far an eye is open, from MediaPipe's iris model: the gap of the eyelids over the eye's width."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edge.types import Floats, Pixels
from training.wheels import MEDIAPIPE, fetch

_MODEL = "mediapipe/modules/iris_landmark/iris_landmark.tflite"
_SIDE_PX = 64
EYE_SHARE = 1 / 2.3  # of the square's side that the eye is wide: MediaPipe cuts it so
# Of its 71 points the first 16 go round the eye (MediaPipe's refinement of the mesh): corners, lower lid, upper lid.
_CORNERS, _LOWER, _UPPER = (0, 8), (3, 4, 5), (11, 12, 13)


class IrisTeacher:
    """Eyelid apertures of single eyes. Not for several threads at once."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        self._interpreter = Interpreter(model_path=str(fetch(MEDIAPIPE, cache_dir) / _MODEL), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        details = self._interpreter.get_output_details()
        self._contour = next(out["index"] for out in details if int(np.prod(out["shape"])) == 71 * 3)

    def aperture(self, square: Pixels) -> float:
        """Gap over width, about 0.3 for an open eye and 0.05 for a closed one, of a BGR ``square`` (s, s, 3) about a
        level eye that is EYE_SHARE of it wide.

        The mean of the square and its mirror image: the model knows left eyes only, and which this is is not told.
        """
        return (self._one(square) + self._one(square[:, ::-1])) / 2

    def _one(self, square: Pixels) -> float:
        sized = cv2.resize(square, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
        self._interpreter.set_tensor(self._input, (sized[None, :, :, ::-1] / np.float32(255)).astype(np.float32))
        self._interpreter.invoke()
        points: Floats = self._interpreter.get_tensor(self._contour).reshape(71, 3)[:, :2]
        corners, lower, upper = (points[list(rows)] for rows in (_CORNERS, _LOWER, _UPPER))
        width = float(np.linalg.norm(corners[0] - corners[1]))
        return float((lower[:, 1] - upper[:, 1]).mean()) / max(width, 1.0)

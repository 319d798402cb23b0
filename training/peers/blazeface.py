"""MediaPipe's short-range BlazeFace (Bazarevsky et al., "BlazeFace", 2019), decoded as its graph does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edge.geometry import iou
from edge.quiet import quiet_stderr
from edge.types import Floats, Frame, Pixels
from training.wheels import MEDIAPIPE, fetch

_MODEL = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
_SIDE = 128
_GRIDS = ((16, 2), (8, 6))  # cells a side, anchors a cell: strides of 8 and of 16 px
# face_detection_short_range.pbtxt and the solution's default
_SCORE_MIN, _OVERLAP_MIN, _LOGIT_MAX = 0.5, 0.3, 100.0


class BlazeFace:
    """The tflite of the mediapipe wheel, for faces within 2 m: below a tenth of the picture it sees few.

    Its squares span brows to chin, tighter above than the annotated boxes.
    """

    def __init__(self, cache_dir: Path | None = None) -> None:
        """Raises InputError where the weights cannot be fetched."""
        path = fetch(MEDIAPIPE, cache_dir) / _MODEL
        with quiet_stderr():
            self._interpreter = Interpreter(model_path=str(path), num_threads=1)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = {out["name"]: out["index"] for out in self._interpreter.get_output_details()}
        self._anchors = anchors()

    def boxes(self, frame: Frame) -> Floats:
        square, scale, shift = letterbox(frame.pixels)
        rgb = square[None, :, :, ::-1] / np.float32(127.5) - np.float32(1)
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(rgb, np.float32))
        self._interpreter.invoke()
        raw = self._interpreter.get_tensor(self._outputs["regressors"])[0]
        logits = self._interpreter.get_tensor(self._outputs["classificators"])[0, :, 0].astype(np.float64)
        scores = (1 / (1 + np.exp(-np.clip(logits, -_LOGIT_MAX, _LOGIT_MAX)))).astype(np.float32)
        found = decode(raw[:, :4], self._anchors)
        blended = blend(found[scores >= _SCORE_MIN], scores[scores >= _SCORE_MIN])
        boxes: Floats = (blended - np.tile(shift, 2)) / scale
        return boxes


def anchors() -> Floats:
    """Centres ``(896, 2)`` of the anchors in px of the input, in the order of the outputs."""
    parts = []
    for cells, count in _GRIDS:
        middles = (np.arange(cells, dtype=np.float32) + np.float32(0.5)) * (_SIDE / cells)
        grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
        parts.append(np.repeat(grid, count, axis=0))
    return np.concatenate(parts).astype(np.float32)


def letterbox(pixels: Pixels) -> tuple[Pixels, float, Floats]:
    """The picture in the middle of a black input, its scale, and the ``(2,)`` px by which it was shifted."""
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    small = cv2.resize(
        pixels, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    top, left = (_SIDE - small.shape[0]) // 2, (_SIDE - small.shape[1]) // 2
    square = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square, scale, np.array([left, top], np.float32)


def decode(raw: Floats, centres: Floats) -> Floats:
    """Boxes of the raw ``(n, 4)``: centre from the anchor, width, height, all in px of the input."""
    middles, halves = raw[:, :2] + centres, raw[:, 2:] / 2
    return np.concatenate([middles - halves, middles + halves], axis=1)


def blend(boxes: Floats, scores: Floats) -> Floats:
    """MediaPipe's weighted suppression: boxes that overlap the best by 0.3 become their mean, weighted by score."""
    kept = []
    order = np.argsort(-scores, kind="stable")
    while order.size:
        near = iou(boxes[order[0]], boxes[order]) >= _OVERLAP_MIN
        near[0] = True  # also where the box has no area
        kept.append(np.average(boxes[order[near]], axis=0, weights=scores[order[near]]))
        order = order[~near]
    return np.asarray(kept, np.float32).reshape(-1, 4)

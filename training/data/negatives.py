"""Crops without a face: from photos without people, beside faces, inside faces, and what a cascade wrongly proposes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.config import DetectConfig
from edge.crops import Octaves, crop_windows
from edge.detect.cascade import Cascade
from edge.detect.decode import whole_squares
from edge.geometry import iou
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Floats, Frame, Pixels
from training.data.cascade_set import NEGATIVE_PX, NegativeKind, NegativeSet

IOU_MAX = 0.3  # with every face: what Zhang et al. 2016 call a negative
_SIDE_MIN_PX = 20.0
_OVER_THE_EDGE = 0.2  # of a window's side: the cascade's own windows reach beyond the picture too
_DRAWS = 8  # candidates for each window wanted, as some meet a face
_NO_FACES = np.zeros((0, 4), np.float32)
# Far below what the cascade works with, so that the pool holds what a weaker net would let through
_MINING = DetectConfig(min_face_px=24, pnet_score_min=0.25, rnet_score_min=0.05, fpnet_score_min=0.05)


def free_of(windows: Floats, faces: Floats) -> NDArray[np.bool_]:
    """Which ``windows`` (n, 4) overlap none of the ``faces`` (m, 4) by an IoU of 0.3."""
    free = np.ones(len(windows), np.bool_)
    for face in faces:
        free &= iou(face, windows) < IOU_MAX
    return free


def windows_outside(
    pixels: Pixels, faces: Floats, count: int, rng: np.random.Generator, side_min_px: float = _SIDE_MIN_PX
) -> Floats:
    """At most ``count`` square windows (n, 4) anywhere in the picture, of every size, none of them of ``faces``."""
    height, width = pixels.shape[:2]
    largest = max(min(height, width), side_min_px + 1)
    sides = np.exp(rng.uniform(np.log(side_min_px), np.log(largest), count * _DRAWS))
    low = -_OVER_THE_EDGE * sides
    lefts, tops = (low + rng.random(len(sides)) * (extent - sides - 2 * low) for extent in (width, height))
    return _first_free(np.stack([lefts, tops, lefts + sides, tops + sides], axis=1), faces, count)


def windows_inside(box: Floats, landmarks: Floats, faces: Floats, count: int, rng: np.random.Generator) -> Floats:
    """At most ``count`` square windows (n, 4) on parts of the face at ``box`` (4,): round a landmark of ``landmarks``
    (5, 2), anywhere inside, or showing half of it.
    """
    draws = count * _DRAWS
    side, centre = float((box[2:] - box[:2]).max()), (box[:2] + box[2:]) / 2
    on_point = landmarks[rng.integers(5, size=draws)] + rng.normal(0, 0.05 * side, (draws, 2))
    anywhere = box[:2] + rng.random((draws, 2)) * (box[2:] - box[:2])
    angles, kinds = rng.uniform(0, 2 * np.pi, draws), rng.integers(3, size=draws)
    half_off = centre + rng.uniform(0.45, 0.75, (draws, 1)) * side * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centres = np.choose(kinds[:, None], [on_point, anywhere, half_off])
    sides = side * np.where(kinds == 2, rng.uniform(0.7, 1.2, draws), rng.uniform(0.18, 0.5, draws))[:, None]
    return _first_free(np.concatenate([centres - sides / 2, centres + sides / 2], axis=1), faces, count)


def _first_free(windows: NDArray[np.floating], faces: Floats, count: int) -> Floats:
    squares = whole_squares(windows.astype(np.float32))
    return np.asarray(squares[free_of(squares, faces)][:count], np.float32)


class Miner:
    """What the cascade of a manifest sees where there is no face. Not for several threads at once."""

    def __init__(self, models: Path = MODELS_DIR) -> None:
        """Raises ModelError."""
        self._cascade = Cascade(ModelStore(models), _MINING)

    def windows(self, frame: Frame, faces: Floats, count: int, rng: np.random.Generator) -> Floats:
        """At most ``count`` square windows (n, 4): half those that FPNet, then R-Net believes most, else P-Net's."""
        octaves = Octaves(frame.pixels)
        proposals = self._cascade.propose(octaves)
        refined = self._cascade.refine(octaves, proposals).boxes
        decided = self._cascade.follow(frame, refined, _MINING.fpnet_score_min).boxes
        believed = _first_free(np.concatenate([decided, refined]), faces, count // 2)
        proposed = _first_free(rng.permutation(proposals.boxes, axis=0), faces, count - len(believed))
        return np.concatenate([believed, proposed])


def cut(pixels: Pixels, windows: Sequence[tuple[NegativeKind, Floats]]) -> NegativeSet:
    """The crops of ``windows``, a list of kinds with their square windows (n, 4) in whole pixels."""
    boxes = np.concatenate([_NO_FACES, *(part for _, part in windows)])
    kinds = [np.full(len(part), kind, np.int64) for kind, part in windows]
    return NegativeSet(crop_windows(pixels, boxes, NEGATIVE_PX), np.concatenate([np.zeros(0, np.int64), *kinds]))

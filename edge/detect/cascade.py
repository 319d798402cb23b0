"""The cascade: P-Net proposes, R-Net refines, FPNet decides, points and turns (Zhang et al. 2016, with a 6D rotation).

Three ways in: ``detect`` searches a whole frame, ``follow`` looks only where faces just were, and ``level`` looks a
second time at one face turned upright, which is what makes its landmarks good enough to verify with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config import DetectConfig
from edge.crops import AVERAGED, QUICK, Octaves, Sampling, crop_windows, octaves_for, warp
from edge.detect.decode import Candidates, agreed, calibrate, faces_from, landmarks_px, select, whole_squares
from edge.detect.pyramid import Cells, Pyramid, cells_of, plan
from edge.geometry import invert_affine, longer_sides, nms, rotation_from_6d, tilt_deg, transform_points, turn_in_plane
from edge.runtime.litert import Model, ModelStore, Runnable
from edge.types import Face, Faces, Floats, Frame, Pixels

_RNET_PX, _FPNET_PX = 24, 48
_RNET_BATCHES, _FPNET_BATCHES = (8, 16), (1,)  # a face or two is the rule; each size costs its own memory
_PROPOSALS_OVERLAP_MAX = 0.5
_NEIGHBOURS = np.ones((3, 3), np.uint8)
# What a score is raised by for its surroundings': an int8 score is level about a face, whose middle is meant.
_SURROUNDINGS = ((3, 1e-3), (5, 1e-4))  # cells, share
# FPNet's first look has to reach the first for a second one: most of what is no face gets none. What two looks leave
# between them gets a third.
_DOUBT_MIN, _DOUBT_MAX = 0.3, 0.985
_WIDER = 1.2  # the third look's square over the box's: with more about it, it is more of another picture
# Profiles score low with P-Net, and so does clutter: the best of the doubtful go on too, 4 of them, or as many as fill
# R-Net's batch of 16; so a full room costs little more than an empty one.
_SURE_SCORE, _DOUBTFUL_MIN, _PROPOSALS_WANTED = 0.6, 4, 16
_DOUBTFUL_MAX = 64  # before suppression, which mostly leaves more of them than are wanted
_PROPOSALS_MAX = 300  # a crowd has fewer; noise at night may have thousands


class Cascade:
    """P-Net, R-Net and FPNet with their interpreters. Not for use by two threads at once."""

    def __init__(self, store: ModelStore, config: DetectConfig) -> None:
        """Loads R-Net and FPNet now, P-Net for each frame size on first use. Raises ModelError."""
        self._store, self._config = store, config
        self._pnet_now: Model | None = None
        self._rnet = store.open_batched("rnet", _RNET_BATCHES)
        self._fpnet = store.open_batched("fpnet", _FPNET_BATCHES)

    def detect(self, frame: Frame) -> Faces:
        """Every face of at least ``min_face_px`` in the frame, best score first."""
        octaves = Octaves(frame.pixels)
        # 1. P-Net slides over the pyramid and proposes windows.
        proposals = self.propose(octaves)
        # 2. R-Net throws out most of them and moves the edges of the rest.
        refined = self.refine(octaves, proposals)
        # 3. FPNet moves the edges again, and throws out what is surely no face.
        worth_a_look = min(self._config.fpnet_score_min, _DOUBT_MIN)
        first = _stage(self._fpnet, octaves, refined.boxes, _FPNET_PX, worth_a_look, over_smaller=True)
        # 4. It looks again where it found one, and gives landmarks and head rotation.
        found = self._decide(octaves, first.found.boxes, worth_a_look, first.found.scores)
        # 5. Where both looks leave a doubt it looks a third time, and decides by all of them.
        return self._settle(frame, found)

    def propose(self, octaves: Octaves) -> Candidates:
        """P-Net's share of ``detect``: at most 300 windows that may hold a face, mostly no more than 16; best first."""
        height, width = octaves.image(1).shape[:2]
        pyramid = plan(width, height, self._config.min_face_px, self._config.scale_step)
        outputs, cells = self._pnet(pyramid).run(pyramid.paint(octaves)[None]), cells_of(pyramid)
        rows, scores = _peaks(outputs["score"][0, ..., 0], cells, self._config.pnet_score_min)
        offsets = outputs["box"].reshape(-1, 4)[cells.places[rows]]
        boxes = calibrate(cells.windows[rows], offsets)
        # One limit within and across levels: a second look of R-Net at the same place finds no face more.
        best = np.argsort(-scores, kind="stable")[: int((scores >= _SURE_SCORE).sum()) + _DOUBTFUL_MAX]
        kept = best[nms(boxes[best], scores[best], _PROPOSALS_OVERLAP_MAX)]
        sure = int((scores[kept] >= _SURE_SCORE).sum())
        kept = kept[: min(max(sure + _DOUBTFUL_MIN, _PROPOSALS_WANTED), _PROPOSALS_MAX)]
        return Candidates(boxes[kept], scores[kept], kept)

    def refine(self, octaves: Octaves, proposals: Candidates) -> Candidates:
        """R-Net's share of ``detect``: those of the ``proposals`` that it believes in, moved. Training mines them."""
        few = len(proposals.boxes) <= _RNET_BATCHES[0]  # as in a picture little larger than a face: FPNet can see all
        score_min = 0.0 if few else self._config.rnet_score_min
        return _stage(self._rnet, octaves, proposals.boxes, _RNET_PX, score_min, sampling=QUICK).found

    def follow(self, frame: Frame, boxes: Floats, score_min: float) -> Faces:
        """The faces found by FPNet alone at ``boxes`` (n, 4; made square), best score first."""
        return self._decide(frame.pixels, boxes, score_min)

    def _decide(self, source: Pixels | Octaves, boxes: Floats, score_min: float, before: Floats | None = None) -> Faces:
        stage = _stage(self._fpnet, source, boxes, _FPNET_PX, score_min, over_smaller=True, before=before)
        return faces_from(stage.found, stage.windows, stage.outputs)

    def _settle(self, frame: Frame, faces: Faces) -> Faces:
        """Those of ``faces``, scored by two looks, that are faces by a third one at the doubtful, turned upright,
        mirrored and wider: as much another picture of the same face as one can be had. Best score first.
        """
        scores = faces.scores.copy()
        for row in np.flatnonzero(scores < _DOUBT_MAX).tolist():
            upright, _, _ = self._look_upright(frame, faces[row], _WIDER, mirrored=True)
            scores[row] = agreed(scores[row : row + 1], upright["score"][0], looks=2)[0]
        order = np.argsort(-scores, kind="stable")
        return replace(faces, scores=scores).take(order[scores[order] >= self._config.fpnet_score_min])

    def _look_upright(
        self, frame: Frame, face: Face, margin: float = 1.0, *, mirrored: bool = False
    ) -> tuple[dict[str, Floats], Floats, float]:
        """What FPNet says of the face with its roll taken out, the transform (2, 3) to what it saw, and that roll.

        ``margin``: the side of the square that it sees, over the face's longer side.
        """
        roll_deg = tilt_deg(face.rotation)
        matrix = _upright(face, roll_deg, margin)
        crop = warp(frame.pixels, matrix, _FPNET_PX)
        return self._fpnet.run((np.ascontiguousarray(crop[:, ::-1]) if mirrored else crop)[None]), matrix, roll_deg

    def level(self, frame: Frame, face: Face) -> Face:
        """The face with landmarks and rotation from a second look at it turned upright; box and score stay."""
        outputs, matrix, roll_deg = self._look_upright(frame, face)
        inner = landmarks_px(np.array([[0, 0, _FPNET_PX, _FPNET_PX]], np.float32), outputs["landmarks"])[0]
        rotation = turn_in_plane(rotation_from_6d(outputs["rot6d"])[0], roll_deg)
        return replace(face, landmarks=transform_points(inner, invert_affine(matrix)), rotation=rotation)

    def _pnet(self, pyramid: Pyramid) -> Model:
        """P-Net at the canvas of this frame size. A camera has one size; one interpreter is kept."""
        wanted = (1, pyramid.height, pyramid.width, 3)
        if self._pnet_now is None or self._pnet_now.shape != wanted:
            self._pnet_now = None  # before the next one is made: two need not fit into memory
            self._pnet_now = self._store.open("pnet", height=pyramid.height, width=pyramid.width)
        return self._pnet_now


def _peaks(scores: Floats, cells: Cells, score_min: float) -> tuple[NDArray[np.intp], Floats]:
    """Which ``cells`` score at least ``score_min`` and rank no lower than their eight neighbours on the map ``scores``,
    and what ranks them: the score, raised by 0.0011 at most.

    A neighbour's window overlaps by 0.7: suppression, which costs far more a window, would leave only one of them.
    """
    own = np.zeros_like(scores)  # what lies between two levels counts for neither
    own.ravel()[cells.places] = scores.ravel()[cells.places]
    ranked = own.copy()
    for side, share in _SURROUNDINGS:
        ranked += np.float32(share) * np.asarray(cv2.blur(own, (side, side), borderType=cv2.BORDER_CONSTANT))
    highest = np.asarray(cv2.dilate(ranked, _NEIGHBOURS))
    top = (own >= score_min) & (ranked >= highest)
    rows = np.flatnonzero(top.ravel()[cells.places])
    return rows, ranked.ravel()[cells.places[rows]]


@dataclass(frozen=True, slots=True)
class _Stage:
    """What a stage looked at (``windows``), what its net said, and what it ``found``."""

    windows: Floats
    outputs: dict[str, Floats]
    found: Candidates


def _stage(
    model: Runnable,
    source: Pixels | Octaves,
    boxes: Floats,
    size: int,
    score_min: float,
    *,
    over_smaller: bool = False,
    before: Floats | None = None,
    sampling: Sampling = AVERAGED,
) -> _Stage:
    """One stage after the first: cut squares about the boxes out, run the net, keep what it believes in.

    ``before`` (n,): the scores of an earlier look at the same boxes, which count as much as this one's.
    """
    factors = octaves_for(longer_sides(boxes), size, sampling)
    windows = whole_squares(boxes, factors)
    outputs = model.run(crop_windows(source, windows, size, factors, sampling))
    scores = outputs["score"][:, 0] if before is None else agreed(before, outputs["score"][:, 0])
    found = select(windows, scores, outputs["box"], score_min, 0.7, over_smaller=over_smaller)
    return _Stage(windows, outputs, found)


def _upright(face: Face, roll_deg: float, margin: float) -> Floats:
    """The (2, 3) transform from the frame to FPNet's input: the face's square, ``margin`` times as large, upright."""
    centre = (face.box[:2] + face.box[2:]) / 2
    scale = _FPNET_PX / max(float((face.box[2:] - face.box[:2]).max()) * margin, 1.0)
    angle = np.radians(-roll_deg)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    shift = _FPNET_PX / 2 - linear @ centre
    return np.column_stack([linear, shift]).astype(np.float32)

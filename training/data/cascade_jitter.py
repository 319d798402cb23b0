"""Crops as the cascade might cut them, with the labels that follow: windows, in-plane turns and mirror images.

All nets are fed from 48 px crops, shrunk by area to a net's own side as the device does it; only for a net with a
larger side they are cut at that side.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.geometry import mirror_rotation
from edge.types import Floats, Pixels
from training.cascade_recipe import WindowPart
from training.data.cascade_set import FaceSet

CROP_PX = 48
MIRRORED = [1, 0, 2, 4, 3]  # which landmark is at each place of the mirrored face


@dataclass(frozen=True, slots=True)
class Windows:
    """What is cut out of n patches: ``centres`` (n, 2) and ``sides`` (n,) in patch px; how far the picture is turned,
    ``clockwise_deg`` (n,); whether the crop is ``mirrored`` (n,) at last.
    """

    centres: Floats
    sides: Floats
    clockwise_deg: Floats
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.sides)


@dataclass(frozen=True, slots=True)
class Labels:
    """Of n crops, in shares of the crop's side: ``boxes`` (n, 4), ``landmarks`` (n, 5, 2); ``rotations`` (n, 3, 3);
    ``overlaps`` (n,): IoU of the crop with the square about the face's box.
    """

    boxes: Floats
    landmarks: Floats
    rotations: Floats
    overlaps: Floats


def draw_windows(faces: FaceSet, part: WindowPart, roll_sigma_deg: float, rng: np.random.Generator) -> Windows:
    """A random window for each face, about the square of its turned box."""
    n = len(faces)
    turns = rng.normal(0, roll_sigma_deg, n).astype(np.float32)
    centres, sizes = turned_boxes(faces.boxes, turns)
    scales = np.exp(rng.uniform(np.log(part.scale_min), np.log(part.scale_max), n))
    sides = (sizes.max(axis=1) * scales).astype(np.float32)
    shifts = rng.uniform(-part.shift_max, part.shift_max, (n, 2)) * sides[:, None]
    # The shift is along the crop's axes: turn it back into the patch, where the window leans the other way.
    shifted = centres + np.einsum("nij,nj->ni", _turns(-turns), shifts)
    return Windows(shifted.astype(np.float32), sides, turns, rng.random(n) < 0.5)


def turned_boxes(boxes: Floats, clockwise_deg: Floats) -> tuple[Floats, Floats]:
    """Centres (n, 2), unmoved, and sizes (n, 2) of the boxes of faces turned about them.

    A face is an ellipse in its box: the corners of the box are not part of it, and are not to make the new box grow.
    """
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    spread = np.abs(_turns(clockwise_deg)) ** 2 @ (sizes**2)[:, :, None]
    return centres.astype(np.float32), np.sqrt(spread[:, :, 0]).astype(np.float32)


def _turns(clockwise_deg: Floats) -> Floats:
    """(n, 2, 2): y points down, so that these turn clockwise."""
    angles = np.radians(clockwise_deg.astype(np.float64))
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1).astype(np.float32)


def cut(patches: Pixels, windows: Windows, side_px: int = CROP_PX) -> Pixels:
    """Crops (n, side, side, 3) of patches (n, 96, 96, 3); what lies beyond a patch repeats its edge. ``side_px``: of
    the net that sees them; the crops are 48 px or more.
    """
    px = max(CROP_PX, side_px)
    linear = _turns(windows.clockwise_deg) * (px / windows.sides)[:, None, None]
    # warpAffine counts from the centres of pixels, labels from the corner of the first one
    middles = windows.centres[:, :, None] - 0.5
    shift = (px - 1) / 2 - (linear @ middles)[:, :, 0]
    crops = np.empty((len(windows), px, px, 3), np.uint8)
    for row, patch in enumerate(patches):
        matrix = np.column_stack([linear[row], shift[row]])
        cv2.warpAffine(patch, matrix, (px, px), dst=crops[row], borderMode=cv2.BORDER_REPLICATE)
    crops[windows.mirrored] = crops[windows.mirrored, :, ::-1]
    return crops


def follow(faces: FaceSet, windows: Windows) -> Labels:
    """The labels of what ``cut`` shows."""
    turns = _turns(windows.clockwise_deg)
    scale = 1 / windows.sides[:, None]
    centres, sizes = turned_boxes(faces.boxes, windows.clockwise_deg)
    middle = np.einsum("nij,nj->ni", turns, centres - windows.centres) * scale + 0.5
    half = sizes * scale / 2
    points = np.einsum("nij,nkj->nki", turns, faces.landmarks - windows.centres[:, None]) * scale[:, None] + 0.5
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    rotations = _turned_rotations(faces.rotations, turns)
    side = half.max(axis=1)
    overlaps = _square_iou(middle, side)
    flipped = windows.mirrored
    boxes[flipped] = boxes[flipped][:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [1, 0, 1, 0]
    points[flipped] = points[flipped][:, MIRRORED] * [-1, 1] + [1, 0]
    rotations[flipped] = mirror_rotation(rotations[flipped])
    return Labels(boxes.astype(np.float32), points.astype(np.float32), rotations, overlaps)


def _turned_rotations(rotations: Floats, turns: Floats) -> Floats:
    """As edge.geometry.turn_in_plane, for many. In head coordinates y points up: the picture's turn is transposed."""
    turned = rotations.copy()
    turned[:, :2] = turns.transpose(0, 2, 1) @ rotations[:, :2]
    return turned


def _square_iou(middle: Floats, half: Floats) -> Floats:
    """IoU (n,) of the unit square with the squares about ``middle`` (n, 2) of side 2 ``half`` (n,)."""
    sides = np.minimum(middle + half[:, None], 1) - np.maximum(middle - half[:, None], 0)
    shared = np.prod(np.maximum(sides, 0), axis=1)
    overlaps: Floats = (shared / (1 + (2 * half) ** 2 - shared)).astype(np.float32)
    return overlaps


def shrink(crops: Pixels, side_px: int) -> Pixels:
    """Crops at the side that a net sees, averaged by area as the device does it."""
    if side_px == crops.shape[1]:
        return crops
    small = [cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA) for crop in crops]
    return np.stack(small).astype(np.uint8, copy=False)


def whole(n: int, side_px: int) -> Windows:
    """n windows that show the whole of square patches of ``side_px``, as they are."""
    still = np.zeros(n, np.float32)
    return Windows(np.full((n, 2), side_px / 2, np.float32), still + side_px, still, np.zeros(n, np.bool_))

"""Many looks of YuNet at one face: their geometry with made-up detections, how steady they are on a photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.crops import warp
from edge.errors import InputError
from edge.geometry import transform_points
from edge.images import read_image
from edge.types import Floats, Pixels
from training.teachers.yunet import Detections, YuNet

BOX = np.array([70, 50, 130, 130], np.float32)
POINTS = np.array([[83, 75], [115, 77], [97, 93], [88, 110], [112, 111]], np.float32)


class DotFinder(YuNet):
    """Finds the five white dots of a drawn face instead of a face, in every ``sees``-th picture only."""

    def __init__(self, sees: int = 1) -> None:
        self._sees, self._looks, self.places = sees, 0, set[tuple[int, ...]]()

    def detect(self, bgr: Pixels) -> Detections:
        self._looks += 1
        if self._looks % self._sees:
            return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
        ys, xs = np.nonzero(bgr.max(axis=2) > 60)
        spots = np.stack([xs, ys], axis=1).astype(np.float32) + 0.5
        # 1. Split at the widest gaps between rows: eyes, nose, mouth.
        levels = np.unique(spots[:, 1])
        gaps = np.sort(np.argsort(np.diff(levels))[-2:])
        rows = np.digitize(spots[:, 1], [levels[gap] + 0.6 for gap in gaps])
        # 2. The eyes and the corners of the mouth lie left and right of the middle.
        middle = (spots[:, 0].min() + spots[:, 0].max()) / 2
        left = spots[:, 0] < middle
        parts = [(rows == 0) & left, (rows == 0) & ~left, rows == 1, (rows == 2) & left, (rows == 2) & ~left]
        found = np.stack([spots[part].mean(axis=0) for part in parts])
        self.places.add(tuple((found.mean(axis=0) % 32).astype(int).tolist()))
        box = np.concatenate([found.min(axis=0) - 10, found.max(axis=0) + 10])
        return Detections(box[None], np.ones(1, np.float32), found[None])


def drawn_face() -> Pixels:
    picture = np.zeros((180, 200, 3), np.uint8)
    for x, y in POINTS.astype(int):
        picture[y - 3 : y + 3, x - 3 : x + 3] = 255
    return picture


def test_looks_of_any_size_place_and_side_give_the_same_points() -> None:
    finder = DotFinder()
    np.testing.assert_allclose(finder.steady(drawn_face(), BOX, np.zeros((5, 2), np.float32)), POINTS, atol=0.3)
    # Of the 8 px between YuNet's finest places, no quarter goes without
    assert {x % 8 // 2 for x, _ in finder.places} == {y % 8 // 2 for _, y in finder.places} == {0, 1, 2, 3}


def test_a_face_that_few_looks_see_keeps_the_points_it_had() -> None:
    once = POINTS + np.float32(2)
    assert DotFinder(sees=2).steady(drawn_face(), BOX, once) is once


def test_the_mean_of_many_looks_moves_with_the_face_where_one_look_wavers(clips_dir: Path) -> None:
    try:
        yunet = YuNet()
    except InputError as error:
        pytest.skip(str(error))
    photo = read_image(clips_dir / "single_face.jpg").pixels
    one, many = [], []
    for shift in (0.0, 5.0, 11.0):
        matrix = np.array([[0.4, 0, shift], [0, 0.4, shift / 2]], np.float32)
        shown = warp(photo, matrix, round(0.4 * max(photo.shape[:2])) + 16)
        found = yunet.detect(shown)
        row = found.largest()
        back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2].astype(np.float32)
        one.append(transform_points(found.landmarks[row], back))
        many.append(transform_points(yunet.steady(shown, found.boxes[row], found.landmarks[row]), back))
    assert wavering(many) < 0.5 * wavering(one)


def wavering(looks: list[Floats]) -> float:
    """How far the points (5, 2) of several looks are from their mean, over the distance of the eyes."""
    middle = np.mean(looks, axis=0)
    return float(np.linalg.norm(np.stack(looks) - middle, axis=2).mean() / np.linalg.norm(middle[0] - middle[1]))

"""The peers: BlazeFace's decoding by hand, and each of them on one drawn face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import InputError
from edge.geometry import iou
from edge.portrait import portrait
from edge.runtime.litert import ModelStore
from edge.types import Frame
from training.evaluate.detection import VIEWS, Figures, measure, table
from training.evaluate.posed_photos import best_box
from training.peers.blazeface import BlazeFace, anchors, blend, decode, letterbox
from training.peers.haar import Haar
from training.peers.mtcnn import ImportedMtcnn, ported
from training.peers.table import Peer
from training.peers.yunet import YuNetPeer

DRAWN = np.array([248, 130, 392, 322], np.float32)  # brows and chin as the eye sees them, a quarter of it above


def test_the_anchors_are_the_middles_of_both_grids_row_by_row() -> None:
    centres = anchors()
    assert centres.shape == (896, 2)
    assert centres[[0, 1, 2, 32]].tolist() == [[4, 4], [4, 4], [12, 4], [4, 12]]
    assert centres[[512, 517, 518, 895]].tolist() == [[8, 8], [8, 8], [24, 8], [120, 120]]


def test_a_wide_picture_lies_in_the_middle_of_the_square() -> None:
    square, scale, shift = letterbox(np.full((60, 256, 3), 200, np.uint8))
    assert (scale, shift.tolist()) == (0.5, [0, 49])
    assert square[48].max() == 0
    assert square[49:79].min() == 200


def test_a_box_is_its_anchor_moved() -> None:
    assert decode(np.array([[2, -4, 20, 10]], np.float32), np.array([[60, 60]], np.float32)).tolist() == [
        [52, 51, 72, 61]
    ]


def test_overlapping_boxes_become_their_weighted_mean() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60], [3, 0, 13, 10]], np.float32)
    mixed = blend(boxes, np.array([0.9, 0.7, 0.6], np.float32))
    assert mixed.ravel().tolist() == pytest.approx([1.2, 0, 11.2, 10, 50, 50, 60, 60], rel=1e-5)
    assert blend(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)).shape == (0, 4)


def test_a_missing_haar_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"haarcascade_frontalface_default\.xml: expected OpenCV's cascade file"):
        Haar(tmp_path)


@pytest.mark.parametrize(
    "make", [YuNetPeer, BlazeFace, Haar, pytest.param(ImportedMtcnn, marks=pytest.mark.slow)], ids=lambda c: c.__name__
)
def test_every_peer_finds_the_drawn_face_alone(make: Callable[[], Peer]) -> None:
    try:
        peer = make()
    except InputError as error:
        pytest.skip(str(error))
    boxes = peer.boxes(Frame(portrait(), 0.0))
    assert boxes.dtype == np.float32
    assert boxes.shape == (1, 4)
    assert iou(DRAWN, boxes)[0] > 0.5
    assert peer.boxes(Frame(np.full((200, 300, 3), 90, np.uint8), 0.0)).shape == (0, 4)


@pytest.mark.slow
def test_the_imported_net_turns_no_face(tmp_path: Path) -> None:
    """A rotation drawn at random would turn what the cascade looks at again: one port found faces, the next none."""
    try:
        cascade = Cascade(ModelStore(ported(tmp_path)), DetectConfig())
    except InputError as error:
        pytest.skip(str(error))
    face = cascade.follow(Frame(portrait(), 0.0), DRAWN[None], 0.0)[0]
    np.testing.assert_allclose(face.rotation, np.eye(3), atol=1e-6)


def test_a_box_matches_by_overlap_alone() -> None:
    boxes = np.array([[0, 0, 10, 20], [1, 0, 11, 10]], np.float32)
    assert best_box(boxes, np.array([0, 0, 10, 10], np.float32), 0.4) == 1
    assert best_box(boxes[:0], DRAWN, 0.0) is None


def test_each_view_shows_what_its_box_names() -> None:
    """A bright box on black: where it is bright in a view is where that view's box says."""
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[40:100, 20:90] = 255
    assert len(VIEWS) == 4
    for view in VIEWS:
        shown = view.of(pixels)
        rows, columns = np.nonzero(shown[..., 0] > 127)
        bright = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(view.box(np.array([20, 40, 90, 100], np.float32), shown.shape[1]), bright, atol=1)


def test_false_positives_are_counted_over_all_views() -> None:
    frames = [Frame(np.zeros((60, 60, 3), np.uint8), 0.0)]
    widths = iter([1, 0, 2, 0])
    assert measure(lambda _: np.zeros((next(widths), 4), np.float32), [], frames, VIEWS) == Figures(None, None, 0.75)


def test_false_positives_are_counted_an_image_and_the_table_is_aligned() -> None:
    frames = [Frame(np.zeros((48, 48, 3), np.uint8), 0.0)] * 4
    figures = measure(lambda _: np.zeros((3, 4), np.float32), [], frames)
    assert figures == Figures(None, None, 3.0)
    lines = table({"vigil": Figures(0.9812, 0.9, 0.0), "haar": figures}).splitlines()
    assert lines[2].split() == ["|", "vigil", "|", "0.9812", "|", "0.9000", "|", "0.0000", "|"]
    assert len({len(line) for line in lines}) == 1

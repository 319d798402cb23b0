"""Decoding a stage's outputs: offsets, squares, landmarks, and what is kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.detect.decode import agreed, calibrate, faces_from, landmarks_px, select, whole_squares
from edge.geometry import rotation_from_euler, sixd_from_rotation

WINDOW = np.array([[10, 20, 50, 60]], np.float32)
BOXES = arrays(np.float32, (5, 2), elements=st.floats(-50, 500, width=32))


def test_offsets_are_shares_of_the_window() -> None:
    moved = calibrate(WINDOW, np.array([[0.25, -0.5, 0.0, 0.1]], np.float32))
    np.testing.assert_allclose(moved, [[20, 0, 50, 64]])


def test_windows_below_the_score_are_dropped_and_overlaps_merge() -> None:
    windows = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [100, 100, 110, 110]], np.float32)
    found = select(windows, np.array([0.8, 0.9, 0.3], np.float32), np.zeros((3, 4), np.float32), 0.5, 0.5)
    assert found.rows.tolist() == [1]
    assert found.scores.tolist() == pytest.approx([0.9])


def test_a_score_at_the_limit_is_kept() -> None:
    found = select(WINDOW, np.array([0.5], np.float32), np.zeros((1, 4), np.float32), 0.5, 0.5)
    assert len(found.boxes) == 1


def test_nothing_in_nothing_out() -> None:
    empty = select(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 4), np.float32), 0.5, 0.5)
    faces = faces_from(
        empty, empty.boxes, {"rot6d": np.zeros((0, 6), np.float32), "landmarks": np.zeros((0, 10), np.float32)}
    )
    assert len(faces) == 0
    assert faces.landmarks.shape == (0, 5, 2)


@given(BOXES, arrays(np.float32, (5, 2), elements=st.floats(1, 300, width=32)))
def test_squares_are_whole_square_and_about_the_same_centre(corner: np.ndarray, sides: np.ndarray) -> None:
    boxes = np.concatenate([corner, corner + sides], axis=1)
    squares = whole_squares(boxes)
    np.testing.assert_array_equal(squares, np.rint(squares))
    np.testing.assert_array_equal(squares[:, 2] - squares[:, 0], squares[:, 3] - squares[:, 1])
    centres = (squares[:, :2] + squares[:, 2:]) / 2 - (boxes[:, :2] + boxes[:, 2:]) / 2
    assert np.abs(centres).max() <= 1.01


@given(BOXES, arrays(np.float32, (5, 2), elements=st.floats(1, 300, width=32)), st.sampled_from([1, 2, 4, 8]))
def test_squares_can_be_put_on_a_coarser_grid(corner: np.ndarray, sides: np.ndarray, step: int) -> None:
    boxes = np.concatenate([corner, corner + sides], axis=1)
    squares = whole_squares(boxes, np.full(5, step))
    np.testing.assert_array_equal(squares % step, 0)
    np.testing.assert_array_equal(squares[:, 2] - squares[:, 0], squares[:, 3] - squares[:, 1])
    assert (squares[:, 2] - squares[:, 0]).min() >= step
    centres = (squares[:, :2] + squares[:, 2:]) / 2 - (boxes[:, :2] + boxes[:, 2:]) / 2
    assert np.abs(centres).max() <= 1.01 * step


def test_landmarks_and_rotation_come_from_the_window_that_was_kept() -> None:
    windows = np.array([[0, 0, 48, 48], [100, 50, 196, 146]], np.float32)
    rotation = rotation_from_euler(20, -10, 5)
    outputs = {
        "score": np.array([[0.1], [0.9]], np.float32),
        "box": np.zeros((2, 4), np.float32),
        "rot6d": np.concatenate([np.eye(3, dtype=np.float32)[:2].reshape(1, 6), sixd_from_rotation(rotation[None])]),
        "landmarks": np.tile(np.array([0.25, 0.5], np.float32), (2, 5)),
    }
    found = select(windows, outputs["score"][:, 0], outputs["box"], 0.7, 0.7)
    face = faces_from(found, windows, outputs)[0]
    np.testing.assert_allclose(face.landmarks, np.tile([124, 98], (5, 1)))
    np.testing.assert_allclose(face.rotation, rotation, atol=1e-6)
    np.testing.assert_allclose(landmarks_px(windows[1:], outputs["landmarks"][1:])[0], face.landmarks)


def test_looks_agree_at_the_geometric_mean_of_their_odds() -> None:
    """Odds of 9 and 1 make 3; three looks at odds of 1, 1 and 8 make 2, in whatever order two of them were joined."""
    ninety, even, eight = (np.array([share], np.float32) for share in (0.9, 0.5, 8 / 9))
    assert agreed(ninety, even)[0] == pytest.approx(0.75)
    assert agreed(agreed(even, even), eight, looks=2)[0] == pytest.approx(2 / 3)
    assert agreed(agreed(eight, even), even, looks=2)[0] == pytest.approx(2 / 3)


def test_no_look_is_certain() -> None:
    sure, never = np.ones(1, np.float32), np.zeros(1, np.float32)
    assert agreed(sure, never)[0] == pytest.approx(0.5)
    assert 0 < agreed(never, never)[0] < agreed(sure, sure)[0] < 1

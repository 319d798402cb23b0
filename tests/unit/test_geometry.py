"""Geometry's conventions, each by an example that a person can check by eye."""

from __future__ import annotations

import numpy as np
import pytest

from edge import geometry
from edge.geometry import (
    euler_from_rotation,
    iou,
    nms,
    rotation_from_euler,
    similarity_transform,
    transform_points,
    turn_in_plane,
)


def nose(yaw: float = 0, pitch: float = 0, roll: float = 0) -> tuple[float, float, float]:
    """Where the nose points: x to image right, y up, z to the camera."""
    x, y, z = rotation_from_euler(yaw, pitch, roll)[:, 2]
    return float(x), float(y), float(z)


def test_a_head_without_rotation_looks_into_the_camera() -> None:
    assert nose() == (0, 0, 1)


def test_positive_yaw_turns_the_nose_to_image_left() -> None:
    assert nose(yaw=90) == pytest.approx((-1, 0, 0), abs=1e-6)


def test_positive_pitch_turns_the_nose_up() -> None:
    assert nose(pitch=90) == pytest.approx((0, 1, 0), abs=1e-6)


def test_positive_roll_turns_the_crown_clockwise_to_image_right() -> None:
    crown = rotation_from_euler(0, 0, 90)[:, 1]
    np.testing.assert_allclose(crown, (1, 0, 0), atol=1e-6)


def test_turning_the_image_clockwise_adds_to_roll() -> None:
    turned = turn_in_plane(rotation_from_euler(0, 0, 10), 25)
    assert euler_from_rotation(turned) == pytest.approx((0, 0, 35), abs=1e-3)


def test_boxes_that_share_a_third_of_their_union() -> None:
    one = np.array([0, 0, 2, 2], np.float32)
    many = np.array([[1, 0, 3, 2], [2, 0, 4, 2], [5, 5, 6, 6]], np.float32)
    assert iou(one, many).tolist() == pytest.approx([1 / 3, 0, 0])


def test_a_box_inside_another_goes_only_when_divided_by_the_smaller() -> None:
    boxes = np.array([[0, 0, 10, 10], [4, 4, 6, 6]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    assert nms(boxes, scores, 0.7).tolist() == [0, 1]
    assert nms(boxes, scores, 0.7, over_smaller=True).tolist() == [0]


def test_of_equal_boxes_with_equal_scores_the_earlier_is_kept() -> None:
    boxes = np.tile(np.array([0, 0, 10, 10], np.float32), (4, 1))
    assert nms(boxes, np.full(4, 0.5, np.float32), 0.5).tolist() == [0]


def test_no_boxes_leave_no_boxes() -> None:
    assert nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).shape == (0,)


def test_an_image_turned_a_quarter_clockwise_and_doubled() -> None:
    source = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    target = np.array([[5, 5], [5, 7], [3, 5]], np.float32)
    matrix = similarity_transform(source, target)
    np.testing.assert_allclose(matrix, [[0, -2, 5], [2, 0, 5]], atol=1e-6)
    np.testing.assert_allclose(transform_points(source, matrix), target, atol=1e-6)


def test_a_mirrored_target_is_fitted_without_a_reflection() -> None:
    source = np.array([[0, 0], [2, 0], [0, 1]], np.float32)
    matrix = similarity_transform(source, source * np.array([-1, 1], np.float32))
    assert np.linalg.det(matrix[:, :2]) >= 0


def test_source_points_that_coincide_are_refused() -> None:
    with pytest.raises(ValueError, match="expected distinct source points"):
        similarity_transform(np.ones((5, 2), np.float32), np.eye(5, 2, dtype=np.float32))


def test_geometry_needs_numpy_alone() -> None:
    """The policies and the training code lean on it: it must stay free of OpenCV and of I/O."""
    assert not {"cv2", "os", "io", "time"} & set(vars(geometry))

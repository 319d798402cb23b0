"""Geometry over whole ranges of input: round trips, invariants, and what degenerate input turns into."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.geometry import (
    Floats,
    box_area,
    euler_from_rotation,
    geodesic_deg,
    invert_affine,
    iou,
    mirror_rotation,
    nms,
    rotation_from_6d,
    rotation_from_euler,
    similarity_transform,
    sixd_from_rotation,
    square_boxes,
    transform_points,
    turn_in_plane,
)

angles = st.floats(-179, 179)
yaws = st.floats(-89, 89)
pixels = st.floats(-2000, 2000, width=32)
shares = st.floats(0, 1, width=32)
rotations = st.builds(rotation_from_euler, yaws, angles, angles)
points = arrays(np.float32, st.tuples(st.integers(2, 12), st.just(2)), elements=pixels)


@st.composite
def boxes(draw: st.DrawFn, *, least: int = 0) -> Floats:
    """(n, 4) boxes with sides of 1 px and more."""
    count = draw(st.integers(least, 12))
    corners = draw(arrays(np.float32, (count, 2), elements=pixels))
    sides = draw(arrays(np.float32, (count, 2), elements=st.floats(1, 500, width=32)))
    return np.concatenate([corners, corners + sides], axis=1).astype(np.float32)


@st.composite
def scored_boxes(draw: st.DrawFn) -> tuple[Floats, Floats]:
    found = draw(boxes())
    return found, draw(arrays(np.float32, len(found), elements=shares))


@st.composite
def similarities(draw: st.DrawFn) -> Floats:
    """(2, 3) matrices: any turn, a scale of 1/8 to 8, a shift."""
    turn, scale = draw(st.floats(-np.pi, np.pi)), draw(st.floats(0.125, 8))
    shift = draw(arrays(np.float64, 2, elements=st.floats(-500, 500)))
    a, b = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[a, -b, shift[0]], [b, a, shift[1]]], dtype=np.float32)


def is_rotation(matrix: Floats) -> bool:
    wide = matrix.astype(np.float64)
    return np.allclose(wide @ wide.T, np.eye(3), atol=1e-5) and bool(np.linalg.det(wide) > 0.999)


# Boxes


@given(boxes(least=1))
def test_a_box_overlaps_itself_wholly_and_any_other_by_0_to_1(found: Floats) -> None:
    overlaps = iou(found[0], found)
    assert overlaps[0] == pytest.approx(1, abs=1e-3)
    assert ((overlaps >= 0) & (overlaps <= 1 + 1e-3)).all()


@given(boxes(least=2))
def test_overlap_does_not_depend_on_which_box_comes_first(found: Floats) -> None:
    assert iou(found[0], found[1:2])[0] == pytest.approx(iou(found[1], found[0:1])[0], abs=1e-6)


@given(boxes(least=1))
def test_a_box_turned_inside_out_is_empty(found: Floats) -> None:
    turned = found[:, [2, 3, 0, 1]]
    assert (box_area(turned) == 0).all()
    assert (iou(turned[0], found) == 0).all()


@given(scored_boxes(), shares, st.booleans())
def test_nms_keeps_the_best_and_nothing_that_overlaps_it(
    scored: tuple[Floats, Floats], overlap_max: float, over_smaller: bool
) -> None:
    found, scores = scored
    kept = nms(found, scores, overlap_max, over_smaller=over_smaller)
    assert len(set(kept.tolist())) == len(kept)
    assert (np.diff(scores[kept]) <= 0).all()
    if len(found):
        assert kept[0] == np.argmax(scores)
    if not over_smaller:
        for place, row in enumerate(kept[:-1]):
            assert (iou(found[row], found[kept[place + 1 :]]) <= overlap_max).all()


@given(scored_boxes(), shares, st.booleans())
def test_nms_of_what_nms_kept_keeps_all(scored: tuple[Floats, Floats], overlap_max: float, over_smaller: bool) -> None:
    found, scores = scored
    kept = nms(found, scores, overlap_max, over_smaller=over_smaller)
    again = nms(found[kept], scores[kept], overlap_max, over_smaller=over_smaller)
    assert again.tolist() == list(range(len(kept)))


@given(scored_boxes(), shares)
def test_every_box_that_nms_drops_overlaps_a_better_one(scored: tuple[Floats, Floats], overlap_max: float) -> None:
    found, scores = scored
    kept = nms(found, scores, overlap_max)
    for row in set(range(len(found))) - set(kept.tolist()):
        better = [other for other in kept if scores[other] >= scores[row]]
        assert (iou(found[row], found[better]) > overlap_max).any()


@given(boxes(least=1))
def test_a_squared_box_is_a_square_about_the_same_centre_that_holds_the_box(found: Floats) -> None:
    squares = square_boxes(found)
    sides = squares[:, 2:] - squares[:, :2]
    np.testing.assert_allclose(sides[:, 0], sides[:, 1], atol=2e-3)
    np.testing.assert_allclose(squares[:, :2] + squares[:, 2:], found[:, :2] + found[:, 2:], atol=2e-3)
    assert (squares[:, :2] <= found[:, :2] + 1e-3).all()
    assert (squares[:, 2:] >= found[:, 2:] - 1e-3).all()


# Rotations

six_numbers = arrays(np.float32, (1, 6), elements=st.floats(-100, 100, width=32))


@given(six_numbers)
@example(np.zeros((1, 6), np.float32))
@example(np.array([[1, 0, 0, 1, 0, 0]], np.float32))
@example(np.array([[0, 0, 1, 0, 0, -3]], np.float32))
@example(np.array([[0, 0, 0, 0, 1, 0]], np.float32))
@example(np.array([[0, 1, 0, 0, 0, 0]], np.float32))
@example(np.full((1, 6), 1e-30, np.float32))
@example(np.array([[1, 1e-7, 0, 1, 0, 0]], np.float32))
def test_six_numbers_always_make_a_rotation(six: Floats) -> None:
    assert is_rotation(rotation_from_6d(six)[0])


@given(st.lists(rotations, max_size=5))
def test_six_numbers_of_a_rotation_give_it_back(turned: list[Floats]) -> None:
    stacked = np.array(turned, np.float32).reshape(-1, 3, 3)
    six = sixd_from_rotation(stacked)
    assert six.shape == (len(turned), 6)
    np.testing.assert_allclose(rotation_from_6d(six), stacked, atol=1e-5)


@given(rotations, st.floats(0.01, 50), st.floats(0.01, 50), st.floats(-5, 5))
def test_lengths_and_skew_of_the_two_vectors_do_not_matter(
    rotation: Floats, first: float, second: float, skew: float
) -> None:
    a1, a2 = rotation[:, 0] * first, rotation[:, 1] * second + rotation[:, 0] * skew
    rebuilt = rotation_from_6d(np.concatenate([a1, a2])[None].astype(np.float32))[0]
    assert geodesic_deg(rebuilt, rotation) < 0.2


@given(yaws, st.floats(-179, 179), st.floats(-179, 179))
def test_angles_survive_the_way_through_a_rotation(yaw: float, pitch: float, roll: float) -> None:
    rotation = rotation_from_euler(yaw, pitch, roll)
    assert is_rotation(rotation)
    assert euler_from_rotation(rotation) == pytest.approx((yaw, pitch, roll), abs=0.05)


@given(st.sampled_from([-90.0, 90.0]), angles, angles)
def test_at_gimbal_lock_the_angles_still_describe_the_rotation(yaw: float, pitch: float, roll: float) -> None:
    rotation = rotation_from_euler(yaw, pitch, roll)
    assert geodesic_deg(rotation_from_euler(*euler_from_rotation(rotation)), rotation) < 0.2


@given(rotations, rotations)
def test_the_angle_between_rotations_is_a_distance(one: Floats, other: Floats) -> None:
    between = geodesic_deg(one, other)
    assert 0 <= between <= 180
    assert between == pytest.approx(geodesic_deg(other, one), abs=0.1)
    assert geodesic_deg(one, one) < 0.1


@given(rotations, st.floats(-170, 170))
def test_turning_the_image_turns_the_head_by_as_much_and_back(rotation: Floats, clockwise_deg: float) -> None:
    turned = turn_in_plane(rotation, clockwise_deg)
    assert geodesic_deg(turned, rotation) == pytest.approx(abs(clockwise_deg), abs=0.2)
    np.testing.assert_allclose(turn_in_plane(turned, -clockwise_deg), rotation, atol=1e-5)


@given(yaws, st.floats(-89, 89), angles)
def test_a_mirror_flips_yaw_and_roll_and_keeps_pitch(yaw: float, pitch: float, roll: float) -> None:
    mirrored = mirror_rotation(rotation_from_euler(yaw, pitch, roll))
    assert euler_from_rotation(mirrored) == pytest.approx((-yaw, pitch, -roll), abs=0.05)
    np.testing.assert_allclose(mirror_rotation(mirrored), rotation_from_euler(yaw, pitch, roll), atol=1e-6)


# Similarity transforms


def spread(shape: Floats) -> float:
    return float(np.linalg.norm(shape - shape.mean(axis=0)))


@given(points, similarities())
def test_a_similarity_is_recovered_from_the_points_that_it_moved(source: Floats, truth: Floats) -> None:
    assume(spread(source) > 10)
    found = similarity_transform(source, transform_points(source, truth))
    np.testing.assert_allclose(transform_points(source, found), transform_points(source, truth), atol=0.5)


@given(points, points)
def test_whatever_the_points_the_transform_is_a_similarity_without_reflection(one: Floats, other: Floats) -> None:
    count = min(len(one), len(other))
    assume(spread(one[:count]) > 10)
    matrix = similarity_transform(one[:count], other[:count])
    (a, minus_b), (b, a_again) = matrix[:, :2]
    assert a == a_again
    assert b == -minus_b


@given(points, similarities())
def test_an_inverse_takes_points_back(source: Floats, matrix: Floats) -> None:
    there_and_back = transform_points(transform_points(source, matrix), invert_affine(matrix))
    np.testing.assert_allclose(there_and_back, source, atol=0.1)

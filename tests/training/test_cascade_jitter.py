"""Where a crop's labels go when the crop is moved, grown, turned and mirrored; and which crops teach what."""

from __future__ import annotations

from dataclasses import replace

import cv2
import msgspec
import numpy as np
import pytest

from edge.geometry import mirror_rotation, rotation_from_euler, turn_in_plane
from edge.runtime.litert import ModelStore
from edge.types import Floats, Pixels
from training.cascade_recipe import RECIPES, DataPart, FinishPart, LabelPart, WindowPart, load_recipe
from training.data.cascade_batches import batches, chances, face_truth, split
from training.data.cascade_jitter import CROP_PX, Labels, Windows, cut, draw_windows, follow, shrink, turned_boxes
from training.data.cascade_set import FaceSet
from training.data.cascade_smoke import smoke_recipe, smoke_set
from training.data.cascade_spoil import spoil
from training.data.drawn_shapes import drawn_shapes

POINTS = np.array([[38.5, 40.5], [57.5, 41.5], [46.5, 50.5], [41.5, 60.5], [55.5, 59.5]], np.float32)
ROTATION = rotation_from_euler(25, -10, 5)
LABELS = LabelPart(positive_iou_min=0.6, part_iou_min=0.4, negative_iou_max=0.3)


def dotted() -> FaceSet:
    """One face, five times: the patch of row i shows landmark i alone, as a white dot."""
    patches = np.zeros((5, 96, 96, 3), np.uint8)
    for patch, (x, y) in zip(patches, POINTS, strict=True):
        cv2.rectangle(patch, (int(x) - 1, int(y) - 1), (int(x) + 1, int(y) + 1), (255, 255, 255), -1)
    return FaceSet(
        patches,
        np.tile(np.array([29, 24, 67, 72], np.float32), (5, 1)),
        np.tile(POINTS, (5, 1, 1)),
        np.tile(ROTATION, (5, 1, 1)),
        np.ones(5, np.bool_),
        np.zeros(5, np.float32),
        np.zeros(5, np.bool_),
        np.zeros(5, np.int64),
    )


def window(side: float, turn_deg: float, mirrored: bool, centre: tuple[float, float] = (48, 48)) -> Windows:
    return Windows(
        np.tile(np.array(centre, np.float32), (5, 1)),
        np.full(5, side, np.float32),
        np.full(5, turn_deg, np.float32),
        np.full(5, mirrored),
    )


def seen_at(crop: Pixels) -> Floats:
    """Centre of the dot in px from the corner of the first pixel."""
    weights = crop[..., 0].astype(np.float64)
    rows, columns = np.mgrid[:CROP_PX, :CROP_PX] + 0.5
    middle = np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()
    return np.asarray(middle, np.float32)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn_deg", [0.0, 20.0, -35.0])
@pytest.mark.parametrize("side", [44.0, 60.0])
def test_landmarks_lie_on_their_dots(side: float, turn_deg: float, mirrored: bool) -> None:
    faces, windows = dotted(), window(side, turn_deg, mirrored, (49.5, 46.0))
    crops, points = cut(faces.patches, windows), follow(faces, windows).landmarks[0]
    # in a mirrored crop the eye at image left is the one that was at image right
    order = [1, 0, 2, 4, 3] if mirrored else [0, 1, 2, 3, 4]
    for point, crop in zip(points, crops[order], strict=True):
        assert seen_at(crop) == pytest.approx(point * CROP_PX, abs=0.2)


@pytest.mark.parametrize("turn_deg", [0.0, 30.0])
def test_rotations_follow_turns_and_mirrors(turn_deg: float) -> None:
    turned = turn_in_plane(ROTATION, turn_deg)
    for mirrored, wanted in ((False, turned), (True, mirror_rotation(turned))):
        found = follow(dotted(), window(50, turn_deg, mirrored)).rotations[0]
        assert found == pytest.approx(wanted, abs=1e-6)


def test_boxes_are_shares_of_the_crop() -> None:
    labels = follow(dotted(), window(48, 0, mirrored=False, centre=(50, 48)))
    assert labels.boxes[0] == pytest.approx([3 / 48, 0, 41 / 48, 1])
    mirrored = follow(dotted(), window(48, 0, mirrored=True, centre=(50, 48)))
    assert mirrored.boxes[0] == pytest.approx([7 / 48, 0, 45 / 48, 1])
    assert follow(dotted(), window(48, 0, mirrored=False)).overlaps[0] == pytest.approx(1)
    assert follow(dotted(), window(96, 0, mirrored=False)).overlaps[0] == pytest.approx(0.25)


def test_a_quarter_turn_swaps_the_sides_of_a_box_and_no_turn_grows_it() -> None:
    boxes = np.array([[29, 24, 67, 72]], np.float32)
    assert turned_boxes(boxes, np.array([90], np.float32))[1][0] == pytest.approx([48, 38], abs=1e-3)
    for turn in range(0, 90, 10):
        assert turned_boxes(boxes, np.array([turn], np.float32))[1].max() <= 48 + 1e-3


def test_drawn_windows_keep_to_their_ranges() -> None:
    data = smoke_set(64)
    part = WindowPart(scale_min=0.8, scale_max=1.25, shift_max=0.1)
    windows = draw_windows(data.faces, part, 20.0, np.random.default_rng(1))
    labels = follow(data.faces, windows)
    sides = (labels.boxes[:, 2:] - labels.boxes[:, :2]).max(axis=1)
    assert sides.min() >= 1 / 1.25 - 1e-4
    assert sides.max() <= 1 / 0.8 + 1e-4
    middles = (labels.boxes[:, :2] + labels.boxes[:, 2:]) / 2
    assert np.abs(middles - 0.5).max() <= 0.1 + 1e-4
    assert 0.2 < windows.mirrored.mean() < 0.8


def test_what_a_crop_teaches_depends_on_its_overlap() -> None:
    overlaps = np.array([0.9, 0.9, 0.5, 0.35, 0.1], np.float32)
    nowhere = np.zeros((5, 4), np.float32), np.zeros((5, 5, 2), np.float32)
    labels = Labels(*nowhere, np.tile(ROTATION, (5, 1, 1)), overlaps)
    has_rotation = np.array([True, False, True, True, True])
    rows = face_truth(labels, has_rotation, LABELS, {"box": 4, "landmarks": 10, "rot6d": 6})
    assert rows.shape == (5, 25)
    assert rows[:, :5].tolist() == [
        [1, 1, 1, 1, 1],  # score, box, landmarks, rot6d; a face
        [1, 1, 1, 0, 1],  # no rotation known
        [0, 1, 0, 0, 0],  # part of a face
        [0, 0, 0, 0, 0],  # neither
        [1, 0, 0, 0, 0],  # a negative
    ]


def test_spoiling_keeps_the_shape_changes_pixels_and_not_its_input() -> None:
    crops = np.full((40, 48, 48, 3), 120, np.uint8)
    spoilt = spoil(crops, load_recipe(RECIPES / "fpnet.toml", "fpnet").spoil, np.random.default_rng(0))
    assert spoilt.shape == crops.shape
    assert spoilt.dtype == np.uint8
    assert (crops == 120).all()
    assert np.std([crop.mean() for crop in spoilt]) > 5


def test_crops_are_shrunk_by_area() -> None:
    board = np.zeros((1, 48, 48, 3), np.uint8)
    board[:, ::2, ::2] = board[:, 1::2, 1::2] = 255
    assert np.abs(shrink(board, 12).astype(int) - 127).max() <= 1


@pytest.mark.parametrize("net", ["pnet", "rnet", "fpnet"])
def test_batches_depend_on_seed_and_step_alone(net: str) -> None:
    recipe = smoke_recipe(load_recipe(RECIPES / f"{net}.toml", net))
    learn, _ = split(smoke_set(), recipe)
    from_start = batches(learn, recipe)
    next(from_start)
    second, resumed = next(from_start), next(batches(learn, recipe, first_step=1))
    assert second[0].shape[0] == recipe.batch.crops
    assert np.isfinite(second[0]).all()
    assert all((one == other).all() for one, other in zip(second, resumed, strict=True))


def test_the_finish_adds_drawn_shapes_that_are_no_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.cascade_batches._DRAWN_SHAPES", 12)
    plain = smoke_recipe(load_recipe(RECIPES / "fpnet.toml", "fpnet"))
    recipe = msgspec.structs.replace(plain, finish=FinishPart(epochs=1, learning_rate=1e-4, drawn=5))
    learn, _ = split(smoke_set(), recipe)
    begin = recipe.schedule.steps
    stream = batches(learn, recipe, begin - 1)
    last, first = next(stream), next(stream)
    resumed = next(batches(learn, recipe, begin))
    assert (len(last[0]), len(first[0])) == (recipe.batch.crops, recipe.batch.crops + 5)
    scored, is_face = first[1][-5:, 0], first[1][-5:, 4]
    assert scored.all()
    assert not is_face.any()
    np.testing.assert_array_equal(first[0], resumed[0])


def test_drawn_shapes_depend_on_the_seed_alone_and_differ() -> None:
    shapes = drawn_shapes(40, np.random.default_rng(3))
    assert shapes.shape == (40, 48, 48, 3)
    assert shapes.dtype == np.uint8
    np.testing.assert_array_equal(shapes, drawn_shapes(40, np.random.default_rng(3)))
    assert np.std(shapes, axis=(1, 2, 3)).min() > 5
    assert np.std(shapes.astype(np.float32), axis=0).min() > 20
    assert drawn_shapes(0, np.random.default_rng(3)).shape == (0, 48, 48, 3)


def test_the_shipped_net_takes_no_drawn_shape_for_a_face() -> None:
    """The net before it took 2.4 % of such shapes, drawn by a seed that no recipe has, for faces."""
    fpnet = ModelStore().open_batched("fpnet", (8,))
    scores = fpnet.run(drawn_shapes(800, np.random.default_rng(987)))["score"]
    assert np.mean(scores >= 0.7) <= 0.005


def test_no_person_is_on_both_sides_of_the_split() -> None:
    learn, judge = split(smoke_set(), load_recipe(RECIPES / "fpnet.toml", "fpnet"))
    assert not set(learn.faces.groups.tolist()) & set(judge.faces.groups.tolist())
    assert len(learn.faces) + len(judge.faces) == 200


def drawing(disputed_weight: float) -> DataPart:
    return DataPart(
        held_out_share=0.04,
        disagreement_max_deg=12,
        rendered_share=0.4,
        turned_weight=3,
        disputed_weight=disputed_weight,
    )


def test_rendered_faces_get_their_share_of_the_draws() -> None:
    faces, data = smoke_set().faces, drawing(1.0)
    odds = chances(faces, data)
    assert odds[faces.rendered].sum() == pytest.approx(0.4)
    assert odds.sum() == pytest.approx(1)
    assert chances(faces.take(~faces.rendered), data).sum() == pytest.approx(1)


def test_a_face_with_a_disputed_rotation_is_drawn_by_its_own_weight_wherever_it_was_thought_to_look() -> None:
    faces = smoke_set().faces.take(np.arange(3))
    turned = np.stack([rotation_from_euler(yaw, 0, 0) for yaw in (0, 90, 90)]).astype(np.float32)
    told, real = np.array([True, True, False]), np.zeros(3, bool)
    odds = chances(replace(faces, rotations=turned, has_rotation=told, rendered=real), drawing(5.0))
    np.testing.assert_allclose(odds / odds[0], [1, 3, 5], rtol=1e-5)

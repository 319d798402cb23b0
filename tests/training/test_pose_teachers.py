"""The pose teachers: their geometry on made-up faces, their signs on labelled photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import InputError
from edge.geometry import geodesic_deg, rotation_from_euler, transform_points
from edge.images import read_image
from edge.types import Floats
from training.evaluate.posed_photos import read_posed_photos
from training.teachers.blend import BlendedTeacher, chordal_mean, mesh_share
from training.teachers.canonical import POINTS, CanonicalFace, load_canonical_face
from training.teachers.crops import square_about, tilt_of_eyes_deg
from training.teachers.fsanet import FILES, FsaNetTeacher
from training.teachers.mesh import fit_rotation
from training.teachers.yunet import YuNet

angles = st.floats(-80, 80)
_rng = np.random.default_rng(1)
MADE_UP = CanonicalFace(_rng.normal(0, 5, (POINTS, 3)).astype(np.float32), _rng.random(POINTS).astype(np.float32))


def rotation(yaw: float, pitch: float, roll: float) -> Floats:
    return rotation_from_euler(yaw, pitch, roll)


@given(angles, angles, angles, st.floats(0.1, 50))
def test_the_fit_finds_the_rotation_whatever_scale_and_place(
    yaw: float, pitch: float, roll: float, size: float
) -> None:
    wanted = rotation(yaw, pitch, roll)
    points = (MADE_UP.vertices @ wanted.T * size + np.array([40, -7, 3])).astype(np.float32)
    assert geodesic_deg(fit_rotation(MADE_UP, points), wanted) < 0.1


def test_the_fit_never_reflects() -> None:
    mirrored = MADE_UP.vertices * np.array([-1, 1, 1], np.float32)
    assert np.linalg.det(fit_rotation(MADE_UP, mirrored)) == pytest.approx(1, abs=1e-5)


@given(angles, angles)
def test_the_mean_of_two_turns_lies_half_way(one: float, other: float) -> None:
    middle = chordal_mean(rotation(one, 0, 0), rotation(other, 0, 0), 0.5)
    assert geodesic_deg(middle, rotation((one + other) / 2, 0, 0)) < 0.1


def test_the_mesh_counts_in_front_and_not_in_profile() -> None:
    assert [mesh_share(yaw) for yaw in (0, -40, 45, -45, 50, 90)] == [1, 1, 0.5, 0.5, 0, 0]


def test_a_square_about_a_box_shows_its_centre_upright() -> None:
    matrix = square_about(np.array([10, 20, 50, 100], np.float32), 1.5, 120, clockwise_deg=90)
    # the side is 1.5 x 80 px, so the scale is 1; what is right of the centre in the photo is up in an upright square
    moved = transform_points(np.array([[30, 60], [40, 60]], np.float32), matrix)
    np.testing.assert_allclose(moved, [[60, 60], [60, 50]], atol=1e-4)


def test_eyes_that_slope_down_to_the_right_are_turned_clockwise() -> None:
    landmarks = np.array([[0, 0], [10, 10], [5, 8], [1, 15], [9, 19]], np.float32)
    assert tilt_of_eyes_deg(landmarks) == pytest.approx(45)


def test_files_that_are_not_teachers_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"fsanet-1x1-iter-688590\.onnx: expected an ONNX file of FSA-Net"):
        FsaNetTeacher(tmp_path)
    for name in FILES:
        (tmp_path / name).write_bytes(b"these are no weights")
    with pytest.raises(InputError, match=r"fsanet-1x1-iter-688590\.onnx: expected an ONNX file of FSA-Net, cannot"):
        FsaNetTeacher(tmp_path)
    (tmp_path / "face.npz").write_bytes(b"text")
    with pytest.raises(InputError, match=r"face\.npz: expected an \.npz with vertices"):
        load_canonical_face(tmp_path / "face.npz")


@pytest.fixture(scope="module")
def mesh_alone() -> BlendedTeacher:
    try:
        return BlendedTeacher()
    except InputError as error:
        pytest.skip(str(error))


def test_the_canonical_face_looks_at_the_camera(mesh_alone: BlendedTeacher) -> None:
    assert mesh_alone.name == "mesh"
    face = load_canonical_face()
    eye_at_image_left, eye_at_image_right, nose_tip, chin = face.vertices[[33, 263, 1, 152]]
    assert eye_at_image_left[0] < 0 < eye_at_image_right[0]
    assert chin[1] < nose_tip[1] < eye_at_image_left[1]
    assert nose_tip[2] > eye_at_image_left[2]
    assert np.count_nonzero(face.weights) == 33


@pytest.mark.data
def test_signs_and_size_of_the_error_on_labelled_photos(mesh_alone: BlendedTeacher, data_dir: Path) -> None:
    folder = data_dir / "aflw2000"
    photos = read_posed_photos(folder / "images", folder / "poses.csv", every_row=False)
    yunet, apart = YuNet(), []
    for photo in [photo for photo in photos if abs(photo.pose.yaw_deg) < 40][::12]:
        pixels = read_image(photo.path).pixels
        found = yunet.detect(pixels)
        if len(found) == 1:
            label = mesh_alone.label(pixels, found.boxes[0], found.landmarks[0])
            pose = photo.pose
            apart.append(geodesic_deg(label.rotation, rotation(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)))
    assert len(apart) > 30
    assert np.median(apart) < 8

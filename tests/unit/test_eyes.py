"""Patches about the eyes, and what the reader makes of them: which eyes it reads, which it does not, and how surely."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.attributes.eyes import EYENET, EyeReader, facing
from edge.attributes.patches import (
    GLARE_PX,
    cut_patch,
    even_contrast,
    eye_distance_px,
    levels,
    patch_about,
    window_matrix,
)
from edge.attributes.pose import head_pose
from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import ModelError
from edge.geometry import rotation_from_euler, transform_points
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Eyes, Face, Floats, Frame, HeadPose, Pixels, TrackedFace

BYTES_MAX = 40_000
_NEUTRAL: Floats = np.array(
    [[-0.5, 0, 0], [0.5, 0, 0], [0, -0.488, 0.623], [-0.388, -1.101, 0.101], [0.388, -1.101, 0.101]], np.float32
)


def face_of(yaw_deg: float = 0, pitch_deg: float = 0, roll_deg: float = 0, apart_px: float = 80) -> Face:
    """A neutral face about (160, 120) that looks there, its eyes ``apart_px`` apart if it looked ahead."""
    rotation = rotation_from_euler(yaw_deg, pitch_deg, roll_deg)
    points = (_NEUTRAL @ rotation.T)[:, :2] * np.array([1, -1], np.float32) * np.float32(apart_px)
    landmarks = (points + np.array([160, 120], np.float32)).astype(np.float32)
    return Face(np.array([80, 60, 240, 260], np.float32), 0.99, rotation, landmarks)


def tracked(face: Face) -> TrackedFace:
    return TrackedFace(1, face, 1.0, head_pose(face))


def drawn_face(face: Face) -> Frame:
    """A picture with a dark disc in a bright almond at each eye."""
    pixels = np.full((240, 320, 3), 150, np.uint8)
    for x, y in face.landmarks[:2]:
        cv2.ellipse(pixels, (int(x), int(y)), (18, 9), 0, 0, 360, (230, 230, 230), -1)
        cv2.circle(pixels, (int(x), int(y)), 8, (20, 20, 20), -1)
    return Frame.from_pixels(pixels, 0.0)


@pytest.fixture(scope="module")
def reader() -> EyeReader:
    return EyeReader(ModelStore())


@pytest.mark.parametrize("angles", [(0, 0, 0), (40, 0, 0), (-60, 10, 0), (10, -30, 25)])
def test_the_distance_of_the_eyes_does_not_shrink_with_the_head_turned(angles: tuple[float, float, float]) -> None:
    assert eye_distance_px(face_of(*angles)) == pytest.approx(80, rel=1e-3)


def test_a_window_is_centred_upright_and_of_its_width() -> None:
    matrix = window_matrix(np.array([50, 70], np.float32), 64, 30)
    assert transform_points(np.array([[50, 70]], np.float32), matrix)[0] == pytest.approx([16, 16], abs=1e-4)
    turn = np.radians(30)
    right = np.array([[50 + 32 * np.cos(turn), 70 + 32 * np.sin(turn)]], np.float32)
    assert transform_points(right, matrix)[0] == pytest.approx([32, 16], abs=1e-3)


def test_a_leaning_head_gives_the_patch_of_an_upright_one() -> None:
    patches = [patch_about(drawn_face(f).pixels, f, f.landmarks[0], 0.85) for f in (face_of(), face_of(roll_deg=90))]
    upright, leaning = (patch.astype(float) for patch in patches)
    assert upright.shape == (24, 32)
    # The almond lies across in the one and along in the other picture; turned back, it stands upright.
    assert np.corrcoef(upright[:, 4:28].T.ravel(), leaning[:, 4:28].ravel())[0, 1] > 0.9


def test_fine_detail_is_averaged_not_sampled() -> None:
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[:, ::2] = 255
    patch = cut_patch(stripes, window_matrix(np.array([100, 100], np.float32), 64, 0))
    assert 110 < patch.min() <= patch.max() < 145


def test_contrast_is_evened_whatever_the_light() -> None:
    ramp = np.tile(np.linspace(100, 140, 32), (24, 1))
    bright, dim = (np.rint(ramp * gain).astype(np.uint8)[None] for gain in (1.5, 0.75))
    assert np.abs(even_contrast(bright).astype(int) - even_contrast(dim).astype(int)).max() < 12
    low, high = levels(even_contrast(dim))
    assert (low[0], high[0]) == (0, 255)


def test_a_reflection_in_glasses_leaves_the_eye_its_contrast() -> None:
    eye = np.tile(np.linspace(40, 80, 32), (24, 1)).astype(np.uint8)[None]
    glared = eye.copy()
    glared[0, 8:16, 11:22] = 255  # 88 px
    seen, beside = (even_contrast(patch, GLARE_PX)[0, 18:] for patch in (eye, glared))
    assert np.abs(seen.astype(int) - beside.astype(int)).max() < 48
    assert np.ptp(even_contrast(glared)[0, 18:]) < 56  # counted, it would leave a quarter of it


def test_a_flat_patch_stays_flat() -> None:
    noise = (128 + np.random.default_rng(0).integers(-1, 2, (1, 24, 32))).astype(np.uint8)
    assert np.ptp(even_contrast(noise)) < 40


def test_the_head_hides_the_far_eye_first() -> None:
    assert facing(HeadPose(0, 0, 0)) == (1, 1)
    far, near = facing(HeadPose(60, 0, 0))  # the nose points to image left
    assert far == 0 < near
    assert facing(HeadPose(-60, 0, 0)) == (near, far)
    assert facing(HeadPose(float("nan"), 0, 0)) == (0, 0)


def test_both_eyes_of_a_face_ahead_are_read(reader: EyeReader) -> None:
    face = face_of()
    eyes = reader.read(drawn_face(face), tracked(face))
    assert eyes.left is not None
    assert eyes.right is not None
    assert eyes.openness == pytest.approx((eyes.left + eyes.right) / 2, abs=1e-3)
    assert eyes.certainty == pytest.approx(1 - abs(eyes.left - eyes.right), abs=1e-3)


@pytest.mark.parametrize(("yaw_deg", "read"), [(60, "right"), (-60, "left")])
def test_only_the_near_eye_of_a_turned_face_is_read(reader: EyeReader, yaw_deg: float, read: str) -> None:
    face = face_of(yaw_deg)
    eyes = reader.read(drawn_face(face), tracked(face))
    hidden = "left" if read == "right" else "right"
    assert getattr(eyes, hidden) is None
    assert getattr(eyes, read) == pytest.approx(eyes.openness)
    assert 0 < eyes.certainty < 1


@pytest.mark.parametrize(
    "face",
    [face_of(85), face_of(pitch_deg=-50), face_of(apart_px=10)],
    ids=["in profile", "looking down", "far away"],
)
def test_what_cannot_be_seen_is_not_read(reader: EyeReader, face: Face) -> None:
    assert reader.read(drawn_face(face), tracked(face)) == Eyes()


def test_in_the_dark_nothing_is_read(reader: EyeReader) -> None:
    face = face_of()
    dark = Frame.from_pixels((drawn_face(face).pixels // 80).astype(np.uint8), 0.0)
    assert reader.read(dark, tracked(face)) == Eyes()


def test_an_eye_beyond_the_picture_is_not_read(reader: EyeReader) -> None:
    face = face_of()
    beyond = np.array([125, 0], np.float32)  # what is left of it is cut off
    moved = Face(face.box, face.score, face.rotation, face.landmarks - beyond)
    eyes = reader.read(Frame.from_pixels(drawn_face(face).pixels[:, 125:], 0.0), tracked(moved))
    assert eyes.left is None
    assert eyes.right is not None


def test_a_store_without_the_net_is_refused(tmp_path: Path) -> None:
    text = (MODELS_DIR / "manifest.toml").read_text(encoding="utf-8")
    (tmp_path / "manifest.toml").write_text(text.replace("[models.eyenet", "[models.other"), encoding="utf-8")
    with pytest.raises(ModelError, match="no model named 'eyenet'"):
        EyeReader(ModelStore(tmp_path))


def test_the_shipped_net_is_small_and_learnt_from_no_evaluation_set() -> None:
    spec = ModelStore().manifest.spec(EYENET)
    assert spec.precision == "int8"
    assert (MODELS_DIR / spec.file).stat().st_size <= BYTES_MAX
    assert not {"lfw", "att_faces", "aflw2000"} & set(spec.data)


def _eyes_of(reader: EyeReader, pixels: Pixels) -> list[Eyes]:
    frame = Frame.from_pixels(pixels, 0.0)
    faces = Cascade(ModelStore(), DetectConfig()).detect(frame)
    return [reader.read(frame, tracked(face)) for face in faces]


@pytest.mark.clips
def test_people_who_look_at_the_camera_have_their_eyes_open(clips_dir: Path, reader: EyeReader) -> None:
    found = _eyes_of(reader, read_image(clips_dir / "multi_face.jpg").pixels)
    assert len(found) == 5  # one of them behind dark glasses
    assert all(eyes.openness is not None and eyes.openness > 0.5 for eyes in found)

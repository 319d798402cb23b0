"""The cascade on a real photo: every size and layout of frame gives the same face, and a second look levels it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config import DetectConfig
from edge.crops import Octaves
from edge.detect.cascade import Cascade, _peaks
from edge.detect.pyramid import cells_of, plan
from edge.geometry import geodesic_deg, iou, transform_points, turn_in_plane
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.types import Face, Faces, Floats, Frame, PixelLayout, Pixels

pytestmark = pytest.mark.clips


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return Cascade(ModelStore(), DetectConfig(min_face_px=40))


@pytest.fixture(scope="module")
def photo(clips_dir: Path) -> Frame:
    return read_image(clips_dir / "single_face.jpg")


def only(cascade: Cascade, frame: Frame) -> Face:
    faces = cascade.detect(frame)
    assert len(faces) == 1
    return faces[0]


@pytest.mark.parametrize(
    ("width", "height"), [(96, 96), (160, 120), (641, 479), (1920, 1080), (3840, 2160), (480, 640)]
)
def test_frames_of_any_size_give_the_same_face(cascade: Cascade, photo: Frame, width: int, height: int) -> None:
    scale = min(width / photo.width, height / photo.height)
    small = cv2.resize(
        photo.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    canvas = np.full((height, width, 3), 127, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small[:height, :width]
    found = only(cascade, Frame(canvas, 0.0))
    wanted = only(cascade, photo)
    assert iou(wanted.box * np.float32(scale), found.box[None])[0] > 0.75
    assert geodesic_deg(wanted.rotation, found.rotation) < 12


def test_grey_and_rgba_frames_are_taken(cascade: Cascade, photo: Frame) -> None:
    wanted = only(cascade, photo)
    grey = cv2.cvtColor(photo.pixels, cv2.COLOR_BGR2GRAY)
    rgba = cv2.cvtColor(photo.pixels, cv2.COLOR_BGR2RGBA)
    layouts: list[tuple[np.ndarray, PixelLayout | None]] = [(grey, None), (grey[..., None], "grey"), (rgba, None)]
    for pixels, layout in layouts:
        found = only(cascade, Frame.from_pixels(pixels, 0.0, layout=layout))
        assert iou(wanted.box, found.box[None])[0] > 0.85


def test_landmarks_stand_as_on_a_face(cascade: Cascade, photo: Frame) -> None:
    points = only(cascade, photo).landmarks
    left_eye, right_eye, nose, left_mouth, right_mouth = points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("clockwise_deg", [-25, 25])
def test_a_second_look_levels_a_tilted_face(cascade: Cascade, photo: Frame, clockwise_deg: float) -> None:
    upright = cascade.level(photo, only(cascade, photo))
    centre = (photo.width / 2, photo.height / 2)
    matrix = cv2.getRotationMatrix2D(centre, -clockwise_deg, 1.0).astype(np.float32)
    tilted = Frame(cv2.warpAffine(photo.pixels, matrix, (photo.width, photo.height)).astype(np.uint8), 0.0)
    seen = cascade.level(tilted, only(cascade, tilted))
    apart = np.linalg.norm(seen.landmarks - transform_points(upright.landmarks, matrix), axis=1)
    assert apart.mean() < 0.05 * upright.side_px
    assert geodesic_deg(seen.rotation, turn_in_plane(upright.rotation, clockwise_deg)) < 8


def test_following_finds_what_detection_found(cascade: Cascade, photo: Frame) -> None:
    found = only(cascade, photo)
    followed = cascade.follow(photo, found.box[None], 0.6)
    assert len(followed) == 1
    assert iou(found.box, followed.boxes)[0] > 0.8


def test_noise_and_flat_frames_hold_no_face(cascade: Cascade) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    for pixels in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        assert len(cascade.detect(Frame(pixels, 0.0))) == 0


@pytest.mark.parametrize("name", ["single_face.jpg", "multi_face.jpg"])
def test_proposals_are_best_first_apart_and_few_of_them_doubtful(clips_dir: Path, name: str) -> None:
    credulous = Cascade(ModelStore(), DetectConfig(min_face_px=24, pnet_score_min=0.01))
    found = credulous.propose(Octaves(read_image(clips_dir / name).pixels))
    assert (np.diff(found.scores) <= 0).all()
    overlaps = np.array([iou(box, found.boxes) for box in found.boxes])
    assert (overlaps - np.eye(len(overlaps))).max() <= 0.5 + 1e-5
    sure = int((found.scores >= 0.6).sum())
    assert len(found.scores) == max(sure + 4, 16)  # there is clutter enough to fill up with


def test_the_middle_of_a_plateau_is_its_peak() -> None:
    """An int8 score is level about a face: its first cell in reading order would be off to a corner."""
    cells = cells_of(plan(640, 480, 60, 0.75))
    pyramid = plan(640, 480, 60, 0.75)
    scores = np.zeros(((pyramid.height - 12) // 2 + 1, (pyramid.width - 12) // 2 + 1), np.float32)
    scores[10:13, 20:23] = 0.99
    rows, ranks = _peaks(scores, cells, 0.5)
    assert [divmod(int(cells.places[row]), scores.shape[1]) for row in rows] == [(11, 21)]
    assert 0.99 <= ranks[0] < 0.992


class _Third:
    """FPNet with a fixed score for what it is shown, and a count of how often it was asked."""

    def __init__(self, score: float) -> None:
        self.score, self.asked = score, 0

    def run(self, pixels: Pixels) -> dict[str, Floats]:
        self.asked += len(pixels)
        return {"score": np.full((len(pixels), 1), self.score, np.float32)}


@pytest.mark.parametrize(("third", "kept"), [(0.99, 2), (0.02, 1)])
def test_a_third_look_settles_a_doubt_and_is_not_wasted_on_a_sure_face(
    photo: Frame, monkeypatch: pytest.MonkeyPatch, third: float, kept: int
) -> None:
    cascade, look = Cascade(ModelStore(), DetectConfig()), _Third(third)
    face = only(cascade, photo)
    pair = Faces(
        np.stack([face.box, face.box]),
        np.array([0.9, 0.99], np.float32),
        np.stack([face.rotation, face.rotation]),
        np.stack([face.landmarks, face.landmarks]),
    )
    monkeypatch.setattr(cascade, "_fpnet", look)
    settled = cascade._settle(photo, pair)
    assert look.asked == 1
    assert len(settled) == kept
    assert (np.diff(settled.scores) <= 0).all()

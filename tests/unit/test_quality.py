"""Faults of a face, on pictures made for each of them, and on real ones where they can be had."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.attributes.quality import assess
from edge.config import VerifyConfig
from edge.types import Face, Frame, HeadPose, Pixels, Quality

LIMITS = VerifyConfig()
AHEAD = HeadPose(0.0, 0.0, 0.0)
BOX = (100.0, 100.0, 220.0, 220.0)


def _texture(side: int = 320) -> Pixels:
    """Detail of every size, the finer the fainter, as photos have it; mean 125, standard deviation 32 grey levels."""
    random = np.random.default_rng(7)
    octaves = [(4, 4.0), (8, 6.0), (16, 8.0), (32, 12.0), (64, 12.0)]
    total = np.zeros((side, side), np.float32)
    for patch_px, weight in octaves:
        coarse = random.normal(size=(side // patch_px, side // patch_px)).astype(np.float32)
        total += weight * cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    levels = 125 + 32 * (total - total.mean()) / total.std()
    return _levels(np.repeat(levels[:, :, None], 3, axis=2))


def _levels(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> Pixels:
    pixels: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return pixels


def _assess(
    pixels: Pixels, box: tuple[float, ...] = BOX, pose: HeadPose = AHEAD, limits: VerifyConfig = LIMITS
) -> Quality:
    face = Face(np.asarray(box, np.float32), 1.0, np.eye(3, dtype=np.float32), np.zeros((5, 2), np.float32))
    return assess(Frame.from_pixels(pixels, 0.0), face, pose, limits)


def _blur(pixels: Pixels, sigma_px: float) -> Pixels:
    return cv2.GaussianBlur(pixels, (0, 0), sigma_px).astype(np.uint8, copy=False)


def _scaled(pixels: Pixels, gain: float, offset: float) -> Pixels:
    return _levels(pixels * gain + offset)


def test_a_good_face_has_no_fault() -> None:
    found = _assess(_texture())
    assert found.good
    assert found.side_px == pytest.approx(120)
    assert 100 < found.brightness < 150
    assert found.pose == AHEAD


@pytest.mark.parametrize(
    ("pixels", "fault"),
    [
        (_blur(_texture(), 4 * 120 / 112), "blurred"),
        (_scaled(_texture(), 0.2, 0), "dark"),
        (_scaled(_texture(), 0.2, 215), "too bright"),
    ],
)
def test_each_fault_of_the_picture_alone(pixels: Pixels, fault: str) -> None:
    assert _assess(pixels).faults == (fault,)


def test_a_plain_surface_is_blurred() -> None:
    plain = np.full((320, 320, 3), 128, np.uint8)
    assert _assess(plain).faults == ("blurred",)
    assert _assess(_scaled(_texture(), 0.02, 125)).faults == ("blurred",)  # what is left is rounding


@pytest.mark.parametrize(("side_px", "faults"), [(59.0, ("too small",)), (60.0, ())])
def test_the_smallest_face(side_px: float, faults: tuple[str, ...]) -> None:
    half = cv2.resize(_texture(), (160, 160), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    assert _assess(half, (50.0, 50.0, 50.0 + side_px, 50.0 + side_px)).faults == faults


@pytest.mark.parametrize(
    ("yaw_deg", "pitch_deg", "roll_deg", "faults"),
    [
        (35, 0, 0, ()),
        (36, 0, 0, ("turned away",)),
        (-36, 0, 0, ("turned away",)),
        (0, 31, 0, ("turned away",)),
        (0, -31, 0, ("turned away",)),
        (0, 0, 80, ()),  # alignment takes roll out
        (float("nan"), 0, 0, ("turned away",)),
        (0, float("nan"), 0, ("turned away",)),
    ],
)
def test_where_the_head_points(yaw_deg: float, pitch_deg: float, roll_deg: float, faults: tuple[str, ...]) -> None:
    assert _assess(_texture(), pose=HeadPose(yaw_deg, pitch_deg, roll_deg)).faults == faults


@pytest.mark.parametrize(
    ("box", "faults"),
    [
        ((-12.0, 100.0, 108.0, 220.0), ()),  # a tenth outside
        ((-24.0, 100.0, 96.0, 220.0), ("cut off",)),  # a fifth
        ((100.0, 224.0, 220.0, 344.0), ("cut off",)),
        ((230.0, 230.0, 350.0, 350.0), ("cut off",)),  # a corner: a quarter of each side
    ],
)
def test_a_box_that_reaches_beyond_the_frame(box: tuple[float, ...], faults: tuple[str, ...]) -> None:
    assert _assess(_texture(), box).faults == faults


@pytest.mark.parametrize(
    "box", [(900.0, 900.0, 1000.0, 1000.0), (-500.0, 0.0, -400.0, 100.0), (150.0, 150.0, 100.0, 100.0)]
)
def test_a_box_outside_or_inside_out_is_refused_without_an_error(box: tuple[float, ...]) -> None:
    found = _assess(_texture(), box)
    assert "cut off" in found.faults
    assert (found.sharpness, found.brightness) == (0.0, 0.0)


def test_sharpness_does_not_depend_on_the_light() -> None:
    lit, dim = _assess(_texture()), _assess(_scaled(_texture(), 0.5, 0))
    assert dim.brightness == pytest.approx(lit.brightness / 2, rel=0.02)
    assert dim.sharpness == pytest.approx(lit.sharpness, rel=0.1)


def test_sharpness_falls_with_blur() -> None:
    found = [_assess(_blur(_texture(), sigma_px)).sharpness for sigma_px in (0.5, 1, 2, 4, 8)]
    assert found == sorted(found, reverse=True)


def test_the_limits_are_those_of_the_configuration() -> None:
    relaxed = VerifyConfig(min_face_px=20, sharpness_min=0.0, brightness_max=255.0)
    assert _assess(_blur(_scaled(_texture(), 0.2, 215), 6), limits=relaxed).good


@pytest.mark.data
def test_ordinary_photos_pass_and_blurred_ones_do_not(data_dir: Path) -> None:
    folder = data_dir / "celeba"
    with (folder / "faces.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if float(row["w"]) * float(row["h"]) >= 60**2][::25]
    sharp, blurred = [], []
    for row in rows:
        x, y, w, h = (float(row[key]) for key in "xywh")
        pixels = cv2.imread(str(folder / "images" / row["image"]))
        assert pixels is not None, row
        box = (x, y, x + w, y + h)
        sharp.append(_assess(pixels.astype(np.uint8), box).faults)
        blurred.append(_assess(_blur(pixels.astype(np.uint8), 4 * np.sqrt(w * h) / 112), box).faults)
    assert len(rows) > 100
    assert sum("blurred" in faults for faults in sharp) <= 0.01 * len(rows)
    assert sum("blurred" in faults for faults in blurred) >= 0.98 * len(rows)
    assert sum("dark" in faults or "too bright" in faults for faults in sharp) <= 0.01 * len(rows)

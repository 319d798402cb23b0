"""Cutting and shrinking: octaves are the same averages, windows beyond the picture are black, warps do not alias."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.crops import AVERAGED, QUICK, Octaves, Sampling, crop_windows, octaves_for, warp
from edge.types import Pixels


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(7).integers(0, 255, (height, width, 3), np.uint8)


WINDOWS = np.array([[40, 80, 232, 272], [0, 0, 384, 384]], np.float32)
SIDES = np.array([192, 384], np.float32)


@pytest.mark.parametrize("sampling", [AVERAGED, QUICK])
def test_a_window_is_the_same_from_octaves_and_from_the_picture(sampling: Sampling) -> None:
    """All of the picture halved, or the window alone: a tracked face is seen as a found one."""
    pixels = noise(400, 500)
    factors = octaves_for(SIDES, 24, sampling)
    from_octaves = crop_windows(Octaves(pixels), WINDOWS, 24, factors, sampling)
    np.testing.assert_array_equal(from_octaves, crop_windows(pixels, WINDOWS, 24, factors, sampling))


def test_averaged_windows_are_the_average_of_all_their_pixels() -> None:
    pixels = noise(400, 500)
    crops = crop_windows(Octaves(pixels), WINDOWS, 24, octaves_for(SIDES, 24))
    for crop, (x1, y1, x2, y2) in zip(crops, WINDOWS.astype(int), strict=True):
        wanted = cv2.resize(pixels[y1:y2, x1:x2], (24, 24), interpolation=cv2.INTER_AREA)
        assert np.abs(crop.astype(int) - wanted).max() <= 3  # each halving rounds


@pytest.mark.parametrize(("sampling", "factors"), [(AVERAGED, [1, 1, 2, 4]), (QUICK, [1, 2, 4, 8])])
def test_the_octave_keeps_as_many_pixels_as_asked_for(sampling: Sampling, factors: list[int]) -> None:
    assert octaves_for(np.array([47.9, 95.9, 96, 192], np.float32), 24, sampling).tolist() == factors


def test_a_quick_crop_shows_what_an_averaged_one_does() -> None:
    pixels = cv2.GaussianBlur(noise(400, 500), (0, 0), 3).astype(np.uint8)
    window = np.array([[32, 64, 272, 304]], np.float32)
    both = [
        crop_windows(pixels, window, 24, octaves_for(np.array([240.0], np.float32), 24, one), one).astype(int)
        for one in (AVERAGED, QUICK)
    ]
    assert np.abs(both[0] - both[1]).mean() < 3


@pytest.mark.parametrize("size", [(61, 47), (64, 48)])
def test_an_octave_halves_and_leaves_odd_edges_out(size: tuple[int, int]) -> None:
    pixels = noise(*size)
    half = Octaves(pixels).image(2)
    assert half.shape == (size[0] // 2, size[1] // 2, 3)
    block = pixels[:2, :2].reshape(4, 3).mean(axis=0)
    assert np.abs(half[0, 0] - block).max() <= 1


def test_what_lies_beyond_the_picture_is_black() -> None:
    pixels = np.full((60, 60, 3), 200, np.uint8)
    crops = crop_windows(pixels, np.array([[-30, 0, 30, 60], [100, 100, 148, 148]], np.float32), 24)
    assert crops[0, :, :11].max() == 0
    assert crops[0, :, 13:].min() == 200
    assert crops[1].max() == 0


def test_no_window_gives_no_crop() -> None:
    assert crop_windows(noise(60, 60), np.zeros((0, 4), np.float32), 24).shape == (0, 24, 24, 3)


def test_a_strong_shrink_averages_instead_of_picking_pixels() -> None:
    """Stripes one pixel wide have to come out grey: picking pixels would give black or white."""
    stripes = np.zeros((960, 960, 3), np.uint8)
    stripes[:, ::2] = 255
    matrix = np.array([[0.05, 0, 0], [0, 0.05, 0]], np.float32)
    inner = warp(stripes, matrix, 48)[4:-4, 4:-4].astype(int)
    assert np.abs(inner - 127).max() < 20


@pytest.mark.parametrize("scale", [0.1, 0.2, 0.3, 0.6, 1.0, 2.5])
def test_a_warp_puts_points_where_the_matrix_sends_them(scale: float) -> None:
    """However much it is shrunk or enlarged, counted from the corner of the first pixel."""
    pixels = np.zeros((900, 900, 3), np.uint8)
    cv2.rectangle(pixels, (580, 290), (619, 309), (255, 255, 255), -1)
    middle = np.array([600, 300])
    linear = scale * np.array([[1, 0.2], [-0.2, 1]])
    matrix = np.column_stack([linear, 60 - linear @ middle]).astype(np.float32)
    warped = warp(pixels, matrix, 120)[..., 0].astype(float)
    rows, columns = np.indices(warped.shape) + 0.5
    found = np.array([(columns * warped).sum(), (rows * warped).sum()]) / warped.sum()
    np.testing.assert_allclose(found, [60, 60], atol=0.06)


def test_a_warp_that_halves_averages_as_a_crop_does() -> None:
    """The first look cuts by whole pixels, the second warps: both have to show a face at the same place."""
    pixels = cv2.GaussianBlur(noise(96, 96), (0, 0), 4).astype(np.uint8)
    halved = np.array([[0.5, 0, 0], [0, 0.5, 0]], np.float32)
    crop = crop_windows(pixels, np.array([[0, 0, 96, 96]], np.float32), 48)[0]
    assert np.abs(warp(pixels, halved, 48).astype(int) - crop.astype(int))[:-1, :-1].max() <= 2

"""Cutting and shrinking: octaves are the same averages, windows beyond the picture are black, warps do not alias."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.crops import Octaves, crop_windows, warp
from edge.types import Pixels


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(7).integers(0, 255, (height, width, 3), np.uint8)


def test_a_window_from_an_octave_is_the_window_from_the_picture() -> None:
    """Both average over the same whole pixels: only the rounding of the halves between them may differ."""
    pixels = cv2.GaussianBlur(noise(400, 500), (0, 0), 3).astype(np.uint8)
    windows = np.array([[40, 80, 232, 272], [0, 0, 384, 384]], np.float32)
    octaves = Octaves(pixels)
    factors = octaves.factors(windows[:, 2] - windows[:, 0], 24)
    assert factors.tolist() == [4, 8]
    apart = crop_windows(octaves, windows, 24, factors).astype(int) - crop_windows(pixels, windows, 24)
    assert np.abs(apart).max() <= 3


def test_small_windows_are_cut_from_the_picture_itself() -> None:
    assert Octaves(noise(50, 50)).factors(np.array([10, 24, 95.9], np.float32), 24).tolist() == [1, 1, 1]


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


def test_a_shrunk_warp_puts_points_where_a_plain_one_does() -> None:
    """A bright disc lands at the place that the matrix sends its centre to."""
    pixels = np.zeros((900, 900, 3), np.uint8)
    cv2.circle(pixels, (600, 300), 40, (255, 255, 255), -1)
    matrix = np.array([[0.1, 0.02, -10], [-0.02, 0.1, 5]], np.float32)
    warped = warp(pixels, matrix, 80)[..., 0].astype(float)
    rows, columns = np.indices(warped.shape)
    found = np.array([(columns * warped).sum(), (rows * warped).sum()]) / warped.sum()
    np.testing.assert_allclose(found, matrix[:, :2] @ [600, 300] + matrix[:, 2], atol=0.3)

"""The packed pyramid: every level fits, none overlaps another, and cells map back to the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.crops import Octaves
from edge.detect.pyramid import CELL_PX, WINDOW_MAX, Level, Pyramid, cells_of, plan
from edge.runtime.litert import ModelStore

SIZES = st.integers(96, 1200)


@given(SIZES, SIZES, st.integers(20, 200))
def test_levels_lie_on_the_canvas_and_never_overlap(width: int, height: int, min_face_px: int) -> None:
    pyramid = plan(width, height, min_face_px, 0.709)
    taken = np.zeros((pyramid.height, pyramid.width), np.int64)
    for level in pyramid.levels:
        assert level.x % 2 == 0
        assert level.y % 2 == 0
        taken[level.y : level.y + level.height, level.x : level.x + level.width] += 1
    assert taken.max(initial=0) <= 1
    assert taken.sum() == sum(level.width * level.height for level in pyramid.levels)


@given(SIZES, SIZES, st.integers(20, 200))
def test_windows_lie_in_the_picture_and_span_the_wanted_faces(width: int, height: int, min_face_px: int) -> None:
    pyramid = plan(width, height, min_face_px, 0.709)
    if not pyramid.levels:
        assert min(width, height) < min_face_px
        return
    for level in pyramid.levels:
        last = pyramid.windows(level)[-1]
        assert last[2] <= width + 1e-2
        assert last[3] <= height + 1e-2
    narrowest = float(pyramid.windows(pyramid.levels[0])[0][2])
    assert narrowest == pytest.approx(min(WINDOW_MAX * min_face_px, width, height), rel=0.15)


@given(SIZES, SIZES, st.integers(20, 200))
def test_each_cell_is_looked_at_once_and_lies_on_the_map(width: int, height: int, min_face_px: int) -> None:
    pyramid = plan(width, height, min_face_px, 0.709)
    cells = cells_of(pyramid)
    assert len(cells.places) == len(cells.windows)
    assert len(np.unique(cells.places)) == len(cells.places)
    if len(cells.places):
        across, down = ((side - CELL_PX) // 2 + 1 for side in (pyramid.width, pyramid.height))
        assert cells.places.max() < across * down


def test_a_picture_smaller_than_the_smallest_face_has_no_level() -> None:
    assert plan(50, 50, 60, 0.709).levels == ()


def test_a_face_of_the_smallest_size_may_fill_the_picture() -> None:
    (level,) = plan(60, 60, 60, 0.709).levels
    assert (level.width, level.height) == (CELL_PX, CELL_PX)


def test_one_canvas_gives_what_each_level_alone_would_give() -> None:
    """Levels must not bleed into each other: P-Net on the canvas equals P-Net on each level, cell by cell."""
    pixels = np.random.default_rng(3).integers(0, 255, (150, 201, 3), np.uint8)
    pyramid = plan(201, 150, 40, 0.709)
    canvas = pyramid.paint(Octaves(pixels))
    store = ModelStore()
    together = store.open("pnet", height=pyramid.height, width=pyramid.width).run(canvas[None])
    for level in pyramid.levels:
        alone = store.open("pnet", height=level.height, width=level.width).run(_cut(canvas, level)[None])
        rows, columns = level.cells
        cells = (slice(0, rows.size), slice(0, columns.size))  # alone, an odd side gives a cell more
        np.testing.assert_allclose(together["score"][0][rows, columns], alone["score"][0][cells], atol=1e-6)
        np.testing.assert_allclose(together["box"][0][rows, columns], alone["box"][0][cells], atol=1e-5)


def _cut(canvas: np.ndarray, level: Level) -> np.ndarray:
    return np.ascontiguousarray(canvas[level.y : level.y + level.height, level.x : level.x + level.width])


def test_windows_undo_the_scale_of_a_level() -> None:
    level = Level(0, 0, 100, 50)
    pyramid = Pyramid(400, 200, 100, 50, (level,))
    windows = pyramid.windows(level).reshape(20, 45, 4)  # the cells of 100 x 50 px
    np.testing.assert_allclose(windows[3, 5], [40, 24, 40 + 4 * CELL_PX, 24 + 4 * CELL_PX])

"""The pipeline on real models: what is followed, what is let go, and when the whole frame is searched."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config import Config
from edge.errors import ClockError
from edge.images import read_image
from edge.pipeline import Pipeline, Vision
from edge.runtime.litert import ModelStore
from edge.types import Faces, Floats, Frame


class Knows:
    """A gallery of one person at a fixed distance."""

    def __init__(self, n_people: int = 1) -> None:
        self.n_people, self.asked = n_people, 0

    def __len__(self) -> int:
        return self.n_people

    def nearest(self, embedding: Floats) -> tuple[str, float] | None:
        self.asked += 1
        assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)
        return "Ada", 0.5


@pytest.fixture(scope="module")
def vision() -> Vision:
    return Vision(ModelStore(), Config())


@pytest.fixture(scope="module")
def photo(clips_dir: Path) -> Frame:
    return read_image(clips_dir / "single_face.jpg")


def blank(at_s: float, index: int, level: int = 90) -> Frame:
    return Frame(np.full((480, 640, 3), level, np.uint8), at_s, index)


def at(frame: Frame, at_s: float, index: int) -> Frame:
    return Frame(frame.pixels, at_s, index)


@pytest.mark.clips
def test_a_face_is_found_followed_and_verified(vision: Vision, photo: Frame) -> None:
    knows = Knows()
    pipeline = Pipeline(vision, knows)
    seen = [pipeline.process(at(photo, 0.05 * n, n)).primary for n in range(5)]
    assert {tracked.track_id for tracked in seen if tracked} == {1}
    assert [tracked.age_s for tracked in seen if tracked] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    assert knows.asked == 5
    assert seen[0] is not None
    assert seen[0].match is not None
    assert seen[0].match.person == "Ada"


@pytest.mark.clips
def test_while_a_face_is_held_the_frame_is_searched_only_when_due(
    vision: Vision, photo: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches: list[float] = []
    detect = vision.cascade.detect

    def counted(frame: Frame) -> Faces:
        searches.append(frame.captured_s)
        return detect(frame)

    monkeypatch.setattr(vision.cascade, "detect", counted)
    pipeline = Pipeline(vision, Knows())
    for n in range(21):
        pipeline.process(at(photo, 0.05 * n, n))
    assert searches == pytest.approx([0.0, 0.5, 1.0])


@pytest.mark.clips
def test_a_cut_to_another_scene_ends_every_track(vision: Vision, photo: Frame) -> None:
    pipeline = Pipeline(vision, Knows())
    first = pipeline.process(at(photo, 0.0, 0)).primary
    dark = Frame(np.zeros_like(photo.pixels), 0.05, 1)
    assert pipeline.process(dark).faces == ()
    again = pipeline.process(at(photo, 0.1, 2)).primary
    assert first is not None
    assert again is not None
    assert again.track_id != first.track_id


@pytest.mark.clips
def test_a_bad_view_is_not_verified(vision: Vision, photo: Frame) -> None:
    blurred = Frame(cv2.GaussianBlur(photo.pixels, (0, 0), 9).astype(np.uint8), 0.0)
    knows = Knows()
    tracked = Pipeline(vision, knows).process(blurred).primary
    assert tracked is not None
    assert tracked.quality is not None
    assert "blurred" in tracked.quality.faults
    assert tracked.match is None
    assert knows.asked == 0


@pytest.mark.clips
def test_with_nobody_enrolled_nobody_is_matched(vision: Vision, photo: Frame) -> None:
    tracked = Pipeline(vision, Knows(0)).process(photo).primary
    assert tracked is not None
    assert tracked.match is None


def test_an_empty_still_scene_is_searched_only_when_due(vision: Vision, monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[int] = []

    def nothing(frame: Frame) -> Faces:
        searches.append(frame.index)
        return Faces()

    monkeypatch.setattr(vision.cascade, "detect", nothing)
    pipeline = Pipeline(vision, Knows())
    for n in range(10):
        pipeline.process(blank(0.1 * n, n))
    pipeline.process(blank(0.91, 10, level=100))
    assert searches == [0, 5, 10]


def test_an_older_frame_is_an_error(vision: Vision) -> None:
    pipeline = Pipeline(vision, Knows())
    pipeline.process(blank(1.0, 0))
    with pytest.raises(ClockError):
        pipeline.process(blank(0.5, 1))


def test_more_people_make_the_limit_stricter_and_never_leave_what_was_measured(vision: Vision) -> None:
    limits = [vision.distance_max(n) for n in (1, 2, 10, 100, 100_000)]
    assert limits == sorted(limits, reverse=True)
    assert limits[0] > limits[2]
    lowest = min(row.distance_max for row in vision.branch.spec.thresholds)
    assert limits[-1] == pytest.approx(lowest)

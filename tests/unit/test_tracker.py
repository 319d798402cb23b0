"""Following: ids stay with a face, end with it, and are never used again."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import ClockError
from edge.track.tracker import LOST_AFTER_S, Tracker
from edge.types import Faces


def faces(*corners: tuple[float, float], side: float = 100) -> Faces:
    """Square faces at ``corners``, all alike otherwise."""
    n = len(corners)
    corner = np.array(corners, np.float32).reshape(n, 2)
    return Faces(
        np.concatenate([corner, corner + np.float32(side)], axis=1),
        np.full(n, 0.9, np.float32),
        np.tile(np.eye(3, dtype=np.float32), (n, 1, 1)),
        np.zeros((n, 5, 2), np.float32),
    )


def test_a_face_that_moves_a_little_keeps_its_id_and_its_age() -> None:
    tracker = Tracker()
    first = tracker.update(faces((0, 0)), 1.0)[0]
    second = tracker.update(faces((10, 5)), 1.1)[0]
    assert second.track_id == first.track_id
    assert (second.born_s, second.seen_s) == (1.0, 1.1)


def test_a_face_elsewhere_is_somebody_new() -> None:
    tracker = Tracker()
    first = tracker.update(faces((0, 0)), 1.0)[0]
    assert tracker.update(faces((300, 0)), 1.1)[0].track_id != first.track_id


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    for gap_s, same in ((LOST_AFTER_S * 0.9, True), (LOST_AFTER_S * 2, False)):
        tracker = Tracker()
        first = tracker.update(faces((0, 0)), 0.0)[0]
        assert tracker.update(faces(), gap_s / 2) == ()
        tracker.update(faces(), gap_s * 0.99)
        assert (tracker.update(faces((0, 0)), gap_s)[0].track_id == first.track_id) is same


def test_a_gap_without_any_frame_counts_as_well() -> None:
    tracker = Tracker()
    first = tracker.update(faces((0, 0)), 0.0)[0]
    assert tracker.update(faces((0, 0)), 5.0)[0].track_id != first.track_id


def test_ids_are_never_used_again_even_after_a_cut() -> None:
    tracker = Tracker()
    seen = set()
    for second in range(5):
        seen.add(tracker.update(faces((0, 0)), float(second))[0].track_id)
        tracker.reset()
    assert len(seen) == 5


def test_two_faces_swap_places_without_swapping_ids_in_one_step() -> None:
    tracker = Tracker()
    before = {track.track_id: track.face.box[0] for track in tracker.update(faces((0, 0), (200, 0)), 0.0)}
    after = {track.track_id: track.face.box[0] for track in tracker.update(faces((190, 0), (10, 0)), 0.1)}
    assert all(abs(before[track_id] - after[track_id]) <= 10 for track_id in before)


def test_the_largest_face_comes_first() -> None:
    tracker = Tracker()
    small, large = faces((0, 0), side=50), faces((200, 0), side=120)
    both = Faces(*(np.concatenate([getattr(small, f), getattr(large, f)]) for f in Faces.__slots__))
    assert [track.face.box[0] for track in tracker.update(both, 0.0)] == [200, 0]


def test_time_that_goes_backwards_is_an_error_and_changes_nothing() -> None:
    tracker = Tracker()
    tracker.update(faces((0, 0)), 2.0)
    held = tracker.tracks
    with pytest.raises(ClockError, match=r"at least 2\.0"):
        tracker.update(faces((0, 0)), 1.0)
    assert tracker.tracks == held

"""The recorded clips play to their end: what their containers say of their length is not taken too exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.camera.replay import ReplayCamera
from edge.errors import CameraError
from edge.testing import FakeClock


def count_frames(path: Path) -> int:
    camera = ReplayCamera([path], FakeClock(), realtime=False)
    return sum(1 for _ in iter(lambda: camera.read(1.0), None))


@pytest.mark.clips
@pytest.mark.parametrize(
    ("name", "n_frames"),
    [
        ("WolfgangLanger_Pexels.mp4", 472),
        ("face_noface.mov", 169),
        ("no_face.mp4", 95),  # its container promises 98: an edit list hides three
        ("noface_face.mov", 169),
        ("single_face.mp4", 72),
        ("single_face.jpg", 1),
    ],
)
def test_recorded_clips_play_to_their_end(clips_dir: Path, name: str, n_frames: int) -> None:
    assert count_frames(clips_dir / name) == n_frames


@pytest.mark.clips
def test_recorded_clip_cut_in_half(clips_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.mp4"
    whole = (clips_dir / "WolfgangLanger_Pexels.mp4").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CameraError, match=r"half\.mp4: ended after 2\d\d of 472 frames"):
        count_frames(path)

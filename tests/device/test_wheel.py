"""The built wheel in a clean environment with the locked runtime, used from outside of the source tree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.runtime.manifest import load_manifest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("edge", "training", "pyproject.toml", "README.md", "LICENSE")
OFFLINE = re.compile("Failed to establish a new connection|Temporary failure in name resolution|NewConnectionError")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the wheel in it. ``outside``: an empty folder to work in."""

    wheel: Path
    programs: Path
    outside: Path

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ``program`` of the environment, with nothing of this process's own Python around it."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
        command: Sequence[str | Path] = [self.programs / program, *arguments]
        return subprocess.run(
            command, cwd=self.outside, env=clean, capture_output=True, text=True, timeout=120, check=False
        )


def call(*command: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=500, check=False)
    if done.returncode and OFFLINE.search(done.stdout + done.stderr):
        pytest.skip("offline: the locked runtime cannot be fetched")
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    scratch = tmp_path_factory.mktemp("wheel")
    tree, environment, outside = scratch / "tree", scratch / "environment", scratch / "outside"
    outside.mkdir()
    tree.mkdir()
    for source in SOURCES:
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, tree / source)
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", scratch, tree)
    (wheel,) = scratch.glob("*.whl")
    call(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    call(*pip, "--require-hashes", "--only-binary=:all:", "--requirement", ROOT / "deploy/locks/runtime.txt")
    call(*pip, "--no-deps", wheel)
    return Installed(wheel, environment / "bin", outside)


def test_the_wheel_holds_the_models_their_cards_and_the_types(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    assert {"edge/py.typed", "edge/models/manifest.toml"} <= names
    for spec in load_manifest().models.values():
        assert {f"edge/models/{spec.file}", f"edge/models/{spec.card}"} <= names
    assert not [name for name in names if name.startswith(("tests/", "deploy/", "demo/"))]
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_lock_is_all_that_the_wheel_asks_for(installed: Installed) -> None:
    done = installed.run("python", "-m", "pip", "check")
    assert done.returncode == 0, done.stdout


def test_nothing_that_only_training_needs_is_there(installed: Installed) -> None:
    heavy = ("tensorflow", "keras", "onnx", "onnxruntime", "matplotlib", "ai_edge_quantizer", "pytest")
    code = f"import importlib.util as u, json; print(json.dumps([n for n in {heavy} if u.find_spec(n)]))"
    assert json.loads(installed.run("python", "-c", code).stdout) == []


def test_it_is_the_installed_package_that_runs(installed: Installed) -> None:
    where = installed.run("python", "-c", "import edge; print(edge.__file__)").stdout.strip()
    assert Path(where).is_relative_to(installed.programs.parent)


def test_help_names_every_command(installed: Installed) -> None:
    done = installed.run("vigil", "--help")
    assert done.returncode == 0, done.stderr
    assert all(f"  {command} " in done.stdout for command in ("detect", "enroll", "people", "run", "safe", "verify"))


def test_help_loads_neither_opencv_nor_the_interpreter(installed: Installed) -> None:
    done = installed.run("python", "-X", "importtime", "-m", "edge", "--help")
    assert done.returncode == 0, done.stderr
    assert not re.findall(r"\| +(cv2|numpy|ai_edge_litert|gpiozero)$", done.stderr, re.MULTILINE)


@pytest.mark.clips
def test_every_face_of_a_photo_is_found(installed: Installed, clips_dir: Path) -> None:
    done = installed.run("vigil", "detect", clips_dir / "multi_face.jpg", "pictures", "--json", "found.jsonl")
    assert done.returncode == 0, done.stderr
    found = json.loads((installed.outside / "found.jsonl").read_text())
    assert len(found["faces"]) == 5
    (picture,) = (installed.outside / "pictures").iterdir()
    assert picture.stat().st_size > 10_000

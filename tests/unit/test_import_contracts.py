"""The import contracts can fail: each is broken on purpose in a copy of the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("importlinter", reason="import-linter is part of the development environment only")


def lint(tree: Path) -> str:
    """What import-linter says of ``tree``, with its line breaks taken out."""
    code = (
        "import sys; from importlinter.cli import lint_imports_command; sys.path.insert(0, '.'); lint_imports_command()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False
    )
    return f"exit {done.returncode}: " + " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    skip = shutil.ignore_patterns("__pycache__", "*.tflite")
    for package in ("edge", "training"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


VIOLATIONS = {
    "Each file of edge has its place": ("edge/geometry.py", "from edge.pipeline import Vision"),
    "The device never imports the training code": ("edge/crops.py", "import training.wheels"),
    "Training takes from the device only": ("training/wheels.py", "import edge.policy"),
    "A tutorial's network is trained without TensorFlow": ("training/fit_classic.py", "import tensorflow"),
    "Policies are pure": ("edge/policy/__init__.py", "import time"),
    "One door to the pins": ("edge/camera/__init__.py", "import gpiozero"),
    "One door to the interpreter": ("edge/detect/__init__.py", "import ai_edge_litert.interpreter"),
    "One door to the Raspberry Pi's camera": ("edge/images.py", "import picamera2"),
    "One door to the clock": ("edge/track/__init__.py", "import time"),
}


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_planted_import_breaks_its_contract(tree: Path, contract: str) -> None:
    file, line = VIOLATIONS[contract]
    with (tree / file).open("a") as source:
        source.write(f"\n{line}\n")
    report = lint(tree)
    assert report.startswith("exit 1")
    broken = [part.rsplit(" KEPT", 1)[-1] for part in report.split(" BROKEN")[:-1]]
    assert any(contract in part for part in broken), report


def test_a_file_without_a_place_breaks_the_layers(tree: Path) -> None:
    (tree / "edge/utils.py").touch()
    report = lint(tree)
    assert report.startswith("exit 1")
    assert "not listed as layers:" in report
    assert "- edge.utils" in report


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    report = lint(tree)
    assert report.startswith("exit 0"), report
    assert report.count(" KEPT") == len(VIOLATIONS)

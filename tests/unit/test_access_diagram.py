"""The diagrams in the documents are generated from the tables, and the README shows the door's and the driver's.

To write the golden files anew, and see what changed:
``python -m tests.unit.test_access_diagram && git diff tests/golden``
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.policy.diagram import access_diagram, attention_diagram, door_diagram, sight_diagram

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
DIAGRAMS: dict[str, Callable[[], str]] = {
    "access_diagram.mmd": access_diagram,
    "attention_diagram.mmd": attention_diagram,
    "door_diagram.mmd": door_diagram,
    "sight_diagram.mmd": sight_diagram,
}


@pytest.mark.parametrize("name", DIAGRAMS)
def test_the_diagram_is_the_one_on_record(name: str) -> None:
    assert DIAGRAMS[name]() == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("draw", [access_diagram, attention_diagram])
def test_the_readme_shows_the_diagram(draw: Callable[[], str]) -> None:
    readme = GOLDEN.parents[1] / "README.md"
    assert f"```mermaid\n{draw()}```" in readme.read_text(encoding="utf-8")


if __name__ == "__main__":
    for name, draw in DIAGRAMS.items():
        (GOLDEN / name).write_text(draw(), encoding="utf-8")

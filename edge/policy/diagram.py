"""The tables as a picture: Mermaid text, so that the diagram in the README cannot differ from what runs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from edge.policy.access import TABLE
from edge.policy.attention import TABLE as ATTENTION_TABLE
from edge.policy.contact import DOOR_TABLE
from edge.policy.sight import SIGHT_TABLE

S = TypeVar("S", bound=Enum)
T = TypeVar("T", bound=Enum)


def access_diagram() -> str:
    """The door's table as a Mermaid state diagram."""
    return _diagram(TABLE)


def door_diagram() -> str:
    """The door contact's table as a Mermaid state diagram."""
    return _diagram(DOOR_TABLE)


def attention_diagram() -> str:
    """The driver's table as a Mermaid state diagram."""
    return _diagram(ATTENTION_TABLE)


def sight_diagram() -> str:
    """Whether the driver is seen at all, as a Mermaid state diagram."""
    return _diagram(SIGHT_TABLE)


def _diagram(table: Mapping[S, Mapping[T, S]]) -> str:
    first = next(iter(table))
    lines = ["stateDiagram-v2", f"    [*] --> {first.value}"]
    for state, row in table.items():
        lines += [f"    {state.value} --> {target.value}: {_words(trigger)}" for trigger, target in row.items()]
    return "\n".join(lines) + "\n"


def _words(trigger: Enum) -> str:
    return str(trigger.value).replace("_", " ")

"""The hand counts of ``driver_clips.toml``: what a person saw in recorded clips, and where these clips lie."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from tests.media import default_directory

Span = tuple[float, float]  # first and last second


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The head turned or tilted away, to the ``side`` that the picture shows."""

    between: Span
    side: Literal["left", "right", "up", "down"]


class DriverClip(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One clip; see the head of the file for what its lists mean."""

    folder: Literal["clips", "videos"]
    name: str
    shut: tuple[Span, ...]
    blinks: tuple[float, ...]
    lowered: tuple[Span, ...]
    unreadable: tuple[Span, ...]
    turns: tuple[Turn, ...]
    yawns: tuple[Span, ...]

    @property
    def path(self) -> Path:
        """Where the clip would be; it need not be there."""
        if self.folder == "clips":
            return default_directory() / self.name
        return Path(os.environ.get("VIGIL_DATA", "")) / self.folder / self.name

    def kind(self, at_s: float, margin_s: float) -> Literal["open", "shut", "neither"]:
        """What the eyes are at ``at_s``, if for ``margin_s`` around it they are nothing else."""

        def touches(spans: tuple[Span, ...]) -> bool:
            return any(first - margin_s <= at_s <= last + margin_s for first, last in spans)

        if any(first + margin_s <= at_s <= last - margin_s for first, last in self.shut):
            return "shut"
        blinks = tuple((blink_s - 0.2, blink_s + 0.2) for blink_s in self.blinks)
        return "neither" if any(map(touches, (self.shut, blinks, self.lowered, self.unreadable))) else "open"


def driver_clips() -> dict[str, DriverClip]:
    """All clips by name."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {clip.name: clip for clip in msgspec.convert(tomllib.loads(text)["clip"], tuple[DriverClip, ...])}

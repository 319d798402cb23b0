"""Hold the faces that two machines found against each other: same_faces.py HERE.jsonl THERE.jsonl."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PIXELS_MAX = 1.0
DEGREES_MAX = 0.5


def faces(path: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [face for row in rows for face in row["faces"]]


def furthest(here: list[dict[str, Any]], there: list[dict[str, Any]], keys: list[str]) -> float:
    """The largest difference of any of the numbers under ``keys``."""
    pairs = [
        (h, t)
        for a, b in zip(here, there, strict=True)
        for key in keys
        for h, t in zip(flat(a[key]), flat(b[key]), strict=True)
    ]
    return max(abs(h - t) for h, t in pairs)


def flat(value: Any) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for each in value for leaf in flat(each)] if isinstance(value, list) else [float(value)]


def main() -> None:
    here, there = faces(sys.argv[1]), faces(sys.argv[2])
    if not here or len(here) != len(there):
        sys.exit(f"expected the same faces, found {len(here)} here and {len(there)} there")
    pixels, degrees = furthest(here, there, ["box"]), furthest(here, there, ["yaw_deg", "pitch_deg", "roll_deg"])
    print(f"{len(here)} faces: boxes differ by at most {pixels:.3f} px, poses by {degrees:.3f} degrees")
    if pixels > PIXELS_MAX or degrees > DEGREES_MAX:
        sys.exit(f"expected at most {PIXELS_MAX} px and {DEGREES_MAX} degrees")


main()

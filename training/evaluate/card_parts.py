"""Pieces of a model card's section of measured figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.runtime.litert import ModelStore


@dataclass(frozen=True, slots=True)
class Part:
    """``figures`` as they are printed, and the same as paragraphs of Markdown."""

    figures: dict[str, Any]
    paragraphs: list[str]


def float32_store(store: ModelStore) -> ModelStore | None:
    """The same models as float32 twins; None where none is named, or the file of one is not there."""
    specs = store.manifest.models.values()
    used = [spec.twin.file if spec.twin else spec.file for spec in specs]
    missing = [spec.file for spec in specs if spec.precision == "int8" and spec.twin is None]
    if missing or not any(spec.twin for spec in specs) or not all((store.directory / file).is_file() for file in used):
        return None
    return ModelStore(store.directory, store.threads, "float32")


def number(value: Any, digits: int) -> float:
    """A Python float, rounded."""
    return round(float(value), digits)


def share(hits: NDArray[np.bool_]) -> float | None:
    """Of true values, rounded; None of nothing."""
    return number(np.mean(hits), 4) if len(hits) else None


def wide_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |" for line in lines)

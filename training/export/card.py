"""Model cards: Markdown beside each model, written from measured values, never by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.runtime.manifest import MODELS_DIR, ModelSpec
from training.export.tflite import write_atomically


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card says beyond the manifest entry.

    ``summary``: one paragraph; ``terms``: data set -> its terms; ``recipe`` and ``results``: name -> value, printed as
    tables in their order; ``limits``: what is known not to work; ``command``: what makes the model again.
    """

    title: str
    summary: str
    command: str
    terms: Mapping[str, str]
    results: Mapping[str, str]
    recipe: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()


def write_card(spec: ModelSpec, facts: CardFacts, directory: Path = MODELS_DIR) -> Path:
    """Write the card that ``spec.card`` names (a path below ``directory``). Raises InputError."""
    path = directory / spec.card
    write_atomically(path, card_text(spec, facts, _commit()).encode())
    return path


def card_text(spec: ModelSpec, facts: CardFacts, commit: str) -> str:
    """The whole card as Markdown."""
    outputs = ", ".join(f"`{name}` {list(shape)}" for name, shape in spec.outputs.items())
    model = {
        "file": f"`{spec.file}`",
        "sha256": f"`{spec.sha256}`",
        "precision": spec.precision,
        "input": f"`{spec.input.name}` {list(spec.input.shape)}, {spec.input.channels},"
        f" (value - {_triple(spec.input.mean)}) / {_triple(spec.input.std)}",
        "outputs": outputs,
        "licence": spec.licence,
        "origin": spec.origin,
        "made at commit": commit,
    }
    parts = [f"# {facts.title}", facts.summary, _table("model", model), f"Made by `{facts.command}`."]
    parts += ["## Data and terms", _table("data", facts.terms), "## Measured", _table("measure", facts.results)]
    if facts.recipe:
        parts += ["## Recipe", _table("key", facts.recipe)]
    if facts.limits:
        parts += ["## Known limits", "\n".join(f"- {limit}" for limit in facts.limits)]
    return "\n\n".join(parts) + "\n"


def _triple(values: tuple[float, ...]) -> str:
    text = [f"{value:g}" for value in values]
    return text[0] if len(set(text)) == 1 else "(" + ", ".join(text) + ")"


def _table(head: str, rows: Mapping[str, str]) -> str:
    return "\n".join([f"| {head} | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout.strip() or "unknown"

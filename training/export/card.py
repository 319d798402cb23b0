"""Model cards: Markdown beside each model, written from measured values, never by hand.

The export writes a card anew; the evaluation then puts its own sections (``Measured``, ``Thresholds``) in their places.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import InputError
from edge.images import write_whole
from edge.runtime.manifest import MODELS_DIR, ModelSpec

SECTIONS = (
    "Data and terms",
    "Measured",
    "Thresholds",
    "Thresholds of the float32 twin",
    "At export",
    "Recipe",
    "Known limits",
)  # in a card's order


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
    """Write the card that ``spec.card`` names (a path below ``directory``). Raises StateError."""
    path = directory / spec.card
    write_whole(path, card_text(spec, facts, _commit()).encode())
    return path


def card_text(spec: ModelSpec, facts: CardFacts, commit: str) -> str:
    """The whole card as Markdown."""
    outputs = ", ".join(f"`{name}` {list(shape)}" for name, shape in spec.outputs.items())
    model = {
        "file": f"`{spec.file}`",
        "sha256": f"`{spec.sha256}`",
        "precision": spec.precision,
        **({"float32 twin": f"`{spec.twin.file}`, sha256 `{spec.twin.sha256}`"} if spec.twin else {}),
        "input": f"`{spec.input.name}` {list(spec.input.shape)}, {spec.input.channels},"
        f" (value - {_triple(spec.input.mean)}) / {_triple(spec.input.std)}",
        "outputs": outputs,
        "licence": spec.licence,
        "origin": spec.origin,
        "made at commit": commit,
    }
    parts = [f"# {facts.title}", facts.summary, table("model", model), f"Made by `{facts.command}`."]
    parts += ["## Data and terms", table("data", facts.terms), "## At export", table("measure", facts.results)]
    if facts.recipe:
        parts += ["## Recipe", table("key", facts.recipe)]
    if facts.limits:
        parts += ["## Known limits", "\n".join(f"- {limit}" for limit in facts.limits)]
    return "\n\n".join(parts) + "\n"


def _triple(values: tuple[float, ...]) -> str:
    text = [f"{value:g}" for value in values]
    return text[0] if len(set(text)) == 1 else "(" + ", ".join(text) + ")"


def put_section(path: Path, spec: ModelSpec, title: str, body: str) -> None:
    """Replace or add one of SECTIONS in the card at ``path``; everything else stays. Raises InputError, StateError.

    Refuses a card that tells of another file than ``spec``: its other parts would not belong to these figures.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: model card cannot be read: {error}") from error
    if spec.sha256 not in text:
        raise InputError(
            f"{path}: expected the card of {spec.file} with sha256 {spec.sha256}, found another; export it"
        )
    write_whole(path, with_section(text, title, body).encode())


def with_section(text: str, title: str, body: str) -> str:
    """The card ``text`` with ``body`` as its section ``title``, in the order of SECTIONS; any other stands last."""
    head, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    sections = dict(part.split("\n", 1) for part in parts) | {title: body}
    ordered = sorted(sections, key=lambda name: SECTIONS.index(name) if name in SECTIONS else len(SECTIONS))
    return "\n\n".join([head.strip(), *(f"## {name}\n\n{sections[name].strip()}" for name in ordered)]) + "\n"


def table(head: str, rows: Mapping[str, str]) -> str:
    """Two columns in Markdown, the second without a heading."""
    return "\n".join([f"| {head} | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout.strip() or "unknown"

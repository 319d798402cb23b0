"""The table of the tutorials' results beside their published ones: written by each training, never by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.errors import InputError
from edge.images import write_whole
from training.classic_recipe import Recipe
from training.evaluate.classic import Figures

_FILE, _TABLE = "results.json", "RESULTS.md"
_HEAD = """# The tutorials' networks: our results beside the published ones

Written by `python -m training train classic RECIPE --data DIR --table training/recipes`; never edited by hand.

Accuracy at the tutorial's own threshold. *Random pairs*: pairs of the people, and mostly of the very photos, that were
trained on, as most tutorials judge. *Unseen people*: pairs of people of whom no photo was trained on: the figure that
counts at a door. *At our threshold*: the one that was best on validation pairs, which are in neither; the manifest's.
EER needs no threshold. *int8*: the exported file on some pairs of the published protocol.
"""
_COLUMNS = (
    "recipe",
    "epochs (published)",
    "published",
    "random pairs: accuracy",
    "precision / recall",
    "unseen people: accuracy",
    "at our threshold: random / unseen",
    "EER, all pairs of unseen people",
    "float32 / int8, same pairs",
    "int8 size",
)


@dataclass(frozen=True, slots=True)
class Result:
    """One recipe's outcome. ``unseen`` and ``unseen_eer`` are None where the data hold nobody to keep back.

    ``float32`` and ``int8``: accuracy on the same ``parity_pairs``; ``apart``: mean difference of their distances.
    ``random_chosen`` and ``unseen_chosen``: at the threshold that was best on the training's validation pairs;
    ``took``: on what it was trained, and how long. None and empty in results that are older than these figures.
    """

    name: str
    data: tuple[str, ...]
    epochs: int
    epochs_published: int
    published: str
    protocol: str
    random: Figures
    unseen: Figures | None
    unseen_people: int
    unseen_eer: float | None
    threshold: float
    float32: float
    int8: float
    parity_pairs: int
    apart: float
    size: int
    changed: tuple[str, ...]
    random_chosen: Figures | None = None
    unseen_chosen: Figures | None = None
    took: str = ""

    def rows(self) -> dict[str, str]:
        """Measure to value, for the model card."""
        rows = {f"random pairs, {name}": text for name, text in _texts(self.random).items()}
        if self.unseen is not None:
            rows |= {f"unseen people, {name}": text for name, text in _texts(self.unseen).items()}
            rows["unseen people, EER over all their pairs"] = f"{self.unseen_eer:.4f}"
        for kind, at in (("random pairs", self.random_chosen), ("unseen people", self.unseen_chosen)):
            if at is not None:
                rows[f"{kind}, accuracy at the validation pairs' {at.decide_at:.4f}"] = f"{at.accuracy:.4f}"
        rows["published"] = f"{self.published} ({self.protocol})"
        rows[f"accuracy float32 / int8 on {self.parity_pairs} pairs"] = f"{self.float32:.4f} / {self.int8:.4f}"
        rows["int8 to float32, mean difference of distances"] = f"{self.apart:.4f}"
        rows["threshold of the manifest, from validation pairs"] = f"{self.threshold:.4f}"
        rows |= {"trained": self.took} if self.took else {}
        return rows | {"size": f"{self.size} bytes", "epochs": f"{self.epochs} of {self.epochs_published}"}


def changes(recipe: Recipe) -> tuple[str, ...]:
    """What differs from the tutorial: what the recipe says, and fewer epochs."""
    done, published = recipe.schedule.epochs, recipe.published.epochs
    fewer = (f"{done} epochs, where the tutorial runs {published}",) if done != published else ()
    return (*recipe.published.changed, *fewer)


def record(result: Result, directory: Path) -> Path:
    """Put ``result`` among those in ``directory`` and write the table again.

    Raises InputError for a damaged file, StateError where they cannot be written.
    """
    path = directory / _FILE
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        known[result.name] = msgspec.to_builtins(result)
        results = [msgspec.convert(known[name], Result) for name in sorted(known)]
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: expected the results of earlier trainings, or no such file: {error}") from error
    write_whole(path, (json.dumps({item.name: known[item.name] for item in results}, indent=1) + "\n").encode())
    write_whole(directory / _TABLE, table(results).encode())
    return directory / _TABLE


def table(results: list[Result]) -> str:
    """All results as Markdown."""
    lines = [_HEAD, _line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
    lines += [_line(_cells(result)) for result in results]
    for result in results:
        trained = f" Trained: {result.took}." if result.took else ""
        lines += [
            "",
            f"`{result.name}` on {', '.join(result.data)}, published on {result.protocol}.{trained} Changed:",
            "",
        ]
        lines += [f"- {change};" for change in result.changed]
    return "\n".join(lines) + "\n"


def _cells(result: Result) -> list[str]:
    unseen = "nobody to keep back" if result.unseen is None else f"{result.unseen.accuracy:.4f}"
    return [
        f"`{result.name}`",
        f"{result.epochs} ({result.epochs_published})",
        result.published,
        f"{result.random.accuracy:.4f}",
        f"{result.random.precision:.4f} / {result.random.recall:.4f}",
        unseen + (f" ({result.unseen_people} people)" if result.unseen else ""),
        " / ".join("-" if at is None else f"{at.accuracy:.4f}" for at in (result.random_chosen, result.unseen_chosen)),
        "" if result.unseen_eer is None else f"{result.unseen_eer:.4f}",
        f"{result.float32:.4f} / {result.int8:.4f}",
        f"{result.size / 1e6:.2f} MB",
    ]


def _texts(found: Figures) -> dict[str, str]:
    return {
        f"accuracy at {found.decide_at:g} on {found.pairs} pairs": f"{found.accuracy:.4f}",
        "precision / recall": f"{found.precision:.4f} / {found.recall:.4f}",
        "EER": f"{found.eer:.4f}",
    }


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"

"""What an architecture search found, as a page and a plot beside the model cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.images import write_whole
from training.cascade_recipe import ShapePart
from training.data.cascade_set import FACE_PX
from training.evaluate.card_parts import wide_table
from training.evaluate.plots import Frame, Point, draw_points
from training.models.cascade_nets import SHIPPED_SHAPE, SIZES_MAX
from training.search_recipe import SearchRecipe

OBJECTIVE = "geodesic"  # of training.evaluate.cascade_crops.judge: degrees, over all held-out faces
STEM = "fpnet-search"
_SIDES_PX = (40, 48, 56, 64)
_MEASURED = {
    "geodesic": ".2f",
    "geodesic real": ".2f",
    "geodesic wide": ".2f",
    "landmarks": ".3f",
    "box iou": ".3f",
    "recall": ".3f",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One trial. ``error_deg``: None where it was over the budget or collapsed. ``measures``: ``ms``, ``ratio`` and
    ``bytes`` of the int8 export, and of a trained one what ``judge`` gives.
    """

    shape: ShapePart
    error_deg: float | None
    measures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Findings:
    """``again_deg``: the shipped geometry's error from another seed, where it was trained."""

    trials: tuple[Found, ...]
    again_deg: float | None


def write_report(findings: Findings, recipe: SearchRecipe, shipped_steps: int, folder: Path) -> Path:
    """Write ``fpnet-search.md`` and ``.png`` to ``folder`` and give the page's path. Raises StateError."""
    page = folder / f"{STEM}.md"
    _plot(folder / f"{STEM}.png", findings.trials, recipe.ratio_max)
    write_whole(page, _page(findings, recipe, shipped_steps).encode())
    return page


def _page(findings: Findings, recipe: SearchRecipe, shipped_steps: int) -> str:
    trained = sorted(_trained(findings.trials), key=lambda found: found.error_deg or 0.0)
    pruned = [found for found in findings.trials if found.error_deg is None]
    parts = [
        "# The search over FPNet's geometry",
        f"{len(trained)} geometries within {recipe.ratio_max:g} of the shipped net's int8 latency and"
        f" {SIZES_MAX['fpnet']} bytes, each trained from scratch for {recipe.steps} steps, best first."
        f" Drawn besides and not trained: {len(pruned)}. Made by `python -m training search fpnet`.",
        "Width: of every layer's channels, as a share of O-Net's; depth: residual convolutions on the last map; kernel:"
        " side of the first convolution's; latency: of one crop, as a share of the shipped net's, both in turns in one"
        " thread; errors: on crops of held-out persons, geodesic in degrees (of all, of real photos, beyond 45 degrees"
        " of yaw), landmarks as a share of the distance between the eyes.",
        f"![Error over latency]({STEM}.png) *: the shipped geometry",
        _rows(trained, tuple(_MEASURED)),
    ]
    if pruned:
        parts += ["## Not trained: over the budget, or collapsed", _rows(pruned, ())]
    parts += ["## What this does not say", _limits(findings, recipe, shipped_steps)]
    return "\n\n".join(parts) + "\n"


def _rows(trials: Sequence[Found], measures: Sequence[str]) -> str:
    rows = []
    for found in trials:
        shape, given = found.shape, found.measures
        name = f"{shape.width:g}" + (" (shipped)" if shape == SHIPPED_SHAPE else "")
        cells = [name, str(shape.depth), str(shape.kernel), str(shape.side_px)]
        cells += [f"{given['ratio']:.2f}", f"{given['bytes']:.0f}"]
        rows.append(
            cells + [format(given[measure], _MEASURED[measure]) if measure in given else "-" for measure in measures]
        )
    return wide_table(["width", "depth", "kernel", "input px", "latency", "bytes", *measures], rows)


def _limits(findings: Findings, recipe: SearchRecipe, shipped_steps: int) -> str:
    limits = [
        f"{recipe.steps} steps are {recipe.steps / shipped_steps:.0%} of the shipped training, and start from nothing"
        " where that one starts from published weights: the order is of what learns fast, not of what ends best.",
        _noise(findings),
        f"The cache holds faces at {FACE_PX} px: crops of 56 and 64 px are finer samples of the same detail. A sharper"
        " photo may favour them more.",
        "Errors are of float32; latency is of XNNPACK's int8 on x86. A Raspberry Pi may order them otherwise.",
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _noise(findings: Findings) -> str:
    shipped = next((found for found in _trained(findings.trials) if found.shape == SHIPPED_SHAPE), None)
    if shipped is None or findings.again_deg is None:
        return "Each was trained once: what another seed would change is not known."
    return (
        f"Each was trained and timed once. The shipped geometry from another seed: {findings.again_deg:.2f} instead of"
        f" {shipped.error_deg:.2f} degrees; beside the shipped net, which has the same geometry, it took"
        f" {shipped.measures['ratio']:.2f} of its time. Differences of that size are chance."
    )


def _trained(trials: Sequence[Found]) -> list[Found]:
    return [found for found in trials if found.error_deg is not None]


def _plot(path: Path, trials: Sequence[Found], ratio_max: float) -> None:
    """Error over latency of what was trained."""
    frame = Frame(
        "FPNet's geometry",
        "int8 latency, share of the shipped net's",
        "geodesic error, degrees",
        threshold=(ratio_max, "budget"),
    )
    groups: dict[str, list[Point]] = {f"{side} px": [] for side in _SIDES_PX}
    for one in trials:
        if one.error_deg is not None:
            shape = one.shape
            name = f"w{shape.width:g} d{shape.depth} k{shape.kernel}" + ("*" if shape == SHIPPED_SHAPE else "")
            groups[f"{shape.side_px} px"].append(Point(one.measures["ratio"], one.error_deg, name))
    draw_points(path, frame, groups)

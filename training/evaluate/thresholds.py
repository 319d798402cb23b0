"""What a false match rate costs in distance: fitted on impostor pairs, written into the manifest and the model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import InputError
from edge.runtime.manifest import ModelSpec, Threshold
from edge.verify.siamese import BRANCH
from training.evaluate.match_rates import PairDistances, distance_at_fmr, tar_at_fmr
from training.export.card import put_section
from training.export.manifest import update_manifest

FITTED_FMRS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
FALSE_MATCHES_MIN = 5  # fewer say nothing: the rate's 95 % interval would span more than a factor of seven


def fit_thresholds(pairs: PairDistances) -> tuple[Threshold, ...]:
    """A row for each rate at which at least five impostor pairs match: rarer events were not measured."""
    count = len(pairs.impostor)
    rates = [fmr for fmr in FITTED_FMRS if fmr * count >= FALSE_MATCHES_MIN]
    if not rates:
        raise InputError(f"expected at least {FALSE_MATCHES_MIN / FITTED_FMRS[0]:.0f} impostor pairs, got {count}")
    return tuple(Threshold(fmr=f, distance_max=distance_at_fmr(pairs.impostor, f), impostor_pairs=count) for f in rates)


def record(spec: ModelSpec, figures: Mapping[str, Any], every: PairDistances, cohort: str, directory: Path) -> int:
    """Fit thresholds on ``every`` pair, write them and ``figures`` down, and say how many. Raises InputError."""
    rows = fit_thresholds(every)
    fitted = msgspec.structs.replace(spec, thresholds=rows, threshold_cohort=cohort)
    update_manifest(BRANCH, fitted, directory)
    write_card_section(fitted, figures, every, directory)
    return len(rows)


def record_twin(spec: ModelSpec, figures: Mapping[str, Any], every: PairDistances, cohort: str, directory: Path) -> int:
    """The same for the float32 twin of ``spec``. Raises InputError, ModelError where it has none."""
    rows = fit_thresholds(every)
    measured = msgspec.structs.replace(spec.at("float32"), thresholds=rows, threshold_cohort=cohort)
    assert spec.twin is not None
    twin = msgspec.structs.replace(spec.twin, thresholds=rows, threshold_cohort=cohort)
    update_manifest(BRANCH, msgspec.structs.replace(spec, twin=twin), directory)
    write_card_section(measured, figures, every, directory, "Thresholds of the float32 twin")
    return len(rows)


def write_card_section(
    spec: ModelSpec, figures: Mapping[str, Any], every: PairDistances, directory: Path, title: str = "Thresholds"
) -> None:
    """Replace the card's section on thresholds with what was measured just now."""
    lines = [f"{spec.threshold_cohort}, whole: detector, second look and branch as on the device.", ""]
    lines += ["| measure | |", "|---|---|", *(f"| {name} | {_short(value)} |" for name, value in figures.items()), ""]
    lines += ["| false match rate | distance at most | true accept rate |", "|---|---|---|"]
    lines += [
        f"| {row.fmr:g} | {row.distance_max:.4f} | {_short(tar_at_fmr(every, row.fmr))} |" for row in spec.thresholds
    ]
    put_section(directory / spec.card, spec, title, "\n".join(lines))


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)

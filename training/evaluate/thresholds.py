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
    fitted = write_thresholds(spec, fit_thresholds(every), cohort, directory)
    write_card_section(fitted, figures, every, directory)
    return len(fitted.thresholds)


def write_thresholds(spec: ModelSpec, rows: tuple[Threshold, ...], cohort: str, directory: Path) -> ModelSpec:
    """Put the fitted rows into the manifest's entry of the branch, and return the entry."""
    fitted = msgspec.structs.replace(spec, thresholds=rows, threshold_cohort=cohort)
    update_manifest(BRANCH, fitted, directory)
    return fitted


def write_card_section(spec: ModelSpec, figures: Mapping[str, Any], every: PairDistances, directory: Path) -> None:
    """Replace the card's section on thresholds with what was measured just now."""
    lines = [f"{spec.threshold_cohort}, whole: detector, second look and branch as on the device.", ""]
    lines += ["| measure | |", "|---|---|", *(f"| {name} | {_short(value)} |" for name, value in figures.items()), ""]
    lines += ["| false match rate | distance at most | true accept rate |", "|---|---|---|"]
    lines += [
        f"| {row.fmr:g} | {row.distance_max:.4f} | {_short(tar_at_fmr(every, row.fmr))} |" for row in spec.thresholds
    ]
    put_section(directory / spec.card, spec, "Thresholds", "\n".join(lines))


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)

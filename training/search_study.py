"""The order of an architecture search: what is drawn next, what is not worth training, and what is kept of it all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from edge.errors import ModelError, StateError
from training.cascade_recipe import ShapePart
from training.evaluate.latency import Latency
from training.evaluate.search_report import OBJECTIVE, Findings, Found
from training.models.cascade_nets import SHIPPED_SHAPE, SIZES_MAX
from training.search_recipe import SearchRecipe, shape_of

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


class Trials(Protocol):
    """What is done with a geometry."""

    def measure(self, shape: ShapePart) -> tuple[Latency, int]:
        """Latency and bytes of its int8 export, before any training."""
        ...

    def train(self, shape: ShapePart, seed_shift: int) -> Mapping[str, float]:
        """What ``judge`` gives of it after a short training. Raises ModelError on a collapse."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a search is kept: ``name`` tells those of other recipes and other data apart."""

    folder: Path
    name: str


def search(recipe: SearchRecipe, trials: Trials, place: Place, say: Callable[[str], None]) -> Findings:
    """Do the trials that are missing; all that ended, in their order. Raises StateError where they cannot be kept.

    Each draw depends on the seed, its number and what earlier trials found (a timing near the budget may fall on either
    side of it). A trial that was stopped begins again. One process at a time.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = _study(recipe, place)
        while not _enough(study, recipe):
            seed = 1000 * recipe.seed + len(study.trials)
            study.sampler = optuna.samplers.TPESampler(n_startup_trials=recipe.startup_trials, seed=seed)
            _run(study, study.ask(_distributions(recipe)), recipe, trials, say)
        return Findings(tuple(map(_found, study.get_trials(states=_ENDED))), _again(study, trials))
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise StateError(f"{place.folder}: cannot keep the search here: {error}") from error


def _study(recipe: SearchRecipe, place: Place) -> optuna.Study:
    """The one in the folder, whose stopped trial is drawn again, or a new one that begins with the shipped geometry."""
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"{place.folder}: cannot keep the search here: {error.strerror}") from error
    storage = f"sqlite:///{place.folder / 'trials.db'}"
    study = optuna.create_study(storage=storage, study_name=place.name, load_if_exists=True)
    if not study.trials and SHIPPED_SHAPE in recipe.space.shapes():
        study.enqueue_trial(msgspec.to_builtins(SHIPPED_SHAPE))
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def _distributions(recipe: SearchRecipe) -> dict[str, BaseDistribution]:
    return {name: CategoricalDistribution(list(values)) for name, values in recipe.space.choices().items()}


def _enough(study: optuna.Study, recipe: SearchRecipe) -> bool:
    trained = len(study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]))
    seen = {shape_of(trial.params) for trial in study.get_trials(deepcopy=False, states=_ENDED)}
    everything = seen >= set(recipe.space.shapes())
    return trained >= recipe.trials or len(study.trials) >= recipe.draws_max or everything


def _run(study: optuna.Study, trial: Trial, recipe: SearchRecipe, trials: Trials, say: Callable[[str], None]) -> None:
    """One trial. A geometry that was drawn before teaches nothing: it fails, which the sampler does not count."""
    if any(trial.params == other.params for other in study.get_trials(deepcopy=False, states=_ENDED)):
        study.tell(trial, state=TrialState.FAIL)
        return
    shape = shape_of(trial.params)
    latency, size = trials.measure(shape)
    trial.set_user_attr("timed", {"ms": latency.milliseconds, "ratio": latency.ratio, "bytes": size})
    dear = latency.ratio > recipe.ratio_max or size > SIZES_MAX["fpnet"]
    name = ", ".join(f"{name} {value:g}" for name, value in trial.params.items())
    say(f"{name}: {latency.ratio:.2f} of the shipped latency, {size} bytes{': over the budget' if dear else ''}")
    results = None if dear else _results(trials, shape, say)
    if results is None:
        study.tell(trial, state=TrialState.PRUNED)
        return
    trial.set_user_attr("judged", dict(results))
    study.tell(trial, results[OBJECTIVE])


def _found(trial: FrozenTrial) -> Found:
    measures = {**trial.user_attrs["timed"], **trial.user_attrs.get("judged", {})}
    return Found(shape_of(trial.params), trial.value, measures)


def _results(trials: Trials, shape: ShapePart, say: Callable[[str], None]) -> Mapping[str, float] | None:
    """None: it collapsed, which is a result as well."""
    try:
        return trials.train(shape, 0)
    except ModelError as error:
        say(str(error))
        return None


def _again(study: optuna.Study, trials: Trials) -> float | None:
    """The error of the shipped geometry from another seed, for what a difference is worth; None where it has none."""
    done = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    if "again" not in study.user_attrs and any(shape_of(trial.params) == SHIPPED_SHAPE for trial in done):
        study.set_user_attr("again", trials.train(SHIPPED_SHAPE, 1)[OBJECTIVE])
    again: float | None = study.user_attrs.get("again")
    return again

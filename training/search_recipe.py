"""``search_fpnet.toml``: the space, the latency budget and the length of an architecture search, range-checked."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.errors import ConfigError
from training.cascade_recipe import RECIPES, Count, ShapePart
from training.recipe_file import Section, read_recipe

DEFAULT_RECIPE = RECIPES / "search_fpnet.toml"


class SpacePart(Section, frozen=True, kw_only=True):
    """The values that each number of a ShapePart may take."""

    width: Annotated[tuple[float, ...], Meta(min_length=1)]
    depth: Annotated[tuple[int, ...], Meta(min_length=1)]
    kernel: Annotated[tuple[int, ...], Meta(min_length=1)]
    side_px: Annotated[tuple[int, ...], Meta(min_length=1)]

    def choices(self) -> dict[str, Sequence[float]]:
        """Name of the number to its values, in the order of a ShapePart."""
        return {name: getattr(self, name) for name in self.__struct_fields__}

    def shapes(self) -> list[ShapePart]:
        """All of them. Raises msgspec.ValidationError for a value that no net can have."""
        names, values = zip(*self.choices().items(), strict=True)
        return [shape_of(dict(zip(names, row, strict=True))) for row in itertools.product(*values)]


class SearchRecipe(Section, frozen=True, kw_only=True):
    """The whole file. ``trials``: that are trained, ``steps`` each; ``draws_max``: with those that are not.

    ``ratio_max``: of a candidate's int8 latency to the shipped net's, timed in ``rounds`` of ``calls`` of each.
    """

    seed: Annotated[int, Meta(ge=0)]
    trials: Count
    draws_max: Count
    startup_trials: Count
    steps: Count
    ratio_max: Annotated[float, Meta(gt=0, le=10)]
    rounds: Count
    calls: Count
    space: SpacePart

    def digest(self) -> str:
        """Changes with any number that a trial's result or the order of trials depends on, not with their count."""
        same = msgspec.structs.replace(self, trials=1, draws_max=1)
        return hashlib.sha256(msgspec.json.encode(same)).hexdigest()[:12]


def shape_of(params: dict[str, float]) -> ShapePart:
    """``params``: the numbers of a shape by their names. Raises msgspec.ValidationError."""
    return msgspec.convert(params, ShapePart)


def load_search_recipe(path: Path = DEFAULT_RECIPE) -> SearchRecipe:
    """The TOML file at ``path``. Raises ConfigError naming the file, the key and what was expected."""
    recipe = read_recipe(path, SearchRecipe, "of a search")
    try:
        recipe.space.shapes()
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: not a recipe of a search: {error}") from error
    if recipe.trials > recipe.draws_max:
        raise ConfigError(f"{path}: expected draws_max of at least {recipe.trials} trials, got {recipe.draws_max}")
    return recipe

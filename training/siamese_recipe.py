"""``siamese.toml``: every number of the Siamese branch's training, typed and range-checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from edge.errors import ConfigError
from training.cascade_recipe import Count, Share, SpoilPart, Weight
from training.recipe_file import RecipeFile, Section, read_recipe

DEFAULT_RECIPE = Path(__file__).resolve().parent / "recipes" / "siamese.toml"
OWN_RECIPE = DEFAULT_RECIPE.with_name("siamese_own.toml")


class DataPart(Section, frozen=True):
    """Which photos, and how many of the people are kept back to judge the training on.

    ``label_similarity_min``: a photo whose median cosine, by SFace, to the others of its name is lower is taken for
    somebody else's and left out; -1 keeps every photo.
    """

    sets: Annotated[tuple[str, ...], Meta(min_length=1)]
    held_out_share: Annotated[float, Meta(gt=0, lt=1)]
    label_similarity_min: Annotated[float, Meta(ge=-1, le=1)]


class JitterPart(Section, frozen=True):
    """What is left after alignment, beside ``spoil.roll_sigma_deg``, and how small faces are. Sigmas of normals."""

    scale_sigma: Annotated[float, Meta(ge=0, le=0.15)]
    shift_sigma_px: Annotated[float, Meta(ge=0, le=6)]
    small_share: Share
    small_side_px: tuple[Annotated[int, Meta(ge=24)], Annotated[int, Meta(le=112)]]


class LossPart(Section, frozen=True):
    """Weights of the terms (training.losses) and what the identity terms need; a weight of 0 leaves its term out.

    ``margin`` and ``triplet_margin``: Euclidean, of unit embeddings; ``angular_margin``: radians; ``angular_scale``: of
    the cosines before the softmax.
    """

    anchor: Weight
    relational: Weight
    contrastive: Weight
    margin: Annotated[float, Meta(gt=0, le=2)]
    triplet: Weight
    triplet_margin: Annotated[float, Meta(gt=0, le=2)]
    angular: Weight
    angular_margin: Annotated[float, Meta(ge=0, le=1)]
    angular_scale: Annotated[float, Meta(ge=1, le=128)]


class SchedulePart(Section, frozen=True):
    """How long and how fast. A batch holds ``people`` times ``photos_each`` chips.

    ``frozen_layers``: so many of the first layers with weights keep their published values. ``start_share``: of the
    starting weights in the result, which is their average with the trained ones.
    """

    people: Annotated[int, Meta(ge=2)]
    photos_each: Annotated[int, Meta(ge=2)]
    steps: Count
    steps_per_epoch: Count
    warmup_steps: Annotated[int, Meta(ge=0)]
    frozen_layers: Annotated[int, Meta(ge=0, le=48)]
    learning_rate: Annotated[float, Meta(gt=0, le=0.1)]
    weight_decay: Annotated[float, Meta(ge=0, le=0.1)]
    start_share: Annotated[float, Meta(ge=0, lt=1)]


class ExportPart(Section, frozen=True):
    """How many training chips the int8 ranges are measured on."""

    calibration_chips: Annotated[int, Meta(ge=16)]


class Recipe(RecipeFile, frozen=True):
    """The whole file."""

    seed: int
    data: DataPart
    jitter: JitterPart
    spoil: SpoilPart
    loss: LossPart
    schedule: SchedulePart
    export: ExportPart


def load_recipe(path: Path = DEFAULT_RECIPE) -> Recipe:
    """Read the TOML file at ``path``. Raises ConfigError naming the file, the key and what was expected."""
    recipe = read_recipe(path, Recipe, "for the Siamese branch")
    low, high = recipe.jitter.small_side_px
    if low > high:
        raise ConfigError(f"{path}: expected jitter.small_side_px as [least, most], got [{low}, {high}]")
    return recipe

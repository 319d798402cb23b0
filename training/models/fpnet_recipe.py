"""``fpnet_v0.toml``: every number of the pose head's training, typed and range-checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from training.recipe_file import Section, read_recipe

DEFAULT_RECIPE = Path(__file__).resolve().parent.parent / "recipes" / "fpnet_v0.toml"

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]
Sigma = Annotated[float, Meta(ge=0)]


class JitterPart(Section, frozen=True, kw_only=True):
    """How the training crop differs from the labelled box; see the comments of the file."""

    scale_min: Annotated[float, Meta(gt=0.5, le=1.5)]
    scale_max: Annotated[float, Meta(ge=1, le=1.8)]
    shift_sigma: Annotated[float, Meta(ge=0, le=0.2)]
    roll_sigma_deg: Annotated[float, Meta(ge=0, le=45)]
    contrast_sigma: Annotated[float, Meta(ge=0, le=0.5)]
    brightness_sigma: Sigma
    grey_share: Share


class FpnetRecipe(Section, frozen=True, kw_only=True):
    """The whole file."""

    seed: Annotated[int, Meta(ge=0)]
    sets: Annotated[tuple[str, ...], Meta(min_length=1)]
    held_out_share: Annotated[float, Meta(gt=0, lt=1)]
    disagreement_max_deg: Annotated[float, Meta(gt=0, le=180)]
    hidden_units: Count
    batch: Count
    crops_per_face: Count
    dropout: Annotated[float, Meta(ge=0, lt=1)]
    epochs: Count
    learning_rate: Annotated[float, Meta(gt=0, lt=1)]
    weight_decay: Sigma
    turned_weight: Annotated[float, Meta(ge=1)]
    jitter: JitterPart


def load_recipe(path: Path = DEFAULT_RECIPE) -> FpnetRecipe:
    """Raises ConfigError naming the file and the key."""
    return read_recipe(path, FpnetRecipe, "of FPNet version 0")

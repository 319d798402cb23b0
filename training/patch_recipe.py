"""``eyenet.toml``, ``mouthnet.toml``: every number of a training of a net of small patches, typed and range-checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from edge.attributes.patches import GLARE_PX, SPECKS_PX
from edge.errors import ConfigError
from training.recipe_file import RecipeFile, Section, read_recipe

RECIPES = Path(__file__).resolve().parent / "recipes"

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]
Sigma = Annotated[float, Meta(ge=0, le=1)]


class DataPart(Section, frozen=True):
    """Which photos teach. Before the net that is shipped learns from everybody, one for each of ``folds`` learns from
    the people of the other folds, and is judged on its own.

    ``shut_sets``: those of the ``face_sets`` in which nobody's are to be open; of mouths: nobody yawns. ``left_out``:
    people (set/person) who teach nothing, because recordings of them are judged on.
    """

    single_sets: tuple[str, ...]
    face_sets: tuple[str, ...]
    face_photos: Count
    folds: Annotated[int, Meta(ge=0, le=20)]
    shut_sets: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class BatchPart(Section, frozen=True):
    """``shares``: of the draws that each set gets; ``shut_share``: of these, how many are shut (eyes or mouths)."""

    patches: Annotated[int, Meta(ge=8)]
    shares: dict[str, Annotated[float, Meta(gt=0, le=1)]]
    shut_share: Annotated[float, Meta(gt=0, lt=1)]


class WindowPart(Section, frozen=True):
    """How the window differs from the one that the device would cut. The shift is a share of its width."""

    shift_sigma: Sigma
    scale_min: Annotated[float, Meta(ge=0.5, le=1)]
    scale_max: Annotated[float, Meta(ge=1, le=1.6)]
    stretch_sigma: Sigma
    roll_sigma_deg: Annotated[float, Meta(ge=0, le=45)]


class SpoilPart(Section, frozen=True):
    """What glasses, light, lens, sensor and encoder do. Shares of patches; the sigmas are of normal distributions.

    ``dark_levels_min``: a patch from the dark has at least so many grey levels, at most 64.
    """

    clean_share: Share
    glasses_share: Share
    glint_share: Share
    shade_share: Share
    blur_share: Share
    blur_sigma_max_px: Annotated[float, Meta(ge=0.5, le=6)]
    small_share: Share
    small_width_px: tuple[Annotated[int, Meta(ge=4)], Annotated[int, Meta(le=64)]]
    gamma_sigma: Sigma
    contrast_sigma: Sigma
    brightness_sigma: Annotated[float, Meta(ge=0, le=80)]
    dark_share: Share
    dark_levels_min: Annotated[float, Meta(ge=2, le=64)]
    noise_share: Share
    noise_sigma_max: Annotated[float, Meta(ge=0, le=60)]
    jpeg_share: Share
    jpeg_quality_min: Annotated[int, Meta(ge=5, le=95)]


class SchedulePart(Section, frozen=True):
    """How long and how fast. ``average``: momentum of the running mean of the weights; a checkpoint an epoch."""

    learning_rate: Annotated[float, Meta(gt=0, le=0.1)]
    weight_decay: Annotated[float, Meta(ge=0, le=0.1)]
    warmup_steps: Annotated[int, Meta(ge=0)]
    steps: Count
    steps_per_epoch: Count
    average: Annotated[float, Meta(ge=0, lt=1)]
    smoothing: Annotated[float, Meta(ge=0, lt=0.5)]


class ExportPart(Section, frozen=True):
    """How many training patches the int8 ranges are measured on."""

    calibration_patches: Annotated[int, Meta(ge=32)]


class Recipe(RecipeFile, frozen=True):
    """The whole file."""

    net: Literal["eyenet", "mouthnet"]
    seed: Annotated[int, Meta(ge=0)]
    data: DataPart
    batch: BatchPart
    window: WindowPart
    spoil: SpoilPart
    schedule: SchedulePart
    export: ExportPart

    @property
    def sets(self) -> tuple[str, ...]:
        return (*self.data.single_sets, *self.data.face_sets)

    @property
    def glare_px(self) -> int:
        """See :func:`edge.attributes.patches.levels`: glasses are before the eyes only."""
        return GLARE_PX if self.net == "eyenet" else SPECKS_PX


def load_recipe(path: Path, net: str) -> Recipe:
    """The recipe for ``net`` in the TOML file ``path``. Raises ConfigError naming the file, the key and the trouble."""
    recipe = read_recipe(path, Recipe, "of a net of patches")
    if recipe.net != net:
        raise ConfigError(f"{path}: expected a recipe for {net}, found one for {recipe.net}")
    if set(recipe.batch.shares) != set(recipe.sets):
        raise ConfigError(f"{path}: expected batch.shares of {sorted(recipe.sets)}, got {sorted(recipe.batch.shares)}")
    if not set(recipe.data.shut_sets) <= set(recipe.data.face_sets):
        raise ConfigError(f"{path}: expected data.shut_sets among data.face_sets, got {list(recipe.data.shut_sets)}")
    low, high = recipe.spoil.small_width_px
    if low > high:
        raise ConfigError(f"{path}: expected spoil.small_width_px as [least, most], got [{low}, {high}]")
    return recipe

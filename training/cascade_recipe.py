"""``pnet.toml``, ``rnet.toml``, ``fpnet.toml``: every number of a cascade net's training, typed and range-checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from edge.errors import ConfigError
from training.recipe_file import RecipeFile, Section, read_recipe

RECIPES = Path(__file__).resolve().parent / "recipes"

Share = Annotated[float, Meta(ge=0, le=1)]
Weight = Annotated[float, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=1)]
Sigma = Annotated[float, Meta(ge=0)]


class DataPart(Section, frozen=True):
    """Which faces teach, which judge, and how often each is drawn."""

    held_out_share: Annotated[float, Meta(gt=0, lt=1)]
    disagreement_max_deg: Annotated[float, Meta(gt=0, le=180)]
    rendered_share: Share
    turned_weight: Annotated[float, Meta(ge=1)]
    disputed_weight: Annotated[float, Meta(gt=0)]


class BatchPart(Section, frozen=True):
    """Crops of each sort in a batch. ``near`` ones are cut beside a face: part faces and negatives."""

    faces: Annotated[int, Meta(ge=2)]
    near: Annotated[int, Meta(ge=0)]
    negatives: Count

    @property
    def crops(self) -> int:
        return self.faces + self.near + self.negatives


class LabelPart(Section, frozen=True):
    """What a crop is by its IoU with the face's square; between ``negative_iou_max`` and ``part_iou_min``, nothing."""

    positive_iou_min: Share
    part_iou_min: Share
    negative_iou_max: Share


class WindowPart(Section, frozen=True):
    """How a crop differs from the face's square. Shifts are shares of the crop's side."""

    scale_min: Annotated[float, Meta(ge=0.3, le=1)]
    scale_max: Annotated[float, Meta(ge=1, le=3)]
    shift_max: Annotated[float, Meta(ge=0, le=1)]


class SpoilPart(Section, frozen=True):
    """What light, lens, sensor and encoder do. Shares of crops; the sigmas are of normal distributions."""

    roll_sigma_deg: Annotated[float, Meta(ge=0, le=60)]
    contrast_sigma: Annotated[float, Meta(ge=0, le=0.5)]
    brightness_sigma: Annotated[float, Meta(ge=0, le=80)]
    colour_sigma: Annotated[float, Meta(ge=0, le=0.5)]
    grey_share: Share
    infrared_share: Share
    dark_share: Share
    dark_gain_min: Annotated[float, Meta(gt=0, le=1)]
    noise_share: Share
    noise_sigma_max: Annotated[float, Meta(ge=0, le=60)]
    blur_share: Share
    blur_sigma_max_px: Annotated[float, Meta(ge=0.5, le=4)]
    jpeg_share: Share
    jpeg_quality_min: Annotated[int, Meta(ge=5, le=95)]
    occlusion_share: Share
    occlusion_side_max: Annotated[float, Meta(gt=0, le=0.6)]


class LossPart(Section, frozen=True):
    """Weights of the terms (training.losses.cascade). ``keep``: with online hard example mining this share of a batch,
    the middle of it by loss, teaches; 1 is the whole batch. ``squared``: squared Euclidean terms, as in the thesis.
    """

    score: Weight
    box: Weight
    landmarks: Weight
    rot6d: Weight
    squared: bool
    keep: Annotated[float, Meta(gt=0, le=1)]


class SchedulePart(Section, frozen=True):
    """``cosine`` falls over all steps; ``exponential`` multiplies the rate by ``decay`` after each of ``epochs``.
    A checkpoint is kept after every epoch of ``steps_per_epoch``.
    """

    optimizer: Literal["adamw", "adam"]
    learning_rate: Annotated[float, Meta(gt=0, le=0.1)]
    weight_decay: Annotated[float, Meta(ge=0, le=0.1)]
    rate: Literal["cosine", "exponential"]
    warmup_share: Annotated[float, Meta(ge=0, lt=1)]
    decay: Annotated[float, Meta(gt=0, le=1)]
    epochs: Count
    steps_per_epoch: Count

    @property
    def steps(self) -> int:
        """Before the finish."""
        return self.epochs * self.steps_per_epoch


class FinishPart(Section, frozen=True):
    """More ``epochs`` after the schedule's, with ``drawn`` shapes (training.data.drawn_shapes) among each batch: what a
    net has by then learnt to take for a face. The rate starts anew at ``learning_rate`` and falls along a cosine.
    """

    epochs: Count
    learning_rate: Annotated[float, Meta(gt=0, le=0.1)]
    drawn: Count


class ShapePart(Section, frozen=True):
    """FPNet in another geometry; without this section it has the shipped one. ``width``: of each layer's channels, as a
    share of O-Net's; ``depth``: residual convolutions on the last map; ``kernel``: side of the first convolution's;
    ``side_px``: of the crop. The device cuts crops of 48 px: other sides are for ``search fpnet``.
    """

    width: Annotated[float, Meta(ge=0.25, le=2)]
    depth: Annotated[int, Meta(ge=0, le=6)]
    kernel: Literal[3, 5, 7]
    side_px: Literal[40, 48, 56, 64]


class ExportPart(Section, frozen=True):
    """How many training crops the int8 ranges are measured on."""

    calibration_crops: Annotated[int, Meta(ge=32)]


class Recipe(RecipeFile, frozen=True, omit_defaults=True):
    """The whole file. A section that may be left out does not change the digest where it is."""

    net: Literal["pnet", "rnet", "fpnet"]
    seed: Annotated[int, Meta(ge=0)]
    start: Literal["port", "scratch"]
    precision: Literal["float32", "bfloat16"]
    dropout: Annotated[float, Meta(ge=0, lt=1)]
    data: DataPart
    batch: BatchPart
    labels: LabelPart
    face_window: WindowPart
    near_window: WindowPart
    spoil: SpoilPart
    loss: LossPart
    schedule: SchedulePart
    export: ExportPart
    finish: FinishPart | None = None
    shape: ShapePart | None = None

    @property
    def epochs(self) -> int:
        """Of the whole training."""
        return self.schedule.epochs + (self.finish.epochs if self.finish else 0)

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.epochs * self.schedule.steps_per_epoch


def load_recipe(path: Path, net: str) -> Recipe:
    """The recipe for ``net`` in the TOML file ``path``. Raises ConfigError naming the file, the key and the trouble."""
    recipe = read_recipe(path, Recipe, "of a cascade net")
    if recipe.net != net:
        raise ConfigError(f"{path}: expected a recipe for {net}, found one for {recipe.net}")
    if recipe.shape and (net, recipe.start) != ("fpnet", "scratch"):
        raise ConfigError(f"{path}: expected shape only in a recipe of fpnet with start scratch, found {recipe.start}")
    if (net, recipe.start) == ("pnet", "port"):
        raise ConfigError(f"{path}: expected start scratch: P-Net strides where MTCNN pools, its weights do not fit")
    if recipe.finish and recipe.schedule.rate != "cosine":
        raise ConfigError(f"{path}: expected finish only with schedule.rate cosine, found {recipe.schedule.rate}")
    labels = recipe.labels
    if not labels.negative_iou_max <= labels.part_iou_min <= labels.positive_iou_min:
        raise ConfigError(f"{path}: expected labels.negative_iou_max <= part_iou_min <= positive_iou_min")
    return recipe

"""The tutorials' recipes (``recipes/att_contrastive.toml`` and its like): every number typed and range-checked."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.errors import ConfigError
from edge.runtime.manifest import InputSpec
from training.recipe_file import Section, flat_rows, read_recipe

RECIPES = Path(__file__).resolve().parent / "recipes"
NAMES = ("att_contrastive", "att_subjects", "densenet_faceid", "koch_l1", "koch_l1_as_published")

Share = Annotated[float, Meta(ge=0, lt=1)]
Count = Annotated[int, Meta(ge=1)]
Rate = Annotated[float, Meta(gt=0, le=0.1)]
Momentum = Annotated[float, Meta(ge=0, lt=1)]


class PublishedPart(Section, frozen=True, kw_only=True):
    """What the tutorial says of itself. ``protocol``: which of our two its own figure was taken by."""

    where: str
    protocol: Literal["random pairs", "unseen people"]
    result: str
    epochs: Count
    changed: tuple[str, ...]


class DataPart(Section, frozen=True, kw_only=True):
    """``set``: folder below ``--data``. ``layout``: ``people`` (a folder a person), ``celeba`` (``faces.csv``), or
    ``triads`` (``anchor/``, ``positive/``, ``negative/`` in ``--data`` itself; where they are missing, built from the
    people of ``set`` and ``negative_photos`` of the set ``negatives``).

    ``unseen_people``: the last so many, by name, are never trained on. ``twice``: the published protocol trains on
    everybody, so that the figure on unseen people takes a second training. ``mirror``: photos are mirrored at random.
    """

    set: str
    layout: Literal["people", "celeba", "triads"]
    negatives: str = ""
    negative_photos: Count = 300
    unseen_people: Count
    twice: bool = False
    mirror: bool = False


class PhotoPart(Section, frozen=True, kw_only=True):
    """What the network sees: the ``crop`` (edge.runtime.manifest.Comparison) at ``height`` x ``width`` px, scaled."""

    crop: Literal["photo", "face"]
    face_scale: Annotated[float, Meta(ge=0.5, le=3)] = 1.0
    height: Annotated[int, Meta(ge=16, le=512)]
    width: Annotated[int, Meta(ge=16, le=512)]
    channels: Literal["rgb", "bgr", "grey"]
    mean: float
    std: Annotated[float, Meta(gt=0)]

    @property
    def depth(self) -> int:
        return 1 if self.channels == "grey" else 3

    @property
    def scale_of_face(self) -> float | None:
        """What edge.verify.comparison takes: how large the square is, or None for the whole photo."""
        return self.face_scale if self.crop == "face" else None

    def spec(self, photos: int) -> InputSpec:
        """The manifest's input of a model that takes ``photos`` at once."""
        shape = (photos, self.height, self.width, self.depth)
        mean, std = (self.mean,) * self.depth, (self.std,) * self.depth
        return InputSpec(name="image", shape=shape, channels=self.channels, mean=mean, std=std)


class PairsPart(Section, frozen=True, kw_only=True):
    """``scheme``: see training.data.pairs. Of the drawn pairs, ``test_share`` judge, ``validation_share`` of the rest
    choose the threshold; or, with ``fresh`` > 0, all train, and so many new ones each do the one and the other.
    """

    scheme: Literal["random", "numbered", "neighbours", "folders"]
    count: Count
    test_share: Share = 0.0
    validation_share: Share = 0.0
    fresh: Annotated[int, Meta(ge=0)] = 0


class ConvolutionsPart(Section, frozen=True, kw_only=True, tag_field="kind", tag="convolutions"):
    """Convolutions with ReLU, each followed by max-pooling over ``pool_px`` windows at stride 2 (0: none), then dense
    layers. Dropouts stand after each pooling and between the dense layers.
    """

    filters: tuple[Count, ...]
    kernels_px: tuple[Count, ...]
    pools_px: tuple[Annotated[int, Meta(ge=0)], ...]
    pool_padding: Literal["valid", "same"]
    dense: Annotated[tuple[Count, ...], Meta(min_length=1)]
    dense_activation: Literal["relu", "sigmoid"]
    pool_dropout: Share = 0.0
    dense_dropout: Share = 0.0


class DenseNetPart(Section, frozen=True, kw_only=True, tag_field="kind", tag="densenet"):
    """Huang et al., "Densely Connected Convolutional Networks", CVPR 2017: ``blocks`` of 6, 12, 24, 16 is 121."""

    growth: Count
    blocks: Annotated[tuple[Count, ...], Meta(min_length=1)]
    embedding: Count
    norm_momentum: Momentum
    norm_epsilon: Annotated[float, Meta(gt=0, le=0.1)]


class EuclideanPart(Section, frozen=True, kw_only=True, tag_field="kind", tag="euclidean"):
    """Contrastive loss (Hadsell et al., CVPR 2006) on the Euclidean distance of two embeddings.

    ``same_label``: what the truth of a pair of one person is called. ``root``: whether ``epsilon`` is the least that
    stands under the root, or is added there. ``far_power``: of the hinge for different people; 2 in the paper.
    """

    margin: Annotated[float, Meta(gt=0, le=100)]
    same_label: Literal[0, 1]
    root: Literal["floor", "added"]
    epsilon: Annotated[float, Meta(gt=0, le=1e-2)]
    far_power: Literal[1, 2]
    decide_at: Annotated[float, Meta(gt=0, le=100)]


class L1Part(Section, frozen=True, kw_only=True, tag_field="kind", tag="l1"):
    """Koch et al., "Siamese Neural Networks for One-shot Image Recognition", 2015: a learned weight for each |a - b|,
    a sigmoid, cross-entropy. The distance is 1 - score; ``decide_at`` is a distance as well.
    """

    same_label: Literal[1] = 1
    decide_at: Annotated[float, Meta(gt=0, lt=1)]


class FixedRatePart(Section, frozen=True, kw_only=True, tag_field="kind", tag="fixed"):
    """One learning rate from first to last."""

    optimizer: Literal["adam", "rmsprop"]
    learning_rate: Rate


class OneCyclePart(Section, frozen=True, kw_only=True, tag_field="kind", tag="one_cycle"):
    """Smith, 2018: the rate rises in a line from ``rate_min`` to ``rate_max`` and falls again; Adam's beta 1 mirrors
    it, from ``beta1_max`` to ``beta1_min`` and back.
    """

    rate_min: Rate
    rate_max: Rate
    beta1_min: Momentum
    beta1_max: Momentum
    beta2: Momentum


class SchedulePart(Section, frozen=True, kw_only=True):
    """``batch``: pairs a step. A checkpoint is kept after every ``checkpoint_every`` epochs and after the last."""

    rate: FixedRatePart | OneCyclePart
    epochs: Count
    batch: Count
    checkpoint_every: Count
    precision: Literal["float32", "bfloat16"]


class ExportPart(Section, frozen=True, kw_only=True):
    """How many training photos the int8 ranges are measured on."""

    calibration_photos: Annotated[int, Meta(ge=16)]


class Recipe(Section, frozen=True, kw_only=True):
    """The whole file."""

    name: Annotated[str, Meta(pattern="^[a-z0-9_]+$")]
    seed: Annotated[int, Meta(ge=0)]
    published: PublishedPart
    data: DataPart
    photo: PhotoPart
    pairs: PairsPart
    net: ConvolutionsPart | DenseNetPart
    compare: EuclideanPart | L1Part
    schedule: SchedulePart
    export: ExportPart

    def training_digest(self) -> str:
        """Changes with any number that a checkpoint depends on. More epochs go on from where fewer ended, but not where
        the learning rate follows their number.
        """
        tree = {**msgspec.to_builtins(self), "published": None, "export": None}
        if isinstance(self.schedule.rate, FixedRatePart):
            tree["schedule"] = {**tree["schedule"], "epochs": None}
        return hashlib.sha256(msgspec.json.encode(tree)).hexdigest()[:12]

    def flat(self) -> dict[str, str]:
        """``section.key`` to value, for the model card."""
        return flat_rows({name: value for name, value in msgspec.to_builtins(self).items() if name != "published"})

    def with_epochs(self, epochs: int | None) -> Recipe:
        """The same with another number of epochs, if one is given."""
        if epochs is None:
            return self
        replace = msgspec.structs.replace
        return replace(self, schedule=replace(self.schedule, epochs=epochs))


def load_recipe(named: str) -> Recipe:
    """The recipe of that name, or in the TOML file ``named``. Raises ConfigError: file, key and what was expected."""
    path = RECIPES / f"{named}.toml" if named in NAMES else Path(named)
    if named not in NAMES and path.suffix != ".toml":
        raise ConfigError(f"expected a recipe out of {', '.join(NAMES)}, or a .toml file, got {named!r}")
    recipe = read_recipe(path, Recipe, "of a tutorial")
    _check_together(path, recipe)
    return recipe


def _check_together(path: Path, recipe: Recipe) -> None:
    net, pairs, data = recipe.net, recipe.pairs, recipe.data
    if isinstance(net, ConvolutionsPart) and not len(net.filters) == len(net.kernels_px) == len(net.pools_px):
        raise ConfigError(f"{path}: expected net.filters, kernels_px and pools_px of equal length")
    if (pairs.fresh > 0) == (pairs.test_share > 0 and pairs.validation_share > 0):
        raise ConfigError(f"{path}: expected either pairs.fresh, or pairs.test_share and validation_share, above 0")
    if (pairs.scheme == "folders") != (data.layout == "triads"):
        raise ConfigError(f"{path}: expected pairs.scheme folders with data.layout triads, and only there")
    if data.layout == "triads" and not data.negatives:
        raise ConfigError(f"{path}: expected data.negatives, a set of people, with data.layout triads")
    if recipe.photo.crop == "face" and data.layout != "celeba":
        raise ConfigError(f"{path}: expected photo.crop face with data.layout celeba only, which has boxes")

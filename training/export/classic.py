"""A recipe's network as int8 TFLite with manifest and card beside it, so that ``vigil verify --model`` can run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from edge.runtime.litert import ModelStore
from edge.runtime.manifest import Comparison, ModelSpec
from edge.types import Floats
from edge.verify.comparison import Comparer
from training.classic_recipe import L1Part, Recipe
from training.data.pairs import Pairs
from training.data.people import PhotoSet
from training.evaluate.classic import Figures, normalised
from training.export.card import CardFacts, write_card
from training.export.delegate import check_delegated
from training.export.manifest import sha256_of, update_manifest
from training.export.tflite import export_int8
from training.models.classic_nets import branch, copy_branch, photo_pair_model, score_head

PARITY_PAIRS = 500
TERMS = {
    "att_faces": "AT&T Laboratories Cambridge: free with credit (F. Samaria, A. Harter, 1994)",
    "lfw": "LFW: research, press photos",
    "celeba": "CelebA: non-commercial research",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """The file, its ``size`` in bytes, and the mean and largest difference of int8 and float32 distances."""

    path: Path
    size: int
    distances: Floats
    mean_apart: float
    most_apart: float


def export(
    graph: keras.Model, photos: PhotoSet, learned: Pairs, recipe: Recipe, *, at: Figures, directory: Path
) -> ModelSpec:
    """Write the model and its manifest entry. ``learned``: training pairs, whose photos calibrate the ranges; ``at``:
    the figures on validation pairs at the threshold that the entry gets. Raises ModelError where XNNPACK leaves
    operations out.
    """
    model = _float32(graph, recipe)
    pair = isinstance(recipe.compare, L1Part)
    spec_in = recipe.photo.spec(2 if pair else 1)
    rows = np.stack([learned.one, learned.other], axis=1).reshape(-1)[: recipe.export.calibration_photos]
    path = directory / f"{recipe.name}_int8.tflite"
    output = "score" if pair else "embedding"
    calibration = normalised(photos.pixels[rows], recipe.photo)
    content = export_int8(model, [calibration], path, [output], shape=spec_in.shape)
    check_delegated(path, spec_in.shape)
    spec = ModelSpec(
        file=path.name,
        sha256=sha256_of(content),
        precision="int8",
        licence="trained on research data",
        origin=f"trained by Vigil after {recipe.published.where}",
        data=data_names(photos, recipe),
        card=f"cards/{recipe.name}.md",
        input=spec_in,
        outputs={output: (1, 1) if pair else (1, int(model.output_shape[-1]))},
        comparison=_comparison(recipe, at),
    )
    update_manifest(recipe.name, spec, directory)
    return spec


def check_parity(measured: Floats, photos: PhotoSet, pairs: Pairs, recipe: Recipe, directory: Path) -> Exported:
    """Run the exported file on ``pairs`` as the device does, beside the float32 distances ``measured`` of them."""
    comparer = Comparer(ModelStore(directory), recipe.name)
    found = np.array(
        [
            comparer.distance(photos.pixels[one], photos.pixels[other])
            for one, other in zip(pairs.one, pairs.other, strict=True)
        ],
        np.float32,
    )
    apart = np.abs(found - measured)
    path = directory / f"{recipe.name}_int8.tflite"
    return Exported(path, path.stat().st_size, found, float(apart.mean()), float(apart.max()))


def data_names(photos: PhotoSet, recipe: Recipe) -> tuple[str, ...]:
    """The sets that the photos came from: the recipe's, or the owner's own."""
    part = recipe.data
    if part.layout != "triads":
        return (part.set,)
    built = any(name.startswith(part.negatives) for name in photos.names)
    return (part.set, Path(part.negatives).parts[0]) if built else ("the owner's own photos",)


def write_recipe_card(
    spec: ModelSpec, recipe: Recipe, results: Mapping[str, str], changed: Sequence[str], directory: Path
) -> None:
    """The card beside the model."""
    facts = CardFacts(
        title=f"{recipe.name}: a tutorial's network",
        summary=f"Reproduces {recipe.published.where}. To learn from, not to open a door with.",
        command=f"python -m training train classic {recipe.name} --data DIR",
        terms={name: TERMS.get(name, name) for name in spec.data},
        results=results,
        recipe=recipe.flat(),
        limits=(
            *(f"Changed: {change}." for change in changed),
            "No face is levelled; a turned head is another person.",
        ),
    )
    write_card(spec, facts, directory)


def _comparison(recipe: Recipe, at: Figures) -> Comparison:
    return Comparison(
        crop=recipe.photo.crop,
        face_scale=recipe.photo.face_scale,
        distance="one_minus_score" if isinstance(recipe.compare, L1Part) else "euclidean",
        distance_max=at.decide_at,
        fmr=at.fmr,
        fnmr=1 - at.recall,
        validation_pairs=at.pairs,
    )


def _float32(graph: keras.Model, recipe: Recipe) -> keras.Model:
    """What the device runs, in float32 whatever it was trained in: the branch, or both photos to their score."""
    net = branch(recipe, for_device=True)
    copy_branch(graph.get_layer("branch"), net)
    if not isinstance(recipe.compare, L1Part):
        return net
    head = score_head(net.output_shape[-1])
    head.set_weights(graph.get_layer("head").get_weights())
    return photo_pair_model(net, head)

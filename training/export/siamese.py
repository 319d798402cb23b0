"""The trained branch as ``siamese_int8.tflite`` with its manifest entry and card, checked against its float32 self."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from edge.errors import ModelError
from edge.runtime.litert import Model
from edge.runtime.manifest import MODELS_DIR, InputSpec, ModelSpec
from edge.types import Floats, Pixels
from training.data.face_chips import Chips
from training.data.jitter import jittered_crops
from training.export.card import CardFacts, write_card
from training.export.delegate import check_delegated
from training.export.manifest import sha256_of, update_manifest
from training.export.tflite import export_int8
from training.export.twin import export_twin
from training.models.mobilefacenet import EMBEDDING, PIXEL_MEAN, PIXEL_STD, SIDE_PX, for_device
from training.siamese_data import normalised
from training.siamese_recipe import Recipe

NAME, FILE = "siamese", "siamese_int8.tflite"
COSINE_MIN = 0.97  # mean over faces; measured 0.99: below it the calibration is broken, not merely coarse
_SHAPE = (1, SIDE_PX, SIDE_PX, 3)  # a batch of one: a free one brings shape arithmetic that no delegate takes
_PARITY_FACES, _TWIN_FACES = 128, 16
TERMS = {
    "own": "the owner's own photos; the model is as private as they are",
    "celeba": "CelebA: non-commercial research",
    "ytf_crops": "YouTube Faces: research; people who are also in LFW left out by name",
    "starting weights": "MobileFaceNet, Apache-2.0",
    "teacher": "SFace (OpenCV Zoo), Apache-2.0",
}


def export(
    model: keras.Model, chips: Chips, recipe: Recipe, results: Mapping[str, str], directory: Path = MODELS_DIR
) -> tuple[ModelSpec, float]:
    """Write model, float32 twin, manifest entry (without thresholds: the evaluation fits them) and card.

    ``chips``: the training faces, of which some calibrate the int8 ranges. Returns the entry and the mean cosine of
    int8 and float32 embeddings on other training faces. Raises ModelError where that cosine is below COSINE_MIN, or
    where XNNPACK would leave out an operation or be slow at one.
    """
    rows = np.random.default_rng(recipe.seed).permutation(len(chips.pixels))
    count = recipe.export.calibration_chips
    calibration = jittered_crops(chips.pixels[rows[:count]], recipe, (recipe.seed, 2))
    inputs = normalised(calibration)
    device = for_device(model, inputs)
    content = export_int8(device, [inputs], directory / FILE, ["embedding"], shape=_SHAPE)
    check_delegated(directory / FILE, _SHAPE)
    spec = _spec(content, recipe)
    faces = jittered_crops(chips.pixels[rows[-_PARITY_FACES:]], recipe, (recipe.seed, 3))
    cosines = parity(model, Model(NAME, directory / FILE, spec, _SHAPE), faces)
    if cosines.mean() < COSINE_MIN:
        raise ModelError(f"{FILE}: expected int8 within a mean cosine of {COSINE_MIN} of float32, got {cosines.mean()}")
    some = faces[:_TWIN_FACES]
    spec = export_twin(device, spec, directory, shape=_SHAPE, crops=some, inputs=normalised(some))
    update_manifest(NAME, spec, directory)
    write_card(spec, _facts(spec, recipe, {**results, **_parity_rows(cosines, content)}), directory)
    return spec, float(cosines.mean())


def parity(model: keras.Model, int8: Model, faces: Pixels) -> Floats:
    """Cosines ``(n,)`` between the embeddings of both for aligned BGR ``faces (n, 112, 112, 3)``."""
    wanted = np.asarray(model.predict_on_batch(normalised(faces)))
    got = np.concatenate([int8.run(face[None])["embedding"] for face in faces])
    lengths = np.linalg.norm(wanted, axis=1) * np.linalg.norm(got, axis=1)
    cosines: Floats = (wanted * got).sum(axis=1) / lengths
    return cosines


def _spec(content: bytes, recipe: Recipe) -> ModelSpec:
    return ModelSpec(
        file=FILE,
        sha256=sha256_of(content),
        precision="int8",
        licence="Apache-2.0 weights as the starting point; trained on research data",
        origin="MobileFaceNet (ported), distilled from SFace under alignment jitter",
        data=recipe.data.sets,
        card="cards/siamese.md",
        input=InputSpec(name="image", shape=_SHAPE, channels="rgb", mean=PIXEL_MEAN, std=PIXEL_STD),
        outputs={"embedding": (1, EMBEDDING)},
    )


def _parity_rows(cosines: Floats, content: bytes) -> dict[str, str]:
    return {
        "int8 to float32, cosine mean / least": f"{cosines.mean():.4f} / {cosines.min():.4f}",
        "size": f"{len(content)} bytes",
    }


def _facts(spec: ModelSpec, recipe: Recipe, results: Mapping[str, str]) -> CardFacts:
    terms = {name: TERMS[name] for name in (*spec.data, "starting weights", "teacher")}
    return CardFacts(
        title="Siamese branch",
        summary=(
            "Turns a levelled 112x112 face into 128 numbers whose distance, at unit length, tells people apart. One"
            " branch, run once for each face. The output is not normalised: divide by its length."
        ),
        command="python -m training train siamese --data DIR --weights mobilefacenet.onnx",
        terms=terms,
        results=results,
        recipe=recipe.flat(),
        limits=(
            "Trained and judged on photos of public figures: children, masks and strong side views are rare in them.",
            "Needs landmarks found twice (on the photo, then on the levelled face): with one pass it errs more often.",
            "Does not tell a face from a picture of it.",
        ),
    )

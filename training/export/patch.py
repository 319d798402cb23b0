"""A trained net of patches as ``NAME_int8.tflite`` with its twin, manifest entry and card, checked against float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from edge.attributes.eyes import BATCH
from edge.attributes.patches import HEIGHT_PX, WIDTH_PX
from edge.errors import ModelError
from edge.runtime.litert import BatchedModel, Model
from edge.runtime.manifest import FREE, InputSpec, ModelSpec
from edge.types import Floats, Pixels
from training.data.patch_batches import MEAN, STD, scaled
from training.evaluate.patch_figures import JUDGED_AT, Judged
from training.export.card import CardFacts, write_card
from training.export.cascade import seed_models
from training.export.delegate import check_delegated
from training.export.manifest import sha256_of, update_manifest
from training.export.tflite import export_int8
from training.export.twin import export_twin
from training.models.patch_nets import OUTPUT, SIZE_MAX, for_device
from training.patch_recipe import Recipe

APART_MAX = 0.03  # mean distance of int8 from float32 on spoilt patches; above it the calibration is broken
_SHAPE = (None, HEIGHT_PX, WIDTH_PX, 1)
_TWIN_PATCHES = 16
TERMS = {
    "mrl_eye": "MRL eye data set: research, cite (Fusek, 2018)",
    "eyes_rgb": "unknown",
    "celeba": "CelebA: non-commercial research",
    "ytf_crops": "YouTube Faces: research",
    "yawdd_frames": "YawDD: research",
    "pointing04": "Pointing'04: any purpose with citation (Gourier et al., 2004)",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What is said of a net in its entry and card. ``batch``: patches that the device gives it at once; ``teacher``:
    terms of what labelled its patches, by name.
    """

    title: str
    summary: str
    origin: str
    batch: int
    teacher: Mapping[str, str]
    limits: tuple[str, ...]


KINDS = {
    "eyenet": Kind(
        "EyeNet",
        "p(open) of one eye from a levelled grey patch of 24 x 32 px, 0.85 distances between the eyes wide, its"
        " contrast evened (edge/attributes/patches.py). Two eyes are one batch.",
        "trained by Vigil; faces labelled by MediaPipe's iris model",
        BATCH,
        {"teacher": "MediaPipe's iris model, Apache-2.0"},
        (
            "Eyes of whole faces are labelled by a teacher, and few of them are shut.",
            "Eyes that look down, half shut lids and dark glasses are where it errs.",
        ),
    ),
    "mouthnet": Kind(
        "MouthNet",
        "p(open), here that a mouth is open as wide as in a yawn, from a levelled grey patch of 24 x 32 px, 1.4"
        " distances between the eyes wide, its contrast evened (edge/attributes/patches.py). One mouth a frame.",
        "trained by Vigil; yawns labelled by their data set",
        1,
        {},
        (
            "Only yawdd_frames shows yawns, acted ones in two cars; a person is one of its clusters of faces, which may"
            " hold two people or share one.",
            "Of the other sets every mouth counts as not yawning, a wide open one that sings or shouts too.",
            "A mouth wide open in speech or laughter looks like a yawn in one frame: only how long it lasts tells them"
            " apart (edge/attributes/nods.py). A hand before a yawn hides it.",
            "The driver of the clip that yawns are judged on (tests/driver_clips.toml) is among data.left_out; FPNet,"
            " which places the patch, has seen frames of him.",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Exported:
    """``path`` and ``size`` (bytes) of the int8 file; ``apart``: its mean distance from float32."""

    path: Path
    size: int
    apart: float


def export(
    net: keras.Model, patches: Pixels, recipe: Recipe, results: Mapping[str, Judged], directory: Path
) -> Exported:
    """Write model, twin, entry and card to ``directory``, which is given the shipped models first where it has none.

    ``patches`` (n, 24, 32): training patches, which calibrate the int8 ranges. Raises ModelError where the file is
    above its budget, not all delegated, or too far from ``net``.
    """
    seed_models(directory)
    path = directory / f"{net.name}_int8.tflite"
    device = for_device(net)
    content = export_int8(device, [scaled(patches)], path, [OUTPUT], shape=_SHAPE)
    if len(content) > SIZE_MAX:
        raise ModelError(f"{path}: expected at most {SIZE_MAX} bytes, got {len(content)}")
    check_delegated(path, (KINDS[net.name].batch, HEIGHT_PX, WIDTH_PX, 1))
    spec = spec_of(net.name, content, recipe)
    done = Exported(path, len(content), parity(net, path, spec, patches))
    some = patches[:_TWIN_PATCHES]
    spec = export_twin(device, spec, directory, shape=_SHAPE, crops=some[..., None], inputs=scaled(some))
    update_manifest(net.name, spec, directory)
    write_card(spec, _facts(net, recipe, results, done), directory)
    return done


def spec_of(name: str, content: bytes, recipe: Recipe) -> ModelSpec:
    """The manifest entry of a trained net."""
    return ModelSpec(
        file=f"{name}_int8.tflite",
        sha256=sha256_of(content),
        precision="int8",
        licence="trained from scratch on research data",
        origin=KINDS[name].origin,
        data=recipe.sets,
        card=f"cards/{name}.md",
        input=InputSpec(name="image", shape=(FREE, HEIGHT_PX, WIDTH_PX, 1), channels="grey", mean=(MEAN,), std=(STD,)),
        outputs={OUTPUT: (FREE, 1)},
    )


def parity(net: keras.Model, path: Path, spec: ModelSpec, patches: Pixels) -> float:
    """Mean distance of the file's p(open) from ``net``'s for ``patches`` (n, 24, 32). Raises ModelError."""
    wanted = np.asarray(net(scaled(patches), training=False)).reshape(-1)
    apart = float(np.abs(_run(path, spec, patches, KINDS[net.name].batch) - wanted).mean())
    if not apart <= APART_MAX:
        raise ModelError(f"{path}: expected p(open) within {APART_MAX} of float32, found {apart:g}")
    return apart


def int8_probabilities(net: keras.Model, recipe: Recipe, learnt: Pixels, judged: Pixels, folder: Path) -> Floats:
    """p(open) (n,) of ``judged`` patches by ``net`` as int8, calibrated on ``learnt``; the file stays in ``folder``."""
    path = folder / f"{net.name}_int8.tflite"
    content = export_int8(for_device(net), [scaled(learnt)], path, [OUTPUT], shape=_SHAPE)
    spec, batch = spec_of(net.name, content, recipe), KINDS[net.name].batch
    return _run(path, spec, judged, batch)


def _run(path: Path, spec: ModelSpec, patches: Pixels, batch: int) -> Floats:
    runner = BatchedModel([Model(path.stem, path, spec, (batch, HEIGHT_PX, WIDTH_PX, 1))])
    found: Floats = runner.run(patches[..., None])[OUTPUT].reshape(-1)
    return found


def _facts(net: keras.Model, recipe: Recipe, results: Mapping[str, Judged], done: Exported) -> CardFacts:
    kind, folds, open_min = KINDS[net.name], recipe.data.folds, JUDGED_AT[net.name]
    rows = {
        f"people it had not seen ({folds} folds), {name}, at p(open) {open_min}": str(row)
        for name, row in results.items()
    }
    return CardFacts(
        title=kind.title,
        summary=kind.summary,
        command=f"python -m training train {net.name} --data DIR",
        terms={**{name: TERMS[name] for name in recipe.sets}, **kind.teacher},
        results={
            **rows,
            "int8 to float32, mean distance of p(open) on spoilt patches": f"{done.apart:.4f}",
            "file size": f"{done.size} bytes",
            "parameters": str(net.count_params()),
        },
        recipe=recipe.flat(),
        limits=kind.limits,
    )

"""A trained cascade net as ``NAME_int8.tflite`` with its manifest entry and card, checked against its float32 self."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from edge.errors import InputError, ModelError
from edge.geometry import rotation_from_6d
from edge.runtime.litert import BatchedModel, Model
from edge.runtime.manifest import FREE, MODELS_DIR, InputSpec, ModelSpec, load_manifest
from edge.types import Pixels
from training.cascade_recipe import Recipe
from training.data.cascade_batches import Half, calibration_crops
from training.evaluate.cascade_crops import geodesics_deg
from training.export.card import CardFacts, write_card
from training.export.delegate import check_delegated
from training.export.manifest import sha256_of, update_manifest
from training.export.tflite import export_int8
from training.export.twin import export_twin
from training.models.cascade_nets import HEADS, SIZES_MAX, output_names, side_of
from training.models.port_mtcnn import MEAN, STD
from training.models.pose_head import scaled

# Mean distances of int8 from float32 above which the calibration is broken, not merely coarse. On spoilt crops: FPNet's
# rotation was 1.5 degrees apart on them, and on clean ones 0.08 degrees further from the teacher than float32's.
PARITY_MAX = {"score": 0.03, "box": 0.03, "landmarks": 0.02, "rotation_deg": 2.5}
_PARITY_CROPS, _TWIN_CROPS = 256, 32
_TITLES = {
    "pnet": "P-Net, the cascade's first stage",
    "rnet": "R-Net, the cascade's second stage",
    "fpnet": "FPNet, the cascade's last stage",
}
_SUMMARY = (
    "MTCNN's geometry with LeakyReLU, trained by Vigil as full int8. `box`: offsets of x1 y1 x2 y2 as shares of the"
    " crop's side; `landmarks`: x1 y1 .. x5 y5 as shares of the crop, the eye at image left first; `rot6d`: the first"
    " two columns of the rotation, not yet orthogonal."
)
_START_TERMS = {
    "WIDER FACE": "research; used by the authors of the starting weights, not by this training",
    "starting weights": "MTCNN (mtcnn 0.1.1, MIT)",
}
_TERMS = {
    "CelebA": "non-commercial research",
    "YawDD": "research",
    "YouTube Faces": "research",
    "Pointing'04": "any purpose with citation",
    "teachers": "YuNet (MIT), MediaPipe's face mesh (Apache-2.0), FSA-Net (MIT code; trained on 300W-LP, research)",
}
_START = {True: "MTCNN's weights", False: "scratch"}


@dataclass(frozen=True, slots=True)
class Exported:
    """``path`` and ``size`` (bytes) of the int8 file; ``parity``: mean distances of its outputs from float32's."""

    path: Path
    size: int
    parity: Mapping[str, float]


def export(
    net: keras.Model, learn: Half, recipe: Recipe, results: Mapping[str, Mapping[str, float]], directory: Path
) -> Exported:
    """Write model, twin, entry and card to ``directory``, which is given the shipped models first where it has none.

    Calibrated on training crops only. Raises ModelError where the file is above its budget or too far from ``net``.
    """
    seed_models(directory)
    crops = calibration_crops(learn, recipe)
    side = side_of(recipe)
    shape = (1, None, None, 3) if net.name == "pnet" else (None, side, side, 3)
    path = directory / f"{net.name}_int8.tflite"
    content = export_int8(net, [scaled(crops)], path, output_names(net.name), shape=shape)
    if len(content) > SIZES_MAX[net.name]:
        raise ModelError(f"{path}: expected at most {SIZES_MAX[net.name]} bytes, got {len(content)}")
    check_delegated(path, (1, *crops.shape[1:]))
    spec = spec_of(net.name, content, side, recipe.start)
    done = Exported(path, len(content), parity(net, path, spec, crops[:_PARITY_CROPS]))
    some = crops[:_TWIN_CROPS]
    spec = export_twin(net, spec, directory, shape=shape, crops=some, inputs=scaled(some))
    update_manifest(net.name, spec, directory)
    write_card(spec, _facts(net, recipe, results, done), directory)
    return done


def seed_models(directory: Path) -> None:
    """Copy the shipped models into ``directory`` where it holds no manifest: a cascade needs all its nets."""
    if (directory / "manifest.toml").exists():
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for spec in load_manifest(MODELS_DIR).models.values():
            shutil.copyfile(MODELS_DIR / spec.file, directory / spec.file)
            if spec.twin and (MODELS_DIR / spec.twin.file).exists():
                shutil.copyfile(MODELS_DIR / spec.twin.file, directory / spec.twin.file)
        shutil.copyfile(MODELS_DIR / "manifest.toml", directory / "manifest.toml")
    except OSError as error:
        raise InputError(f"{directory}: the shipped models cannot be copied here: {error.strerror}") from error


def spec_of(name: str, content: bytes, side: int, start: str) -> ModelSpec:
    """The manifest entry of a trained net that sees crops of ``side`` px; ``start``: as in its recipe."""
    ported = start == "port"
    lead, shape = ((1, FREE, FREE), (1, FREE, FREE, 3)) if name == "pnet" else ((FREE,), (FREE, side, side, 3))
    return ModelSpec(
        file=f"{name}_int8.tflite",
        sha256=sha256_of(content),
        precision="int8",
        licence=f"{'MIT weights as the starting point; ' if ported else ''}trained on research data",
        origin=f"trained by Vigil from {_START[ported]}; labels by YuNet, MediaPipe's face mesh and FSA-Net",
        data=("WIDER FACE",) * ported + ("CelebA", "YawDD", "YouTube Faces", "Pointing'04"),
        card=f"cards/{name}.md",
        input=InputSpec(name="image", shape=shape, channels="rgb", mean=MEAN, std=STD),
        outputs={"score": (*lead, 1)} | {head: (*lead, width) for head, width in HEADS[name].items()},
    )


def parity(net: keras.Model, path: Path, spec: ModelSpec, crops: Pixels) -> dict[str, float]:
    """Mean distances of the file's outputs from ``net``'s for BGR ``crops``, run as the device runs them.

    Raises ModelError where one is above PARITY_MAX.
    """
    runner = BatchedModel([Model(net.name, path, spec, (1, *crops.shape[1:]))])
    found = {name: value.reshape(len(crops), -1) for name, value in runner.run(crops).items()}
    raw = [np.asarray(value).reshape(len(crops), -1) for value in net(scaled(crops), training=False)]
    wanted = dict(zip(output_names(net.name), raw, strict=True))
    apart = {name: float(np.abs(found[name] - wanted[name]).mean()) for name in wanted}
    if "rot6d" in wanted:
        del apart["rot6d"]
        faces = wanted["score"][:, 0] >= min(
            0.5, wanted["score"].max()
        )  # elsewhere the vectors are short and turn freely
        rotations = rotation_from_6d(found["rot6d"][faces]), rotation_from_6d(wanted["rot6d"][faces])
        apart["rotation_deg"] = float(geodesics_deg(*rotations).mean())
    for name, value in apart.items():
        if not value <= PARITY_MAX[name]:
            raise ModelError(f"{path}: expected {name} within {PARITY_MAX[name]:g} of float32, found {value:g}")
    return apart


def _facts(net: keras.Model, recipe: Recipe, results: Mapping[str, Mapping[str, float]], done: Exported) -> CardFacts:
    rows = {f"held-out persons' crops, {name}": f"{value:.4f}" for name, value in results["after"].items()}
    rows |= {f"int8 to float32, {name}": f"{value:.4f}" for name, value in done.parity.items()}
    return CardFacts(
        title=_TITLES[net.name],
        summary=_SUMMARY,
        command=f"python -m training train {net.name}",
        terms=(_START_TERMS if recipe.start == "port" else {}) | _TERMS,
        results={**rows, "file size": f"{done.size} bytes", "parameters": str(net.count_params())},
        recipe=recipe.flat(),
        limits=("Photos beyond 60 degrees of yaw are mostly rendered from frontal ones.",),
    )

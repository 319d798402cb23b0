"""The float32 twin of an int8 model: the same net beside it, for devices where int8 finds no delegate."""

from __future__ import annotations

from pathlib import Path

import keras
import msgspec
import numpy as np

from edge.errors import ModelError
from edge.runtime.litert import Model
from edge.runtime.manifest import ModelSpec, Twin
from edge.types import Floats, Pixels
from training.export.manifest import sha256_of
from training.export.tflite import Shape, export_float32

PARITY_MAX = 1e-3  # float32 against float32: the order of additions is all that differs


def export_twin(
    net: keras.Model, spec: ModelSpec, directory: Path, *, shape: Shape, crops: Pixels, inputs: Floats
) -> ModelSpec:
    """Write ``NAME_f32.tflite`` beside the int8 file of ``spec``, and return the entry that names it.

    ``crops`` (n, h, w, 3) BGR are run as the device runs them, ``inputs`` are the same as ``net`` takes them. Raises
    ModelError where the file's outputs are further than 1e-3 from the net's.
    """
    path = directory / spec.file.replace("_int8", "_f32")
    content = export_float32(net, path, list(spec.outputs), shape=shape)
    named = msgspec.structs.replace(spec, twin=Twin(file=path.name, sha256=sha256_of(content)))
    apart = twin_parity(net, Model(path.stem, path, named.at("float32"), (1, *crops.shape[1:])), crops, inputs)
    if not apart <= PARITY_MAX:
        raise ModelError(f"{path}: expected the net's outputs within {PARITY_MAX:g}, found them {apart:g} apart")
    return named


def twin_parity(net: keras.Model, twin: Model, crops: Pixels, inputs: Floats) -> float:
    """The largest difference between the outputs of both, over all of them."""
    raw = net(inputs, training=False)
    outputs = raw if isinstance(raw, list | tuple) else [raw]
    wanted = dict(zip(twin.spec.outputs, (np.asarray(value).reshape(len(crops), -1) for value in outputs), strict=True))
    found = [twin.run(crop[None]) for crop in crops]
    return max(
        float(np.abs(np.stack([one[name].reshape(-1) for one in found]) - wanted[name]).max()) for name in wanted
    )

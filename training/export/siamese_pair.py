"""The pair model: two aligned faces to their distance, the same branch twice. The device does without it.

The daemon embeds enrolled faces once and runs one branch a face; this file is for whom two pictures and one number suit
better. Its weights are the branch's, once: it is no larger.
"""

from __future__ import annotations

from pathlib import Path

import keras
import msgspec
import numpy as np
from keras import ops
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.runtime.litert import Model
from edge.runtime.manifest import ModelSpec
from edge.types import Pixels
from edge.verify.siamese import distance, unit
from training.export.manifest import sha256_of, update_manifest
from training.export.tflite import export_int8
from training.siamese_data import normalised

NAME, FILE = "siamese_pair", "siamese_pair_int8.tflite"
GAP_MAX = 0.05  # mean, of distances 0..2; measured 0.014 (most 0.042) between this file and the float32 branch


@keras.saving.register_keras_serializable(package="vigil")
class PairDistance(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """Embeddings ``(2, d)`` of any length to the Euclidean distance ``(1, 1)`` of their directions, 0..2."""

    def call(self, embeddings: keras.KerasTensor) -> keras.KerasTensor:
        units = ops.normalize(embeddings, axis=1)
        return ops.sqrt(ops.sum(ops.square(units[:1] - units[1:]), axis=1, keepdims=True))


def pair_model(branch: keras.Model) -> keras.Model:
    """``branch`` with a batch of two as its two faces; not for training: its slope at distance 0 is infinite."""
    faces = keras.Input(batch_shape=(2, *branch.input_shape[1:]), name="faces")
    return keras.Model(faces, PairDistance(name="distance")(branch(faces)))


def export_pair(branch: keras.Model, spec: ModelSpec, faces: Pixels, directory: Path) -> tuple[ModelSpec, float]:
    """Write the pair model as int8 beside the exported branch of ``spec``, with its manifest entry.

    ``faces`` (n, s, s, 3): aligned BGR, of which neighbours are pairs: half of them calibrate, the others are compared.
    Returns the entry and the mean gap to the exported branch's own distances. Raises ModelError above GAP_MAX.
    """
    shape = (2, *spec.input.shape[1:])
    half = len(faces) // 4 * 2
    content = export_int8(pair_model(branch), [normalised(faces[:half])], directory / FILE, ["distance"], shape=shape)
    own = msgspec.structs.replace(
        spec,
        file=FILE,
        sha256=sha256_of(content),
        input=msgspec.structs.replace(spec.input, shape=shape),
        outputs={"distance": (1, 1)},
        thresholds=(),
        threshold_cohort="",
        twin=None,
    )
    one = Model(spec.file, directory / spec.file, spec, spec.input.shape)
    gaps = pair_gaps(Model(NAME, directory / FILE, own, shape), one, faces[half : half + half // 2 * 2])
    if gaps.mean() > GAP_MAX:
        raise ModelError(
            f"{FILE}: expected distances within {GAP_MAX} of the branch's in the mean, got {gaps.mean():.3f}"
        )
    update_manifest(NAME, own, directory)
    return own, float(gaps.mean())


def pair_gaps(pair: Model, branch: Model, faces: Pixels) -> NDArray[np.float64]:
    """How far (n/2,) the ``pair`` model's distances of neighbours in ``faces`` are from the ``branch``'s."""
    embeddings = [unit(branch.run(face[None])["embedding"].reshape(-1)) for face in faces]
    wanted = [distance(one, other) for one, other in zip(embeddings[::2], embeddings[1::2], strict=True)]
    found = [float(pair.run(faces[row : row + 2])["distance"].item()) for row in range(0, len(faces), 2)]
    gaps: NDArray[np.float64] = np.abs(np.array(found) - np.array(wanted))
    return gaps

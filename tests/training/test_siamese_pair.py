"""The pair model is the branch twice and the distance: in float32 exactly, in int8 within what its numbers can tell."""

from __future__ import annotations

from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from edge.errors import ModelError
from edge.runtime.litert import Model, ModelStore
from edge.runtime.manifest import InputSpec, ModelSpec
from edge.types import Pixels
from edge.verify.siamese import distance, unit
from training.export.manifest import sha256_of
from training.export.siamese_pair import GAP_MAX, NAME, export_pair, pair_gaps, pair_model
from training.export.tflite import export_int8
from training.models.mobilefacenet import PIXEL_MEAN, PIXEL_STD
from training.siamese_data import normalised

SHAPE = (1, 112, 112, 3)


def faces(n: int) -> Pixels:
    """Smooth random pictures: like photos, they do not saturate a network as white noise does."""
    coarse = np.random.default_rng(0).integers(0, 256, (n, 7, 7, 3), dtype=np.uint8)
    return np.stack([cv2.resize(face, (112, 112), interpolation=cv2.INTER_CUBIC) for face in coarse]).astype(np.uint8)


def tiny_branch() -> keras.Model:
    keras.utils.set_random_seed(1)
    pixels = keras.Input(SHAPE[1:])
    pooled = keras.layers.Conv2D(16, 16, 16, activation="relu6")(pixels)
    return keras.Model(pixels, keras.layers.Dense(128, name="embedding")(keras.layers.Flatten()(pooled)))


def exported(branch: keras.Model, folder: Path) -> ModelSpec:
    content = export_int8(branch, [normalised(faces(64))], folder / "branch.tflite", ["embedding"], shape=SHAPE)
    return ModelSpec(
        file="branch.tflite",
        sha256=sha256_of(content),
        precision="int8",
        licence="",
        origin="",
        data=(),
        card="",
        input=InputSpec(name="image", shape=SHAPE, channels="rgb", mean=PIXEL_MEAN, std=PIXEL_STD),
        outputs={"embedding": (1, 128)},
    )


def test_in_float32_it_is_the_distance_of_two_embeddings() -> None:
    branch, two = tiny_branch(), normalised(faces(2))
    one, other = (unit(row) for row in np.asarray(branch(two)))
    found = float(np.asarray(pair_model(branch)(two)).item())
    assert found == pytest.approx(distance(one, other), abs=1e-5)
    assert found > 0.1


def test_in_int8_it_is_the_exported_branch_twice(tmp_path: Path) -> None:
    branch = tiny_branch()
    spec = exported(branch, tmp_path)
    own, gap = export_pair(branch, spec, faces(64), tmp_path)
    assert gap < GAP_MAX
    pair = ModelStore(tmp_path).open(NAME, batch=2)
    assert own.outputs == {"distance": (1, 1)}
    fresh = faces(80)[64:]
    gaps = pair_gaps(pair, Model("branch", tmp_path / spec.file, spec, SHAPE), fresh)
    assert gaps.max() < 2 * GAP_MAX
    same = pair.run(np.stack([fresh[0], fresh[0]]))["distance"].item()
    assert same < GAP_MAX


def test_another_branch_than_the_exported_one_is_refused(tmp_path: Path) -> None:
    spec = exported(tiny_branch(), tmp_path)
    other = tiny_branch()
    other.set_weights([np.ones_like(weight) for weight in other.get_weights()])  # all faces look alike to it
    with pytest.raises(ModelError, match="expected distances within"):
        export_pair(other, spec, faces(64), tmp_path)
    assert not (tmp_path / "manifest.toml").exists()

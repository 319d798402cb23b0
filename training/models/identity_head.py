"""A centre on the unit sphere for each person of the training, beside the branch: what the angular term pulls towards.

The centres are thrown away with the training: the branch alone is exported.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from edge.types import Floats
from training.losses.identity import unit

_EMBEDDING = "embedding"


@keras.saving.register_keras_serializable(package="vigil")
class CentreCosines(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """``(n, d)`` embeddings of any length to cosines ``(n, classes)`` with each centre."""

    def __init__(self, classes: int, **base: Any) -> None:
        super().__init__(**base)
        self.classes = classes

    def build(self, input_shape: Any) -> None:
        self.centres = self.add_weight(
            shape=(self.classes, input_shape[-1]), initializer="glorot_normal", name="centres"
        )

    def call(self, embeddings: Any) -> Any:
        return ops.matmul(unit(embeddings), ops.transpose(unit(self.centres)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes}


def with_centres(branch: keras.Model, centres: Floats) -> keras.Model:
    """The training graph: ``(n, d + classes)``, the embedding and its cosines to ``centres`` (classes, d)."""
    cosines = CentreCosines(len(centres), name="centre_cosines")
    graph = keras.Model(branch.input, keras.layers.Concatenate()([branch.output, cosines(branch.output)]))
    cosines.set_weights([centres])
    return graph


def branch_of(graph: keras.Model) -> keras.Model:
    """The branch within a training graph, sharing its weights; a branch by itself is returned as it is."""
    return keras.Model(graph.input, graph.get_layer(_EMBEDDING).output, name="mobilefacenet")


def person_centres(embeddings: Floats, people: Any) -> Floats:
    """Unit means ``(classes, d)`` of the ``embeddings`` (n, d) of each person; ``people`` (n,): 0 to classes - 1."""
    sums = np.zeros((int(people.max()) + 1, embeddings.shape[1]), np.float32)
    np.add.at(sums, people, embeddings)
    centres: Floats = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    return centres

"""The Siamese branch: a levelled face in, a point on the unit sphere out. Two faces are compared by their distance.

The network is one branch used twice; enrolled faces are embedded once, so the daemon runs one branch a face.
"""

from __future__ import annotations

import numpy as np

from edge.errors import ModelError
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import distance_for_fmr
from edge.types import Floats, Pixels
from edge.verify.align import SIZE, align

BRANCH = "siamese"


class Branch:
    """The embedding network. Not for use by two threads at once."""

    def __init__(self, store: ModelStore, name: str = BRANCH) -> None:
        """Raises ModelError."""
        self._model = store.open(name, batch=1)
        self.spec = self._model.spec
        if self._model.shape[1:3] != (SIZE, SIZE) or set(self.spec.outputs) != {"embedding"}:
            raise ModelError(f"{name}: expected a {SIZE}x{SIZE} input and one output 'embedding', got {self.spec}")

    @property
    def model_sha256(self) -> str:
        """What templates are bound to: those of another model mean nothing to this one."""
        return self.spec.sha256

    def embed(self, pixels: Pixels, landmarks: Floats) -> Floats:
        """The unit embedding (d,) of the face whose ``landmarks`` (5, 2; px) are given."""
        return self.embed_aligned(align(pixels, landmarks))

    def embed_aligned(self, aligned: Pixels) -> Floats:
        """The unit embedding (d,) of a levelled face (112, 112, 3): the mean of what it and its mirror image give.

        Both show the same person, their errors differ (LFW: accuracy 0.9907 to 0.9933; twice the time).
        """
        both = aligned[None], np.ascontiguousarray(aligned[None, :, ::-1])
        views = [unit(self._model.run(view)["embedding"].reshape(-1)) for view in both]
        return unit(views[0] + views[1])

    def distance_max(self, fmr: float) -> float:
        """The distance at which different people are taken for one at rate ``fmr``. Raises ConfigError."""
        return distance_for_fmr(self.spec.thresholds, fmr)


def unit(vector: Floats) -> Floats:
    """``vector`` (d,) at length 1. A vector of length 0 carries no identity: raises ModelError."""
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length < 1e-6:
        raise ModelError(f"expected an embedding of positive length, got length {length}")
    return (vector / np.float32(length)).astype(np.float32)


def distance(one: Floats, other: Floats) -> float:
    """Euclidean distance of two unit embeddings (d,): 0 for the same, 2 for opposite ones."""
    return float(np.linalg.norm(one.astype(np.float64) - other.astype(np.float64)))

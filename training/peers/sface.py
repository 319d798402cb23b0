"""SFace, float32 on onnxruntime, as the peer that one Siamese branch is timed against."""

from __future__ import annotations

from collections.abc import Callable

from edge.bench import EMBED, Scene
from training.teachers.sface import SFace


class TimedSFace:
    """38.7 MB of weights where the branch has 1.3."""

    name = "SFace float32"
    against = (EMBED,)

    def prepare(self, scene: Scene) -> Callable[[], object]:
        """One embedding of the levelled face, on one thread. Raises InputError."""
        sface, aligned = SFace(threads=1), scene.aligned[None]
        return lambda: sface.embed(aligned)


PEER = TimedSFace()

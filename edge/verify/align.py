"""Levelling a face: the 5-point similarity transform to 112x112 that face embeddings are trained on."""

from __future__ import annotations

import numpy as np

from edge.crops import warp
from edge.geometry import similarity_transform
from edge.types import Floats, Pixels

SIZE = 112
# Deng et al., "ArcFace", CVPR 2019: where the five landmarks of a frontal face lie in the 112x112 input.
TEMPLATE: Floats = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)


def align(pixels: Pixels, landmarks: Floats, size: int = SIZE) -> Pixels:
    """The face of ``landmarks`` (5, 2; px, order of edge.types.Faces) levelled to (size, size, 3).

    ``size`` other than 112 keeps the face's scale and widens the view about the same centre.
    """
    return warp(pixels, alignment(landmarks, size), size)


def alignment(landmarks: Floats, size: int = SIZE) -> Floats:
    """The (2, 3) transform from the picture to the levelled face. Raises ValueError where all landmarks coincide."""
    return similarity_transform(landmarks, TEMPLATE + np.float32((size - SIZE) / 2))

"""EyeNet and its like: a probability from a grey patch of 24 x 32 px, in a file of at most 40 KB."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

from edge.attributes.patches import HEIGHT_PX, WIDTH_PX

OUTPUT = "open"
SIZE_MAX = 40_000  # bytes of the int8 file
# Of the convolutions: channels, kernel, stride, padding. The first one is coarse: at full size it took half the time.
_CONVOLUTIONS = ((16, 5, 2, "same"), (24, 3, 1, "same"), (32, 3, 2, "same"), (40, 3, 1, "valid"))
_HIDDEN, _DROPOUT = 32, 0.2


def build(name: str) -> keras.Model:
    """(n, 24, 32, 1) to p(open) (n, 1), with fresh weights. The normalisations fold into the convolutions at export."""
    patch = keras.Input((HEIGHT_PX, WIDTH_PX, 1), name="image")
    x: Any = patch
    for index, (channels, kernel, stride, padding) in enumerate(_CONVOLUTIONS, start=1):
        x = layers.Conv2D(channels, kernel, stride, padding=padding, use_bias=False, name=f"conv{index}")(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"norm{index}")(x)
        x = layers.LeakyReLU(negative_slope=0.1, name=f"leaky{index}")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    flat = keras.ops.reshape(x, (-1, math.prod(x.shape[1:])))  # not Flatten: see training.models.mtcnn.dense
    x = layers.Dense(_HIDDEN, name="hidden")(layers.Dropout(_DROPOUT, name="dropout")(flat))
    x = layers.LeakyReLU(negative_slope=0.1, name="leaky")(x)
    return keras.Model(patch, layers.Dense(1, activation="sigmoid", name=OUTPUT)(x), name=name)

"""P-, R- and O-Net of MTCNN as Keras graphs (Zhang et al., "Joint Face Detection and Alignment", 2016).

Height comes before width, as in every picture of Vigil; the published weights expect pictures lying on their side.
PReLU as published: these float32 graphs serve only until Vigil's own cascade is trained.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

Tensor = Any  # a symbolic Keras tensor: keras is untyped


def _conv(x: Tensor, filters: int, size: int, index: int) -> Tensor:
    x = layers.Conv2D(filters, size, padding="valid", name=f"conv{index}")(x)
    return layers.PReLU(shared_axes=[1, 2], name=f"prelu{index}")(x)


def _dense(x: Tensor, units: int, index: int) -> Tensor:
    # Not layers.Flatten: it asks for the batch size at run time, and TFLite then knows no output shape before a run.
    # Height, width, channel: the port permutes the published weights to that order.
    flat = keras.ops.reshape(x, (-1, math.prod(x.shape[1:])))
    x = layers.Dense(units, name=f"conv{index}")(flat)
    return layers.PReLU(name=f"prelu{index}")(x)


def build_pnet() -> keras.Model:
    """(1, h, w, 3) to score (1, i, j, 1) and box (1, i, j, 4); cell (i, j) sees 12 x 12 pixels from (2i, 2j)."""
    image = keras.Input((None, None, 3), name="image")
    x = layers.MaxPooling2D(2, 2, padding="same")(_conv(image, 10, 3, 1))
    x = _conv(_conv(x, 16, 3, 2), 32, 3, 3)
    score = layers.Conv2D(1, 1, activation="sigmoid", name="score")(x)
    box = layers.Conv2D(4, 1, name="box")(x)
    return keras.Model(image, [score, box], name="pnet")


def build_rnet() -> keras.Model:
    """(n, 24, 24, 3) to score (n, 1) and box (n, 4)."""
    image = keras.Input((24, 24, 3), name="image")
    x = layers.MaxPooling2D(3, 2, padding="same")(_conv(image, 28, 3, 1))
    x = layers.MaxPooling2D(3, 2, padding="valid")(_conv(x, 48, 3, 2))
    x = _dense(_conv(x, 64, 2, 3), 128, 4)
    return keras.Model(image, [layers.Dense(1, activation="sigmoid", name="score")(x), layers.Dense(4, name="box")(x)])


def build_onet() -> keras.Model:
    """(n, 48, 48, 3) to score (n, 1), box (n, 4), landmarks (n, 10). Features: ``conv5``'s input and ``prelu5``."""
    image = keras.Input((48, 48, 3), name="image")
    x = layers.MaxPooling2D(3, 2, padding="same")(_conv(image, 32, 3, 1))
    x = layers.MaxPooling2D(3, 2, padding="valid")(_conv(x, 64, 3, 2))
    x = layers.MaxPooling2D(2, 2, padding="same")(_conv(x, 64, 3, 3))
    x = _dense(_conv(x, 128, 2, 4), 256, 5)
    heads = [layers.Dense(1, activation="sigmoid", name="score")(x)]
    heads += [layers.Dense(units, name=name)(x) for name, units in (("box", 4), ("landmarks", 10))]
    return keras.Model(image, heads, name="onet")

"""P-, R- and O-Net of MTCNN as Keras graphs (Zhang et al., "Joint Face Detection and Alignment", 2016).

Height comes before width, as in every picture of Vigil; the published weights expect pictures lying on their side.
PReLU as published, unless another activation is asked for: Vigil's own nets start from these graphs (cascade_nets).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

Tensor = Any  # a symbolic Keras tensor: keras is untyped
HEAD_DTYPE = "float32"  # also where a training computes in bfloat16: two digits are not enough for an answer


Activation = Callable[[int, int], layers.Layer]  # of the index of a convolution and the rank of its output


def prelu(index: int, rank: int) -> layers.Layer:
    """As published: one slope a channel."""
    return layers.PReLU(shared_axes=[1, 2] if rank == 4 else None, name=f"prelu{index}")


def conv(x: Tensor, filters: int, size: int, index: int, act: Activation, *, stride: int = 1) -> Tensor:
    """The convolution ``conv{index}`` and its activation; valid, with a stride same."""
    x = layers.Conv2D(filters, size, stride, padding="valid" if stride == 1 else "same", name=f"conv{index}")(x)
    return act(index, 4)(x)


def dense(x: Tensor, units: int, index: int, act: Activation) -> Tensor:
    """The dense layer ``conv{index}`` over the whole map, and its activation."""
    # Not layers.Flatten: it asks for the batch size at run time, and TFLite then knows no output shape before a run.
    # Height, width, channel: the port permutes the published weights to that order.
    flat = keras.ops.reshape(x, (-1, math.prod(x.shape[1:])))
    x = layers.Dense(units, name=f"conv{index}")(flat)
    return act(index, 2)(x)


def probability(logit: Tensor) -> Tensor:
    """The layer ``score`` gives the logit, which training needs; the net itself gives this."""
    return layers.Activation("sigmoid", name="probability")(logit)


def build_pnet(act: Activation = prelu) -> keras.Model:
    """(1, h, w, 3) to score (1, i, j, 1) and box (1, i, j, 4); cell (i, j) sees 12 x 12 pixels from (2i, 2j)."""
    image = keras.Input((None, None, 3), name="image")
    x = layers.MaxPooling2D(2, 2, padding="same")(conv(image, 10, 3, 1, act))
    x = conv(conv(x, 16, 3, 2, act), 32, 3, 3, act)
    score = probability(layers.Conv2D(1, 1, name="score", dtype=HEAD_DTYPE)(x))
    return keras.Model(image, [score, layers.Conv2D(4, 1, name="box", dtype=HEAD_DTYPE)(x)], name="pnet")


def build_rnet(act: Activation = prelu) -> keras.Model:
    """(n, 24, 24, 3) to score (n, 1) and box (n, 4)."""
    image = keras.Input((24, 24, 3), name="image")
    x = layers.MaxPooling2D(3, 2, padding="same")(conv(image, 28, 3, 1, act))
    x = layers.MaxPooling2D(3, 2, padding="valid")(conv(x, 48, 3, 2, act))
    x = dense(conv(x, 64, 2, 3, act), 128, 4, act)
    score = probability(layers.Dense(1, name="score", dtype=HEAD_DTYPE)(x))
    return keras.Model(image, [score, layers.Dense(4, name="box", dtype=HEAD_DTYPE)(x)], name="rnet")


def build_onet(act: Activation = prelu) -> keras.Model:
    """(n, 48, 48, 3) to score (n, 1), box (n, 4), landmarks (n, 10). Features: ``conv5``'s input and ``prelu5``."""
    image = keras.Input((48, 48, 3), name="image")
    x = dense(conv(onet_trunk(image, act), 128, 2, 4, act), 256, 5, act)
    heads = [probability(layers.Dense(1, name="score", dtype=HEAD_DTYPE)(x))]
    heads += [layers.Dense(units, name=name, dtype=HEAD_DTYPE)(x) for name, units in (("box", 4), ("landmarks", 10))]
    return keras.Model(image, heads, name="onet")


def onet_trunk(image: Tensor, act: Activation, filters: tuple[int, int, int] = (32, 64, 64), kernel: int = 3) -> Tensor:
    """(n, 48, 48, 3) to (n, 4, 4, 64): O-Net's first three convolutions. ``kernel``: side of the first one's."""
    x = layers.MaxPooling2D(3, 2, padding="same")(conv(image, filters[0], kernel, 1, act))
    x = layers.MaxPooling2D(3, 2, padding="valid")(conv(x, filters[1], 3, 2, act))
    return layers.MaxPooling2D(2, 2, padding="same")(conv(x, filters[2], 3, 3, act))

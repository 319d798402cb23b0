"""EyeNet and its like: a probability from a grey patch of 24 x 32 px, in a file of at most 40 KB."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from edge.attributes.patches import HEIGHT_PX, WIDTH_PX
from edge.types import Floats

OUTPUT = "open"
SIZE_MAX = 40_000  # bytes of the int8 file
# Of the convolutions: channels, kernel, stride, padding. The first one is coarse: at full size it took half the time.
_CONVOLUTIONS = ((16, 5, 2, "same"), (24, 3, 1, "same"), (32, 3, 2, "same"), (40, 3, 1, "valid"))
_HIDDEN, _DROPOUT = 32, 0.2
_SLOPE = 0.1
_KERNEL_BLOCKS = 3


def build(name: str) -> keras.Model:
    """(n, 24, 32, 1) to p(open) (n, 1), with fresh weights. See :func:`for_device` for what is exported."""
    patch = keras.Input((HEIGHT_PX, WIDTH_PX, 1), name="image")
    x: Any = patch
    for index, (channels, kernel, stride, padding) in enumerate(_CONVOLUTIONS, start=1):
        x = layers.Conv2D(channels, kernel, stride, padding=padding, use_bias=False, name=f"conv{index}")(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"norm{index}")(x)
        x = layers.LeakyReLU(negative_slope=_SLOPE, name=f"leaky{index}")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    flat = keras.ops.reshape(x, (-1, math.prod(x.shape[1:])))  # not Flatten: see training.models.mtcnn.dense
    x = layers.Dense(_HIDDEN, name="hidden")(layers.Dropout(_DROPOUT, name="dropout")(flat))
    x = layers.LeakyReLU(negative_slope=_SLOPE, name="leaky")(x)
    return keras.Model(patch, layers.Dense(1, activation="sigmoid", name=OUTPUT)(x), name=name)


class SpaceToDepth(layers.Layer):  # type: ignore[misc]  # keras has no types
    """``(n, h, w, 1)`` to ``(n, h/2, w/2, 4)``: each block of 2x2 px becomes the channels of one."""

    def call(self, patch: Any) -> Any:
        return tf.nn.space_to_depth(patch, 2)


def for_device(net: keras.Model) -> keras.Model:
    """The same function as XNNPACK is fast at, without the normalisations.

    Its int8 kernels take four channels at once, used or not: the first convolution, of one channel, sees blocks of 2x2
    px as four, which saves a third of the net's time.
    """
    patch = keras.Input((HEIGHT_PX, WIDTH_PX, 1), name="image")
    x: Any = SpaceToDepth(name="blocks")(patch)
    for index, (channels, kernel, stride, padding) in enumerate(_CONVOLUTIONS, start=1):
        weights, bias = _normalised(net, index)
        if index == 1:
            weights, kernel, stride = _over_blocks(weights), _KERNEL_BLOCKS, 1  # noqa: PLW2901
        convolution = layers.Conv2D(channels, kernel, stride, padding=padding, name=f"c{index}")
        x = layers.LeakyReLU(negative_slope=_SLOPE, name=f"l{index}")(convolution(x))
        convolution.set_weights([weights, bias])
    x = layers.MaxPooling2D(2, name="pool")(x)
    flat = keras.ops.reshape(x, (-1, math.prod(x.shape[1:])))
    x = layers.LeakyReLU(negative_slope=_SLOPE, name="leaky")(net.get_layer("hidden")(flat))
    return keras.Model(patch, net.get_layer(OUTPUT)(x), name="net")  # every tensor bears it, and the file has a limit


def _normalised(net: keras.Model, index: int) -> tuple[Floats, Floats]:
    """Kernel and bias of a convolution with the normalisation after it."""
    (kernel,) = net.get_layer(f"conv{index}").get_weights()
    norm = net.get_layer(f"norm{index}")
    gamma, beta, mean, variance = norm.get_weights()
    gain = gamma / np.sqrt(variance + np.float32(norm.epsilon))
    return kernel * gain, beta - mean * gain


def _over_blocks(kernel: Floats) -> Floats:
    """(5, 5, 1, c) at stride 2, "same", as (3, 3, 4, c) over blocks: it begins a px before its own, one into 6x6."""
    channels = kernel.shape[-1]
    wide = np.zeros((2 * _KERNEL_BLOCKS, 2 * _KERNEL_BLOCKS, channels), np.float32)
    wide[1:, 1:] = kernel[:, :, 0]
    blocks = wide.reshape(_KERNEL_BLOCKS, 2, _KERNEL_BLOCKS, 2, channels).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(blocks.reshape(_KERNEL_BLOCKS, _KERNEL_BLOCKS, 4, channels))

"""The Siamese branch: MobileFaceNet with inverted residuals, batch normalisation folded away.

S. Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile Devices", CCBR 2018;
the activations are ReLU6 instead of PReLU, which is what int8 on XNNPACK is fast at.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np

from edge.types import Floats

SIDE_PX = 112
EMBEDDING = 128
# ImageNet's statistics, per channel R, G, B in 0..255: what the ported weights were trained with.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
_GLOBAL, _PROJECT = "global_depthwise", "project"
_BATCH = 64
_SUM_MIN = 1e-3  # some channels are dead


class Stage(NamedTuple):
    """A row of the paper's table 1: ``repeats`` bottlenecks of which the first has ``stride``."""

    expansion: int
    channels: int
    repeats: int
    stride: int


STAGES = (Stage(2, 64, 5, 2), Stage(4, 128, 1, 2), Stage(2, 128, 6, 1), Stage(4, 128, 1, 2), Stage(2, 128, 2, 1))


def mobilefacenet() -> keras.Model:
    """Input ``(n, 112, 112, 3)`` RGB normalised by PIXEL_MEAN and PIXEL_STD; output ``embedding (n, 128)``, any length.

    Layers with weights come in the order in which data flows, so that a port can walk them.
    """
    pixels = keras.Input((SIDE_PX, SIDE_PX, 3), name="pixels")
    x = _convolve(pixels, 64, kernel=3, stride=2, activation="relu6")
    x = _depthwise(x, stride=1, activation="relu")
    x = _convolve(x, 64, activation="relu")
    for expansion, channels, repeats, stride in STAGES:
        for repeat in range(repeats):
            x = _bottleneck(x, expansion, channels, stride if repeat == 0 else 1)
    x = _convolve(x, 512, activation="relu6")
    x = keras.layers.DepthwiseConv2D(7, name=_GLOBAL)(x)
    x = keras.layers.Conv2D(EMBEDDING, 1, name=_PROJECT)(x)
    return keras.Model(pixels, keras.layers.Flatten(name="embedding")(x), name="mobilefacenet")


def for_device(branch: keras.Model, crops: Floats) -> keras.Model:
    """The same function of the same layers, but its global depthwise convolution summed down each column, then across.

    XNNPACK has int8 kernels for at most 25 taps: the 49 of one window took a third of the branch's time (by itself
    1.7 ms where two windows of seven take 0.005). ``crops`` (n, 112, 112, 3), normalised, tell how large a channel's
    sums grow: it is scaled down by the root of that and back up, for all sums share one int8 range (Nagel et al.,
    "Data-free quantization through weight equalization and bias correction", ICCV 2019, equalise so by weights alone).
    """
    whole = branch.get_layer(_GLOBAL)
    kernel, bias = whole.get_weights()
    height, width, channels, _ = kernel.shape
    down = keras.layers.DepthwiseConv2D((height, 1), use_bias=False, name="sum_down")
    across = keras.layers.DepthwiseConv2D((width, 1), name="sum_across")
    sums = down(keras.layers.Reshape((height, 1, width * channels))(whole.input))
    down.set_weights([kernel.reshape(height, 1, width * channels, 1)])
    found = keras.Model(branch.input, sums).predict(crops, batch_size=_BATCH, verbose=0)
    largest = np.abs(found).reshape(-1, channels).max(axis=0)
    scale = np.sqrt(np.maximum(largest, _SUM_MIN))[:, None]
    down.set_weights([(kernel / scale).reshape(height, 1, width * channels, 1)])
    x = across(keras.layers.Reshape((width, 1, channels))(sums))
    across.set_weights([np.broadcast_to(scale, (width, 1, channels, 1)), bias])
    x = branch.get_layer(_PROJECT)(x)
    return keras.Model(branch.input, keras.layers.Flatten(name="embedding")(x), name=branch.name)


def _bottleneck(x: Any, expansion: int, channels: int, stride: int) -> Any:
    inner = _convolve(x, x.shape[-1] * expansion, activation="relu6")
    inner = _depthwise(inner, stride=stride, activation="relu6")
    out = _convolve(inner, channels)
    residual = stride == 1 and x.shape[-1] == channels
    return keras.layers.Add()([x, out]) if residual else out


def _convolve(x: Any, channels: int, kernel: int = 1, stride: int = 1, activation: str | None = None) -> Any:
    padding = "same" if stride == 1 else "valid"
    return keras.layers.Conv2D(channels, kernel, stride, padding, activation=activation)(_pad(x, stride))


def _depthwise(x: Any, stride: int, activation: str) -> Any:
    padding = "same" if stride == 1 else "valid"
    return keras.layers.DepthwiseConv2D(3, stride, padding, activation=activation)(_pad(x, stride))


def _pad(x: Any, stride: int) -> Any:
    """TensorFlow's "same" pads a stride-2 convolution at the far side only; the weights want 1 px on each side."""
    return keras.layers.ZeroPadding2D(1)(x) if stride == 2 else x

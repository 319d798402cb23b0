"""Vigil's own P-Net, R-Net and FPNet: MTCNN's geometry, LeakyReLU instead of PReLU (int8 PReLU is slower than float32).

FPNet is O-Net with a residual convolution on its 4 x 4 map. Each of the nine places that its last convolution looks at
sees 33 of the 48 pixels in O-Net, the whole crop here: a rotation is a relation between the face's two halves. It adds
5 % to the work and 37 KB to the file, and starts at zero, so that O-Net's published weights stay a valid start. The
rotation has 48 features of its own as well, beside the 256 that serve all heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
from keras import layers

from training.models.mtcnn import HEAD_DTYPE, build_pnet, build_rnet, conv, dense, onet_trunk, probability
from training.models.port_mtcnn import load_original_weights, port

SIDES_PX = {"pnet": 12, "rnet": 24, "fpnet": 48}  # what each net sees of a candidate
HEADS: Mapping[str, Mapping[str, int]] = {
    "pnet": {"box": 4},
    "rnet": {"box": 4},
    "fpnet": {"box": 4, "landmarks": 10, "rot6d": 6},
}
SIZES_MAX = {"pnet": 16_000, "rnet": 130_000, "fpnet": 520_000}  # bytes of the int8 file
_PORTS = {"pnet": "pnet", "rnet": "rnet", "fpnet": "onet"}


def leaky(index: int, rank: int) -> layers.Layer:  # noqa: ARG001
    """LeakyReLU(0.1), for a map or a vector."""
    return layers.LeakyReLU(negative_slope=0.1, name=f"leaky{index}")


def output_names(net: str) -> tuple[str, ...]:
    """Of the net's outputs in their order: score, then its heads."""
    return ("score", *HEADS[net])


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Nets built inside compute in ``precision``, float32 or bfloat16; their weights are float32 in any case."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build(net: str, dropout: float = 0.0) -> keras.Model:
    """``pnet``, ``rnet`` or ``fpnet`` with fresh weights. ``dropout``: of FPNet's last features, while training."""
    if net == "fpnet":
        return build_fpnet(dropout)
    return {"pnet": build_pnet, "rnet": build_rnet}[net](leaky)


def build_fpnet(dropout: float = 0.0) -> keras.Model:
    """(n, 48, 48, 3) to score (n, 1), box (n, 4), landmarks (n, 10) and rot6d (n, 6)."""
    image = keras.Input((48, 48, 3), name="image")
    x = conv(_residual(onet_trunk(image, leaky)), 128, 2, 4, leaky)
    shared, own = dense(x, 256, 5, leaky), dense(x, 48, 6, leaky)
    x = layers.Dropout(dropout, name="dropout")(shared)
    both = layers.Dropout(dropout, name="pose_dropout")(layers.Concatenate(name="pose_features")([shared, own]))
    given = {"box": x, "landmarks": x, "rot6d": both}
    heads = [layers.Dense(units, name=name, dtype=HEAD_DTYPE)(given[name]) for name, units in HEADS["fpnet"].items()]
    return keras.Model(image, [probability(layers.Dense(1, name="score", dtype=HEAD_DTYPE)(x)), *heads], name="fpnet")


def _residual(x: Any) -> Any:
    """x plus a 3 x 3 convolution of it that is zero at first."""
    more = layers.Conv2D(x.shape[-1], 3, padding="same", kernel_initializer="zeros", name="wide")(x)
    return layers.Add(name="sum")([x, layers.LeakyReLU(negative_slope=0.1, name="wide_leaky")(more)])


def start_from_port(net: keras.Model, cache_dir: Path | None = None) -> None:
    """Give ``net`` the published weights of every layer that MTCNN has too. Raises InputError where they are missing.

    What PReLU learned has no place in LeakyReLU: the net knows faces, but has to be trained on.
    """
    name = _PORTS[net.name]
    published = port(name, load_original_weights(cache_dir)[name])
    own = {layer.name for layer in net.layers}
    for layer in published.layers:
        if layer.weights and layer.name in own:
            net.get_layer(layer.name).set_weights(layer.get_weights())


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Into each layer of ``target`` from its namesake in ``source``: a training graph and its net, or a twin."""
    for layer in target.layers:
        if layer.weights:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def training_graph(net: keras.Model) -> keras.Model:
    """(n, side, side, 3) to (n, 1 + heads): the score's logit, then the heads in their order, as one row a crop."""
    parts = [net.get_layer("score").output, *net.outputs[1:]]
    widths = (1, *HEADS[net.name].values())
    rows = [keras.ops.reshape(part, (-1, width)) for part, width in zip(parts, widths, strict=True)]
    return keras.Model(net.input, layers.Concatenate(name="row", dtype=HEAD_DTYPE)(rows), name=f"{net.name}_training")

"""Vigil's own P-Net, R-Net and FPNet: MTCNN's geometry, LeakyReLU instead of PReLU (int8 PReLU is slower than float32).

FPNet is O-Net with a residual convolution on its 4 x 4 map. Each of the nine places that its last convolution looks at
sees 33 of the 48 pixels in O-Net, the whole crop here: a rotation is a relation between the face's two halves. It adds
5 % to the work and 37 KB to the file, and starts at zero, so that O-Net's published weights stay a valid start. The
rotation has 48 features of its own as well, beside the 256 that serve all heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
from keras import layers

from training.cascade_recipe import Recipe, ShapePart
from training.models.mtcnn import HEAD_DTYPE, build_rnet, conv, dense, onet_trunk, probability
from training.models.port_mtcnn import load_original_weights, port

SIDES_PX = {"pnet": 12, "rnet": 24, "fpnet": 48}  # what each net sees of a candidate
HEADS: Mapping[str, Mapping[str, int]] = {
    "pnet": {"box": 4},
    "rnet": {"box": 4},
    "fpnet": {"box": 4, "landmarks": 10, "rot6d": 6},
}
SIZES_MAX = {"pnet": 16_000, "rnet": 130_000, "fpnet": 520_000}  # bytes of the int8 file
SHIPPED_SHAPE = ShapePart(width=1.0, depth=1, kernel=3, side_px=48)
_PORTS = {"rnet": "rnet", "fpnet": "onet"}


def leaky(index: int, rank: int) -> layers.Layer:  # noqa: ARG001
    """LeakyReLU(0.1), for a map or a vector."""
    return layers.LeakyReLU(negative_slope=0.1, name=f"leaky{index}")


def output_names(net: str) -> tuple[str, ...]:
    """Of the net's outputs in their order: score, then its heads."""
    return ("score", *HEADS[net])


def side_of(recipe: Recipe) -> int:
    """Of the crops that the recipe's net sees, in px."""
    return recipe.shape.side_px if recipe.shape else SIDES_PX[recipe.net]


def build(net: str, dropout: float = 0.0, shape: ShapePart | None = None) -> keras.Model:
    """``pnet``, ``rnet`` or ``fpnet`` with fresh weights. ``dropout``: of FPNet's last features, while training;
    ``shape``: FPNet's, where it is not the shipped one.
    """
    if net == "fpnet":
        return build_fpnet(dropout, shape or SHIPPED_SHAPE)
    return build_rnet(leaky) if net == "rnet" else build_pnet()


def build_pnet() -> keras.Model:
    """(1, h, w, 3) to score (1, i, j, 1) and box (1, i, j, 4); cell (i, j) sees 12 x 12 pixels from (2i, 2j).

    MTCNN's but for its start and width: a 4 x 4 convolution that strides sees what its 3 x 3 one and the pooling after
    it see, and the whole net takes three fifths of the time. No published weights fit: it learns from nothing.
    """
    image = keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(16, 4, 2, name="stem")(image)
    x = layers.LeakyReLU(negative_slope=0.1, name="stem_leaky")(x)
    x = conv(conv(x, 24, 3, 2, leaky), 24, 3, 3, leaky)
    score = probability(layers.Conv2D(1, 1, name="score", dtype=HEAD_DTYPE)(x))
    return keras.Model(image, [score, layers.Conv2D(4, 1, name="box", dtype=HEAD_DTYPE)(x)], name="pnet")


def build_fpnet(dropout: float = 0.0, shape: ShapePart = SHIPPED_SHAPE) -> keras.Model:
    """(n, side, side, 3) to score (n, 1), box (n, 4), landmarks (n, 10) and rot6d (n, 6).

    Crops above 48 px leave a larger last map: its convolution then strides, so that 3 x 3 places are left in any case.
    """
    first, middle, last, features, own_features = (_channels(n, shape.width) for n in (32, 64, 128, 256, 48))
    image = keras.Input((shape.side_px, shape.side_px, 3), name="image")
    x = onet_trunk(image, leaky, (first, middle, middle), shape.kernel)
    for index in range(shape.depth):
        x = _residual(x, "" if index == 0 else str(index + 1))
    x = conv(x, last, 2, 4, leaky, stride=2 if shape.side_px > SIDES_PX["fpnet"] else 1)
    shared, own = dense(x, features, 5, leaky), dense(x, own_features, 6, leaky)
    x = layers.Dropout(dropout, name="dropout")(shared)
    both = layers.Dropout(dropout, name="pose_dropout")(layers.Concatenate(name="pose_features")([shared, own]))
    given = {"box": x, "landmarks": x, "rot6d": both}
    heads = [layers.Dense(units, name=name, dtype=HEAD_DTYPE)(given[name]) for name, units in HEADS["fpnet"].items()]
    return keras.Model(image, [probability(layers.Dense(1, name="score", dtype=HEAD_DTYPE)(x)), *heads], name="fpnet")


def _channels(of_onet: int, width: float) -> int:
    """Rounded to eights: XNNPACK computes channels in blocks."""
    return max(8, 8 * round(of_onet * width / 8))


def _residual(x: Any, index: str) -> Any:
    """x plus a 3 x 3 convolution of it that is zero at first."""
    name = f"wide{index}"
    more = layers.Conv2D(x.shape[-1], 3, padding="same", kernel_initializer="zeros", name=name)(x)
    return layers.Add(name=f"sum{index}")([x, layers.LeakyReLU(negative_slope=0.1, name=f"{name}_leaky")(more)])


def start_from_port(net: keras.Model, cache_dir: Path | None = None) -> None:
    """Give ``net`` (``rnet`` or ``fpnet``) the published weights of every layer that MTCNN has too. Raises InputError
    where they are missing.

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

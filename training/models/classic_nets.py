"""The tutorials' networks: a branch that turns a photo into an embedding, and the graph that trains it on pairs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from training.classic_recipe import (
    ConvolutionsPart,
    DenseNetPart,
    EuclideanPart,
    FixedRatePart,
    Recipe,
)
from training.losses.contrastive import ContrastiveLoss, EuclideanDistance, L1Distance, gaps
from training.models.precision import computing_in
from training.one_cycle import OneCycle, OneCycleAdam

_STRIDE = 2  # of every pooling, whatever its window


def branch(recipe: Recipe, *, for_device: bool = False) -> keras.Model:
    """``(n, height, width, depth)``, scaled, to the embedding ``(n, d)``. ``for_device``: the same from operations that
    XNNPACK runs in int8; :func:`copy_branch` fills it.
    """
    photo = recipe.photo
    image = keras.Input((photo.height, photo.width, photo.depth), name="image")
    part = recipe.net
    embedding = _densenet(image, part, for_device) if isinstance(part, DenseNetPart) else _convolutions(image, part)
    return keras.Model(image, embedding, name="branch")


def copy_branch(trained: keras.Model, device: keras.Model) -> None:
    """The weights of a branch into its twin for the device, where a 1x1 convolution and the mean over 2x2 that follows
    it are one 2x2 convolution: its kernel four times, a quarter each.
    """
    given = zip(trained.get_weights(), device.get_weights(), strict=True)
    device.set_weights([old if old.shape == new.shape else np.tile(old, (2, 2, 1, 1)) / 4 for old, new in given])


def score_head(units: int) -> keras.Model:
    """|a - b| ``(n, units)`` to how much alike they are ``(n, 1)``, 0..1: a learned weight for each."""
    gaps = keras.Input((units,), name="gaps")
    return keras.Model(gaps, layers.Dense(1, activation="sigmoid", name="score", dtype="float32")(gaps), name="head")


def pair_graph(recipe: Recipe, steps: int) -> keras.Model:
    """``(n, 2, height, width, depth)`` to the distance, or the score, of each pair ``(n, 1)``; compiled.
    ``steps``: of the whole training, which the one-cycle policy needs to know.

    Both photos of all pairs go through the branch as one batch. Its layers ``branch`` and, with a learned distance,
    ``head`` hold all weights.
    """
    with computing_in(recipe.schedule.precision):
        graph = _graph(recipe)
    loss: Any = keras.losses.BinaryCrossentropy()
    if isinstance(recipe.compare, EuclideanPart):
        part = recipe.compare
        loss = ContrastiveLoss(part.margin, part.same_label, part.far_power)
    graph.compile(_optimizer(recipe, steps), loss, jit_compile=compiles())
    return graph


def compiles() -> bool:
    """Not TensorFlow's XLA: its convolutions take twice as long as oneDNN's on a CPU. JAX has nothing else."""
    return bool(keras.backend.backend() == "jax")


def _graph(recipe: Recipe) -> keras.Model:
    photo, net = recipe.photo, branch(recipe)
    pairs = keras.Input((2, photo.height, photo.width, photo.depth), name="pairs")
    flat = ops.reshape(pairs, (-1, photo.height, photo.width, photo.depth))
    embeddings = ops.reshape(ops.cast(net(flat), "float32"), (-1, 2, net.output_shape[-1]))
    if isinstance(recipe.compare, EuclideanPart):
        part = recipe.compare
        out = EuclideanDistance(part.root, part.epsilon, dtype="float32", name="distance")(embeddings)
    else:
        out = score_head(net.output_shape[-1])(L1Distance(dtype="float32", name="l1")(embeddings))
    return keras.Model(pairs, out, name=recipe.name)


def photo_pair_model(net: keras.Model, head: keras.Model) -> keras.Model:
    """Two photos ``(2, h, w, depth)`` at once to their score ``(1, 1)``: what is exported of a learned distance."""
    image = keras.Input(net.input_shape[1:], batch_size=2, name="image")
    one, other = ops.split(net(image), 2, axis=0)
    return keras.Model(image, head(gaps(one, other)), name="pair")


def _convolutions(image: Any, part: ConvolutionsPart) -> Any:
    x = image
    for filters, kernel, window in zip(part.filters, part.kernels_px, part.pools_px, strict=True):
        x = layers.Conv2D(filters, kernel, activation="relu")(x)
        if window:
            x = layers.Dropout(part.pool_dropout)(_pool(x, window, part.pool_padding))
    x = layers.Flatten()(x)
    for units in part.dense[:-1]:
        x = layers.Dropout(part.dense_dropout)(layers.Dense(units, activation=part.dense_activation)(x))
    return layers.Dense(part.dense[-1], activation=part.dense_activation, name="embedding")(x)


def _pool(x: Any, window: int, padding: str) -> Any:
    """The maximum over a window is that over its columns of those over their rows: 64 + 64 looks, not 64 x 64."""
    x = layers.MaxPooling2D((window, 1), (_STRIDE, 1), padding=padding)(x)
    return layers.MaxPooling2D((1, window), (1, _STRIDE), padding=padding)(x)


def _densenet(image: Any, part: DenseNetPart, for_device: bool) -> Any:
    x = layers.Conv2D(2 * part.growth, 7, strides=2, padding="same", use_bias=False)(image)
    x = layers.MaxPooling2D(3, 2, padding="same")(_norm_relu(x, part))
    for number, units in enumerate(part.blocks):
        if number:
            x = _transition(_norm_relu(x, part), for_device)
        for _ in range(units):
            narrow = layers.Conv2D(4 * part.growth, 1, use_bias=False)(_norm_relu(x, part))
            fresh = layers.Conv2D(part.growth, 3, padding="same", use_bias=False)(_norm_relu(narrow, part))
            x = layers.Concatenate()([x, fresh])
    x = layers.GlobalAveragePooling2D()(_norm_relu(x, part))
    return layers.Dense(part.embedding, name="embedding")(x)


def _transition(x: Any, for_device: bool) -> Any:
    """Half the channels, half the side."""
    if for_device:  # XNNPACK runs no int8 mean over windows
        return layers.Conv2D(x.shape[-1] // 2, 2, strides=2, use_bias=False)(x)
    return layers.AveragePooling2D(2)(layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False)(x))


def _norm_relu(x: Any, part: DenseNetPart) -> Any:
    x = layers.BatchNormalization(momentum=part.norm_momentum, epsilon=part.norm_epsilon)(x)
    return layers.ReLU()(x)


def _optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    rate = recipe.schedule.rate
    if isinstance(rate, FixedRatePart):
        kind = keras.optimizers.Adam if rate.optimizer == "adam" else keras.optimizers.RMSprop
        return kind(rate.learning_rate)
    cycle = OneCycle(rate.rate_min, rate.rate_max, steps)
    return OneCycleAdam(cycle, beta_1=rate.beta1_max, beta_2=rate.beta2, beta_1_min=rate.beta1_min, steps=steps)

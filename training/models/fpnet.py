"""FPNet version 0: O-Net's graph as published, and a pose head on its frozen features."""

from __future__ import annotations

import keras
from keras import layers

OUTPUTS = ("score", "box", "landmarks", "rot6d")


def build_pose_head(features: int, units: int, dropout: float) -> keras.Model:
    """(n, features) to rot6d (n, 6): the first two columns of the rotation, not yet orthogonal."""
    given = keras.Input((features,), name="features")
    # the features span orders of magnitude: the normalisation is folded into the dense layer at export
    x = layers.BatchNormalization(name="pose_scale")(given)
    x = layers.Dense(units, name="pose_hidden")(x)
    x = layers.LeakyReLU(negative_slope=0.1, name="pose_leaky")(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(given, layers.Dense(6, name="pose")(x), name="pose_head")


def onet_features(onet: keras.Model) -> keras.Model:
    """(n, 48, 48, 3) to (n, 1408): O-Net's last feature map, flattened, beside its 256 dense features. Frozen."""
    parts = [onet.get_layer("conv5").input, onet.get_layer("prelu5").output]
    features = keras.Model(onet.input, layers.Concatenate(name="features")(parts), name="onet_features")
    features.trainable = False
    return features


def build_fpnet(onet: keras.Model, head: keras.Model) -> keras.Model:
    """(n, 48, 48, 3) to the OUTPUTS, in their order, with the batch normalisation folded away."""
    parts = [onet.get_layer("conv5").input, onet.get_layer("prelu5").output]
    rot6d = _folded(head)(layers.Concatenate(name="features")(parts))
    return keras.Model(onet.input, [*onet.outputs, rot6d], name="fpnet")


def _folded(head: keras.Model) -> keras.Model:
    gamma, beta, mean, variance = head.get_layer("pose_scale").get_weights()
    kernel, bias = head.get_layer("pose_hidden").get_weights()
    scale = gamma / (variance + head.get_layer("pose_scale").epsilon) ** 0.5
    given = keras.Input(head.input_shape[1:])
    hidden = layers.Dense(kernel.shape[1], name="pose_hidden")
    last = layers.Dense(6, name="rot6d")
    folded = keras.Model(given, last(layers.LeakyReLU(negative_slope=0.1)(hidden(given))), name="rot6d")
    hidden.set_weights([kernel * scale[:, None], bias + (beta - mean * scale) @ kernel])
    last.set_weights(head.get_layer("pose").get_weights())
    return folded

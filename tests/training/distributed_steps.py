"""Run by test_distribute.py in a process of its own: a few steps of R-Net and of a branch, and again from a checkpoint.

``two``: on two logical devices of this CPU; ``cluster``: as TF_CONFIG says. TensorFlow takes both only at its start.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras
import msgspec
import numpy as np
import tensorflow as tf

from training import siamese_recipe, train_cascade, train_siamese
from training.cascade_recipe import RECIPES, load_recipe
from training.data.cascade_smoke import smoke_recipe, smoke_set
from training.data.face_chips import CHIP_PX, Chips
from training.distribute import own_folder, strategy


def rnet(folder: Path, where: tf.distribute.Strategy) -> keras.Model:
    recipe = smoke_recipe(load_recipe(RECIPES / "rnet.toml", "rnet"))
    schedule = msgspec.structs.replace(recipe.schedule, epochs=1, steps_per_epoch=3)
    recipe = msgspec.structs.replace(recipe, schedule=schedule)
    return train_cascade.train(smoke_set(60), recipe, own_folder(folder / "rnet"), print, logs=False, where=where).net


def branch(folder: Path, where: tf.distribute.Strategy) -> keras.Model:
    recipe = siamese_recipe.load_recipe()
    changes = {"people": 4, "photos_each": 2, "steps": 2, "steps_per_epoch": 2, "warmup_steps": 1, "frozen_layers": 1}
    schedule = msgspec.structs.replace(recipe.schedule, **changes)
    recipe = msgspec.structs.replace(recipe, schedule=schedule)
    rng = np.random.default_rng(0)
    units = rng.normal(size=(8, 2, 128)).astype(np.float32)
    pixels = rng.integers(0, 256, (8, CHIP_PX, CHIP_PX, 3), dtype=np.uint8)
    chips = Chips(pixels, np.repeat(np.arange(4, dtype=np.int32), 2), {"port": units, "sface": units})
    image = keras.Input((112, 112, 3))
    seen = keras.layers.Conv2D(4, 3, 2)(keras.layers.Conv2D(4, 8, 8)(image))
    start = keras.Model(image, keras.layers.Dense(128, name="embedding")(keras.layers.Flatten()(seen)))
    with where.scope():
        return train_siamese.fit(start, chips, recipe, own_folder(folder / "siamese"), print)


def main(kind: str, folder: Path) -> None:
    if kind == "two":
        cpu, halves = tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, halves)
    where = strategy(["CPU:0", "CPU:1"] if kind == "two" else None)
    nets = [train(folder, where) for train in (rnet, rnet, branch, branch)]
    sums = [float(sum(np.abs(weights).sum() for weights in net.get_weights())) for net in nets]
    print(json.dumps({"strategy": type(where).__name__, "replicas": where.num_replicas_in_sync, "sums": sums}))


main(sys.argv[1], Path(sys.argv[2]))

"""Where a training runs: on one device, on all GPUs of this machine, or with others, as TF_CONFIG tells them.

A batch is the whole's: each replica takes its part of it, so that a recipe means the same on any number of them. What a
loss compares within a batch (hard example mining, pairs of faces) it compares within a replica's part. Keras looks a
batch or two ahead before it distributes a training: after the first steps its batches are later ones of the same
stream than those of one device.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edge.errors import ConfigError
from edge.types import Floats

_VARIABLE = "TF_CONFIG"


def strategy(devices: Sequence[str] | None = None) -> tf.distribute.Strategy:
    """MultiWorkerMirroredStrategy where TF_CONFIG names a cluster, MirroredStrategy for several ``devices`` (the GPUs
    that TensorFlow sees), else TensorFlow's default, which distributes nothing. With TF_CONFIG, call it before anything
    is computed. Raises ConfigError for a TF_CONFIG that names no cluster with this task in it.
    """
    if _task() is not None:
        return tf.distribute.MultiWorkerMirroredStrategy()
    found = [device.name for device in tf.config.list_logical_devices("GPU")] if devices is None else list(devices)
    return tf.distribute.MirroredStrategy(found) if len(found) > 1 else tf.distribute.get_strategy()


def is_chief() -> bool:
    """Whether this process writes the model: the only one, or the first of its cluster. Raises ConfigError."""
    task = _task()
    return task is None or task[1:] == ("chief", 0) or ("chief" not in task[0] and task[1:] == ("worker", 0))


def own_folder(folder: Path) -> Path:
    """``folder`` for the chief, one of its own below it for each other worker: no two write one checkpoint."""
    task = _task()
    return folder if task is None or is_chief() else folder / f"{task[1]}{task[2]}"


def spread(stream: Iterator[tuple[Floats, Floats]], replicas: int) -> Iterator[tuple[Floats, Floats]]:
    """The same batches, their rows in an order that gives each of ``replicas`` contiguous parts the same mixture."""
    for inputs, truth in stream:
        order = np.concatenate([np.arange(first, len(inputs), replicas) for first in range(replicas)])
        yield inputs[order], truth[order]


def _task() -> tuple[dict[str, Any], str, int] | None:
    """The cluster, and the type and index of this task in it; None without TF_CONFIG."""
    text = os.environ.get(_VARIABLE)
    if not text:
        return None
    try:
        config = json.loads(text)
        cluster, kind, index = config["cluster"], str(config["task"]["type"]), int(config["task"]["index"])
        cluster[kind][index]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(
            f"{_VARIABLE}: expected a cluster and a task of it as JSON, got {text!r}: {error!r}"
        ) from error
    return cluster, kind, index

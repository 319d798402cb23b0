"""TensorFlow's threads, chosen before the first test computes: the commands ask for one too; later it is refused."""

from __future__ import annotations

import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)

"""Keras to TFLite, with a signature whose inputs and outputs have the names of ``manifest.toml``.

TensorFlow's own converter: its calibration takes the true minimum and maximum of every tensor, where the moving average
of ai-edge-quantizer cost FPNet 1.3 degrees. The files run in ai-edge-litert 2.3 and in tflite-runtime 2.14.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edge.errors import InputError
from edge.images import write_whole

Shape = tuple[int | None, int | None, int | None, int | None]
_SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class _Signature:
    input_name: str
    shape: Shape | None
    outputs: tuple[str, ...]


def export_float32(
    model: keras.Model, path: Path, outputs: Sequence[str], *, input_name: str = "image", shape: Shape | None = None
) -> bytes:
    """Write ``model`` as float32 TFLite to ``path`` and return the bytes.

    ``outputs`` names the model's outputs in their order. ``shape``: NHWC, None where free (default: the model's own
    input shape). Raises InputError where the names do not fit the outputs.
    """
    return _convert(model, path, _Signature(input_name, shape, tuple(outputs)), lambda _: None)


def export_int8(
    model: keras.Model,
    calibration: Iterable[NDArray[np.float32]],
    path: Path,
    outputs: Sequence[str],
    *,
    input_name: str = "image",
    shape: Shape | None = None,
) -> bytes:
    """Write ``model`` as full-int8 TFLite (weights per channel, int8 input and outputs) and return the bytes.

    ``calibration``: batches ``(n, h, w, c)`` float32 as the model sees them (after mean and std), each used whole: the
    range of every tensor is the true minimum and maximum over all of them. They are shown one by one, or as many at
    once as ``shape`` fixes. Raises InputError where there is none.
    """
    batches = [np.asarray(batch, np.float32) for batch in calibration]
    if not batches:
        raise InputError("expected calibration images for the int8 export, got none")

    def quantise(converter: tf.lite.TFLiteConverter) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _few_by_few(batches, input_name, (shape or (1,))[0] or 1)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8

    return _convert(model, path, _Signature(input_name, shape, tuple(outputs)), quantise)


def _few_by_few(
    batches: Sequence[NDArray[np.float32]], input_name: str, rows: int
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """``rows`` images at once: one where the batch is free, for the calibrator then works for either."""
    for batch in batches:
        for start in range(0, len(batch) - rows + 1, rows):
            yield {input_name: batch[start : start + rows]}


def _convert(
    model: keras.Model, path: Path, names: _Signature, adjust: Callable[[tf.lite.TFLiteConverter], None]
) -> bytes:
    if len(names.outputs) != len(model.outputs):
        raise InputError(f"expected a name for each of {len(model.outputs)} outputs, got {list(names.outputs)}")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="vigil-export-") as folder:
        _save(model, folder, names)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[_SIGNATURE])
        adjust(converter)
        with warnings.catch_warnings():
            # its calibrator still uses the interpreter that TensorFlow itself calls deprecated
            warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated")
            content: bytes = converter.convert()
    write_whole(path, content)
    return content


def _save(model: keras.Model, folder: str, names: _Signature) -> None:
    """A SavedModel whose one signature returns a dict: TFLite keeps these names, Keras's own export does not.

    The weights are frozen into constants first: the converter makes resource variables of any that are left, and no
    call of a named signature ever initialises those (all outputs NaN).
    """
    spec = tf.TensorSpec(names.shape or tuple(model.input_shape), tf.float32, name=names.input_name)

    def flat(image: tf.Tensor) -> list[tf.Tensor]:
        return list(tf.nest.flatten(model(image, training=False)))

    frozen = convert_variables_to_constants_v2(tf.function(flat).get_concrete_function(spec))

    def run(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        # identity: an output that is another tensor's alias would lose its name
        values = frozen(inputs[names.input_name])
        return {name: tf.identity(value, name=name) for name, value in zip(names.outputs, values, strict=True)}

    module = tf.Module()
    module.frozen = frozen
    signature = tf.function(run).get_concrete_function(**{names.input_name: spec})
    tf.saved_model.save(module, folder, signatures={_SIGNATURE: signature})

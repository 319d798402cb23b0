"""The exporter: names, free dimensions, and int8 whose ranges are the true minimum and maximum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edge.errors import InputError
from edge.types import Floats
from training.export.tflite import export_float32, export_int8


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(6, 3, strides=2, name="conv")(image)
    x = keras.ops.reshape(keras.layers.LeakyReLU(negative_slope=0.1)(x), (-1, 54))
    score = keras.layers.Dense(1, activation="sigmoid")(x)
    return keras.Model(image, [score, keras.layers.Dense(4)(x)])


def images(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 8, 8, 3)).astype(np.float32)


def run(content: bytes, batch: Floats) -> dict[str, Floats]:
    """Run at the batch's own size; int8 is quantised and dequantised."""
    interpreter: Any = Interpreter(model_content=content, num_threads=1)
    wanted = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(wanted["index"], batch.shape)
    interpreter.allocate_tensors()
    scale, zero = wanted["quantization"]
    given = np.clip(np.rint(batch / scale) + zero, -128, 127).astype(np.int8) if scale else batch
    interpreter.set_tensor(wanted["index"], given)
    interpreter.invoke()
    runner = interpreter.get_signature_runner()
    found = {}
    for name, details in runner.get_output_details().items():
        raw, (scale, zero) = interpreter.get_tensor(details["index"]), details["quantization"]
        found[name] = (raw.astype(np.float32) - zero) * scale if scale else raw
    return found


def test_float32_keeps_names_batch_and_values(model: keras.Model, tmp_path: Path) -> None:
    content = export_float32(model, tmp_path / "net.tflite", ("score", "box"))
    assert (tmp_path / "net.tflite").read_bytes() == content
    for count in (1, 5):
        found, wanted = run(content, images(count)), model(images(count))
        assert set(found) == {"score", "box"}
        np.testing.assert_allclose(found["score"], wanted[0], atol=1e-5)
        np.testing.assert_allclose(found["box"], wanted[1], atol=1e-5)


def test_the_shape_of_an_output_is_known_before_the_first_run(model: keras.Model, tmp_path: Path) -> None:
    interpreter: Any = Interpreter(model_content=export_float32(model, tmp_path / "n.tflite", ("score", "box")))
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], (7, 8, 8, 3))
    interpreter.allocate_tensors()
    assert {tuple(out["shape"]) for out in interpreter.get_output_details()} == {(7, 1), (7, 4)}


def test_int8_has_int8_ends_channelwise_weights_and_small_error(model: keras.Model, tmp_path: Path) -> None:
    content = export_int8(model, [images(64, seed=1), images(64, seed=2)], tmp_path / "n.tflite", ("score", "box"))
    interpreter: Any = Interpreter(model_content=content)
    ends = interpreter.get_input_details() + interpreter.get_output_details()
    assert {end["dtype"] for end in ends} == {np.int8}
    scales = [len(t["quantization_parameters"]["scales"]) for t in interpreter.get_tensor_details()]
    assert max(scales) == 6  # one for each filter of the convolution
    found, wanted = run(content, images(1, seed=9)), model(images(1, seed=9))
    assert np.abs(found["score"] - wanted[0]).max() < 0.02
    assert np.abs(found["box"] - wanted[1]).max() < 0.06


def test_one_outlier_in_the_calibration_set_widens_the_range(model: keras.Model, tmp_path: Path) -> None:
    """True minimum and maximum: a moving average over 200 images would all but forget the first."""
    usual = images(200)
    spike = np.full((1, 8, 8, 3), 9, np.float32)

    def scale(batches: list[Floats]) -> float:
        interpreter: Any = Interpreter(model_content=export_int8(model, batches, tmp_path / "n.tflite", ("a", "b")))
        return float(interpreter.get_input_details()[0]["quantization"][0])

    assert scale([spike, usual]) == pytest.approx(scale([usual, spike]))
    assert scale([spike, usual]) == pytest.approx((9 + 1) / 255, rel=0.01)


def test_names_and_calibration_are_checked(model: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a name for each of 2 outputs"):
        export_float32(model, tmp_path / "n.tflite", ("score",))
    with pytest.raises(InputError, match="expected calibration images"):
        export_int8(model, [], tmp_path / "n.tflite", ("score", "box"))
    assert list(tmp_path.iterdir()) == []

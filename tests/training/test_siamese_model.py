"""The port against its original, and the shipped int8 branch."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from click.testing import CliRunner

from edge.errors import InputError, ModelError
from edge.runtime.litert import RUNTIME, ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Pixels
from edge.verify.siamese import Branch
from training.data.face_chips import Chips
from training.export.delegate import check_windows
from training.export.siamese import COSINE_MIN, export, parity
from training.export.tflite import export_float32
from training.models.mobilefacenet import for_device, mobilefacenet
from training.models.port_mobilefacenet import TOLERANCE, command, port
from training.models.port_mobilefacenet import parity as port_parity
from training.siamese_data import normalised
from training.siamese_recipe import load_recipe

WEIGHTS = Path(os.environ.get("VIGIL_DATA", "../shared/datasets")).parent / "teachers" / "mobilefacenet.onnx"
needs_weights = pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"{WEIGHTS} is not here")
BYTES_MAX = 1_500_000


@pytest.mark.data
@needs_weights
def test_the_port_gives_what_the_original_gives() -> None:
    assert port_parity(port(WEIGHTS), WEIGHTS, seed=5) < TOLERANCE


@pytest.mark.data
@needs_weights
def test_another_seed_of_weights_is_not_the_original() -> None:
    keras.utils.set_random_seed(0)
    assert port_parity(mobilefacenet(), WEIGHTS) > TOLERANCE


def test_without_the_weights_the_message_says_what_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.onnx: no such file; .*Without it, everything else runs"):
        port(tmp_path / "none.onnx")
    outcome = CliRunner().invoke(command, ["--weights", str(tmp_path / "none.onnx")])
    assert outcome.exit_code == InputError.exit_code
    assert outcome.output.count("\n") == 1


def test_a_text_file_as_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("these are not weights", encoding="utf-8")
    with pytest.raises(ModelError, match=r"text\.onnx: expected an ONNX model"):
        port(tmp_path / "text.onnx")


def faces(n: int) -> Pixels:
    """Smooth random pictures: like photos, they do not saturate a network as white noise does."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (n, 10, 10, 3), dtype=np.uint8)
    return np.stack([cv2.resize(face, (152, 152), interpolation=cv2.INTER_CUBIC) for face in coarse]).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.data
@needs_weights
def test_an_export_is_checked_against_float32_and_loads_on_the_device_side(tmp_path: Path) -> None:
    model, n = port(WEIGHTS), 200
    chips = Chips(faces(n), np.zeros(n, np.int32), {})
    recipe = load_recipe()
    spec, cosine = export(model, chips, recipe, {"measure": "1"}, tmp_path)
    assert cosine > COSINE_MIN
    crops = np.ascontiguousarray(chips.pixels[:4, 20:132, 20:132])
    assert parity(model, ModelStore(tmp_path).open("siamese"), crops).min() > COSINE_MIN - 0.02
    assert (tmp_path / spec.card).read_text(encoding="utf-8").startswith("# Siamese branch")


def test_the_shipped_branch_is_small_and_of_unit_length() -> None:
    store = ModelStore()
    spec = store.manifest.spec("siamese")
    assert spec.precision == "int8"
    assert (MODELS_DIR / spec.file).stat().st_size <= BYTES_MAX
    one, other = (Branch(store).embed_aligned(face[20:132, 20:132]) for face in faces(2))
    assert one.shape == (128,)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(one - other) > 0.1


def test_what_the_device_runs_is_the_same_function() -> None:
    keras.utils.set_random_seed(1)
    branch = mobilefacenet()
    crops = normalised(faces(3)[:, 20:132, 20:132])
    wanted = np.asarray(branch(crops, training=False))
    assert np.asarray(for_device(branch, crops)(crops, training=False)) == pytest.approx(
        wanted, abs=1e-5 * float(np.ptp(wanted))
    )


def test_no_window_of_the_shipped_models_is_slow_in_int8() -> None:
    for spec in ModelStore().manifest.models.values():
        check_windows(MODELS_DIR / spec.file)


def test_a_window_that_is_slow_in_int8_is_named(tmp_path: Path) -> None:
    image = keras.Input((7, 7, 4))
    model = keras.Model(image, keras.layers.DepthwiseConv2D(7)(image))
    export_float32(model, tmp_path / "wide.tflite", ["out"], shape=(1, 7, 7, 4))
    with pytest.raises(ModelError, match=r"wide\.tflite: expected .* at most 25 taps, .* found 7x7 over 4 channels"):
        check_windows(tmp_path / "wide.tflite")


@pytest.mark.skipif(RUNTIME != "ai-edge-litert", reason="tflite-runtime never delegates int8")
def test_the_delegate_takes_the_shipped_branch() -> None:
    assert ModelStore().open("siamese").delegated()


def test_the_shipped_branch_was_trained_on_no_evaluation_set() -> None:
    assert not {"lfw", "att_faces", "aflw2000"} & set(ModelStore().manifest.spec("siamese").data)

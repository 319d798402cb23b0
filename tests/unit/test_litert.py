"""The interpreter wrapper: what it refuses, how it names it, and that batching changes no number."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import tomli_w

from edge.errors import InputError, ModelError
from edge.runtime.litert import RUNTIME, ModelStore
from edge.runtime.manifest import MODELS_DIR, ModelSpec, load_manifest

NOISE = np.random.default_rng(5).integers(0, 255, (7, 24, 24, 3), np.uint8)


def store_with(directory: Path, content: bytes, **changes: object) -> ModelStore:
    """A model directory that holds R-Net's entry with ``changes``, and ``content`` under a hash that fits it."""
    spec = msgspec.to_builtins(load_manifest().spec("rnet"))
    spec |= {"file": "net.tflite", "sha256": hashlib.sha256(content).hexdigest(), **changes}
    (directory / "net.tflite").write_bytes(content)
    (directory / "manifest.toml").write_text(tomli_w.dumps({"schema": 1, "models": {"rnet": spec}}))
    return ModelStore(directory)


@pytest.fixture
def rnet() -> bytes:
    return (MODELS_DIR / load_manifest().spec("rnet").file).read_bytes()


def test_batches_of_any_size_give_the_rows_that_single_runs_give() -> None:
    store = ModelStore()
    single, batched = store.open("rnet", batch=1), store.open_batched("rnet", (2, 4))
    together = batched.run(NOISE)
    for name, values in together.items():
        alone = np.concatenate([single.run(row[None])[name] for row in NOISE])
        np.testing.assert_allclose(values, alone, atol=1e-5)


def test_a_batch_of_nothing_has_the_shape_of_a_full_one() -> None:
    empty = ModelStore().open_batched("rnet", (4,)).run(NOISE[:0])
    assert {name: value.shape for name, value in empty.items()} == {"score": (0, 1), "box": (0, 4)}


@pytest.mark.skipif(RUNTIME != "ai-edge-litert", reason="tflite-runtime takes float32 only")
@pytest.mark.parametrize("name", sorted(load_manifest().models))
def test_the_delegate_takes_every_shipped_model(name: str) -> None:
    sides = {"height": 64, "width": 64} if name == "pnet" else {}
    assert ModelStore().open(name, **sides).delegated()


@pytest.mark.parametrize("name", sorted(load_manifest().models))
def test_every_shipped_model_runs_and_gives_finite_outputs_of_the_promised_shapes(name: str) -> None:
    model = ModelStore().open(name, **({"height": 64, "width": 48} if name == "pnet" else {}))
    outputs = model.run(np.random.default_rng(1).integers(0, 255, model.shape, np.uint8))
    assert set(outputs) == set(model.spec.outputs)
    assert all(np.isfinite(value).all() and value.dtype == np.float32 for value in outputs.values())


def test_a_text_file_as_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"net\.tflite: expected a TFLite model"):
        store_with(tmp_path, b"this is no model").open("rnet")


def test_a_model_cut_in_half_is_named(tmp_path: Path, rnet: bytes) -> None:
    store = store_with(tmp_path, rnet)
    (tmp_path / "net.tflite").write_bytes(rnet[: len(rnet) // 2])
    with pytest.raises(ModelError, match=r"net\.tflite: expected sha256 .* found .* truncated"):
        store.open("rnet")


def test_a_model_of_other_outputs_is_named(tmp_path: Path, rnet: bytes) -> None:
    store = store_with(tmp_path, rnet, outputs={"score": [-1, 1], "age": [-1, 1]})
    with pytest.raises(ModelError, match=r"outputs \['age', 'score'\], found .*\['box', 'score'\]"):
        store.open("rnet")


def test_a_model_of_another_output_shape_is_named(tmp_path: Path, rnet: bytes) -> None:
    store = store_with(tmp_path, rnet, outputs={"score": [-1, 1], "box": [-1, 10]})
    with pytest.raises(ModelError, match=r"output 'box' of shape \(-1, 10\), found \(1, 4\)"):
        store.open("rnet")


def test_a_model_of_another_input_shape_is_named(tmp_path: Path, rnet: bytes) -> None:
    spec = msgspec.to_builtins(load_manifest().spec("rnet").input) | {"shape": [-1, 48, 48, 3]}
    with pytest.raises(ModelError, match=r"input shape \(-1, 48, 48, 3\), found"):
        store_with(tmp_path, rnet, input=spec).open("rnet")


def test_a_model_of_another_precision_is_named(tmp_path: Path, rnet: bytes) -> None:
    other = "float32" if load_manifest().spec("rnet").precision == "int8" else "int8"
    with pytest.raises(ModelError, match=f"expected {other} input"):
        store_with(tmp_path, rnet, precision=other).open("rnet")


def test_shapes_that_the_manifest_does_not_allow_are_refused() -> None:
    store = ModelStore()
    with pytest.raises(ModelError, match="pnet"):
        store.open("pnet")
    with pytest.raises(ModelError, match="rnet"):
        store.open("rnet", height=25, width=24)


def test_pixels_of_the_wrong_shape_or_type_are_refused() -> None:
    model = ModelStore().open("rnet", batch=1)
    with pytest.raises(InputError, match=r"expected uint8 \(1, 24, 24, 3\)"):
        model.run(NOISE[:2])
    with pytest.raises(InputError, match="float32"):
        model.run(NOISE[:1].astype(np.float32))


def test_the_specification_can_be_read_back() -> None:
    spec = load_manifest().spec("rnet")
    assert msgspec.convert(msgspec.to_builtins(spec), ModelSpec) == spec

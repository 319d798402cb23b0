"""The only door to an interpreter: ai-edge-litert, else tflite-runtime (which never delegates int8, so it is slower).

A model is checked against the manifest when it is loaded, made once at a fixed input shape, and fed with pixels: the
scaling that it was trained with travels in the manifest, so that there is one preprocessing for training and device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError, ModelError
from edge.quiet import quiet_stderr
from edge.runtime.manifest import FREE, MODELS_DIR, InputSpec, ModelSpec, Precision, load_manifest, read_model
from edge.types import Floats, Pixels

try:
    from ai_edge_litert.interpreter import Interpreter

    RUNTIME = "ai-edge-litert"
except ImportError:
    from tflite_runtime.interpreter import Interpreter

    RUNTIME = "tflite-runtime"

Details = Mapping[str, Any]
_DTYPES = {"float32": np.float32, "int8": np.int8}


class Runnable(Protocol):
    """Anything that turns pixels into named outputs."""

    def run(self, pixels: Pixels) -> dict[str, Floats]:
        """``pixels``: (n, h, w, channels) uint8, BGR (or grey). Returns float32 arrays of n rows by output name."""
        ...


class Model:
    """One interpreter at one input shape. Not for use by two threads at once."""

    def __init__(self, name: str, path: Path, spec: ModelSpec, shape: tuple[int, ...], threads: int = 1) -> None:
        """Load and check. ``shape``: NHWC, nothing free. Raises ModelError naming the file, expected and found."""
        self.name, self.spec, self.shape = name, spec, shape
        self._path = path
        content = read_model(path, spec)
        with quiet_stderr():  # the interpreter tells of each delegate that it makes
            self._interpreter = _interpreter(path, content, threads)
            self._input, self._outputs = self._resolve_names()
            self._check_shapes()
        self._encode = _encoder(spec.input, self._input)

    def _resolve_names(self) -> tuple[Details, dict[str, Details]]:
        runner = self._interpreter.get_signature_runner()
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        wanted_in, wanted_out = {self.spec.input.name}, set(self.spec.outputs)
        if set(inputs) != wanted_in or set(outputs) != wanted_out:
            raise ModelError(
                f"{self._path}: expected input {sorted(wanted_in)} and outputs {sorted(wanted_out)},"
                f" found {sorted(inputs)} and {sorted(outputs)}"
            )
        return inputs[self.spec.input.name], {name: outputs[name] for name in self.spec.outputs}

    def _check_shapes(self) -> None:
        found = tuple(int(side) for side in self._input["shape_signature"])
        if found != self.spec.input.shape:
            raise ModelError(f"{self._path}: expected input shape {self.spec.input.shape}, found {found}")
        if self._input["dtype"] != _DTYPES[self.spec.precision]:
            raise ModelError(f"{self._path}: expected {self.spec.precision} input, found {self._input['dtype']}")
        self._interpreter.resize_tensor_input(self._input["index"], self.shape)
        self._interpreter.allocate_tensors()
        for name, wanted in self.spec.outputs.items():
            got = tuple(self._interpreter.tensor(self._outputs[name]["index"])().shape)
            if len(got) != len(wanted) or any(w not in (FREE, g) for w, g in zip(wanted, got, strict=True)):
                raise ModelError(f"{self._path}: expected output {name!r} of shape {wanted}, found {got}")

    def run(self, pixels: Pixels) -> dict[str, Floats]:
        """One inference at exactly ``self.shape``. Raises InputError."""
        if pixels.shape != self.shape or pixels.dtype != np.uint8:
            raise InputError(f"{self.name}: expected uint8 {self.shape}, got {pixels.dtype} {pixels.shape}")
        self._interpreter.set_tensor(self._input["index"], self._encode(pixels))
        self._interpreter.invoke()
        return {name: self._decode(details) for name, details in self._outputs.items()}

    def _decode(self, details: Details) -> Floats:
        raw = self._interpreter.get_tensor(details["index"])
        if raw.dtype == np.int8:
            scale, zero = details["quantization"]
            raw = (raw.astype(np.float32) - np.float32(zero)) * np.float32(scale)
        return np.asarray(raw, dtype=np.float32)

    def delegated(self) -> bool:
        """Whether a delegate (XNNPACK) took nodes of the graph: without it int8 is slower than float32."""
        details = self._interpreter._get_ops_details()  # no public call tells
        return any(op["op_name"] == "DELEGATE" for op in details)


class BatchedModel:
    """A model with a free batch dimension, as one interpreter for each of a few fixed batch sizes."""

    def __init__(self, models: Sequence[Model]) -> None:
        """``models``: the same model at growing batch sizes."""
        self._models = sorted(models, key=lambda model: model.shape[0])

    def run(self, pixels: Pixels) -> dict[str, Floats]:
        """Any number of rows, 0 included; rows are padded up to the next fixed size and the padding is cut off."""
        parts = [self._run_part(pixels[start : start + step]) for start, step in self._chunks(len(pixels))]
        spec = self._models[0].spec
        if not parts:
            return {name: np.zeros((0, *shape[1:]), np.float32) for name, shape in spec.outputs.items()}
        return {name: np.concatenate([part[name] for part in parts]) for name in spec.outputs}

    def _chunks(self, rows: int) -> list[tuple[int, int]]:
        largest = self._models[-1].shape[0]
        return [(start, min(largest, rows - start)) for start in range(0, rows, largest)]

    def _run_part(self, pixels: Pixels) -> dict[str, Floats]:
        model = next(model for model in self._models if model.shape[0] >= len(pixels))
        padded = np.zeros(model.shape, np.uint8)
        padded[: len(pixels)] = pixels
        return {name: value[: len(pixels)] for name, value in model.run(padded).items()}


class ModelStore:
    """The models of one directory. Each ``open`` makes an interpreter: call it once, at start.

    ``precision`` "float32" opens the float32 twin of each int8 model.
    """

    def __init__(self, directory: Path = MODELS_DIR, threads: int = 1, precision: Precision = "int8") -> None:
        self.directory, self.threads, self.precision = directory, threads, precision
        self.manifest = load_manifest(directory)

    def spec(self, name: str) -> ModelSpec:
        """The entry of the file that ``open`` opens. Raises ModelError."""
        return self.manifest.spec(name).at(self.precision)

    def open(self, name: str, *, batch: int = 1, height: int | None = None, width: int | None = None) -> Model:
        """The model ``name`` with its free dimensions set. Raises ModelError."""
        spec = self.spec(name)
        asked = (batch, height, width, None)
        sides = [side if side is not None else fixed for side, fixed in zip(asked, spec.input.shape, strict=True)]
        fixed_ok = all(fixed in (FREE, side) for side, fixed in zip(sides, spec.input.shape, strict=True))
        if FREE in sides or not fixed_ok:
            raise ModelError(f"{name}: the manifest's input shape is {spec.input.shape}, asked for {tuple(sides)}")
        return Model(name, self.directory / spec.file, spec, tuple(sides), self.threads)

    def open_batched(self, name: str, sizes: Sequence[int]) -> BatchedModel:
        """The model ``name`` at each of the batch ``sizes``."""
        return BatchedModel([self.open(name, batch=size) for size in sizes])


def _interpreter(path: Path, content: bytes, threads: int) -> Any:
    try:
        return Interpreter(model_content=content, num_threads=threads)
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: expected a TFLite model that {RUNTIME} can run: {error}") from error


def _encoder(spec: InputSpec, details: Details) -> Any:
    """A function from BGR (or grey) pixels to the input tensor: a table of 256 entries a channel, made once, and looked
    up by OpenCV, which takes a third of numpy's time.
    """
    values = (np.arange(256, dtype=np.float32)[None] - _column(spec.mean)) / _column(spec.std)
    if details["dtype"] == np.int8:
        scale, zero = details["quantization"]
        table = np.clip(np.rint(values / scale + zero), -128, 127).astype(np.int8)
    else:
        table = values.astype(np.float32)

    one_for_all = bool((table == table[0]).all())
    lookup = np.ascontiguousarray((table[:1] if one_for_all else table).T)[None]
    swapped = spec.channels == "rgb"

    def encode(pixels: Pixels) -> NDArray[Any]:
        rows = pixels.reshape(-1, pixels.shape[2], pixels.shape[3])  # OpenCV knows no batches
        ordered = cv2.cvtColor(rows, cv2.COLOR_BGR2RGB) if swapped else rows
        return np.asarray(cv2.LUT(ordered, lookup)).reshape(pixels.shape)

    return encode


def _column(values: Sequence[float]) -> Floats:
    return np.asarray(values, np.float32)[:, None]

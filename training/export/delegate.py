"""Whether XNNPACK runs the whole of a model, and fast: what it leaves out makes int8 slower than float32."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from edge.errors import ModelError
from edge.quiet import quiet_stderr

TAPS_MAX = 25  # of XNNPACK's largest int8 depthwise kernel; 49 take 400 times as long as 25 (litert 2.3, x86)


def check_delegated(path: Path, shape: tuple[int, ...]) -> None:
    """``shape``: NHWC, nothing free. Raises ModelError naming the operations that stay outside, if any do, or a window
    that is slow in int8 (:func:`check_windows`).

    The interpreter tells no plan, but the list of operations keeps those that a delegate has swallowed: all are inside
    when one delegate stands between the model's input and its outputs, and takes nothing that another operation makes.
    """
    with quiet_stderr():
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
        interpreter.allocate_tensors()
    operations = interpreter._get_ops_details()  # no public call tells
    delegates = [operation for operation in operations if operation["op_name"] == "DELEGATE"]
    if len(delegates) != 1:
        raise ModelError(f"{path}: expected one delegate for the whole graph, found {len(delegates)}")
    outputs = {int(index) for index in delegates[0]["outputs"]}
    taken = {int(index) for index in delegates[0]["inputs"]}
    makers = {int(out): operation["op_name"] for operation in operations[:-1] for out in operation["outputs"]}
    outside = {makers[index] for index in taken & set(makers)}
    outside |= {makers[out["index"]] for out in interpreter.get_output_details() if out["index"] not in outputs}
    if outside:
        raise ModelError(f"{path}: expected XNNPACK to run every operation, it leaves out {sorted(outside)}")
    check_windows(path)


def check_windows(path: Path) -> None:
    """Raises ModelError naming the shape of a depthwise convolution whose window has more than TAPS_MAX taps."""
    with quiet_stderr():
        interpreter = Interpreter(model_path=str(path), num_threads=1)
    shapes = {details["index"]: details["shape"].tolist() for details in interpreter.get_tensor_details()}
    for operation in interpreter._get_ops_details():
        if operation["op_name"] == "DEPTHWISE_CONV_2D":
            _, height, width, channels = shapes[int(operation["inputs"][1])]
            if height * width > TAPS_MAX:
                raise ModelError(
                    f"{path}: expected depthwise windows of at most {TAPS_MAX} taps, which XNNPACK is fast at in int8,"
                    f" found {height}x{width} over {channels} channels"
                )

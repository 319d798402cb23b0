"""FSA-Net, the teacher for wide angles (Yang et al., "FSA-Net", CVPR 2019), from two ONNX files that are averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf

from edge.crops import warp
from edge.errors import InputError
from edge.geometry import rotation_from_euler
from edge.types import Floats, Pixels
from training.teachers.crops import square_about

FILES = ("fsanet-1x1-iter-688590.onnx", "fsanet-var-iter-688590.onnx")
LICENCE = "MIT code; trained on 300W-LP, which is for research"
_SIDE = 64
MARGIN = 1.4  # of the longer side of YuNet's box: tighter crops lose degrees


class FsaNetTeacher:
    """Rotations of single faces."""

    def __init__(self, directory: Path) -> None:
        """``directory`` holds FILES. Raises InputError naming the file that is not there, or is no network."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        for name in FILES:
            if not (directory / name).is_file():
                raise InputError(f"{directory / name}: expected an ONNX file of FSA-Net, found none")
        self._nets = [_session(directory / name, options) for name in FILES]

    def rotation(self, bgr: Pixels, box: Floats) -> Floats:
        """Head rotation ``(3, 3)`` of the face at ``box`` (4,) px."""
        patch = warp(bgr, square_about(box, MARGIN, _SIDE), _SIDE)
        image = ((patch.transpose(2, 0, 1)[None] - np.float32(127.5)) / np.float32(128)).astype(np.float32)
        yaw, pitch, roll = np.mean([net.run(None, {"input": image})[0][0] for net in self._nets], axis=0)
        return rotation_from_euler(float(yaw), float(pitch), float(roll))


def _session(path: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(path, options)
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
        raise InputError(f"{path}: expected an ONNX file of FSA-Net, cannot be parsed as one: {error}") from error

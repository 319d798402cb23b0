"""Viola and Jones's detector (CVPR 2001), frontal, from OpenCV: what the tutorials use."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.config import DetectConfig
from edge.errors import InputError
from edge.types import Floats, Frame

_FILE = "haarcascade_frontalface_default.xml"  # comes inside opencv-python-headless below 5
_STEP, _NEIGHBOURS = 1.1, 5  # OpenCV's own step; the five that tutorials ask for, where its three see many more faces


class Haar:
    """``CascadeClassifier`` on the equalised grey picture. Its squares reach from the hair to the chin."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder``: of the file, by default OpenCV's own. Raises InputError."""
        path = (folder or Path(cv2.__file__).parent / "data") / _FILE  # cv2.data, which the stubs leave out
        if not path.is_file():
            raise InputError(f"{path}: expected OpenCV's cascade file, found no such file")
        self._classifier = cv2.CascadeClassifier(str(path))
        least = DetectConfig().min_face_px
        self._least = (least, least)

    def boxes(self, frame: Frame) -> Floats:
        grey = cv2.equalizeHist(cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2GRAY))
        found = self._classifier.detectMultiScale(
            grey, scaleFactor=_STEP, minNeighbors=_NEIGHBOURS, minSize=self._least
        )
        rows = np.asarray(found, np.float32).reshape(-1, 4)
        return np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:]], axis=1)

"""YuNet as it labels training photos (score 0.6), and as OpenCV's demos time it (320x240)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edge.bench import DETECT, TRACK, Scene
from edge.types import Floats, Frame
from training.teachers.yunet import YuNet

_TIMED_AT = (320, 240)


class YuNetPeer:
    """The teacher as a peer: the same weights, threshold and scaling."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        """Raises InputError where the weights cannot be had or run."""
        self._yunet = YuNet(cache_dir=cache_dir)

    def boxes(self, frame: Frame) -> Floats:
        return self._yunet.detect(frame.pixels).boxes.astype(np.float32, copy=False)


class TimedYuNet:
    """The peer that a search of the whole frame is timed against."""

    name = "YuNet 320x240"
    against = (DETECT, TRACK)

    def prepare(self, scene: Scene) -> Callable[[], object]:
        """One detection on the frame at 320x240. It is shrunk beforehand, outside the time. Raises InputError."""
        small = np.asarray(cv2.resize(scene.frame.pixels, _TIMED_AT, interpolation=cv2.INTER_AREA), np.uint8)
        yunet = YuNet(side_max_px=max(_TIMED_AT))
        return lambda: yunet.detect(small)


PEER = TimedYuNet()

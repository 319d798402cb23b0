"""Detectors of others, run as their own projects run them: what Vigil's is measured against, side by side.

Each gives boxes as its own convention has them; none is stretched to fit another's. Against AFLW2000's boxes (68 points
from brows to chin, grown a quarter upward) at IoU 0.4 that hurts Haar most, whose squares reach into the hair.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from edge.types import Floats, Frame
from training.peers.blazeface import BlazeFace
from training.peers.haar import Haar
from training.peers.mtcnn import ImportedMtcnn
from training.peers.yunet import YuNetPeer


class Peer(Protocol):
    """A detector with its own thresholds. Blocks while it looks; not for several threads at once."""

    def boxes(self, frame: Frame) -> Floats:
        """The faces found in ``frame``: ``(n, 4)`` float32, x1 y1 x2 y2 px, best first where it tells; n may be 0."""
        ...


def open_peers() -> Mapping[str, Peer]:
    """Every peer by name, its weights fetched on first use. Raises InputError."""
    return MappingProxyType({"yunet": YuNetPeer(), "mtcnn": ImportedMtcnn(), "blazeface": BlazeFace(), "haar": Haar()})

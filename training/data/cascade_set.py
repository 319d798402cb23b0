"""What the cascade learns from: faces with boxes, points and rotations, and crops without a face, as folders of arrays.

A folder is written beside its place and renamed into it, so that it is there whole or not at all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError, StateError
from edge.types import Floats, Pixels

PATCH_PX = 96
FACE_PX = 48  # of the patch: the face box's longer side, so that a patch holds room to shift, turn and shrink
NEGATIVE_PX = 48
FORMAT = 1  # of the folder; raise it when arrays are added or mean something else
_INDEX = "index.json"
_MAPPED_FROM_BYTES = 1 << 20  # smaller arrays are read at once (and an empty one cannot be mapped)


class NegativeKind(IntEnum):
    """Where a crop without a face comes from."""

    BACKGROUND = 0  # a photo without people
    OUTSIDE = 1  # beside the faces of a photo with people
    INSIDE = 2  # part of a face: its eyes, its mouth, half of it
    MINED = 3  # wrongly proposed by the earlier stages of a cascade


@dataclass(frozen=True, slots=True)
class FaceSet:
    """n labelled faces, in px of their patches. ``patches`` (n, 96, 96, 3) uint8 BGR, the box's longer side 48 px, its
    centre in the middle; ``boxes`` (n, 4) x1 y1 x2 y2; ``landmarks`` (n, 5, 2) as in edge.types.Faces; ``rotations``
    (n, 3, 3) as in edge.geometry, where ``has_rotation`` (n,); ``disagreements_deg`` (n,) between the teachers, 0 for
    one alone; ``rendered`` (n,): a profile made of a frontal photo; ``groups`` (n,): equal for photos of one person.
    Raises InputError for other shapes or types.
    """

    patches: Pixels
    boxes: Floats
    landmarks: Floats
    rotations: Floats
    has_rotation: NDArray[np.bool_]
    disagreements_deg: Floats
    rendered: NDArray[np.bool_]
    groups: NDArray[np.int64]

    def __post_init__(self) -> None:
        _check(self, _FACE_ARRAYS)

    def __len__(self) -> int:
        return len(self.patches)

    def take(self, rows: NDArray[Any]) -> FaceSet:
        """The faces at ``rows`` (indices or a mask), in that order."""
        return FaceSet(*(np.asarray(getattr(self, part.name)[rows]) for part in fields(self)))


@dataclass(frozen=True, slots=True)
class NegativeSet:
    """m crops without a face (IoU with every face below 0.3). ``patches`` (m, 48, 48, 3) uint8 BGR; ``kinds`` (m,)
    int64, see NegativeKind. Raises InputError for other shapes or types.
    """

    patches: Pixels
    kinds: NDArray[np.int64]

    def __post_init__(self) -> None:
        _check(self, _NEGATIVE_ARRAYS)

    def __len__(self) -> int:
        return len(self.patches)

    def take(self, rows: NDArray[Any]) -> NegativeSet:
        """The crops at ``rows`` (indices or a mask), in that order."""
        return NegativeSet(*(np.asarray(getattr(self, part.name)[rows]) for part in fields(self)))


@dataclass(frozen=True, slots=True)
class CascadeSet:
    """A whole training cache. ``recipe_hash``: of all that decides its content; ``counts``: what was kept, dropped."""

    faces: FaceSet
    negatives: NegativeSet
    recipe_hash: str
    counts: Mapping[str, int] = field(default_factory=dict)


_FACE_ARRAYS: Mapping[str, tuple[tuple[int, ...], type[np.generic]]] = {
    "patches": ((PATCH_PX, PATCH_PX, 3), np.uint8),
    "boxes": ((4,), np.float32),
    "landmarks": ((5, 2), np.float32),
    "rotations": ((3, 3), np.float32),
    "has_rotation": ((), np.bool_),
    "disagreements_deg": ((), np.float32),
    "rendered": ((), np.bool_),
    "groups": ((), np.int64),
}
_NEGATIVE_ARRAYS: Mapping[str, tuple[tuple[int, ...], type[np.generic]]] = {
    "patches": ((NEGATIVE_PX, NEGATIVE_PX, 3), np.uint8),
    "kinds": ((), np.int64),
}


def _check(arrays: FaceSet | NegativeSet, wanted: Mapping[str, tuple[tuple[int, ...], type[np.generic]]]) -> None:
    n = len(arrays.patches)
    for name, (shape, dtype) in wanted.items():
        value = getattr(arrays, name)
        if value.shape != (n, *shape) or value.dtype != dtype:
            expected = f"{np.dtype(dtype).name} {(n, *shape)}"
            raise InputError(f"expected {name} {expected}, got {value.dtype} {value.shape}")


def empty_faces() -> FaceSet:
    """No faces, in the shape of some."""
    return FaceSet(*(np.zeros((0, *shape), dtype) for shape, dtype in _FACE_ARRAYS.values()))


def empty_negatives() -> NegativeSet:
    """No crops, in the shape of some."""
    return NegativeSet(*(np.zeros((0, *shape), dtype) for shape, dtype in _NEGATIVE_ARRAYS.values()))


def join_faces(parts: list[FaceSet]) -> FaceSet:
    """All faces of ``parts``, in their order."""
    whole = [empty_faces(), *parts]
    return FaceSet(*(np.concatenate([getattr(part, one.name) for part in whole]) for one in fields(FaceSet)))


def join_negatives(parts: list[NegativeSet]) -> NegativeSet:
    """All crops of ``parts``, in their order."""
    whole = [empty_negatives(), *parts]
    return NegativeSet(*(np.concatenate([getattr(part, one.name) for part in whole]) for one in fields(NegativeSet)))


def save_cascade_set(folder: Path, data: CascadeSet) -> None:
    """Write ``data`` as ``folder``, whole or not at all; a set that is there is replaced. Raises StateError."""
    scratch = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        for prefix, arrays in (("faces", data.faces), ("negatives", data.negatives)):
            for part in fields(arrays):
                np.save(scratch / f"{prefix}-{part.name}.npy", getattr(arrays, part.name))
        index = {
            "format": FORMAT,
            "recipe": data.recipe_hash,
            "faces": len(data.faces),
            "negatives": len(data.negatives),
            "counts": dict(data.counts),
        }
        (scratch / _INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
        _publish(scratch, folder)
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        # numpy's own error of a short write has no strerror
        raise StateError(f"{folder}: cannot keep the training data here: {error.strerror or error}") from error


def _publish(scratch: Path, folder: Path) -> None:
    """Folders cannot replace each other in one step: between the two renames there is none, never half of one."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    scratch.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_cascade_set(folder: Path) -> CascadeSet:
    """The set in ``folder``; patches stay on disk and are read as they are used. Raises InputError."""
    index = _read_index(folder)
    try:
        faces = FaceSet(*(_array(folder, "faces", part.name) for part in fields(FaceSet)))
        negatives = NegativeSet(*(_array(folder, "negatives", part.name) for part in fields(NegativeSet)))
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{folder}: expected whole arrays of training data: {error}") from error
    if (len(faces), len(negatives)) != (index["faces"], index["negatives"]):
        found = f"{len(faces)} faces and {len(negatives)} negatives"
        raise InputError(f"{folder}: expected {index['faces']} faces and {index['negatives']} negatives, found {found}")
    return CascadeSet(faces, negatives, index["recipe"], index["counts"])


def recipe_of(folder: Path) -> str | None:
    """The recipe hash of the whole set in ``folder``; None where there is none, or one that cannot be read."""
    try:
        return str(_read_index(folder)["recipe"])
    except InputError:
        return None


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / _INDEX
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = {"format", "recipe", "faces", "negatives", "counts"} - set(index)
    except (OSError, ValueError, TypeError) as error:
        hint = "make it with `python -m training prepare cascade`"
        raise InputError(f"{path}: expected the index of training data ({hint}): {error}") from error
    if missing or index["format"] != FORMAT:
        raise InputError(f"{path}: expected format {FORMAT}, found {index.get('format')}, missing {sorted(missing)}")
    return index


def _array(folder: Path, prefix: str, name: str) -> Any:
    path = folder / f"{prefix}-{name}.npy"
    large = path.stat().st_size > _MAPPED_FROM_BYTES
    return np.load(path, mmap_mode="r" if large else None, allow_pickle=False)

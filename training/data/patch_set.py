"""Eyes or mouths to learn from: wide grey chips, where in them the patch lies, and how open each is."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError
from edge.types import Floats, Pixels

CHIP_PX = 80
FACE_WINDOW_PX = 48.0  # of a chip cut from a face: the rest is room for what landmarks get wrong


@dataclass(frozen=True, slots=True)
class PatchSet:
    """n chips. ``chips`` (n, 80, 80) uint8 grey, levelled; ``centres`` (n, 2) and ``widths`` (n,) in chip px: the
    window that the device would cut; ``opens`` (n,) 0..1, soft where a teacher says it; ``groups`` (n,): equal for one
    person, as far as known; ``sets`` (n,): names of the data sets. Raises InputError.
    """

    chips: Pixels
    centres: Floats
    widths: Floats
    opens: Floats
    groups: NDArray[np.int64]
    sets: NDArray[np.str_]

    def __post_init__(self) -> None:
        n = len(self.chips)
        wanted = {"chips": (n, CHIP_PX, CHIP_PX), "centres": (n, 2), "widths": (n,), "opens": (n,), "groups": (n,)}
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise InputError(f"expected {name} of shape {shape}, got {getattr(self, name).shape}")

    def __len__(self) -> int:
        return len(self.chips)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> PatchSet:
        """The chips at ``rows``, or where the mask is true."""
        return PatchSet(*(getattr(self, field.name)[rows] for field in fields(self)))


def join(parts: list[PatchSet]) -> PatchSet:
    """All of ``parts`` in their order. Raises InputError where there are none."""
    if not parts:
        raise InputError("expected patches to learn from, found none")
    return PatchSet(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(PatchSet)))


def save_patches(path: Path, patches: PatchSet) -> None:
    """Write ``patches`` as one .npz, whole or not at all. Raises InputError."""
    scratch = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as target:
            np.savez(target, **{field.name: getattr(patches, field.name) for field in fields(patches)})
        scratch.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def load_patches(path: Path) -> PatchSet:
    """What :func:`save_patches` wrote. Raises InputError."""
    try:
        with np.load(path) as arrays:
            return PatchSet(*(arrays[field.name] for field in fields(PatchSet)))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected a cache of patches: {error}") from error

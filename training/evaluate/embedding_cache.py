"""Embeddings of a whole folder, kept below the cache: one pass serves every command that measures the same models.

What is kept is good for the same photos, models, interpreter and code of `edge` only: any other makes it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import edge
from edge.errors import InputError
from edge.runtime.litert import RUNTIME, ModelStore
from training.evaluate.embedded import Embedded, device_eye, embed_all
from training.wheels import cache_root

_VERSION = 1  # of what is kept and of how a photo is looked at in training.evaluate.embedded


def cached_embeddings(
    images: Path, names: Sequence[str], store: ModelStore, say: Callable[[str], None], cache: Path | None = None
) -> Embedded:
    """As ``embed_all`` with the device's eye gives them. ``cache``: default, VIGIL_CACHE. Raises InputError."""
    folder = (cache or cache_root()) / "embeddings"
    path = folder / f"{_key(images, names, store)[:24]}.npz"
    if not path.is_file():
        _write(path, embed_all(images, names, device_eye(store), say))
    return _read(path)


def _key(images: Path, names: Sequence[str], store: ModelStore) -> str:
    models = sorted(store.spec(name).sha256 for name in store.manifest.models)
    photos = [[name, *_stamp(images / name)] for name in names]
    listing = [_VERSION, RUNTIME, models, _code(), str(images.resolve()), photos]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(f"{path}: photo cannot be read: {error.strerror}") from error
    return found.st_size, found.st_mtime_ns


def _code() -> str:
    """Of every file of `edge`: which of them decide about an embedding is not for a list kept by hand."""
    files = sorted(Path(edge.__path__[0]).rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _write(path: Path, embedded: Embedded) -> None:
    partial = path.with_name(f".{path.stem}.part.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            partial,
            names=np.array(embedded.names),
            without_face=np.array(embedded.without_face, dtype=np.str_),
            embeddings=embedded.embeddings,
            trait_names=np.array(list(embedded.traits)),
            traits=np.array(list(embedded.traits.values()), np.float32),
        )
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def _read(path: Path) -> Embedded:
    with np.load(path) as kept:
        traits = {str(name): values for name, values in zip(kept["trait_names"], kept["traits"], strict=True)}
        names, without = (tuple(str(name) for name in kept[key]) for key in ("names", "without_face"))
        return Embedded(names, kept["embeddings"], without, traits)

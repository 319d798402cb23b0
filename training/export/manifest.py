"""Writes entries of ``edge/models/manifest.toml``. The file is never edited by hand."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from edge.images import write_whole
from edge.runtime.manifest import MODELS_DIR, Manifest, ModelSpec, load_manifest

HEADER = "# What each shipped model is. Written by `python -m training`; never edited by hand.\n\n"


def sha256_of(content: bytes) -> str:
    """Hex digest, as the manifest holds it."""
    return hashlib.sha256(content).hexdigest()


def update_manifest(name: str, spec: ModelSpec, directory: Path = MODELS_DIR) -> Manifest:
    """Put ``spec`` under ``name``, keep every other entry, and replace the file whole. Entries stand sorted by name.

    Raises ModelError where the present file is not a manifest, StateError where it cannot be written.
    """
    path = directory / "manifest.toml"
    present = load_manifest(directory).models if path.exists() else {}
    manifest = Manifest(schema=1, models=dict(sorted({**present, name: spec}.items())))
    write_whole(path, (HEADER + _on_one_line(tomli_w.dumps(_plain(manifest)))).encode())
    return manifest


def _on_one_line(toml: str) -> str:
    """Arrays of numbers on one line each: a shape reads as a shape, and a change to it is one line of a diff."""
    return re.sub(
        r"\[\n((?: +[-+.\de]+,\n)+)\]", lambda found: "[" + ", ".join(found[1].replace(",", " ").split()) + "]", toml
    )


def _plain(manifest: Manifest) -> dict[str, Any]:
    """Builtins for TOML, without the keys that hold their default."""
    tree: dict[str, Any] = _rounded(msgspec.to_builtins(manifest))
    return tree


def _rounded(value: Any) -> Any:
    """Floats to nine significant digits: enough for float32, and no digits of binary noise."""
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value

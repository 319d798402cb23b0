"""Files that are there whole or not at all. Needs no TensorFlow: a training on another backend writes them too."""

from __future__ import annotations

from pathlib import Path

from edge.errors import InputError


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` whole or not at all. Raises InputError where it cannot be written."""
    scratch = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error

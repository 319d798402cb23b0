"""What all recipes share: sections that refuse unknown keys, reading from TOML, a digest, and rows for a model card."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from edge.errors import ConfigError

T = TypeVar("T")


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a recipe."""


class RecipeFile(Section, frozen=True):
    """A whole recipe."""

    def digest(self) -> str:
        """Changes with any number of the recipe: a checkpoint of another recipe is never continued."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]

    def flat(self) -> dict[str, str]:
        """``section.key`` to value, for the model card."""
        return flat_rows(msgspec.to_builtins(self))


def read_recipe(path: Path, kind: type[T], what: str) -> T:
    """The TOML file at ``path`` as a ``kind``. Raises ConfigError naming the file, ``what`` it is to be and the key."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), kind)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: not a recipe {what}: {error}") from error


def flat_rows(tree: dict[str, Any], above: str = "") -> dict[str, str]:
    """``section.key`` to value, of tables in tables."""
    rows: dict[str, str] = {}
    for key, value in tree.items():
        rows |= flat_rows(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": str(value)}
    return rows

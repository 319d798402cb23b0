"""What the commands share: the option for the configuration, and reading it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.config import Config

DEFAULT_CONFIG = Path("/etc/vigil/vigil.toml")

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help=f"Configuration file [default: {DEFAULT_CONFIG} if it is there, else the built-in defaults].",
)


def load_config(path: Path | None) -> Config:
    """The file at ``path``, else the installed one, else the defaults. Raises ConfigError."""
    from edge import config

    if path is None and not DEFAULT_CONFIG.exists():
        return config.Config()
    return config.load(path or DEFAULT_CONFIG)

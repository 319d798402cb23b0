"""Checkpoints that are there whole or not at all, so that a training that was stopped at any moment goes on."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import keras

from edge.errors import InputError, StateError


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Keeps the model with its optimizer's state at ``path`` after every epoch. Raises StateError where it cannot.

    Keras's own ModelCheckpoint writes over the last one: a full disk, or a kill in that moment, leaves half of it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        scratch = self._path.with_name(f".part-{self._path.name}")  # Keras goes by the suffix
        try:
            self.model.save(scratch)
            scratch.replace(self._path)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            raise StateError(f"{self._path}: cannot keep the checkpoint: {error.strerror or error}") from error


def load_checkpoint(path: Path) -> keras.Model:
    """The compiled model in ``path``. Raises InputError naming the file where it is none."""
    try:
        return keras.models.load_model(path)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"{path}: expected a checkpoint (remove it to begin again): {first}") from error

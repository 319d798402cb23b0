"""What one sees of the branch's training while it runs: TensorBoard, a table and curves beside the checkpoint."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge.images import write_whole
from training.data.face_chips import Chips, Embed
from training.evaluate.branch_conditions import jittered, rates
from training.evaluate.plots import Curve, Frame, draw_curves
from training.models.identity_head import branch_of

TABLE, LOSS_PLOT, ERROR_PLOT = "history.csv", "loss.png", "held_out_eer.png"
_FACES_MAX = 300  # enough to see where it goes; the judgement at the end takes them all
_ERROR = "held_out_eer"


class HeldOutError(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Adds the EER on held-out faces, roughly aligned, to what an epoch logs."""

    def __init__(self, chips: Chips, embedder: Callable[[keras.Model], Embed]) -> None:
        super().__init__()
        self._chips, self._embedder = chips, embedder
        self._crops = jittered(chips)

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        self._embed = self._embedder(branch_of(self.model))  # shares the weights; made once, as Keras traces it once

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        logs[_ERROR] = rates(self._embed(self._crops), self._chips)["eer"]


class Curves(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Keeps a table of all epochs in ``folder``, also of those before a stop, and draws its columns."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        path = self._folder / TABLE
        before = [row for row in read_history(path) if row["epoch"] <= epoch] if path.is_file() else []
        rows = [*before, {"epoch": epoch + 1, "loss": float(logs["loss"]), _ERROR: float(logs[_ERROR])}]
        lines = [",".join(rows[0]), *(",".join(f"{value:g}" for value in row.values()) for row in rows)]
        write_whole(path, ("\n".join(lines) + "\n").encode())
        for column, file, name in (("loss", LOSS_PLOT, "loss"), (_ERROR, ERROR_PLOT, "EER on held-out faces")):
            x, y = (np.array([row[key] for row in rows], np.float32) for key in ("epoch", column))
            draw_curves(self._folder / file, Frame(f"Siamese branch, {name}", "epoch", name), [Curve(name, x, y, True)])


def read_history(path: Path) -> list[dict[str, float]]:
    """A row for each epoch, from 1, of the table that a training writes."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [{column: float(value) for column, value in row.items()} for row in csv.DictReader(lines)]


def progress(folder: Path, held_out: Chips, embedder: Callable[[keras.Model], Embed]) -> list[keras.callbacks.Callback]:
    """The callbacks, in the order in which each needs the one before."""
    rows = np.linspace(0, len(held_out.people) - 1, min(_FACES_MAX, len(held_out.people))).astype(np.intp)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        HeldOutError(held_out.take(rows), embedder),
        keras.callbacks.TensorBoard(str(folder / "logs"), write_graph=False),
        Curves(folder),
    ]

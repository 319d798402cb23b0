"""What a tutorial's training writes down after each epoch: figures on validation pairs, history, curves, checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

from training.data.pairs import Pairs
from training.evaluate.classic import Measure, figures
from training.export.tflite import write_atomically

CHECKPOINT, HISTORY, CURVES = "checkpoint.keras", "history.json", "curves.png"


class Validate(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Adds accuracy, precision, recall and EER of the validation pairs to the epoch's logs, for those that follow."""

    def __init__(self, measured: Measure, pairs: Pairs, decide_at: float) -> None:
        super().__init__()
        self._measured, self._pairs, self._decide_at = measured, pairs, decide_at

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        found = figures(self._measured(self._pairs), self._pairs.same, self._decide_at)
        logs.update({f"val_{name}": getattr(found, name) for name in ("accuracy", "precision", "recall", "eer")})


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """A row of history and the curves after each epoch; the checkpoint after every few, and after the last.

    A training that goes on from a checkpoint forgets the rows of epochs after it: they will be run again.
    """

    def __init__(self, folder: Path, every: int, epochs: int, done: int) -> None:
        super().__init__()
        self._folder, self._every, self._epochs = folder, every, epochs
        self.rows: list[dict[str, float]] = read_history(folder)[:done]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.rows.append({name: float(value) for name, value in logs.items()})
        write_atomically(self._folder / HISTORY, json.dumps(self.rows, indent=1).encode())
        draw_curves(self.rows, self._folder / CURVES)
        if (epoch + 1) % self._every == 0 or epoch + 1 == self._epochs:
            partial = self._folder / f"partial-{CHECKPOINT}"
            self.model.save(partial)
            partial.replace(self._folder / CHECKPOINT)


def read_history(folder: Path) -> list[dict[str, float]]:
    """The rows of the epochs so far, none where nothing was trained yet."""
    path = folder / HISTORY
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def draw_curves(rows: list[dict[str, float]], path: Path) -> None:
    """The loss, and the shares on validation pairs, by epoch, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    epochs = range(1, len(rows) + 1)
    left.plot(epochs, [row["loss"] for row in rows], marker=".")
    left.set(xlabel="epoch", title="training loss", ylim=(0, None))
    for name in ("accuracy", "precision", "recall", "eer"):
        right.plot(epochs, [row[f"val_{name}"] for row in rows], marker=".", label=name)
    right.set(xlabel="epoch", title="validation pairs", ylim=(0, 1.02))
    right.legend(fontsize="small")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)

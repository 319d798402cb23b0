"""What a tutorial's training writes down after each epoch: figures on validation pairs, history, curves, checkpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import keras

from edge.clock import CpuClock, SystemClock
from edge.images import write_whole
from training.data.pairs import Pairs
from training.evaluate.classic import Measure, figures

Row = dict[str, Any]  # measures by name, and what the epoch was run on
CHECKPOINT, HISTORY, CURVES = "checkpoint.keras", "history.json", "curves.png"


class Validate(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Adds accuracy, precision, recall and EER of the validation pairs to the epoch's logs, for those that follow."""

    def __init__(self, measured: Measure, pairs: Pairs, decide_at: float) -> None:
        super().__init__()
        self._measured, self._pairs, self._decide_at = measured, pairs, decide_at

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        _ = self.model  # on JAX, asking for it is what writes the weights of this epoch back
        found = figures(self._measured(self._pairs), self._pairs.same, self._decide_at)
        logs.update({f"val_{name}": getattr(found, name) for name in ("accuracy", "precision", "recall", "eer")})


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """A row of history and the curves after each epoch; the checkpoint after every few, and after the last.

    A row says as well on what the epoch was run and how long it took, its judging left out: by the clock, and of all
    processor cores together, which other work on the machine hardly changes. A training that goes on from a checkpoint
    forgets the rows of epochs after it: they will be run again.
    """

    def __init__(self, folder: Path, every: int, epochs: int, done: int) -> None:
        super().__init__()
        self._folder, self._every, self._epochs = folder, every, epochs
        self._clocks = {"seconds": SystemClock(), "core_seconds": CpuClock()}
        self._began_s: dict[str, float] = {}
        self._trained_s: dict[str, float] = {}
        self.rows: list[Row] = read_history(folder)[:done]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._began_s = {name: clock.now_s() for name, clock in self._clocks.items()}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._trained_s = {name: clock.now_s() - self._began_s[name] for name, clock in self._clocks.items()}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row: Row = {name: float(value) for name, value in logs.items()}
        self.rows.append(row | self._trained_s | {"on": where()})
        write_whole(self._folder / HISTORY, json.dumps(self.rows, indent=1).encode())
        draw_curves(self.rows, self._folder / CURVES)
        if (epoch + 1) % self._every == 0 or epoch + 1 == self._epochs:
            partial = self._folder / f"partial-{CHECKPOINT}"
            self.model.save(partial)
            partial.replace(self._folder / CHECKPOINT)


def where() -> str:
    """Backend and device: "tensorflow on cpu:0", "jax on gpu:0"."""
    return f"{keras.backend.backend()} on {keras.distribution.list_devices()[0].lower()}"


def read_history(folder: Path) -> list[Row]:
    """The rows of the epochs so far, none where nothing was trained yet."""
    path = folder / HISTORY
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def took(rows: Sequence[Row]) -> str:
    """On what the epochs were run, and for how long: "50 epochs by jax on gpu:0: 24 s, 12 s of its cores".

    Epochs of histories that are older than these measures are counted as of unknown length.
    """
    parts = []
    for on, group in groupby(rows, lambda row: str(row.get("on", "an unknown device"))):
        epochs = list(group)
        text = f"{len(epochs)} epochs by {on}"
        if all({"seconds", "core_seconds"} <= set(row) for row in epochs):
            wall, cores = (sum(row[name] for row in epochs) for name in ("seconds", "core_seconds"))
            text += f" in {_span(wall)}, {_span(cores)} of its processor cores"
        parts.append(text)
    return "; ".join(parts)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def draw_curves(rows: list[Row], path: Path) -> None:
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

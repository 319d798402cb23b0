"""How many threads suit this device: measured on it by ``vigil doctor --tune``, and kept beside the database.

Nothing that the owner wrote is overridden: the choice is read only where ``runtime.threads`` is 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from edge.clock import Clock
from edge.errors import StateError
from edge.private_file import create_private_file
from edge.runtime.litert import RUNTIME, Model, ModelStore
from edge.runtime.manifest import FREE

FILE_NAME = "tuning.json"
THREADS_MAX = 4
ROUNDS = 12
# Another thread has to save this much, for it stalls when the other cores are busy, as they are on the day it matters.
WORTH_IT = 0.8

# One look at a frame with a face in it: windows that reach each stage, and P-Net's canvas (height, width) in pixels.
_BATCHES = {"pnet": 1, "rnet": 16, "fpnet": 4}
_CANVAS = (160, 160)


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Median milliseconds of one look, by model, with so many threads."""

    threads: int
    model_ms: dict[str, float]

    @property
    def total_ms(self) -> float:
        return sum(self.model_ms.values())


class Tuning(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The choice, and what it was made from."""

    threads: Annotated[int, Meta(ge=1, le=THREADS_MAX)]
    runtime: str
    timings: tuple[Timing, ...]


def load(directory: Path) -> Tuning | None:
    """What was chosen on this device; None where nothing was. Raises StateError."""
    path = directory / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Tuning)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise StateError(f"{path}: not what vigil doctor --tune writes ({error}); run it again") from error


def save(directory: Path, tuning: Tuning) -> Path:
    """Write the choice down in place of an older one. Raises StateError."""
    path, draft = directory / FILE_NAME, directory / f"{FILE_NAME}.new"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        create_private_file(draft, msgspec.json.encode(tuning) + b"\n")
        draft.replace(path)
    except OSError as error:
        raise StateError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def tune(open_store: Callable[[int], ModelStore], clock: Clock, cores: int | None = None) -> Tuning:
    """Time every model with 1 to 4 threads, as far as there are cores, and choose. Raises ModelError."""
    most = min(THREADS_MAX, cores or len(os.sched_getaffinity(0)))
    timings = tuple(_time(open_store(threads), threads, clock) for threads in range(1, most + 1))
    return Tuning(threads=choose(timings), runtime=RUNTIME, timings=timings)


def open_typical(store: ModelStore, name: str) -> Model:
    """The model ``name`` at the shape that one look at a frame gives it. Raises ModelError."""
    rows, height, width, _ = store.manifest.spec(name).input.shape
    sides = [wanted if side == FREE else side for side, wanted in zip((height, width), _CANVAS, strict=True)]
    return store.open(name, batch=_BATCHES.get(name, 1) if rows == FREE else rows, height=sides[0], width=sides[1])


def choose(timings: Sequence[Timing]) -> int:
    """The number of threads that pays: each further choice has to save a fifth of the last one's time."""
    chosen, *others = sorted(timings, key=lambda timing: timing.threads)
    for timing in others:
        if timing.total_ms < WORTH_IT * chosen.total_ms:
            chosen = timing
    return chosen.threads


def _time(store: ModelStore, threads: int, clock: Clock) -> Timing:
    return Timing(threads=threads, model_ms={name: _median_ms(store, name, clock) for name in store.manifest.models})


def _median_ms(store: ModelStore, name: str, clock: Clock) -> float:
    model = open_typical(store, name)
    pixels = np.random.default_rng(1).integers(0, 256, model.shape, np.uint8)
    model.run(pixels)  # the first run packs the weights
    return round(median(_run_ms(lambda: model.run(pixels), clock) for _ in range(ROUNDS)), 3)


def _run_ms(run: Callable[[], object], clock: Clock) -> float:
    begun_s = clock.now_s()
    run()
    return (clock.now_s() - begun_s) * 1e3

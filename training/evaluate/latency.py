"""How long a net takes on the interpreter, beside another one that takes turns with it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from edge.runtime.litert import Model
from edge.types import Pixels


@dataclass(frozen=True, slots=True)
class Latency:
    """``milliseconds`` of one inference; ``ratio`` to the other net's: medians over the rounds."""

    milliseconds: float
    ratio: float


def side_by_side(candidate: Model, other: Model, rounds: int, calls: int) -> Latency:
    """Both in turns, ``calls`` inferences each a round, after one round that does not count.

    Processor time of this thread, which is all that an interpreter of one thread uses: what other programs take from
    the core in between is not counted, what they take from its caches is, in both alike.
    """
    pairs = [(_seconds(candidate, calls), _seconds(other, calls)) for _ in range(rounds + 1)][1:]
    own, others = np.array(pairs).T
    return Latency(float(np.median(own)) / calls * 1e3, float(np.median(own / others)))


def _seconds(model: Model, calls: int) -> float:
    pixels: Pixels = np.full(model.shape, 100, np.uint8)
    started_s = time.thread_time()
    for _ in range(calls):
        model.run(pixels)
    return time.thread_time() - started_s

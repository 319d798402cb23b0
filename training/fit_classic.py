"""A tutorial's network trained and judged by both protocols, on whatever backend Keras has: without TensorFlow, too.

A checkpoint goes from one backend to another: trained on a GPU by JAX, it is judged and exported by TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import keras

from edge.errors import InputError
from edge.runtime.manifest import MODELS_DIR
from training.checkpoints import load_checkpoint
from training.classic_callbacks import CHECKPOINT, Recorder, Validate, read_history, took
from training.classic_data import batches, steps_an_epoch
from training.classic_recipe import Recipe
from training.data.pairs import Pairs, Split, every_pair, split
from training.data.people import PhotoSet
from training.evaluate.classic import Figures, best_distance, figures, measure
from training.models.classic_nets import compiles, pair_graph


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained pair ``graph``, the pairs that it was trained and is judged on, and the figures ``random`` and
    ``unseen`` at the tutorial's threshold; ``chosen``: those of the validation pairs at the best threshold on them, at
    which ``random_chosen`` and ``unseen_chosen`` are taken. ``took``: on what it was trained, and how long.
    """

    graph: keras.Model
    pairs: Split
    random: Figures
    unseen: Figures | None
    unseen_eer: float | None
    chosen: Figures
    random_chosen: Figures
    unseen_chosen: Figures | None
    took: str


def fit(photos: PhotoSet, parts: Split, recipe: Recipe, folder: Path, say: Callable[[str], None]) -> keras.Model:
    """Train, or go on from the checkpoint in ``folder``. Raises InputError where nothing can be written there."""
    keras.utils.set_random_seed(recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    steps, schedule = steps_an_epoch(parts.train, recipe), recipe.schedule
    checkpoint = folder / CHECKPOINT
    started = checkpoint.is_file()
    graph = load_checkpoint(checkpoint) if started else pair_graph(recipe, steps * schedule.epochs)
    graph.jit_compile = compiles()  # a checkpoint may come from another backend
    done = int(graph.optimizer.iterations) // steps
    if done:
        say(f"{checkpoint}: going on after epoch {done}")
    if done < schedule.epochs:
        graph.fit(
            batches(photos, parts.train, recipe, done),
            initial_epoch=done,
            epochs=schedule.epochs,
            steps_per_epoch=steps,
            shuffle=False,
            callbacks=[
                Validate(measure(graph, photos, recipe.photo), parts.validation, recipe.compare.decide_at),
                Recorder(folder, schedule.checkpoint_every, schedule.epochs, done),
                *_tensorboard(folder / "logs"),
            ],
            verbose=2,
        )
    return graph


def train(
    photos: PhotoSet, recipe: Recipe, folder: Path, say: Callable[[str], None], *, everybody: bool = False
) -> Trained:
    """Draw pairs, train, judge. ``everybody``: nobody is kept back, as some tutorials have it. Raises InputError."""
    parts = split(photos, recipe.pairs, 0 if everybody else recipe.data.unseen_people, recipe.seed)
    kind = "everybody" if everybody else "kept-back"
    say(
        f"{kind}: {len(parts.train)} pairs teach, {len(parts.validation)} choose the threshold, {len(parts.test)} judge"
    )
    name = f"{recipe.training_digest()}-{photos.digest}-{kind}"
    graph = fit(photos, parts, recipe, folder / name, say)
    measured, at = measure(graph, photos, recipe.photo), recipe.compare.decide_at

    def judged(pairs: Pairs, decide_at: float = at) -> Figures:
        return figures(measured(pairs), pairs.same, decide_at)

    unseen = None if parts.unseen is None else judged(parts.unseen)
    eer = None if parts.unseen is None else judged(every_pair(photos, parts.unseen)).eer
    best = best_distance(measured(parts.validation), parts.validation.same)
    return Trained(
        graph,
        parts,
        judged(parts.test),
        unseen,
        eer,
        chosen=judged(parts.validation, best),
        random_chosen=judged(parts.test, best),
        unseen_chosen=None if parts.unseen is None else judged(parts.unseen, best),
        took=took(read_history(folder / name)),
    )


def refuse_shipped(directory: Path) -> None:
    """These networks learn from evaluation sets and are not fit for a door. Raises InputError for edge/models."""
    if directory.resolve() == MODELS_DIR:
        raise InputError(f"{directory}: expected a folder of its own for a tutorial's network, got the shipped models'")


def _tensorboard(logs: Path) -> list[keras.callbacks.Callback]:
    """Its writer is TensorFlow's, which a training on another backend may lack."""
    if find_spec("tensorflow") is None:
        return []
    return [keras.callbacks.TensorBoard(str(logs), write_graph=False)]

"""``python -m training train pnet|rnet|fpnet``: from a training cache to an int8 model with its entry and card."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import keras
import numpy as np
import tensorflow as tf

from edge.types import Floats, Pixels
from training.cascade_callbacks import CollapseGuard, Cosine
from training.cascade_recipe import RECIPES, Recipe, load_recipe
from training.checkpoints import Checkpoint, load_checkpoint
from training.data.cascade_batches import Half, batches, split
from training.data.cascade_set import CascadeSet, load_cascade_set
from training.data.cascade_smoke import smoke_recipe, smoke_set
from training.data.face_sets import refuse_cached
from training.distribute import is_chief, own_folder, spread, strategy
from training.evaluate.cascade_crops import Predict, judge
from training.export.cascade import export
from training.losses.cascade import CascadeLoss
from training.models.cascade_nets import (
    HEADS,
    SIDES_PX,
    build,
    copy_weights,
    output_names,
    side_of,
    start_from_port,
    training_graph,
)
from training.models.pose_head import scaled
from training.models.precision import computing_in

RUNS, CACHE = Path("runs/cascade"), Path(".cache/cascade")
_CHECKPOINT = "checkpoint.keras"
_PREDICT_BATCH = 256


@dataclass(frozen=True, slots=True)
class Trained:
    """``net``: float32; ``learn``: what it was trained on; ``results``: before and after, on held-out persons."""

    net: keras.Model
    learn: Half
    results: Mapping[str, Mapping[str, float]]


def predictor(net: keras.Model) -> Predict:
    """A function from BGR crops to the net's outputs, one row a crop."""
    names = output_names(net.name)

    def predict(crops: Pixels) -> dict[str, Floats]:
        parts = [scaled(crops[start : start + _PREDICT_BATCH]) for start in range(0, len(crops), _PREDICT_BATCH)]
        rows = [[np.asarray(value).reshape(len(part), -1) for value in net(part, training=False)] for part in parts]
        return {name: np.concatenate([row[index] for row in rows]) for index, name in enumerate(names)}

    return predict


def train(
    data: CascadeSet,
    recipe: Recipe,
    folder: Path,
    say: Callable[[str], None],
    *,
    logs: bool,
    where: tf.distribute.Strategy | None = None,
) -> Trained:
    """Train, or go on from the checkpoint in ``folder``; judge before and after. ``where``: the strategy of a training
    that is distributed. Raises ModelError on a collapse.
    """
    keras.utils.set_random_seed(recipe.seed)
    learn, held_out = split(data, recipe)
    say(f"{recipe.net}: {len(learn.faces)} faces and {len(learn.negatives)} negatives to learn from")
    net = build(recipe.net, recipe.dropout, recipe.shape)
    if recipe.start == "port":
        start_from_port(net)
    side = side_of(recipe)
    results = {"before": judge(predictor(net), held_out, side)}
    say(f"before: {_line(results['before'])}")
    with (where or tf.distribute.get_strategy()).scope():
        _fit(net, (learn, held_out), recipe, folder, logs=logs)
    results["after"] = judge(predictor(net), held_out, side)
    say(f"after: {_line(results['after'])}")
    (folder / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    return Trained(net, learn, results)


def _fit(net: keras.Model, halves: tuple[Half, Half], recipe: Recipe, folder: Path, *, logs: bool) -> None:
    """Trains ``net`` in place."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, schedule = folder / _CHECKPOINT, recipe.schedule
    graph = load_checkpoint(checkpoint) if checkpoint.is_file() else _compiled(net, recipe)
    copy_weights(graph, net)
    done = int(graph.optimizer.iterations.numpy())  # int() of a mirrored variable fails
    if done >= recipe.steps:
        return
    callbacks = [
        Cosine(recipe) if schedule.rate == "cosine" else _exponential(recipe),
        CollapseGuard(next(batches(halves[1], recipe))[0]),
        Checkpoint(checkpoint),
    ]
    if logs:
        callbacks.append(keras.callbacks.TensorBoard(str(folder / "logs"), write_graph=False))
    graph.fit(
        spread(batches(halves[0], recipe, done), tf.distribute.get_strategy().num_replicas_in_sync),
        initial_epoch=done // schedule.steps_per_epoch,
        epochs=recipe.epochs,
        steps_per_epoch=schedule.steps_per_epoch,
        shuffle=False,
        callbacks=callbacks,
        verbose=2,
    )
    copy_weights(graph, net)


def _exponential(recipe: Recipe) -> keras.callbacks.Callback:
    schedule = recipe.schedule
    return keras.callbacks.LearningRateScheduler(lambda epoch: schedule.learning_rate * schedule.decay**epoch)


def _compiled(net: keras.Model, recipe: Recipe) -> keras.Model:
    """A training graph of a twin of ``net``, which computes in the recipe's precision."""
    schedule, loss = recipe.schedule, recipe.loss
    with computing_in(recipe.precision):
        twin = build(recipe.net, recipe.dropout, recipe.shape)
        graph = training_graph(twin)
    copy_weights(net, twin)
    rate = schedule.learning_rate
    if schedule.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=schedule.weight_decay, global_clipnorm=5.0)
    else:
        optimizer = keras.optimizers.Adam(rate)
    weights = {name: getattr(loss, name) for name in ("score", *HEADS[recipe.net])}
    # no XLA: its convolutions take twice as long as oneDNN's on a CPU
    graph.compile(
        optimizer,
        CascadeLoss(HEADS[recipe.net], weights, squared=loss.squared, keep=loss.keep),
        jit_compile=False,
    )
    return graph


def _line(results: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in results.items())


def _command(net: str) -> click.Command:
    @click.command(name=net)
    @click.option("--recipe", "recipe_path", type=click.Path(path_type=Path), default=RECIPES / f"{net}.toml")
    @click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
    @click.option("--runs", type=click.Path(path_type=Path), default=RUNS, show_default=True)
    @click.option("--models", type=click.Path(path_type=Path), help="Where the model goes; without it, RUNS/models.")
    @click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of one step.")
    @click.option("--logs", is_flag=True, help="Write TensorBoard logs beside the checkpoint.")
    @click.option("--smoke", is_flag=True, help="A minute on made-up faces: does it all still run?")
    def command(
        *, recipe_path: Path, cache: Path, runs: Path, models: Path | None, threads: int, logs: bool, smoke: bool
    ) -> None:
        """Train on a cache of `prepare cascade` and export as int8. Stopped and started again, it goes on."""
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        where = strategy()  # before anything is computed
        recipe = load_recipe(recipe_path, net)
        recipe, data = (smoke_recipe(recipe), smoke_set()) if smoke else (recipe, load_cascade_set(cache))
        refuse_cached(cache, data.counts)
        folder = own_folder(runs / net / f"{recipe.digest()}-{data.recipe_hash[:12]}")
        trained = train(data, recipe, folder, click.echo, logs=logs, where=where)
        if not is_chief():
            return
        done = export(trained.net, trained.learn, recipe, trained.results, models or runs / "models")
        click.echo(f"{done.path}: {done.size} bytes, int8 apart from float32: {_line(done.parity)}")

    return command


pnet, rnet, fpnet = (_command(net) for net in SIDES_PX)

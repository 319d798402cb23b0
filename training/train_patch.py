"""``python -m training train eyenet`` and ``mouthnet``: from photos to an int8 net of small patches, entry and card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import keras
import numpy as np
import tensorflow as tf

from edge.errors import InputError
from edge.runtime.manifest import MODELS_DIR, load_manifest
from edge.types import Floats, Pixels
from training.cascade_callbacks import check_collapse
from training.checkpoints import Checkpoint, load_checkpoint
from training.data.eye_patches import eye_patches
from training.data.mouth_patches import mouth_patches
from training.data.patch_batches import batches, calibration, clean_patches, fold, scaled
from training.data.patch_set import PatchSet, load_patches, save_patches
from training.data.photo_sets import group_of
from training.evaluate.patch_figures import JUDGED_AT, Judged, figures_of, shut_figures
from training.export.patch import export, int8_probabilities
from training.models.patch_nets import build
from training.patch_recipe import RECIPES, Recipe, load_recipe
from training.wheels import cache_root

RUNS = Path("runs")
_CHECKPOINT = "checkpoint.keras"
_PREDICT_BATCH = 512
_VERSION = 4  # of the patches; raise it when the same photos give others, as cached or as a net sees them
_OPEN_MIN = 0.5  # of the labels
_PATCHES = {"eyenet": eye_patches, "mouthnet": mouth_patches}

Say = Callable[[str], None]
Results = Mapping[str, Judged]


@dataclass(frozen=True, slots=True)
class Trained:
    """``net``: float32, learnt from everybody; ``results``: of the nets that were judged on people whom they had not
    seen, by data set and precision.
    """

    net: keras.Model
    results: Results


def cached_patches(data: Path, recipe: Recipe, say: Say) -> Path:
    """The file of the recipe's patches, made once (15 ms a photo) and kept below VIGIL_CACHE. Raises InputError."""
    path = cache_root() / f"{recipe.net}-{_patches_key(data, recipe)}.npz"
    if not path.is_file():
        made = _PATCHES[recipe.net](data, recipe.data, say)
        for name in recipe.sets:
            opens = made.opens[made.sets == name]
            say(f"{name}: {len(opens)} patches, {float((opens >= _OPEN_MIN).mean()):.3f} open")
        save_patches(path, made)
    return path


def _patches_key(data: Path, recipe: Recipe) -> str:
    """Changes with any photo, with what is made of it, and with the nets that find the faces."""
    files = [path for name in recipe.sets for path in sorted((data / name).rglob("*")) if path.is_file()]
    listing = [[path.relative_to(data).as_posix(), path.stat().st_size] for path in files]
    cascade = [load_manifest(MODELS_DIR).spec(name).sha256 for name in ("pnet", "rnet", "fpnet")]
    chosen = [recipe.data.face_photos, recipe.data.shut_sets]
    return hashlib.sha256(json.dumps([_VERSION, chosen, cascade, listing]).encode()).hexdigest()[:16]


def taught(patches: PatchSet, recipe: Recipe) -> PatchSet:
    """All but those of the people whom the recipe leaves out. Raises InputError where one of them is not there."""
    left_out = {person: group_of(person) for person in recipe.data.left_out}
    absent = [person for person, group in left_out.items() if group not in patches.groups]
    if absent:
        raise InputError(f"expected patches of {', '.join(absent)}, whom the recipe leaves out; found none")
    return patches.take(~np.isin(patches.groups, list(left_out.values())))


def probabilities(net: keras.Model, patches: Pixels) -> Floats:
    """p(open) (n,) of patches (n, 24, 32) of even contrast."""
    parts = [scaled(patches[start : start + _PREDICT_BATCH]) for start in range(0, len(patches), _PREDICT_BATCH)]
    found: Floats = np.concatenate([np.asarray(net(part, training=False)).reshape(-1) for part in parts])
    return found


def train(patches: PatchSet, recipe: Recipe, folder: Path, say: Say) -> Trained:
    """Judge on each fold of the people, then learn from everybody. What was done before is not done again."""
    results = judge_folds(patches, recipe, folder, say) if recipe.data.folds else {}
    for name, figures in results.items():
        say(f"{name}: {figures}")
    return Trained(fit(patches, recipe, folder / "all", say), results)


def judge_folds(patches: PatchSet, recipe: Recipe, folder: Path, say: Say) -> dict[str, Judged]:
    """Figures over all people, each judged by the net that has not seen them, as float32 and as int8."""
    p, parts = [], []
    for index in range(recipe.data.folds):
        learn, judged = fold(patches, index, recipe.data.folds, recipe.seed)
        net = fit(learn, recipe, folder / f"fold{index}", say)
        clean = clean_patches(judged, recipe.glare_px)
        int8 = int8_probabilities(net, recipe, calibration(learn, recipe), clean, folder / f"fold{index}")
        p.append(np.stack([probabilities(net, clean), int8]))
        parts.append(judged)
        say(f"fold {index + 1} of {recipe.data.folds}: {_figures([judged], p[-1:], recipe)}")
    results = _figures(parts, p, recipe)
    (folder / "results.json").write_text(
        json.dumps({name: str(row) for name, row in results.items()}), encoding="utf-8"
    )
    return results


def _figures(parts: list[PatchSet], p: list[Floats], recipe: Recipe) -> dict[str, Judged]:
    sets, opens = (np.concatenate([getattr(part, name) for part in parts]) for name in ("sets", "opens"))
    both = np.concatenate(p, axis=1)
    rows = {str(name): sets == name for name in np.unique(sets)}
    open_min = JUDGED_AT[recipe.net]
    return {
        f"{name}, {precision}": shut_figures(found[mask], open_min)
        if name in recipe.data.shut_sets
        else figures_of(found[mask], opens[mask] >= _OPEN_MIN, open_min)
        for name, mask in rows.items()
        for precision, found in zip(("float32", "int8"), both, strict=True)
    }


def fit(patches: PatchSet, recipe: Recipe, folder: Path, say: Say) -> keras.Model:
    """A net that has learnt from ``patches``; goes on from the checkpoint in ``folder``.

    Raises ModelError; InputError where that checkpoint is none, StateError where it cannot be kept.
    """
    keras.utils.set_random_seed(recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, schedule = folder / _CHECKPOINT, recipe.schedule
    net = load_checkpoint(checkpoint) if checkpoint.is_file() else _compiled(recipe)
    done = int(net.optimizer.iterations)
    if done < schedule.steps:
        say(f"{recipe.net}: {len(patches)} patches to learn from, from step {done} of {schedule.steps}")
        net.fit(
            batches(patches, recipe, done),
            initial_epoch=done // schedule.steps_per_epoch,
            epochs=max(1, schedule.steps // schedule.steps_per_epoch),
            steps_per_epoch=schedule.steps_per_epoch,
            shuffle=False,
            callbacks=[Checkpoint(checkpoint)],
            verbose=2,
        )
    # What is judged and shipped is the running mean of the weights; the checkpoint goes on without it.
    net.optimizer.finalize_variable_values(net.trainable_variables)
    some = clean_patches(patches.take(np.arange(0, len(patches), 37)), recipe.glare_px)
    check_collapse(probabilities(net, some)[:, None], done)
    return net


def _compiled(recipe: Recipe) -> keras.Model:
    schedule = recipe.schedule
    net = build(recipe.net)
    rate = keras.optimizers.schedules.CosineDecay(
        schedule.learning_rate / 100,
        max(schedule.steps - schedule.warmup_steps, 1),
        alpha=0.01,
        warmup_target=schedule.learning_rate,
        warmup_steps=schedule.warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=schedule.weight_decay, use_ema=True, ema_momentum=schedule.average
    )
    net.compile(optimizer, "binary_crossentropy", jit_compile=False)  # oneDNN's convolutions are faster than XLA's here
    return net


def _command(net: str) -> click.Command:
    @click.command(name=net)
    @click.option("--data", required=True, type=click.Path(path_type=Path, file_okay=False), help="The data sets.")
    @click.option("--recipe", "recipe_path", type=click.Path(path_type=Path), default=RECIPES / f"{net}.toml")
    @click.option("--runs", type=click.Path(path_type=Path), default=RUNS, show_default=True)
    @click.option(
        "--models", type=click.Path(path_type=Path), help="Where the model goes; without it, RUNS/NET/models."
    )
    def command(*, data: Path, recipe_path: Path, runs: Path, models: Path | None) -> None:
        """Train, judge on people kept back, and export as int8. Stopped and started again, it goes on."""
        tf.config.threading.set_intra_op_parallelism_threads(1)
        recipe = load_recipe(recipe_path, net)
        cached = cached_patches(data, recipe, click.echo)
        patches = taught(load_patches(cached), recipe)
        trained = train(patches, recipe, runs / net / f"{recipe.digest()}-{cached.stem[-8:]}", click.echo)
        done = export(
            trained.net, calibration(patches, recipe), recipe, trained.results, models or runs / net / "models"
        )
        click.echo(f"{done.path}: {done.size} bytes, int8 apart from float32 by {done.apart:.4f}")

    return command


eyenet = _command("eyenet")
mouthnet = _command("mouthnet")

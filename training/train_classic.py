"""``python -m training train classic RECIPE``: a tutorial's network trained, judged by both protocols, and exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import keras
import numpy as np

from training.classic_data import load_photos
from training.classic_recipe import Recipe, load_recipe
from training.classic_results import Result, changes, record
from training.data.pairs import Pairs
from training.data.people import PhotoSet
from training.evaluate.classic import figures, measure
from training.fit_classic import Trained, refuse_shipped, train

RUNS = Path("runs/classic")


def run(recipe: Recipe, data: Path, folder: Path, say: Callable[[str], None]) -> Result:
    """The whole recipe: photos, one training or two, figures, export, card. Raises InputError, ModelError."""
    refuse_shipped(folder)
    photos = load_photos(recipe, data, say)
    return ship(photos, *train_both(photos, recipe, folder, say), recipe, folder)


def train_both(photos: PhotoSet, recipe: Recipe, folder: Path, say: Callable[[str], None]) -> tuple[Trained, Trained]:
    """Without the people who are kept back, and as the tutorial has it, which may be the same. Raises InputError."""
    honest = train(photos, recipe, folder, say)
    return honest, train(photos, recipe, folder, say, everybody=True) if recipe.data.twice else honest


def ship(photos: PhotoSet, honest: Trained, shown: Trained, recipe: Recipe, folder: Path) -> Result:
    """The model with manifest and card, and what it is worth. Raises InputError, ModelError."""
    # TensorFlow, which a training on another backend does without
    from training.export.classic import PARITY_PAIRS, check_parity, data_names, export, write_recipe_card

    pairs = shown.pairs.unseen if recipe.published.protocol == "unseen people" else shown.pairs.test
    judged = _some(pairs or shown.pairs.test, PARITY_PAIRS, recipe.seed)
    spec = export(shown.graph, photos, shown.pairs.train, recipe, at=shown.chosen, directory=folder)
    distances = measure(shown.graph, photos, recipe.photo)(judged)
    int8 = check_parity(distances, photos, judged, recipe, folder)
    at = recipe.compare.decide_at
    result = Result(
        name=recipe.name,
        data=data_names(photos, recipe),
        epochs=recipe.schedule.epochs,
        epochs_published=recipe.published.epochs,
        published=recipe.published.result,
        protocol=recipe.published.protocol,
        random=shown.random,
        unseen=honest.unseen,
        unseen_people=recipe.data.unseen_people,
        unseen_eer=honest.unseen_eer,
        threshold=shown.chosen.decide_at,
        float32=figures(distances, judged.same, at).accuracy,
        int8=figures(int8.distances, judged.same, at).accuracy,
        parity_pairs=len(judged),
        apart=int8.mean_apart,
        size=int8.size,
        changed=changes(recipe),
        random_chosen=shown.random_chosen,
        unseen_chosen=honest.unseen_chosen,
        took=shown.took,
    )
    write_recipe_card(spec, recipe, result.rows(), result.changed, folder)
    return result


def _some(pairs: Pairs, limit: int, seed: int) -> Pairs:
    rows = np.random.default_rng(seed).permutation(len(pairs))
    return pairs.take(rows[:limit])


def _use_threads(threads: int | None) -> None:
    import tensorflow as tf  # not there, or not wanted, where another backend trains

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)


@click.command()
@click.argument("recipe")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Folder of sets, or of anchor/ and others."
)
@click.option("--runs", default=RUNS, type=click.Path(path_type=Path), show_default=True, help="Where all is written.")
@click.option("--table", type=click.Path(path_type=Path), help="Folder of the table of results; without it, RUNS.")
@click.option("--epochs", type=click.IntRange(min=1), help="Another number of them than the recipe's.")
@click.option("--threads", type=click.IntRange(min=1), help="Of one step; without it, all cores.")
def command(
    *, recipe: str, data: Path, runs: Path, table: Path | None, epochs: int | None, threads: int | None
) -> None:
    """Train RECIPE (a tutorial's name, or a TOML file), judge it by random pairs and on unseen people, export it.

    Stopped and started again, it goes on; with KERAS_BACKEND=jax it trains only. What it writes stands in RUNS/NAME:
    checkpoint, curves, TensorBoard logs, and the int8 model for `vigil verify --model`.
    """
    numbers = load_recipe(recipe).with_epochs(epochs)
    folder, backend = runs / numbers.name, keras.backend.backend()
    if backend != "tensorflow":
        refuse_shipped(folder)
        train_both(load_photos(numbers, data, click.echo), numbers, folder, click.echo)
        click.echo(f"{folder}: trained by {backend}; the same command on TensorFlow judges it and exports it")
        return
    _use_threads(threads)
    result = run(numbers, data, folder, click.echo)
    for name, text in result.rows().items():
        click.echo(f"{name}: {text}")
    click.echo(f"table: {record(result, table or runs)}")
    click.echo(f"model: {runs / numbers.name / numbers.name}_int8.tflite")

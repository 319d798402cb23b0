"""``python -m training train classic RECIPE``: a tutorial's network trained, judged by both protocols, and exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import keras
import numpy as np
import tensorflow as tf

from training.classic_callbacks import CHECKPOINT, Recorder, Validate
from training.classic_data import batches, load_photos, steps_an_epoch
from training.classic_recipe import Recipe, load_recipe
from training.classic_results import Result, changes, record
from training.data.pairs import Pairs, Split, every_pair, split
from training.data.people import PhotoSet
from training.evaluate.classic import Figures, best_distance, figures, measure
from training.export.classic import PARITY_PAIRS, check_parity, data_names, export, refuse_shipped, write_recipe_card
from training.models.classic_nets import pair_graph

RUNS = Path("runs/classic")


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained pair ``graph``, the pairs that it was trained and is judged on, and the figures ``random`` and
    ``unseen`` at the tutorial's threshold; ``chosen``: those of the validation pairs at the best threshold on them, at
    which ``random_chosen`` and ``unseen_chosen`` are taken.
    """

    graph: keras.Model
    pairs: Split
    random: Figures
    unseen: Figures | None
    unseen_eer: float | None
    chosen: Figures
    random_chosen: Figures
    unseen_chosen: Figures | None


def fit(photos: PhotoSet, parts: Split, recipe: Recipe, folder: Path, say: Callable[[str], None]) -> keras.Model:
    """Train, or go on from the checkpoint in ``folder``. Raises InputError where nothing can be written there."""
    keras.utils.set_random_seed(recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    steps, schedule = steps_an_epoch(parts.train, recipe), recipe.schedule
    checkpoint = folder / CHECKPOINT
    started = checkpoint.is_file()
    graph = keras.models.load_model(checkpoint) if started else pair_graph(recipe, steps * schedule.epochs)
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
                keras.callbacks.TensorBoard(str(folder / "logs"), write_graph=False),
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
    )


def run(recipe: Recipe, data: Path, folder: Path, say: Callable[[str], None]) -> Result:
    """The whole recipe: photos, one training or two, figures, export, card. Raises InputError, ModelError."""
    refuse_shipped(folder)
    photos = load_photos(recipe, data, say)
    honest = train(photos, recipe, folder, say)
    shown = train(photos, recipe, folder, say, everybody=True) if recipe.data.twice else honest
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
    )
    write_recipe_card(spec, recipe, result.rows(), result.changed, folder)
    return result


def _some(pairs: Pairs, limit: int, seed: int) -> Pairs:
    rows = np.random.default_rng(seed).permutation(len(pairs))
    return pairs.take(rows[:limit])


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

    Stopped and started again, it goes on. What it writes stands in RUNS/NAME: checkpoint, curves, TensorBoard logs, and
    the int8 model for `vigil verify --model`.
    """
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    numbers = load_recipe(recipe).with_epochs(epochs)
    result = run(numbers, data, runs / numbers.name, click.echo)
    for name, text in result.rows().items():
        click.echo(f"{name}: {text}")
    click.echo(f"table: {record(result, table or runs)}")
    click.echo(f"model: {runs / numbers.name / numbers.name}_int8.tflite")

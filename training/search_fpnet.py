"""``python -m training search fpnet``: short trainings over FPNet's geometry within a latency budget."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import keras
import msgspec
import numpy as np
import tensorflow as tf

from edge.runtime.litert import Model, ModelStore
from training.cascade_recipe import RECIPES, Recipe, ShapePart, load_recipe
from training.data.cascade_set import CascadeSet, load_cascade_set
from training.data.cascade_smoke import smoke_recipe, smoke_set
from training.data.face_sets import refuse_cached
from training.evaluate.latency import Latency, side_by_side
from training.evaluate.search_report import write_report
from training.export.cascade import spec_of
from training.export.tflite import export_int8
from training.models.cascade_nets import build, output_names
from training.search_recipe import DEFAULT_RECIPE, SearchRecipe, load_search_recipe
from training.search_study import Place, search
from training.train_cascade import CACHE, train

RUNS = Path("runs/search")
_CALIBRATION_CROPS = 8  # any ranges will do: they do not change how long a net takes


class FpnetTrials:
    """Times and trains FPNets. ``base``: the recipe whose geometry and length they change; ``folder``: of the runs."""

    def __init__(
        self, recipe: SearchRecipe, base: Recipe, data: CascadeSet, folder: Path, say: Callable[[str], None]
    ) -> None:
        """Raises ModelError where the shipped net, beside which the others are timed, is not as it should be."""
        self._recipe, self._base, self._data, self._folder, self._say = recipe, base, data, folder, say
        self._shipped = ModelStore().open("fpnet")

    def recipe_of(self, shape: ShapePart, seed_shift: int) -> Recipe:
        """The base from scratch, for the steps of a trial: one epoch."""
        base = msgspec.structs.replace(self._base, start="scratch", seed=self._base.seed + seed_shift, finish=None)
        schedule = msgspec.structs.replace(base.schedule, epochs=1, steps_per_epoch=self._recipe.steps)
        return msgspec.structs.replace(base, schedule=schedule, shape=shape)

    def train(self, shape: ShapePart, seed_shift: int) -> Mapping[str, float]:
        """Results on held-out persons. Raises ModelError on a collapse."""
        keras.backend.clear_session()
        recipe = self.recipe_of(shape, seed_shift)
        folder = self._folder / f"{recipe.digest()}-{self._data.recipe_hash[:12]}"
        return train(self._data, recipe, folder, self._say, logs=False).results["after"]

    def measure(self, shape: ShapePart) -> tuple[Latency, int]:
        """Latency beside the shipped net's, and bytes, of an int8 export of an untrained net."""
        net, side = build("fpnet", shape=shape), shape.side_px
        for layer in net.layers:  # a kernel of zeros is stored once for all who have one, and would flatter the size
            if layer.name.startswith("wide") and layer.weights:
                layer.set_weights([np.random.default_rng(0).normal(0, 0.05, w.shape) for w in layer.get_weights()])
        crops = np.random.default_rng(0).uniform(-1, 1, (_CALIBRATION_CROPS, side, side, 3)).astype(np.float32)
        with tempfile.TemporaryDirectory(prefix="vigil-search-") as folder:
            path = Path(folder) / "fpnet.tflite"
            content = export_int8(net, [crops], path, output_names("fpnet"), shape=(None, side, side, 3))
            candidate = Model("fpnet", path, spec_of("fpnet", content, side, "scratch"), (1, side, side, 3))
            return side_by_side(candidate, self._shipped, self._recipe.rounds, self._recipe.calls), len(content)


@click.command(name="fpnet")
@click.option("--recipe", "recipe_path", type=click.Path(path_type=Path), default=DEFAULT_RECIPE)
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), default=RUNS, show_default=True)
@click.option("--cards", type=click.Path(path_type=Path), help="Where table and plot go; without it, RUNS/cards.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of one step.")
@click.option("--smoke", is_flag=True, help="A few steps on made-up faces: does it all still run?")
def command(*, recipe_path: Path, cache: Path, runs: Path, cards: Path | None, threads: int, smoke: bool) -> None:
    """Search FPNet's width, depth, kernel and input side. Stopped and started again, it goes on."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    recipe, base = load_search_recipe(recipe_path), load_recipe(RECIPES / "fpnet.toml", "fpnet")
    if smoke:
        recipe = msgspec.structs.replace(recipe, trials=2, steps=4, rounds=3)
        base, data = smoke_recipe(base), smoke_set()
    else:
        data = load_cascade_set(cache)
        refuse_cached(cache, data.counts)
    place = Place(runs / "fpnet", f"{recipe.digest()}-{base.digest()}-{data.recipe_hash[:12]}")
    found = search(recipe, FpnetTrials(recipe, base, data, place.folder, click.echo), place, click.echo)
    click.echo(write_report(found, recipe, base.steps, cards or runs / "cards"))

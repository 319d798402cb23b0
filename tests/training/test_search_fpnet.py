"""The search over FPNet's geometry: what is drawn, pruned, gone on with, and written down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError, ModelError, StateError
from edge.runtime.litert import ModelStore
from training.cascade_recipe import RECIPES, Recipe, ShapePart, load_recipe
from training.data.cascade_batches import batches, split
from training.data.cascade_jitter import cut, draw_windows, shrink
from training.data.cascade_smoke import smoke_recipe, smoke_set
from training.evaluate.latency import Latency, side_by_side
from training.evaluate.search_report import Findings, write_report
from training.models.cascade_nets import SHIPPED_SHAPE, build, side_of
from training.search_fpnet import FpnetTrials
from training.search_recipe import DEFAULT_RECIPE, SearchRecipe, load_search_recipe
from training.search_study import Place, search

LARGE = ShapePart(width=0.5, depth=2, kernel=5, side_px=64)


def small(**changes: int) -> SearchRecipe:
    return msgspec.structs.replace(load_search_recipe(), **{"trials": 3, "draws_max": 40, **changes})


class Imagined:
    """Latency is the pixels seen times the width, error what is left; nothing is built. Stops before ``stops_at``."""

    def __init__(self, stops_at: int | None = None) -> None:
        self.stops_at, self.measured, self.trained = stops_at, list[ShapePart](), list[tuple[ShapePart, int]]()

    def measure(self, shape: ShapePart) -> tuple[Latency, int]:
        self.measured.append(shape)
        ratio = shape.width * (shape.side_px / 48) ** 2
        return Latency(ratio / 4, ratio), int(480_000 * shape.width)

    def train(self, shape: ShapePart, seed_shift: int) -> Mapping[str, float]:
        if len(self.trained) == self.stops_at:
            raise KeyboardInterrupt
        self.trained.append((shape, seed_shift))
        error = 20 - 4 * shape.width - shape.depth + seed_shift
        return {"geodesic": error, "geodesic real": error - 1, "landmarks": 0.1, "box iou": 0.8, "recall": 0.95}


def found(trials: Imagined, tmp_path: Path, recipe: SearchRecipe | None = None, name: str = "one") -> Findings:
    return search(recipe or small(), trials, Place(tmp_path / "runs", name), lambda _: None)


def test_the_shipped_geometry_is_first_and_the_budget_prunes_before_training(tmp_path: Path) -> None:
    trials = Imagined()
    ended = found(trials, tmp_path, small(trials=5)).trials
    assert ended[0].shape == SHIPPED_SHAPE
    dear = [one for one in ended if one.measures["ratio"] > 1.1 or one.measures["bytes"] > 520_000]
    assert dear
    assert all((one.error_deg is None) == (one in dear) for one in ended)
    assert not {one.shape for one in dear} & {shape for shape, _ in trials.trained}
    assert trials.trained[-1] == (SHIPPED_SHAPE, 1)
    assert len(trials.trained) == 5 + 1


def test_a_search_that_was_stopped_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = found(Imagined(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        found(Imagined(stops_at=2), tmp_path / "cut")
    rest = Imagined()
    resumed = found(rest, tmp_path / "cut")
    assert len(rest.trained) == 2  # one of the three, and the shipped one again
    assert [one.error_deg for one in resumed.trials[:3]] == [one.error_deg for one in whole.trials[:3]]
    assert len({one.shape for one in resumed.trials}) == len(resumed.trials)
    idle = Imagined()
    assert found(idle, tmp_path / "cut") == resumed
    assert not idle.measured
    assert not idle.trained


def test_the_seed_decides_what_is_drawn(tmp_path: Path) -> None:
    one, same, other = Imagined(), Imagined(), Imagined()
    found(one, tmp_path / "a")
    found(same, tmp_path / "b")
    found(other, tmp_path / "c", small(seed=3))
    assert one.measured == same.measured != other.measured


def test_more_trials_are_the_same_search_and_other_data_are_not(tmp_path: Path) -> None:
    assert small(trials=9).digest() == small().digest() != small(steps=9).digest()
    first = found(Imagined(), tmp_path)
    more = found(Imagined(), tmp_path, small(trials=4))
    assert more.trials[: len(first.trials)] == first.trials
    assert found(Imagined(), tmp_path, name="another cache").trials[0].shape == SHIPPED_SHAPE


def test_a_small_space_is_tried_once_each(tmp_path: Path) -> None:
    recipe = small(trials=30)
    space = msgspec.structs.replace(recipe.space, width=(0.5, 1.0), depth=(1,), kernel=(3,), side_px=(40, 48))
    trials = Imagined()
    found(trials, tmp_path, msgspec.structs.replace(recipe, space=space))
    assert len(trials.measured) == len(set(trials.measured)) == 4


def test_a_collapse_is_a_result(tmp_path: Path) -> None:
    class Collapsing(Imagined):
        def train(self, shape: ShapePart, seed_shift: int) -> Mapping[str, float]:
            if shape != SHIPPED_SHAPE:
                raise ModelError("the net collapsed")
            return super().train(shape, seed_shift)

    ended = found(Collapsing(), tmp_path, small(draws_max=6)).trials
    assert [one.error_deg is None for one in ended] == [False] + [True] * (len(ended) - 1)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file", encoding="utf-8")
    with pytest.raises(StateError, match="runs: cannot keep the search here"):
        found(Imagined(), tmp_path)


def test_a_damaged_storage_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/trials.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StateError, match="runs: cannot keep the search here"):
        found(Imagined(), tmp_path)


def test_page_and_plot_say_what_was_found(tmp_path: Path) -> None:
    page = write_report(found(Imagined(), tmp_path), small(), 14_000, tmp_path / "cards").read_text(encoding="utf-8")
    assert "| 1 (shipped) | 1 | 3 | 48 | 1.00 | 480000 | 15.00 | 14.00 | - |" in page
    assert "16.00 instead of 15.00 degrees" in page
    assert "2% of the shipped training" in page
    plot = (tmp_path / "cards/fpnet-search.png").read_bytes()
    assert plot.startswith(b"\x89PNG")
    assert len(plot) < 40_000


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[space]", "[space]\nheight = [1]", "height"),
        ("side_px = [40", "side_px = [41", "41"),
        ("kernel = [3, 5]", "kernel = []", "kernel"),
        ("draws_max = 40", "draws_max = 4", "expected draws_max of at least 10 trials, got 4"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = DEFAULT_RECIPE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"mine\.toml.*{said}"):
        load_search_recipe(tmp_path / "mine.toml")


@pytest.mark.parametrize(("net", "start"), [("fpnet", "port"), ("rnet", "scratch")])
def test_a_shape_where_none_belongs_is_refused(tmp_path: Path, net: str, start: str) -> None:
    text = (RECIPES / f"{net}.toml").read_text(encoding="utf-8").replace('start = "port"', f'start = "{start}"')
    shape = "\n[shape]\nwidth = 1.0\ndepth = 1\nkernel = 3\nside_px = 48\n"
    (tmp_path / "mine.toml").write_text(text + shape, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.toml: expected shape only in a recipe of fpnet with start scratch"):
        load_recipe(tmp_path / "mine.toml", net)


def with_shape(shape: ShapePart) -> Recipe:
    return msgspec.structs.replace(smoke_recipe(load_recipe(RECIPES / "fpnet.toml", "fpnet")), shape=shape)


def test_a_recipe_without_a_shape_is_the_recipe_that_it_was() -> None:
    recipe = load_recipe(RECIPES / "fpnet.toml", "fpnet")
    assert "shape.width" not in recipe.flat()
    assert with_shape(LARGE).flat()["shape.width"] == "0.5"
    assert side_of(recipe) == 48


@pytest.mark.parametrize("side", [40, 48, 56, 64])
def test_nets_of_every_side_answer_for_their_crops(side: int) -> None:
    shape = ShapePart(width=0.5, depth=2, kernel=5, side_px=side)  # type: ignore[arg-type]
    recipe = with_shape(shape)
    crops, truth = next(batches(split(smoke_set(60), recipe)[0], recipe))
    assert crops.shape[1:] == (side, side, 3)
    net = build("fpnet", shape=shape)
    assert [value.shape[1] for value in net(crops[:2])] == [1, 4, 10, 6]
    assert net.get_layer("wide2").filters == 32
    assert truth.shape[0] == len(crops)


def test_a_large_crop_shows_what_a_small_one_does() -> None:
    recipe, faces = with_shape(LARGE), smoke_set(8).faces
    windows = draw_windows(faces, recipe.face_window, 10.0, np.random.default_rng(0))
    small_crops, large = cut(faces.patches, windows), cut(faces.patches, windows, 64)
    assert large.shape == (8, 64, 64, 3)
    apart = np.abs(shrink(large, 48).astype(int) - small_crops)
    assert apart.mean() < 12  # noise of 90 levels behind the faces, sampled twice
    shifted = np.abs(shrink(np.roll(large, 4, axis=2), 48).astype(int) - small_crops)
    assert shifted.mean() > 1.5 * apart.mean()


def test_a_net_beside_itself_takes_as_long() -> None:
    shipped = ModelStore().open("fpnet")
    latency = side_by_side(shipped, shipped, rounds=20, calls=3)
    assert 0.8 < latency.ratio < 1.25
    assert latency.milliseconds > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on TensorFlow on numpy 2
def test_a_few_steps_on_made_up_faces(tmp_path: Path) -> None:
    recipe, said = small(steps=2, rounds=2), list[str]()
    trials = FpnetTrials(recipe, with_shape(LARGE), smoke_set(60), tmp_path, said.append)
    latency, size = trials.measure(LARGE)
    assert latency.ratio > 0.5
    assert 100_000 < size < 200_000
    results = trials.train(LARGE, 0)
    assert {"geodesic", "landmarks", "recall"} <= set(results)

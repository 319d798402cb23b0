"""The cascade's loss, recipes, sizes, collapse guard and export: what must hold before an hour is spent on training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError, InputError, ModelError
from edge.runtime.litert import BatchedModel, Model, ModelStore
from edge.runtime.manifest import MODELS_DIR, load_manifest
from edge.types import Floats
from training.cascade_callbacks import check_collapse, rate_at, rate_of_step
from training.cascade_recipe import RECIPES, FinishPart, Recipe, load_recipe
from training.data.cascade_batches import split
from training.data.cascade_set import CascadeSet
from training.data.cascade_smoke import smoke_recipe, smoke_set
from training.export.cascade import export
from training.export.delegate import check_delegated
from training.export.tflite import export_float32, export_int8
from training.losses.cascade import CascadeLoss, middle, truth_rows
from training.models.cascade_nets import HEADS, SIDES_PX, SIZES_MAX, build, output_names, training_graph
from training.train_cascade import predictor, train

WIDTHS = {"box": 4, "rot6d": 6}
WEIGHTS = {"score": 0.5, "box": 2.0, "rot6d": 1.0}
NETS = tuple(SIDES_PX)


def loss(*, squared: bool = False, keep: float = 1.0) -> CascadeLoss:
    return CascadeLoss(WIDTHS, WEIGHTS, squared=squared, keep=keep)


def truth(is_face: float, masks: Mapping[str, float], n: int = 1) -> Floats:
    heads = {"box": np.full((n, 4), 0.25, np.float32), "rot6d": np.full((n, 6), 0.5, np.float32)}
    given = {name: np.full(n, value, np.float32) for name, value in masks.items()}
    return truth_rows(np.full(n, is_face, np.float32), given, heads)


def rows(logit: float, box: float, rot6d: float) -> Floats:
    return np.array([[logit, *[box] * 4, *[rot6d] * 6]], np.float32)


EVERYTHING = {"score": 1.0, "box": 1.0, "rot6d": 1.0}


@pytest.mark.parametrize("squared", [False, True])
def test_the_loss_vanishes_at_the_truth(squared: bool) -> None:
    found = np.asarray(loss(squared=squared).call(truth(1, EVERYTHING), rows(30, 0.25, 0.5)))
    assert found == pytest.approx([0], abs=2e-3)


def test_each_term_has_its_weight_and_mask() -> None:
    far = rows(0, 1.25, 1.5)
    for masks, wanted in (
        ({"score": 1.0}, 0.5 * np.log(2)),
        ({"box": 1.0}, 2.0 * 4),
        ({"rot6d": 1.0}, np.sqrt(6)),
        ({}, 0.0),
    ):
        assert np.asarray(loss().call(truth(1, masks), far)) == pytest.approx([wanted], abs=1e-4)
    assert np.asarray(loss(squared=True).call(truth(1, {"rot6d": 1.0}), far)) == pytest.approx([6])


def test_a_negative_teaches_the_score_only() -> None:
    near, far = (np.asarray(loss().call(truth(0, {"score": 1.0}), rows(2, at, at))) for at in (0.0, 9.0))
    assert near == pytest.approx(far)
    assert near == pytest.approx([0.5 * np.log1p(np.exp(2))])


def test_extreme_logits_stay_finite() -> None:
    for logit in (-1e4, 1e4):
        assert np.isfinite(np.asarray(loss().call(truth(1, EVERYTHING), rows(logit, 0, 0)))).all()


def test_hard_example_mining_keeps_the_middle() -> None:
    losses = np.random.default_rng(0).permutation(np.arange(50, dtype=np.float32))
    kept = np.asarray(middle(losses, 0.6))
    assert sorted(losses[kept > 0]) == list(range(10, 40))
    assert kept[kept > 0] == pytest.approx(1 / 0.6)
    assert kept.mean() == pytest.approx(1)


def test_the_loss_survives_a_checkpoint() -> None:
    again = CascadeLoss.from_config(loss(squared=True, keep=0.6).get_config())
    assert (again.widths, again.weights, again.squared, again.keep) == (WIDTHS, WEIGHTS, True, 0.6)


@pytest.mark.parametrize("name", [f"{net}{kind}" for net in NETS for kind in ("", "_thesis")])
def test_every_recipe_that_ships_is_valid(name: str) -> None:
    recipe = load_recipe(RECIPES / f"{name}.toml", name.removesuffix("_thesis"))
    assert recipe.flat()["batch.faces"] == str(recipe.batch.faces)
    if "thesis" in name:
        assert (recipe.schedule.learning_rate, recipe.schedule.decay) == (0.01, 0.83)
        assert (recipe.batch.crops, recipe.schedule.epochs, recipe.loss.keep) == (64, 30, 0.6)


@pytest.mark.parametrize(
    ("old", "new", "trouble"),
    [
        ("[loss]", "[loss]\nfocal = 2.0", "focal"),
        ("keep = 1.0", "keep = 1.5", "keep"),
        ('net = "fpnet"', 'net = "rnet"', "expected a recipe for fpnet, found one for rnet"),
        ("part_iou_min = 0.4", "part_iou_min = 0.1", "negative_iou_max"),
        ("[schedule]", "[schedule]\nminutes = 41", "minutes"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str, trouble: str) -> None:
    text = (RECIPES / "fpnet.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"mine\.toml.*{trouble}"):
        load_recipe(tmp_path / "mine.toml", "fpnet")


def test_pnet_cannot_start_from_weights_that_do_not_fit(tmp_path: Path) -> None:
    text = (RECIPES / "pnet.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('start = "scratch"', 'start = "port"'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.toml.*expected start scratch"):
        load_recipe(tmp_path / "mine.toml", "pnet")


def test_a_finish_needs_a_rate_that_can_start_anew(tmp_path: Path) -> None:
    text = (RECIPES / "fpnet_thesis.toml").read_text(encoding="utf-8")
    finish = "[finish]\nepochs = 2\nlearning_rate = 1e-4\ndrawn = 8\n"
    (tmp_path / "mine.toml").write_text(f"{text}\n{finish}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.toml.*finish only with schedule\.rate cosine, found exponential"):
        load_recipe(tmp_path / "mine.toml", "fpnet")


def test_the_digest_changes_with_any_number() -> None:
    recipe = load_recipe(RECIPES / "pnet.toml", "pnet")
    assert msgspec.structs.replace(recipe, seed=recipe.seed + 1).digest() != recipe.digest()


def test_the_rate_rises_falls_and_never_stops() -> None:
    rates = [rate_at(share, 1.0, 0.1) for share in (0.0, 0.05, 0.1, 0.55, 1.0, 2.0)]
    assert rates == pytest.approx([0.01, 0.5, 1.0, 0.5, 0.005, 0.005])


def test_the_finish_starts_the_rate_anew() -> None:
    recipe = load_recipe(RECIPES / "fpnet.toml", "fpnet")
    recipe = msgspec.structs.replace(recipe, finish=FinishPart(epochs=4, learning_rate=4e-4, drawn=8))
    begin, steps = recipe.schedule.steps, 4 * recipe.schedule.steps_per_epoch
    assert recipe.steps == begin + steps
    rates = [rate_of_step(step, recipe) for step in (begin - 1, begin, begin + steps // 2, begin + steps - 1)]
    assert rates == pytest.approx([1e-5, 4e-4, 2e-4, 2e-6], rel=0.01)


def test_constant_and_infinite_outputs_are_a_collapse() -> None:
    healthy = np.random.default_rng(0).normal(size=(32, 5)).astype(np.float32)
    check_collapse(healthy, 0)
    for column, value in ((0, 3.0), (4, np.nan)):
        broken = healthy.copy()
        broken[:, column] = value
        with pytest.raises(ModelError, match="epoch 3"):
            check_collapse(broken, 2)


@pytest.mark.parametrize("net", NETS)
def test_a_fresh_net_fits_its_budget_and_int8_says_what_float32_says(net: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(5)
    model, side = build(net), SIDES_PX[net]
    for layer in model.layers:  # a kernel of zeros is stored once for all who have one, and would flatter the size
        if layer.name == "wide":
            layer.set_weights([np.random.default_rng(0).normal(0, 0.05, w.shape) for w in layer.get_weights()])
    crops = np.random.default_rng(1).uniform(-1, 1, (24, side, side, 3)).astype(np.float32)
    shape = (1, None, None, 3) if net == "pnet" else (None, side, side, 3)
    content = export_int8(model, [crops], tmp_path / "net.tflite", output_names(net), shape=shape)
    assert len(content) <= SIZES_MAX[net]
    check_delegated(tmp_path / "net.tflite", (1, side, side, 3))
    assert training_graph(model)(crops).shape == (24, 1 + sum(HEADS[net].values()))


def test_an_operation_that_the_delegate_leaves_out_is_named(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 3))
    odd = keras.ops.cumsum(keras.layers.Conv2D(4, 3)(image), axis=-1)  # XNNPACK knows no cumulative sum
    model = keras.Model(image, [keras.layers.Conv2D(2, 1)(odd)])
    export_float32(model, tmp_path / "odd.tflite", ("out",), shape=(1, 8, 8, 3))
    with pytest.raises(ModelError, match=r"odd\.tflite: expected (XNNPACK|one delegate)"):
        check_delegated(tmp_path / "odd.tflite", (1, 8, 8, 3))


@pytest.fixture(scope="module")
def tiny() -> tuple[Recipe, CascadeSet]:
    recipe = smoke_recipe(load_recipe(RECIPES / "rnet.toml", "rnet"))
    schedule = msgspec.structs.replace(recipe.schedule, steps_per_epoch=10, epochs=1)
    export_part = msgspec.structs.replace(recipe.export, calibration_crops=64)
    return msgspec.structs.replace(recipe, schedule=schedule, export=export_part), smoke_set(120)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on TensorFlow on numpy 2
def test_training_goes_on_from_its_checkpoint_and_ships(tiny: tuple[Recipe, CascadeSet], tmp_path: Path) -> None:
    recipe, data = tiny
    said: list[str] = []
    first = train(data, recipe, tmp_path / "run", said.append, logs=False)
    assert (tmp_path / "run" / "checkpoint.keras").is_file()
    again = train(data, recipe, tmp_path / "run", said.append, logs=False)  # its epochs are over: nothing is left to do
    crops = data.negatives.patches[:9, :24, :24]
    assert predictor(again.net)(crops)["score"] == pytest.approx(predictor(first.net)(crops)["score"])
    done = export(again.net, again.learn, recipe, again.results, tmp_path / "models")
    assert done.parity["score"] < 0.03
    assert set(load_manifest(tmp_path / "models").models) == set(load_manifest(MODELS_DIR).models)
    runner = ModelStore(tmp_path / "models").open_batched("rnet", (4,))
    assert runner.run(crops)["box"].shape == (9, 4)
    twin = ModelStore(tmp_path / "models", precision="float32").spec("rnet")
    assert (twin.file, twin.precision) == ("rnet_f32.tflite", "float32")
    exact = BatchedModel([Model("rnet", tmp_path / "models" / twin.file, twin, (9, 24, 24, 3))]).run(crops)
    assert exact["score"][:, 0] == pytest.approx(predictor(again.net)(crops)["score"][:, 0], abs=1e-4)
    assert "R-Net" in (tmp_path / "models" / "cards" / "rnet.md").read_text(encoding="utf-8")


def test_a_cache_that_is_too_small_is_refused(tiny: tuple[Recipe, CascadeSet]) -> None:
    recipe, data = tiny
    few = CascadeSet(data.faces.take(np.arange(1)), data.negatives, "few")
    with pytest.raises(InputError, match="too small"):
        split(few, recipe)

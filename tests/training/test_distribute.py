"""Trainings on several devices and in clusters, and checkpoints that are whole."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from edge.errors import ConfigError, InputError, StateError
from training.checkpoints import Checkpoint, load_checkpoint
from training.distribute import is_chief, own_folder, spread, strategy

STEPS = Path(__file__).with_name("distributed_steps.py")


def steps(kind: str, folder: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """What the process prints last."""
    settings = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", **environment}
    command = [sys.executable, str(STEPS), kind, str(folder)]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def cluster(kind: str = "worker", index: int = 0, **tasks: list[str]) -> str:
    return json.dumps({"cluster": tasks or {"worker": ["localhost:1"]}, "task": {"type": kind, "index": index}})


@pytest.mark.slow
def test_two_devices_share_a_training_that_goes_on(tmp_path: Path) -> None:
    said = steps("two", tmp_path, {})
    assert (said["strategy"], said["replicas"]) == ("MirroredStrategy", 2)
    assert said["sums"][::2] == pytest.approx(said["sums"][1::2])
    assert (tmp_path / "rnet/checkpoint.keras").is_file()


@pytest.mark.slow
def test_a_cluster_of_one_trains_as_tf_config_says(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    said = steps("cluster", tmp_path, {"TF_CONFIG": cluster(worker=[address])})
    assert (said["strategy"], said["replicas"]) == ("CollectiveAllReduceStrategy", 1)
    assert said["sums"][::2] == pytest.approx(said["sums"][1::2])


def test_one_device_distributes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert strategy(["CPU:0"]) is tf.distribute.get_strategy()
    assert is_chief()
    assert own_folder(Path("runs")) == Path("runs")


@pytest.mark.parametrize(
    ("config", "chief", "folder"),
    [
        (cluster(), True, "runs"),
        (cluster(index=1, worker=["a:1", "b:1"]), False, "runs/worker1"),
        (cluster(index=0, chief=["c:1"], worker=["a:1"]), False, "runs/worker0"),
        (cluster("chief", 0, chief=["c:1"], worker=["a:1"]), True, "runs"),
    ],
)
def test_one_worker_of_a_cluster_writes_the_model(
    monkeypatch: pytest.MonkeyPatch, config: str, chief: bool, folder: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    assert is_chief() is chief
    assert own_folder(Path("runs")) == Path(folder)


@pytest.mark.parametrize("config", ["{", "[]", "{}", cluster(index=3), '{"cluster": {"worker": ["a:1"]}, "task": 1}'])
def test_a_tf_config_without_this_task_is_refused(monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ConfigError, match="TF_CONFIG: expected a cluster and a task"):
        strategy()


def test_each_replica_gets_the_same_mixture() -> None:
    sorts = np.repeat([0.0, 1.0, 2.0], [6, 2, 4]).astype(np.float32)
    inputs, truth = next(spread(iter([(sorts[:, None], sorts)]), 2))
    assert np.array_equal(inputs[:, 0], truth)
    assert [np.bincount(part.astype(int)).tolist() for part in np.split(truth, 2)] == [[3, 1, 2], [3, 1, 2]]
    same, _ = next(spread(iter([(sorts[:, None], sorts)]), 1))
    assert np.array_equal(same[:, 0], sorts)


SAVES = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras on TensorFlow on numpy 2


def tiny_model() -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@SAVES
def test_a_checkpoint_on_a_full_disk_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, model = tmp_path / "checkpoint.keras", tiny_model()
    keeper = Checkpoint(path)
    keeper.set_model(model)
    keeper.on_epoch_end(0)
    before = path.read_bytes()

    def full_disk(scratch: Path) -> None:
        Path(scratch).write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model, "save", full_disk)
    with pytest.raises(StateError, match=r"checkpoint\.keras: cannot keep the checkpoint: No space left"):
        keeper.on_epoch_end(1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@SAVES
@pytest.mark.parametrize("damage", [b"", b"not a zip file", None])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "checkpoint.keras"
    tiny_model().save(path)
    path.write_bytes(path.read_bytes()[:-500] if damage is None else damage)
    with pytest.raises(InputError, match=r"checkpoint\.keras: expected a checkpoint \(remove it to begin again\)"):
        load_checkpoint(path)

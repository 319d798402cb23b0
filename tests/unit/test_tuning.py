"""How the number of threads is chosen, kept and used."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from edge import app, tuning
from edge.__main__ import run
from edge.clock import SystemClock
from edge.config import Config, RuntimeConfig, StateConfig
from edge.errors import ExitCode, StateError
from edge.runtime.litert import ModelStore
from edge.tuning import Timing, Tuning, choose


def timed(*totals_ms: float) -> list[Timing]:
    """Timings with 1, 2, ... threads."""
    return [Timing(threads=n, model_ms={"net": ms}) for n, ms in enumerate(totals_ms, 1)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(state=StateConfig(directory=str(tmp_path)))


@pytest.mark.parametrize(
    ("totals_ms", "threads"),
    [((10.0,), 1), ((10.0, 9.0, 8.5, 8.2), 1), ((10.0, 5.5, 5.0, 4.9), 2), ((10.0, 9.0, 5.0), 3), ((10.0, 30.0), 1)],
)
def test_another_thread_has_to_pay(totals_ms: tuple[float, ...], threads: int) -> None:
    assert choose(timed(*totals_ms)) == threads


def test_every_model_is_timed_with_each_number_of_threads() -> None:
    found = tuning.tune(lambda threads: ModelStore(threads=threads), SystemClock(), cores=2)
    assert [timing.threads for timing in found.timings] == [1, 2]
    assert all(set(timing.model_ms) == set(ModelStore().manifest.models) for timing in found.timings)
    assert all(ms > 0 for timing in found.timings for ms in timing.model_ms.values())


def test_what_is_kept_is_read_back_and_replaced(tmp_path: Path) -> None:
    for threads in (3, 2):
        chosen = Tuning(threads=threads, runtime="test", timings=tuple(timed(2.0, 1.0)))
        path = tuning.save(tmp_path, chosen)
        assert tuning.load(tmp_path) == chosen
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_choice_holds_where_the_owner_left_it_open(config: Config, tmp_path: Path) -> None:
    assert app.threads_of(config) == 1
    tuning.save(tmp_path, Tuning(threads=3, runtime="test", timings=()))
    assert app.threads_of(config) == 3
    assert app.threads_of(replace(config, runtime=RuntimeConfig(threads=2))) == 2


@pytest.mark.parametrize("content", ["", "{}", '{"threads": 9, "runtime": "x", "timings": []}'])
def test_a_spoilt_choice_is_an_error_and_no_guess(tmp_path: Path, content: str) -> None:
    (tmp_path / tuning.FILE_NAME).write_text(content)
    with pytest.raises(StateError, match="run it again"):
        tuning.load(tmp_path)


def test_the_doctor_writes_it_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "vigil.toml"
    file.write_text(f'[camera]\nsource = "v4l2:/dev/none"\n[gpio]\nbackend = "log"\n[state]\ndirectory = "{tmp_path}"')
    assert run(["doctor", "--tune", "--config", str(file)]) == ExitCode.CAMERA_FAILURE
    chosen = tuning.load(tmp_path)
    assert chosen is not None
    assert f"chosen: {chosen.threads}" in capsys.readouterr().out

"""The staged visit of `make demo` through the real daemon: a stranger, nobody, the man of the photo, in every order."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from edge import app
from edge.camera.replay import ReplayCamera
from edge.config import AccessConfig, CameraConfig, Config, GpioConfig, StateConfig
from edge.events import Record

STRANGER, NOBODY, MAN = "WolfgangLanger_Pexels.mp4", "no_face.mp4", "noface_face.mov"
VISITS = int(os.environ.get("VIGIL_VISITS", "1"))  # how often each order is played; 10 for the acceptance run
ORDERS = list(permutations([STRANGER, NOBODY, MAN]))
MAN_VISIBLE_S = 3.95  # into his clip: an animation comes first, and his face is whole from his first frame on
LET_IN_S = 1.5  # he has to be let in this soon after

pytestmark = pytest.mark.clips


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory, clips_dir: Path) -> Config:
    """A configuration whose gallery knows the man, one-shot, from a photo of another place and year."""
    config = Config(
        camera=CameraConfig(timeout_s=10),
        access=AccessConfig(hands_free=True),
        gpio=GpioConfig(backend="mock"),
        state=StateConfig(directory=str(tmp_path_factory.mktemp("state"))),
    )
    chosen = app.enrol(config, "Guest", [clips_dir / "single_face.jpg"], None, replace_known=False, say=print)
    assert chosen.one_shot
    return config


@dataclass(frozen=True, slots=True)
class Visit:
    """What the daemon wrote, and when each clip began."""

    records: list[Record]
    start_s: dict[str, float]


def visit(config: Config, clips: tuple[str, ...], folder: Path, events: Path, *, realtime: bool = False) -> Visit:
    """Play the clips through the daemon and read back what it wrote."""
    with ExitStack() as stack:
        daemon = app.open_door(
            config,
            [str(folder / clip) for clip in clips],
            realtime=realtime,
            witnesses=app.open_witnesses(events, None, None, lambda _: None),
            say=print,
            stack=stack,
        )
        daemon.run()
    assert isinstance(daemon.camera, ReplayCamera)
    lines = events.read_text(encoding="utf-8").splitlines()
    return Visit([msgspec.json.decode(line, type=Record) for line in lines], daemon.camera.clip_start_s)


def pulses(records: list[Record]) -> list[Record]:
    return [record for record in records if any("pulse" in command for command in record.commands)]


@pytest.mark.parametrize("run", range(VISITS))
@pytest.mark.parametrize("order", [ORDERS[0], *(pytest.param(order, marks=pytest.mark.slow) for order in ORDERS[1:])])
def test_the_man_is_let_in_once_and_nobody_else(
    enrolled: Config, clips_dir: Path, tmp_path: Path, order: tuple[str, ...], run: int
) -> None:
    seen = visit(enrolled, order, clips_dir, tmp_path / f"events{run}.jsonl")
    opened = pulses(seen.records)
    assert [record.source for record in opened] == [MAN]
    assert opened[0].person == "Guest"
    assert 0 <= opened[0].time_s - (seen.start_s[MAN] + MAN_VISIBLE_S) <= LET_IN_S
    assert all(record.person is None for record in seen.records if record.source != MAN)


@pytest.mark.slow
def test_a_stranger_is_never_taken_for_the_man(enrolled: Config, clips_dir: Path, tmp_path: Path) -> None:
    records = visit(enrolled, (STRANGER, NOBODY), clips_dir, tmp_path / "events.jsonl").records
    assert not pulses(records)
    nearest = min(record.distance for record in records if record.distance is not None)
    assert nearest > max(record.distance_max for record in records if record.distance_max is not None)


@pytest.mark.slow
def test_real_time_and_fast_replay_decide_alike(enrolled: Config, clips_dir: Path, tmp_path: Path) -> None:
    fast = visit(enrolled, (MAN,), clips_dir, tmp_path / "fast.jsonl")
    slow = visit(enrolled, (MAN,), clips_dir, tmp_path / "slow.jsonl", realtime=True)
    assert fast == slow


def test_without_the_button_a_door_that_is_not_hands_free_stays_shut(
    enrolled: Config, clips_dir: Path, tmp_path: Path
) -> None:
    config = replace(enrolled, access=AccessConfig(hands_free=False))
    records = visit(config, (MAN,), clips_dir, tmp_path / "events.jsonl").records
    assert any(record.person == "Guest" for record in records)
    assert not pulses(records)

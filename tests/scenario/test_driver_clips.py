"""Recorded drivers against what a person saw in them (tests/driver_clips.toml): eyes, blinks, yawns, turned heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from edge.attributes.eyes import EyeReader
from edge.attributes.lids import CERTAINTY_MIN
from edge.attributes.mouth import MouthReader
from edge.attributes.nods import YAWN_OPEN_MIN
from edge.camera.replay import ReplayCamera
from edge.config import CameraConfig, Config, DriverConfig
from edge.daemon import Daemon
from edge.decision import Figures
from edge.driver import DriverWatch
from edge.events import Record
from edge.pipeline import DriverPipeline, Sight
from edge.report.words import Happening, read_words
from edge.runtime.litert import ModelStore
from edge.signs import Level
from edge.testing import FakeClock, ScriptedCamera
from edge.testing_driver import RecordingAlerter, ScriptedCabin
from edge.types import Eyes, Frame, Observation
from tests.driver_clips import DriverClip, driver_clips
from tests.media import MediaError, fetch_clips

CLIPS = driver_clips()
MARGIN_S = 0.1  # lids move: who counted and what is measured may differ by two frames
BLINK_APART_S = 0.25
YAWN_EDGE_S = 0.5  # a mouth takes so long to open and to shut
AHEAD_S, LEARN_S = 0.5, 5.0  # at the clip's start the head points ahead: from there the road is learnt
TURNED_DEG = 14.0  # from the road, yaw or pitch; the smallest turn counted is about 18
TURN_MIN_S = 0.25
RECALL_MIN = PRECISION_MIN = 0.85
# What a head away from the road raises; everything else needs shut eyes.
OF_THE_HEAD = {"long_distraction", "repeated_distraction", "ignored", "no_return", "unresponsive_away"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame as the daemon decided on it: when, what was read of the eyes, and everything that was made of it."""

    at_s: float
    eyes: Eyes
    record: Record

    @property
    def driver(self) -> Figures:
        assert self.record.driver is not None
        return self.record.driver


@dataclass
class Drive:
    """A witness of the daemon. ``alerter``: what it sounded."""

    alerter: RecordingAlerter
    seen: list[Seen] = field(default_factory=list)

    def add(self, frame: Frame, observation: Observation, record: Record) -> None:
        face = observation.primary
        self.seen.append(Seen(frame.captured_s, face.eyes if face and face.eyes else Eyes(), record))

    def finish(self) -> None:
        pass

    @property
    def raised(self) -> list[Happening]:
        """Every warning or louder, from the clip's start on."""
        told = [read_words(one.at_s, words) for one in self.seen for words in one.record.events]
        return [one for one in told if one is not None and one.level >= Level.WARNING and one.at_s >= 0]


@cache
def watched(name: str, *, ahead_s: float = 0.0) -> Drive:
    """A clip through the daemon with the driver's pipeline, signals and policy.

    ``ahead_s``: before it, its first half second is played so often that it lasts so long, at negative times: a
    driver who looks at the road while that is learnt.
    """
    clip = CLIPS[name]
    if clip.folder == "clips":
        try:
            fetch_clips(clip.path.parent)
        except MediaError as error:
            pytest.skip(str(error))
    if not clip.path.is_file():
        pytest.skip(f"{clip.path} is not here")
    clock, store, config = FakeClock(), ModelStore(), Config()
    drive = Drive(RecordingAlerter(clock))
    frames = list(_frames(clip, ahead_s))
    pipeline = DriverPipeline(Sight(store, config), EyeReader(store), MouthReader(store))
    watch = DriverWatch(DriverConfig(calibration_s=LEARN_S), drive.alerter, frames[0].captured_s)
    camera = ScriptedCamera(frames)
    Daemon(camera, pipeline, watch, drive.alerter, ScriptedCabin(), clock, CameraConfig(), witnesses=(drive,)).run()
    return drive


def _frames(clip: DriverClip, ahead_s: float) -> Iterator[Frame]:
    with closing(ReplayCamera([clip.path], FakeClock(), realtime=False)) as camera:
        frames = list(iter(lambda: camera.read(1.0), None))
    first = [frame for frame in frames if frame.captured_s < AHEAD_S]
    rounds = round(ahead_s / AHEAD_S)
    for back in range(rounds, 0, -1):
        yield from (replace(frame, captured_s=frame.captured_s - back * AHEAD_S) for frame in first)
    yield from frames


def readable(clip: DriverClip, kind: str) -> list[float]:
    """Openness of the frames whose eyes a person called ``kind`` and the reader trusts."""
    sure = [seen for seen in watched(clip.name).seen if seen.eyes.certainty >= CERTAINTY_MIN]
    return [seen.eyes.openness or 0.0 for seen in sure if clip.kind(seen.at_s, MARGIN_S) == kind]


def blinks(frames: Sequence[Seen]) -> list[float]:
    """The middle of each blink that the log tells of."""
    return [seen.at_s - seen.driver.blink_s / 2 for seen in frames if seen.driver.blink_s is not None]


def yawns(frames: Sequence[Seen]) -> list[float]:
    """When the log counts one more yawn."""
    return [seen.at_s for before, seen in pairwise(frames) if seen.driver.yawns > before.driver.yawns]


def turns(frames: Sequence[Seen]) -> list[tuple[float, float, str]]:
    """First and last second, and side, of each stretch in which the log has the head off the road."""
    spans: list[tuple[float, float, str]] = []
    for seen in frames:
        side = _side(seen.driver.yaw_deg, seen.driver.pitch_deg)
        if side and spans and spans[-1][2] == side and seen.at_s - spans[-1][1] < TURN_MIN_S:
            spans[-1] = (spans[-1][0], seen.at_s, side)
        elif side:
            spans.append((seen.at_s, seen.at_s, side))
    return [span for span in spans if span[1] - span[0] >= TURN_MIN_S]


def _side(yaw_deg: float | None, pitch_deg: float | None) -> str | None:
    if yaw_deg is None or pitch_deg is None or max(abs(yaw_deg), abs(pitch_deg)) < TURNED_DEG:
        return None
    if abs(yaw_deg) >= TURNED_DEG:
        return "left" if yaw_deg > 0 else "right"
    return "up" if pitch_deg > 0 else "down"


@pytest.mark.clips
@pytest.mark.data
@pytest.mark.parametrize("name", [name for name, clip in CLIPS.items() if clip.shut])
def test_shut_stretches_read_shut(name: str) -> None:
    found = readable(CLIPS[name], "shut")
    assert len(found) > 20
    assert np.mean(np.array(found) < 0.5) >= 0.95


@pytest.mark.clips
@pytest.mark.data
@pytest.mark.parametrize("name", [name for name, clip in CLIPS.items() if not clip.yawns])
def test_awake_stretches_read_open(name: str) -> None:
    found = readable(CLIPS[name], "open")
    assert len(found) > 100
    assert np.mean(np.array(found) >= 0.5) >= 0.97


@pytest.mark.clips
@pytest.mark.data
def test_the_blinks_that_a_person_counted_are_found() -> None:
    hits, counted, told = 0, 0, 0
    for name, clip in CLIPS.items():
        clear = [
            at_s for at_s in blinks(watched(name).seen) if clip.kind(at_s, 0.0) != "neither" or near(at_s, clip.blinks)
        ]
        hits += sum(near(at_s, tuple(clear)) for at_s in clip.blinks)
        counted, told = counted + len(clip.blinks), told + len(clear)
    assert hits / counted >= RECALL_MIN
    assert hits / max(told, 1) >= PRECISION_MIN


@pytest.mark.clips
@pytest.mark.data
def test_the_yawns_that_a_person_counted_are_found_and_no_other() -> None:
    """Among the clips are a woman who laughs with her mouth open for seconds and a man who nods and turns away."""
    hits, counted, told = 0, 0, 0
    for name, clip in CLIPS.items():
        found = yawns(watched(name).seen)
        hits += sum(any(first <= at_s <= last for at_s in found) for first, last in clip.yawns)
        counted, told = counted + len(clip.yawns), told + len(found)
    assert hits / counted >= RECALL_MIN
    assert hits / max(told, 1) >= PRECISION_MIN


@pytest.mark.clips
@pytest.mark.data
@pytest.mark.parametrize("name", CLIPS)
def test_a_mouth_reads_wide_open_in_yawns_alone(name: str) -> None:
    """Frame by frame, where it can be read at all and the yawn neither begins nor ends."""
    clip, wide, other = CLIPS[name], list[bool](), list[bool]()
    for seen in watched(name).seen:
        if seen.eyes.mouth_open is None:
            continue
        if any(first + YAWN_EDGE_S <= seen.at_s <= last - YAWN_EDGE_S for first, last in clip.yawns):
            wide.append(seen.eyes.mouth_open >= YAWN_OPEN_MIN)
        elif not any(first - YAWN_EDGE_S <= seen.at_s <= last + YAWN_EDGE_S for first, last in clip.yawns):
            other.append(seen.eyes.mouth_open >= YAWN_OPEN_MIN)
    assert len(other) > 100
    assert np.mean(other) <= 0.03
    assert not clip.yawns or np.mean(wide) >= 0.9


def near(at_s: float, times_s: Sequence[float]) -> bool:
    return any(abs(at_s - other_s) <= BLINK_APART_S for other_s in times_s)


@pytest.mark.data
def test_the_turns_that_a_person_counted_are_found() -> None:
    clip = CLIPS["driver_nod_headmoves_incluit1.mp4"]
    drive = watched(clip.name, ahead_s=AHEAD_S + LEARN_S)
    found = [span for span in turns(drive.seen) if span[1] > 0]
    wanted = [(*turn.between, turn.side) for turn in clip.turns]
    assert np.mean([any(overlap(one, other) for other in found) for one in wanted]) >= RECALL_MIN
    assert np.mean([any(overlap(one, other) for other in wanted) for one in found]) >= PRECISION_MIN


def overlap(one: tuple[float, float, str], other: tuple[float, float, str]) -> bool:
    return one[2] == other[2] and min(one[1], other[1]) > max(one[0], other[0])


@pytest.mark.clips
@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "ahead_s"),
    [
        *((name, 0.0) for name in CLIPS),
        # whoever begins with shut eyes teaches no road
        *((name, AHEAD_S + LEARN_S) for name, clip in CLIPS.items() if not clip.shut),
    ],
)
def test_awake_stretches_raise_no_alarm(name: str, ahead_s: float) -> None:
    clip = CLIPS[name]
    for one in watched(name, ahead_s=ahead_s).raised:
        spans = [turn.between for turn in clip.turns] if one.kind in OF_THE_HEAD else list(clip.shut)
        assert any(touches(one, span) for span in spans), f"{one.kind} at {one.at_s:.2f} s"


@pytest.mark.clips
def test_eyes_that_a_person_calls_shut_raise_the_alarm() -> None:
    (microsleep,) = [one for one in watched("WolfgangLanger_Pexels.mp4").raised if one.kind == "microsleep"]
    assert microsleep.level is Level.ALARM
    assert microsleep.at_s == pytest.approx(1.5, abs=0.25)


def touches(one: Happening, span: tuple[float, float]) -> bool:
    """Whether what was raised is about ``span``, in seconds of the clip."""
    since_s = one.at_s if one.since_s is None else one.since_s
    return since_s <= span[1] and one.at_s >= span[0]

"""Recorded drivers against what a person saw in them (tests/driver_clips.toml): eyes, blinks, turns of the head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from edge.attributes.eyes import EyeReader
from edge.attributes.lids import BLINK_MAX_S, CERTAINTY_MIN
from edge.camera.replay import ReplayCamera
from edge.config import Config
from edge.pipeline import Sight
from edge.runtime.litert import ModelStore
from edge.testing import FakeClock
from edge.types import Eyes, Face, Frame, HeadPose, TrackedFace
from tests.driver_clips import DriverClip, driver_clips

CLIPS = driver_clips()
MARGIN_S = 0.1  # lids move: who counted and what is measured may differ by two frames
BLINK_APART_S = 0.25
DIP_MAX = 0.75
AHEAD_S = 0.5  # at the clip's start the head points ahead
TURNED_DEG = 14.0  # from there, yaw or pitch; the smallest turn counted is about 18
TURN_MIN_S = 0.25
RECALL_MIN = PRECISION_MIN = 0.85


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame: when, where the head pointed, the eyes."""

    at_s: float
    pose: HeadPose
    eyes: Eyes


@cache
def seen_in(name: str) -> tuple[Seen, ...]:
    """Every frame of a clip in which the largest face was found, followed as the pipeline does."""
    clip = CLIPS[name]
    if not clip.path.is_file():
        pytest.skip(f"{clip.path} is not here")
    with closing(ReplayCamera([clip.path], FakeClock(), realtime=False)) as camera:
        return tuple(_follow(camera))


def _follow(camera: ReplayCamera) -> Iterator[Seen]:
    store = ModelStore()
    sight, reader, held = Sight(store, Config()), EyeReader(store), None
    while (frame := camera.read(1.0)) is not None:
        held = _largest(sight, frame, held)
        if held is not None:
            face, pose, quality = sight.judge(frame, held)
            yield Seen(frame.captured_s, pose, reader.read(frame, TrackedFace(1, face, 0.0, pose, quality)))


def _largest(sight: Sight, frame: Frame, held: Face | None) -> Face | None:
    faces = sight.cascade.follow(frame, held.box[None], 0.6) if held is not None else ()
    return max(faces or sight.cascade.detect(frame), key=lambda face: face.area_px2, default=None)


def readable(clip: DriverClip, kind: str) -> list[float]:
    """Openness of the frames whose eyes a person called ``kind`` and the reader trusts."""
    sure = [seen for seen in seen_in(clip.name) if seen.eyes.certainty >= CERTAINTY_MIN]
    return [seen.eyes.openness or 0.0 for seen in sure if clip.kind(seen.at_s, MARGIN_S) == kind]


def blinks(frames: Sequence[Seen]) -> list[float]:
    """The middle of each dip of the openness that is half made up for within half a second.

    At 24 frames a second most blinks show the lids on their way only: none of these is 80 % closed in any frame.
    """
    found: list[float] = []
    began_s, level, lowest = None, 1.0, 1.0
    for seen in frames:
        if seen.eyes.openness is None or seen.eyes.certainty < CERTAINTY_MIN:
            began_s = None
        elif began_s is None and seen.eyes.openness >= DIP_MAX:
            level = lowest = seen.eyes.openness
        elif began_s is None:
            began_s, lowest = (seen.at_s, seen.eyes.openness) if level >= DIP_MAX else (None, 1.0)
        elif seen.eyes.openness >= (level + lowest) / 2:
            found += [(began_s + seen.at_s) / 2] if seen.at_s - began_s <= BLINK_MAX_S else []
            began_s, level = None, seen.eyes.openness
        else:
            lowest = min(lowest, seen.eyes.openness)
    return found


def turns(frames: Sequence[Seen]) -> list[tuple[float, float, str]]:
    """First and last second, and side, of each stretch in which the head does not point ahead."""
    yaws, pitches = (np.array([getattr(seen.pose, name) for seen in frames]) for name in ("yaw_deg", "pitch_deg"))
    start = np.array([seen.at_s for seen in frames]) < AHEAD_S
    aside, tilted = yaws - np.median(yaws[start]), pitches - np.median(pitches[start])
    names = np.where(
        np.abs(aside) >= TURNED_DEG, np.where(aside > 0, "left", "right"), np.where(tilted > 0, "up", "down")
    )
    away = np.maximum(np.abs(aside), np.abs(tilted)) >= TURNED_DEG
    spans: list[tuple[float, float, str]] = []
    for seen, side, turned in zip(frames, names, away, strict=True):
        if turned and spans and spans[-1][2] == side and seen.at_s - spans[-1][1] < TURN_MIN_S:
            spans[-1] = (spans[-1][0], seen.at_s, side)
        elif turned:
            spans.append((seen.at_s, seen.at_s, str(side)))
    return [span for span in spans if span[1] - span[0] >= TURN_MIN_S]


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
        clear = [at_s for at_s in blinks(seen_in(name)) if clip.kind(at_s, 0.0) != "neither" or near(at_s, clip.blinks)]
        hits += sum(near(at_s, tuple(clear)) for at_s in clip.blinks)
        counted, told = counted + len(clip.blinks), told + len(clear)
    assert hits / counted >= RECALL_MIN
    assert hits / max(told, 1) >= PRECISION_MIN


def near(at_s: float, times_s: Sequence[float]) -> bool:
    return any(abs(at_s - other_s) <= BLINK_APART_S for other_s in times_s)


@pytest.mark.data
def test_the_turns_that_a_person_counted_are_found() -> None:
    clip = CLIPS["driver_nod_headmoves_incluit1.mp4"]
    found = turns(seen_in(clip.name))
    wanted = [(*turn.between, turn.side) for turn in clip.turns]
    assert np.mean([any(overlap(one, other) for other in found) for one in wanted]) >= RECALL_MIN
    assert np.mean([any(overlap(one, other) for other in wanted) for one in found]) >= PRECISION_MIN


def overlap(one: tuple[float, float, str], other: tuple[float, float, str]) -> bool:
    return one[2] == other[2] and min(one[1], other[1]) > max(one[0], other[0])

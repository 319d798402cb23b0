"""The composition root of the driver mode."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from edge.actuate import CabinInputs, Inputs
from edge.app import Say, model_store
from edge.attributes.eyes import BATCH, EYENET, EyeReader
from edge.attributes.mouth import MOUTHNET, MouthReader
from edge.camera.source import open_camera
from edge.clock import Clock, SystemClock
from edge.config import Config
from edge.daemon import Daemon, Witness
from edge.drive_recorder import DriveRecorder
from edge.driver import DriverWatch
from edge.events import EventLog, Timeline
from edge.memory import give_frames_back
from edge.notify import Notifier
from edge.outputs import open_alerter
from edge.pipeline import DriverPipeline, NoEyes, NoMouth, ReadsEyes, ReadsMouth, Sight
from edge.recorder import VideoFile
from edge.runtime.litert import ModelStore, Runnable


def open_driver(
    config: Config,
    sources: Sequence[str],
    *,
    realtime: bool,
    witnesses: Sequence[Witness],
    say: Say,
    stack: ExitStack,
) -> Daemon[CabinInputs]:
    """A driver's daemon, all opened. At the end ``stack`` says what was raised, against the alert budget."""
    give_frames_back()
    clock = SystemClock()
    store = model_store(config)
    pipeline = DriverPipeline(Sight(store, config), open_eyes(store, say), open_mouth(store, say))
    camera = stack.enter_context(closing(open_camera(sources, config.camera, clock, realtime)))
    alerter = stack.enter_context(closing(open_alerter(config)))
    inputs = stack.enter_context(closing(open_cabin(config, clock)))
    watch = DriverWatch(config.driver, alerter, clock.now_s() if camera.live else 0.0)
    stack.callback(lambda: say(watch.summary()))
    return Daemon(camera, pipeline, watch, alerter, inputs, clock, config.camera, Notifier(), tuple(witnesses))


def open_eyes(store: ModelStore, say: Say) -> ReadsEyes:
    """EyeNet, where the models hold one. Raises ModelError."""
    if EYENET in store.manifest.models:
        return EyeReader(store)
    say("these models hold no EyeNet: the head is judged, the eyes are not")
    return NoEyes()


def open_eyenet(config: Config) -> Runnable | None:
    """EyeNet by itself, for two eyes at once, where the models hold one. Raises ModelError."""
    store = model_store(config)
    return store.open(EYENET, batch=BATCH) if EYENET in store.manifest.models else None


def open_mouth(store: ModelStore, say: Say) -> ReadsMouth:
    """MouthNet, where the models hold one. Raises ModelError."""
    if MOUTHNET in store.manifest.models:
        return MouthReader(store)
    say("these models hold no MouthNet: no yawn is counted")
    return NoMouth()


def open_witnesses(events: Path | None, video: Path | None, sheet: Path | None, say: Say) -> list[Witness]:
    """What is told of every decided frame: always a timeline; a log, a video and a report's picture where asked for."""
    witnesses: list[Witness] = [Timeline(say)]
    if events is not None:
        witnesses.append(EventLog(events))
    if video is not None or sheet is not None:
        witnesses.append(DriveRecorder(VideoFile(video) if video else None, sheet))
    return witnesses


def open_cabin(config: Config, clock: Clock) -> Inputs[CabinInputs]:
    """Button and speed of the configured backend; a dry run has none. Raises ActuatorError."""
    if config.gpio.backend == "log":
        from edge.testing_driver import ScriptedCabin

        return ScriptedCabin()
    from edge.actuate.cabin import Cabin
    from edge.actuate.nmea import NmeaSpeed

    speeds = [NmeaSpeed(Path(config.cabin.nmea_file))] if config.cabin.nmea_file else []
    return Cabin(config.cabin, config.gpio, clock, speeds)

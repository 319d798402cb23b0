"""The composition root: the only place that picks real or fake."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import msgspec
from msgspec import to_builtins
from msgspec.structs import replace

from edge import annotate, tuning, verdict
from edge.actuate import DoorInputs, Inputs
from edge.camera import Camera
from edge.camera.source import open_camera
from edge.clock import SystemClock, unix_s
from edge.config import Config, GpioConfig
from edge.daemon import Daemon, Witness
from edge.door import Door, save_counters
from edge.enrol import Enrolment, enrol_camera, enrol_images
from edge.errors import InputError
from edge.events import EventLog, Timeline
from edge.memory import give_frames_back
from edge.notify import Notifier
from edge.outputs import open_relay
from edge.pipeline import Pipeline, Sight, Vision
from edge.policy.lockout import Counters
from edge.recorder import VideoFile, VisitRecorder
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.store import Store
from edge.tuning import Tuning
from edge.types import Frame
from edge.verify.comparison import Comparer
from edge.verify.gallery import Gallery, Person, open_gallery
from edge.verify.siamese import BRANCH, Branch

Say = Callable[[str], None]


def open_sight(config: Config) -> Sight:
    """The models that find faces. Raises ModelError."""
    return Sight(model_store(config), config)


def open_vision(config: Config) -> Vision:
    """The models that the configuration names. Raises ModelError, ConfigError."""
    return Vision(model_store(config), config)


def verify(config: Config, photos: tuple[Path, Path], fmr: float | None, model: Path | None) -> verdict.Verdict:
    """Whether two photos show one person: by the door's own models, or by the ``model`` in a file of its own.

    A model that levels no face decides at the one threshold of its manifest. Raises ModelError, ConfigError for a rate
    that was not measured, InputError, NoFaceError.
    """
    rate = config.verify.fmr if fmr is None else fmr
    if model is None:
        return verdict.by_branch(open_vision(config), photos, rate)
    store = ModelStore(model.parent, threads_of(config))
    name = store.manifest.name_of(model.name)
    if (how := store.manifest.spec(name).comparison) is None:
        return verdict.by_branch(Vision(model_store(config), config, Branch(store, name)), photos, rate)
    if fmr is not None:
        raise InputError(f"{model}: decides at the one threshold of its manifest; expected no false match rate")
    sight = open_sight(config) if how.crop == "face" else None
    return verdict.by_comparer(Comparer(store, name), sight, photos)


def model_store(config: Config) -> ModelStore:
    """The folder of models that the configuration names, else the shipped one. Raises ModelError."""
    threads = threads_of(config)
    cv2.setNumThreads(threads)  # its pool costs 10 MB, and stalls when the other cores are busy
    directory = Path(config.runtime.models_dir) if config.runtime.models_dir else MODELS_DIR
    return ModelStore(directory, threads, config.runtime.precision)


def threads_of(config: Config) -> int:
    """As configured, else as tuned on this device, else 1. Raises StateError."""
    if config.runtime.threads:
        return config.runtime.threads
    tuned = tuning.load(Path(config.state.directory))
    return tuned.threads if tuned else 1


def tune(config: Config) -> tuple[Tuning, Path]:
    """Time the models on this device, and write the choice beside the database. Raises ModelError, StateError."""

    def open_store(threads: int) -> ModelStore:
        return model_store(with_threads(config, threads))

    chosen = tuning.tune(open_store, SystemClock())
    return chosen, tuning.save(Path(config.state.directory), chosen)


def open_cameras(sources: Sequence[str], config: Config, *, realtime: bool) -> Camera:
    """The camera or recordings named by ``sources``. Raises CameraError, InputError."""
    return open_camera(sources, config.camera, SystemClock(), realtime)


def detections(config: Config, source: Path, target: Path) -> Iterator[dict[str, Any]]:
    """Draw what is found in ``source`` and yield a row a picture. Raises InputError, CameraError, StateError."""
    sight = open_sight(config)
    if not annotate.is_video(source):
        yield from annotate.detect_pictures(sight, source, target)
        return
    with closing(open_cameras([str(source)], config, realtime=False)) as camera:
        yield from annotate.detect_video(sight, camera, annotate.video_target(source, target))


def probe_pins(config: GpioConfig) -> None:
    """Whether the pins of the configured backend can be opened; none is claimed. Raises ActuatorError."""
    from edge.actuate.gpio import open_pins

    open_pins(config).close()


def open_inputs(config: GpioConfig) -> Inputs[DoorInputs]:
    """Buttons and door contact of the configured backend; a dry run has none. Raises ActuatorError."""
    if config.backend == "log":
        from edge.testing import ScriptedInputs

        return ScriptedInputs()
    from edge.actuate.gpio import GpioInputs

    return GpioInputs(config)


def people(config: Config, store: Store, vision: Vision, *, enrolling: bool = False) -> Gallery:
    """The gallery in ``store``, bound to the model in use. Raises StateError, TemplateError."""
    return open_gallery(store, config.state, vision.branch.model_sha256, enrolling=enrolling)


def open_door(
    config: Config,
    sources: Sequence[str],
    *,
    realtime: bool,
    witnesses: Sequence[Witness],
    say: Say,
    stack: ExitStack,
) -> Daemon[DoorInputs]:
    """A lock's daemon, all opened; ``stack`` closes the store. Whatever is missing is an error before it starts."""
    give_frames_back()
    clock = SystemClock()
    vision = open_vision(config)
    store = stack.enter_context(Store.open(Path(config.state.directory)))
    gallery = people(config, store, vision)
    gallery.check()
    if not len(gallery):
        say("nobody is enrolled yet: the door opens for the exit button only (see vigil enroll)")
    camera = stack.enter_context(closing(open_camera(sources, config.camera, clock, realtime)))
    actuator = stack.enter_context(closing(open_relay(config.gpio, clock)))
    inputs = stack.enter_context(closing(open_inputs(config.gpio)))
    door = Door(config.access, actuator, store, clock.now_s() if camera.live else 0.0)
    pipeline = Pipeline(vision, gallery)
    return Daemon(camera, pipeline, door, actuator, inputs, clock, config.camera, Notifier(), tuple(witnesses))


def enrol(
    config: Config, name: str, images: Sequence[Path], source: str | None, *, replace_known: bool, say: Say
) -> Enrolment:
    """Choose the views of a person and store their templates. Raises InputError, NoFaceError, StateError, CameraError.

    A name that cannot be taken is refused before any photo is read.
    """
    vision = open_vision(config)
    with Store.open(Path(config.state.directory)) as store:
        gallery = people(config, store, vision, enrolling=True)
        gallery.check_name(name, replace=replace_known)
        if source is None:
            chosen = enrol_images(images, vision.analyse, vision.embed)
        else:
            with closing(open_cameras([source], config, realtime=False)) as camera:
                chosen = enrol_camera(_frames(camera, config), vision.analyse, vision.embed, report=say)
        gallery.add(name, chosen.embeddings, replace=replace_known)
        store.audit(unix_s(), "enrolled", name, f"{len(chosen.views)} views")
    return chosen


def _frames(camera: Camera, config: Config) -> Iterator[Frame]:
    while (frame := camera.read(config.camera.timeout_s)) is not None:
        yield frame


def with_min_face(config: Config, min_face_px: int | None) -> Config:
    """The configuration with another smallest face to look for, if one is given."""
    if min_face_px is None:
        return config
    return replace(config, detect=replace(config.detect, min_face_px=min_face_px))


def with_threads(config: Config, threads: int) -> Config:
    """The configuration with this number of threads for each net, whatever was tuned."""
    return replace(config, runtime=replace(config.runtime, threads=threads))


def with_backend(config: Config, backend: str | None) -> Config:
    """The configuration with another kind of pins, if one is given."""
    if backend is None:
        return config
    return replace(config, gpio=msgspec.convert({**to_builtins(config.gpio), "backend": backend}, GpioConfig))


def open_witnesses(events: Path | None, video: Path | None, sheet: Path | None, say: Say) -> list[Witness]:
    """What is told of every decided frame: always a timeline; a log and a recorder where asked for."""
    witnesses: list[Witness] = [Timeline(say)]
    if events is not None:
        witnesses.append(EventLog(events))
    if video is not None or sheet is not None:
        witnesses.append(VisitRecorder(VideoFile(video) if video else None, sheet))
    return witnesses


def stop_on_signals() -> Callable[[], bool]:
    """From now on SIGTERM and SIGINT only ask the loop to end, so that it can lock first."""
    asked = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    return asked.is_set


@contextmanager
def open_people(config: Config) -> Iterator[Gallery]:
    """The gallery for listing and changing who is in it. Raises StateError."""
    spec = model_store(config).spec(BRANCH)
    with Store.open(Path(config.state.directory)) as store:
        yield open_gallery(store, config.state, spec.sha256)


def person_line(person: Person, *, as_json: bool) -> str:
    """One person for a terminal, or for a script."""
    if as_json:
        return msgspec.json.encode(person).decode()
    day = datetime.fromtimestamp(person.enrolled_unix_s, tz=UTC).date().isoformat()
    views = f"{person.n_templates} view{'' if person.n_templates == 1 else 's'}"
    return f"{person.name}\t{views}\t{day}" + ("" if person.model_ok else "\tmade by another model: enrol again")


def clear_failures(config: Config) -> None:
    """Forget the failures in a row. Raises StateError."""
    with Store.open(Path(config.state.directory)) as store:
        save_counters(store, Counters())
        store.audit(unix_s(), "reset")

"""``python -m training collect DIR``: photos of the owner from a camera, and strangers from any folder of people."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from edge.camera.source import is_live, open_camera
from edge.clock import SystemClock
from edge.config import CameraConfig, DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import InputError, NoFaceError
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from training.data.import_people import import_negatives, people_pictures
from training.data.own_folder import Find, OwnFolder, face_finder
from training.shoot import Plan, Say, frames_of, shoot_by_keys, shoot_by_time, summary

DEFAULT_CAMERA = "v4l2:/dev/video0"
_VOICES = ("espeak-ng", "espeak")


def has_screen() -> bool:
    """Whether a window can be hoped for."""
    return bool(os.environ.get("DISPLAY")) and find_spec("tkinter") is not None


def announcer(voice: bool) -> Say:
    """Prints each word with the terminal's bell, and speaks it where ``voice`` is wanted. Raises InputError."""
    if not voice:
        return lambda word: click.echo(f"\a{word}" if sys.stdout.isatty() else word)
    program = next((found for name in _VOICES if (found := shutil.which(name))), None)
    if program is None:
        raise InputError(f"expected {' or '.join(_VOICES)} to speak with, found neither; leave out --speak")

    def say(word: str) -> None:
        click.echo(word)
        subprocess.Popen([program, word], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603

    return say


def shoot(source: str, plan: Plan, folder: OwnFolder, find: Find, *, timed: bool, say: Say) -> None:
    """Photos from the camera or recording ``source``. Raises CameraError, InputError, NoFaceError where none came."""
    config = CameraConfig(source=source)
    with ExitStack() as stack:
        camera = open_camera([source], config, SystemClock(), realtime=not timed)
        frames = frames_of(stack.enter_context(closing(camera)), config.timeout_s)
        if timed:
            shoot_by_time(frames, plan, find, folder, say)
        else:
            from training.shoot_window import TkWindow

            shoot_by_keys(frames, stack.enter_context(closing(TkWindow())), find, folder)
    if not folder.added.total() and not is_live(source):
        raise NoFaceError(f"{source}: expected a face, none was in sight when a photo was due")


def bring_in(source: Path, folder: OwnFolder, find: Find, say: Callable[[str], None]) -> None:
    """Import the people of ``source`` as negatives, with a bar, and say what was left out. Raises InputError."""
    pictures = people_pictures(source, folder.root)
    bar = track(pictures, "negatives", console=Console(stderr=True))
    for line in import_negatives(bar, find, folder).lines():
        say(line)


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--camera", help=f"As `vigil run` takes it, or a recording. Default {DEFAULT_CAMERA}, unless --negatives."
)
@click.option("--negatives", type=click.Path(path_type=Path), help="A folder of other people's photos to bring in.")
@click.option("--each", type=click.IntRange(min=1), default=10, show_default=True, help="Anchors; as many positives.")
@click.option("--countdown-s", type=click.FloatRange(min=0.1), default=3.0, show_default=True, help="Before a photo.")
@click.option("--timed/--window", default=None, help="Default: a window with keys a, p, q where there is a screen.")
@click.option("--speak", is_flag=True, help="Speak the countdown with espeak.")
@click.option("--models", type=click.Path(path_type=Path), default=MODELS_DIR, help="Folder with manifest.toml.")
def command(
    *,
    directory: Path,
    camera: str | None,
    negatives: Path | None,
    each: int,
    countdown_s: float,
    timed: bool | None,
    speak: bool,
    models: Path,
) -> None:
    """Gather DIR/anchor and DIR/positive from a camera and DIR/negative from a folder: 250x250, a face in the middle.

    Nothing is overwritten, and no photo is taken without a face. Train on DIR with `train siamese --data DIR`.
    """
    say = announcer(speak)
    folder = OwnFolder(directory)
    find = face_finder(Cascade(ModelStore(models), DetectConfig()))
    if camera or not negatives:
        by_time = not has_screen() if timed is None else timed
        shoot(camera or DEFAULT_CAMERA, Plan(each, countdown_s), folder, find, timed=by_time, say=say)
    if negatives:
        bring_in(negatives, folder, find, click.echo)
    click.echo(f"{directory}: {summary(folder)}")

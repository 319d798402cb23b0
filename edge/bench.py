"""``vigil bench``: what a frame costs on this machine, and beside others' networks where they are asked for.

All is measured in turns within one run, in an order drawn by the seed: on a machine that is shared or grows hot, only
the ratios of such a run mean something. Peers are found by the entry points ``vigil.peers`` (see :class:`Peer`): edge
knows none of them by name, and without ``--peers`` none is loaded.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from edge.app import Say
from edge.attributes.patches import GLARE_PX, HEIGHT_PX, WIDTH_PX, even_contrast
from edge.attributes.pose import head_pose
from edge.clock import Clock
from edge.errors import InputError
from edge.images import read_image
from edge.pipeline import Pipeline, Vision
from edge.portrait import HEIGHT, WIDTH, portrait
from edge.runtime.litert import Runnable
from edge.types import Floats, Frame, Pixels
from edge.verdict import only_face
from edge.verify.align import align

PEERS_GROUP = "vigil.peers"
DETECT, TRACK, EMBED = "detection with pose", "tracked frame", "Siamese branch"
EYES, CONTRAST = "EyeNet, two eyes", "their contrast"
_IN_A_ROW = 5  # calls of one before the next has its turn: a loop's caches are warm, as are those of a peer
_WARM_UP = 3
_TICK_S = 1e-6  # between frames that are followed: the next search of the whole frame is never due

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Scene:
    """What everybody is given. ``frame``: 640x480 with one face; ``aligned``: it levelled, (112, 112, 3) uint8 BGR."""

    frame: Frame
    aligned: Pixels
    face_px: float


class Peer(Protocol):
    """Somebody else's network. ``against``: which of DETECT, TRACK and EMBED it is the measure of."""

    name: str
    against: tuple[str, ...]

    def prepare(self, scene: Scene) -> Run:
        """Load it, and return one call of it on one thread with its input at hand. May fetch. Raises InputError."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; times in ms. ``ratio``: of the median to that of ``peer``, None without one."""

    what: str
    median_ms: float
    p95_ms: float
    peer: str | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """``runs``: how often each was timed; ``seed``: of the drawn scene and of the order."""

    machine: str
    threads: int
    frame: str
    face_px: int
    runs: int
    seed: int
    rows: tuple[Row, ...]


def open_scene(vision: Vision, photo: Path | None, seed: int) -> Scene:
    """The drawn scene, or a ``photo`` fitted into 640x480. Raises InputError, NoFaceError: it has to show one face."""
    pixels = portrait(seed) if photo is None else _fitted(read_image(photo).pixels)
    frame = Frame(pixels, 0.0)
    face = only_face(vision, frame, "the drawn scene (give a photo by --image)" if photo is None else str(photo))
    return Scene(frame, align(pixels, vision.cascade.level(frame, face).landmarks), face.side_px)


def _fitted(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    canvas[: size[1], : size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return canvas


def own_runs(vision: Vision, eyenet: Runnable | None, scene: Scene) -> dict[str, Run]:
    """One call of each of ours: a search of the whole frame, a frame of a face that is held, one embedding, and where
    there is an EyeNet that net on two eyes and what is done to their patches before it.
    """
    cascade, branch = vision.cascade, vision.branch
    # about where a levelled face has its eyes
    patches = np.stack([scene.aligned[40 : 40 + HEIGHT_PX, left : left + WIDTH_PX, 1] for left in (22, 58)])
    evened = even_contrast(patches, GLARE_PX)[..., None]
    runs: dict[str, Run] = {
        DETECT: lambda: [head_pose(face) for face in cascade.detect(scene.frame)],
        TRACK: _Follower(vision, scene.frame),
        EMBED: lambda: branch.embed_aligned(scene.aligned),
    }
    if eyenet is not None:
        runs |= {EYES: lambda: eyenet.run(evened), CONTRAST: lambda: even_contrast(patches, GLARE_PX)}
    return runs


class _Nobody:
    """An empty gallery: a tracked frame then ends with the face's quality, before the branch is asked."""

    def __len__(self) -> int:
        return 0

    def nearest(self, embedding: Floats) -> tuple[str, float] | None:  # noqa: ARG002
        return None


class _Follower:
    """The pipeline on frames that follow each other so closely that the face is only ever followed."""

    def __init__(self, vision: Vision, frame: Frame) -> None:
        self._pipeline = Pipeline(vision, _Nobody())
        self._pixels, self._index = frame.pixels, 0
        self()  # searches once

    def __call__(self) -> object:
        self._index += 1
        return self._pipeline.process(Frame(self._pixels, self._index * _TICK_S, self._index))


def peer_runs(scene: Scene, say: Say) -> tuple[dict[str, Run], dict[str, str]]:
    """A call of each peer by its name, and which peer measures which of ours. Who cannot run here is left out, said."""
    runs: dict[str, Run] = {}
    measures: dict[str, str] = {}
    for entry in sorted(entry_points(group=PEERS_GROUP), key=lambda entry: entry.name):
        try:
            peer: Peer = entry.load()
            runs[peer.name] = peer.prepare(scene)
        except ModuleNotFoundError as error:
            say(f"{entry.name} left out: {error.name} is not installed")
        except InputError as error:
            say(f"{entry.name} left out: {error}")
        else:
            measures |= dict.fromkeys(peer.against, peer.name)
    return runs, measures


def time_in_turns(runs: Mapping[str, Run], rounds: int, seed: int, clock: Clock) -> dict[str, Floats]:
    """Seconds of each call, ``5 * rounds`` by name. Every round calls all of them, in an order drawn anew."""
    rng = np.random.default_rng(seed)
    names = list(runs)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for name in names * _WARM_UP:
        runs[name]()
    for _ in range(rounds):
        for index in rng.permutation(len(names)):
            run, durations = runs[names[index]], taken[names[index]]
            for _ in range(_IN_A_ROW):
                started_s = clock.now_s()
                run()
                durations.append(clock.now_s() - started_s)
    return {name: np.asarray(values, np.float32) for name, values in taken.items()}


def rows_of(taken: Mapping[str, Floats], measures: Mapping[str, str]) -> tuple[Row, ...]:
    """Median, 95th percentile and ratio of each of the durations (n,) in seconds."""
    medians = {name: float(np.median(values)) * 1e3 for name, values in taken.items()}
    tails = {name: float(np.percentile(values, 95)) * 1e3 for name, values in taken.items()}
    return tuple(_row(name, medians, tails[name], measures.get(name)) for name in taken)


def _row(name: str, medians: Mapping[str, float], p95_ms: float, peer: str | None) -> Row:
    ratio = None if peer is None else round(medians[name] / medians[peer], 3)
    return Row(name, round(medians[name], 4), round(p95_ms, 4), peer, ratio)


def measure(
    vision: Vision,
    eyenet: Runnable | None,
    photo: Path | None,
    *,
    peers: bool,
    rounds: int,
    seed: int,
    clock: Clock,
    say: Say,
) -> Report:
    """Everything that was asked for, timed in turns. Raises InputError, NoFaceError, ModelError."""
    scene = open_scene(vision, photo, seed)
    others, measures = peer_runs(scene, say) if peers else ({}, {})
    taken = time_in_turns(own_runs(vision, eyenet, scene) | others, rounds, seed, clock)
    return Report(
        machine=platform.machine(),
        threads=vision.config.runtime.threads,
        frame=f"{scene.frame.width}x{scene.frame.height}",
        face_px=round(scene.face_px),
        runs=rounds * _IN_A_ROW,
        seed=seed,
        rows=rows_of(taken, measures),
    )


def lines_of(report: Report) -> Sequence[str]:
    """The report for a terminal."""
    plural = "" if report.threads == 1 else "s"
    head = (
        f"{report.machine}, {report.threads} thread{plural}, {report.frame} with one face of {report.face_px} px,"
        f" {report.runs} calls of each in turns"
    )
    wide = max(len(row.what) for row in report.rows)
    body = [
        f"{row.what:<{wide}}  {row.median_ms:8.3f}  {row.p95_ms:8.3f}  {_beside(row)}".rstrip() for row in report.rows
    ]
    return [head, f"{'':<{wide}} median ms    p95 ms  ratio", *body]


def _beside(row: Row) -> str:
    return "" if row.peer is None else f"{row.ratio:.3f} of {row.peer}"

"""``python -m training prepare cascade``: folders of photos to the cache that P-Net, R-Net and FPNet learn from.

The work is done in shards that are kept as they are finished, so that a run that was cut short goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import click
import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge.errors import InputError, StateError
from edge.images import read_image
from edge.runtime.manifest import MODELS_DIR
from edge.types import Frame
from training.data.cascade_set import (
    CascadeSet,
    FaceSet,
    NegativeKind,
    NegativeSet,
    empty_faces,
    join_faces,
    join_negatives,
    load_cascade_set,
    recipe_of,
    save_cascade_set,
)
from training.data.face_labels import FaceLabeller, Wanted
from training.data.face_sets import FACES_OF
from training.data.negatives import Miner
from training.data.photo_sets import FacePhoto, find_photos, thinned, training_backgrounds
from training.data.profiles import ProfileRenderer
from training.teachers.blend import BlendedTeacher
from training.teachers.canonical import load_canonical_triangles
from training.wheels import cache_root

DEFAULT_SETS = ("celeba", "ytf_crops", "yawdd_frames", "pointing04")
NEGATIVES_A_FACE = 2
_SHARD_PHOTOS = 500
_VERSION = 3  # raise it when the same photos give another cache


class Labeller(Protocol):
    """What turns one photo into training data; see FaceLabeller, the only one outside tests."""

    def photo(
        self, frame: Frame, photo: FacePhoto, rng: np.random.Generator, counts: Counter[str]
    ) -> tuple[FaceSet, NegativeSet]: ...

    def background(self, frame: Frame, rng: np.random.Generator) -> NegativeSet | None: ...


@dataclass(frozen=True, slots=True)
class Shard:
    """Some photos of people, or some backgrounds, and the hash of all that decides what becomes of them."""

    photos: tuple[FacePhoto, ...]
    empty_of_people: bool
    recipe_hash: str


def plan_shards(
    photos: Sequence[FacePhoto], backgrounds: Sequence[FacePhoto], decided_by: Sequence[object]
) -> list[Shard]:
    """The work in pieces of 500 photos. ``decided_by``: what else their content depends on."""
    shards = []
    for rows, empty in ((photos, False), (backgrounds, True)):
        for start in range(0, len(rows), _SHARD_PHOTOS):
            part = tuple(rows[start : start + _SHARD_PHOTOS])
            listing = [[photo.key, _size(photo.path), photo.group] for photo in part]
            shards.append(Shard(part, empty, _hash([*decided_by, empty, listing])))
    return shards


def prepare(shards: Sequence[Shard], labeller: Callable[[], Labeller], seed: int, output: Path) -> CascadeSet:
    """The cache of all ``shards`` in ``output``; what is there already is not made again. ``labeller`` is called once,
    if at all. Raises InputError, StateError.
    """
    recipe_hash = _hash([shard.recipe_hash for shard in shards])
    if recipe_of(output) == recipe_hash:
        return load_cascade_set(output)
    folders = [_shard_folder(output, shard) for shard in shards]
    missing = [pair for pair in zip(shards, folders, strict=True) if recipe_of(pair[1]) != pair[0].recipe_hash]
    with _progress() as bar:
        task = bar.add_task("labelling", total=sum(len(shard.photos) for shard in shards))
        bar.advance(task, sum(len(shard.photos) for shard in shards) - sum(len(shard.photos) for shard, _ in missing))
        works = labeller() if missing else None
        for shard, folder in missing:
            if works is not None:
                save_cascade_set(folder, _label(shard, works, seed, lambda: bar.advance(task)))
    whole = _joined([load_cascade_set(folder) for folder in folders], recipe_hash, seed)
    save_cascade_set(output, whole)
    shutil.rmtree(_shards_of(output), ignore_errors=True)
    return load_cascade_set(output)


def _label(shard: Shard, labeller: Labeller, seed: int, advance: Callable[[], None]) -> CascadeSet:
    counts: Counter[str] = Counter()
    faces, negatives = [], []
    for photo in shard.photos:
        # Each photo draws for itself, so that neither the order nor a restart changes it
        rng = np.random.default_rng([seed, zlib.crc32(photo.key.encode())])
        advance()
        try:
            frame = read_image(photo.path)
        except InputError:
            counts["photos unreadable"] += 1
            continue
        counts["backgrounds" if shard.empty_of_people else "photos"] += 1
        if shard.empty_of_people:
            found = labeller.background(frame, rng)
            counts["backgrounds with people"] += found is None
            negatives += [] if found is None else [found]
            continue
        some, none = labeller.photo(frame, photo, rng, counts)
        counts[FACES_OF + photo.set_name] += int((~some.rendered).sum())
        faces.append(some)
        negatives.append(none)
    whole = join_faces(faces) if faces else empty_faces()
    return CascadeSet(whole, join_negatives(negatives), shard.recipe_hash, dict(counts))


def _joined(parts: Sequence[CascadeSet], recipe_hash: str, seed: int) -> CascadeSet:
    faces = join_faces([part.faces for part in parts])
    if not len(faces):
        raise InputError("expected faces of at least 40 px in the photos, found none")
    negatives = _two_to_one(join_negatives([part.negatives for part in parts]), len(faces), seed)
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    counts["faces real"], counts["faces rendered"] = int((~faces.rendered).sum()), int(faces.rendered.sum())
    for kind in NegativeKind:
        counts[f"negatives {kind.name.lower()}"] = int((negatives.kinds == kind).sum())
    return CascadeSet(faces, negatives, recipe_hash, dict(sorted(counts.items())))


def _two_to_one(negatives: NegativeSet, faces: int, seed: int) -> NegativeSet:
    wanted = NEGATIVES_A_FACE * faces
    if len(negatives) <= wanted:
        return negatives
    kept = np.random.default_rng(seed).choice(len(negatives), wanted, replace=False)
    return negatives.take(np.sort(kept))


def _shards_of(output: Path) -> Path:
    return output.with_name(f"{output.name}-shards")


def _shard_folder(output: Path, shard: Shard) -> Path:
    return _shards_of(output) / shard.recipe_hash[:16]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _hash(content: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(content)).encode()).hexdigest()


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _backgrounds(data: Path, limit: int | None, photos: int) -> list[FacePhoto]:
    """Of the backgrounds the same share as of the photos."""
    found = [FacePhoto(path, f"backgrounds/{path.name}", 0) for path in training_backgrounds(data)]
    if limit is None:
        return found
    return thinned(found, max(1, len(found) * limit // max(photos, limit)))


@click.command(name="cascade")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the data sets."
)
@click.option("--sets", default=",".join(DEFAULT_SETS), show_default=True, help="Folders of photos below it.")
@click.option("--fsanet", type=click.Path(path_type=Path, file_okay=False), help="Folder of FSA-Net's two ONNX files.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), help="Default: cascade in VIGIL_CACHE.")
@click.option("--profiles", type=click.FloatRange(0, 20), default=Wanted().profiles_a_face, show_default=True)
@click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False),
    default=MODELS_DIR,
    show_default=True,
    help="Of the cascade whose mistakes are mined.",
)
@click.option("--limit", type=click.IntRange(min=1), help="So many photos in all, spread over the sets.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
def command(  # noqa: PLR0917  one parameter an option
    data: Path,
    sets: str,
    fsanet: Path | None,
    output: Path | None,
    profiles: float,
    models: Path,
    limit: int | None,
    seed: int,
) -> None:
    """Label faces with boxes, points and rotations, turn some to profile, and cut negatives, two to a face.

    Sets may be folders of photos, CelebA or WIDER FACE as their authors give them. Photos of `backgrounds` beside them
    give negatives, every sixth excepted. PROFILES: rendered faces for each that looks to the front. The last line is
    JSON.
    """
    cv2.setNumThreads(1)
    every = find_photos(data, [name for name in sets.split(",") if name])
    photos, backgrounds = thinned(every, limit), _backgrounds(data, limit, len(every))
    wanted, teacher = replace(Wanted(), profiles_a_face=profiles), BlendedTeacher(fsanet)

    def labeller() -> FaceLabeller:
        return FaceLabeller(teacher, ProfileRenderer(load_canonical_triangles()), Miner(models), wanted)

    target = output or cache_root() / "cascade"
    decided_by = [_VERSION, seed, teacher.name, asdict(wanted), _file_hash(models / "manifest.toml")]
    made = prepare(plan_shards(photos, backgrounds, decided_by), labeller, seed, target)
    click.echo(json.dumps({"output": str(target), "recipe": made.recipe_hash, **made.counts}))


def _file_hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error

"""``python -m training evaluate verification``: shipped detector, alignment and branch on labelled pairs of photos."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import InputError, VigilError
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Faces, Floats, Frame
from edge.verify.siamese import BRANCH, Branch
from training.evaluate.match_rates import (
    PairDistances,
    all_pairs,
    equal_error_rate,
    fold_accuracy,
    tar_at_fmr,
)
from training.evaluate.pairs import Pair, list_images, read_pairs

Embed = Callable[[Frame], Floats | None]


@dataclass(frozen=True, slots=True)
class Embedded:
    """``names`` of the images with a face, their unit ``embeddings`` (n, d), and the names ``without_face``."""

    names: tuple[str, ...]
    embeddings: Floats
    without_face: tuple[str, ...]

    def people(self) -> NDArray[np.int32]:
        """(n,) an index for each folder: the identity."""
        folders = [str(Path(name).parent) for name in self.names]
        return np.unique(folders, return_inverse=True)[1].astype(np.int32)


def device_embedder(directory: Path) -> Embed:
    """What the device does with a photo: detect, look again at the levelled face, embed. None where no face is found.

    Of several faces, the one that the photo is of. Raises ModelError.
    """
    store = ModelStore(directory)
    cascade, branch = Cascade(store, DetectConfig()), Branch(store)

    def embed(frame: Frame) -> Floats | None:
        faces = cascade.detect(frame)
        if not len(faces):
            return None
        face = faces[main_face(faces, frame)]
        return branch.embed(frame.pixels, cascade.level(frame, face).landmarks)

    return embed


def main_face(faces: Faces, frame: Frame) -> int:
    """Row of the face that is large and near the middle: its side less its distance from there, both in px."""
    sides = np.sqrt(np.prod(np.maximum(faces.boxes[:, 2:] - faces.boxes[:, :2], 0), axis=1))
    middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    away = np.linalg.norm(middles - np.array([frame.width, frame.height], np.float32) / 2, axis=1)
    return int(np.argmax(sides - away))


def embed_all(images: Path, names: Sequence[str], embed: Embed, say: Callable[[str], None]) -> Embedded:
    """Every image once. Raises InputError for a picture that cannot be read."""
    found: dict[str, Floats] = {}
    for count, name in enumerate(names, 1):
        embedding = embed(read_image(images / name))
        if embedding is not None:
            found[name] = embedding
        if count % 500 == 0 or count == len(names):
            say(f"{count} of {len(names)} images, {count - len(found)} without a face")
    if not found:
        raise InputError(f"{images}: expected pictures of faces, found no face in {len(names)} pictures")
    without = tuple(name for name in names if name not in found)
    return Embedded(tuple(found), np.stack(list(found.values())), without)


def measure(pairs: Sequence[Pair], embedded: Embedded) -> tuple[dict[str, Any], PairDistances]:
    """The figures of the labelled pairs and of all pairs of images, and the distances of the latter."""
    distances = pair_distances(pairs, embedded)
    same = np.array([pair.same for pair in pairs])
    found = np.isfinite(distances)
    every = all_pairs(embedded.embeddings, embedded.people())
    figures = {
        "n_pairs": len(pairs),
        "undetected": len(embedded.without_face),
        "accuracy": fold_accuracy(distances, same, np.array([pair.fold for pair in pairs], np.int32)),
        "eer": equal_error_rate(PairDistances.of(distances[found], same[found])),
        _tar_key(1e-3): tar_at_fmr(every, 1e-3),
        _tar_key(1e-4): tar_at_fmr(every, 1e-4),
    }
    return figures, every


def _tar_key(fmr: float) -> str:
    return f"tar_fmr_1e{round(math.log10(fmr))}"


def pair_distances(pairs: Sequence[Pair], embedded: Embedded) -> Floats:
    """Euclidean distances (n,) of the pairs; infinite where a face was not found."""
    by_name = dict(zip(embedded.names, embedded.embeddings, strict=True))
    distances = np.full(len(pairs), np.inf, np.float32)
    for row, pair in enumerate(pairs):
        if pair.image_a in by_name and pair.image_b in by_name:
            distances[row] = np.linalg.norm(by_name[pair.image_a] - by_name[pair.image_b])
    return distances


@click.command()
@click.option("--images", required=True, type=click.Path(path_type=Path), help="Folder of folders: one a person.")
@click.option("--pairs", required=True, type=click.Path(path_type=Path), help="CSV: fold, image_a, image_b, same.")
@click.option("--fit-thresholds", is_flag=True, help="Write distance to false match rate into the manifest and card.")
@click.option("--limit", type=click.IntRange(min=2), help="Only N pairs, spread over the file, and their images.")
@click.option("--models", default=MODELS_DIR, type=click.Path(path_type=Path), help="Folder with manifest.toml.")
def command(images: Path, pairs: Path, fit_thresholds: bool, limit: int | None, models: Path) -> None:
    """Accuracy, EER and TAR of the shipped detector, alignment and branch. The last line is one JSON object."""
    try:
        if fit_thresholds and limit is not None:
            raise InputError("expected --fit-thresholds or --limit, got both: thresholds need every image")
        figures = _evaluate(images, _some(read_pairs(pairs, images), limit), models, fit_thresholds, limit is None)
    except VigilError as error:
        click.echo(f"error: {error}", err=True)
        raise click.exceptions.Exit(int(error.exit_code)) from error
    click.echo(
        json.dumps({name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()})
    )


def _some(pairs: list[Pair], limit: int | None) -> list[Pair]:
    """At most ``limit`` pairs, evenly spread: the file's head holds one fold and pairs of the same person only."""
    if limit is None or limit >= len(pairs):
        return pairs
    return [pairs[row * len(pairs) // limit] for row in range(limit)]


def _evaluate(images: Path, pairs: Sequence[Pair], models: Path, fit: bool, whole: bool) -> dict[str, Any]:
    def say(line: str) -> None:
        click.echo(line, err=True)

    paired = sorted({name for pair in pairs for name in (pair.image_a, pair.image_b)})
    names = sorted({*list_images(images), *paired}) if whole else paired
    embedded = embed_all(images, names, device_embedder(models), say)
    figures, every = measure(pairs, embedded)
    spec = ModelStore(models).manifest.spec(BRANCH)
    figures["model_bytes"] = (models / spec.file).stat().st_size
    say(f"TARs and thresholds: {len(every.genuine)} genuine and {len(every.impostor)} impostor pairs")
    if len({pair.fold for pair in pairs}) == 1:
        say("one fold only: the threshold is the best on the judged pairs themselves, so the accuracy flatters")
    if fit:
        from training.evaluate.thresholds import record  # it brings TensorFlow, which measuring does without

        people = len(set(embedded.people().tolist()))
        cohort = f"{len(embedded.names)} photos of {people} people in {images.resolve().parent.name}"
        rows = record(spec, figures, every, cohort, models)
        say(f"wrote {rows} thresholds into {models / 'manifest.toml'}")
    return figures

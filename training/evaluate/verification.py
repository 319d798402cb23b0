"""``python -m training evaluate verification``: shipped detector, alignment and branch on labelled pairs of photos."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from edge.errors import InputError, VigilError
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR, Precision
from edge.types import Floats
from edge.verify.siamese import BRANCH
from training.evaluate.embedded import Embedded, embed_all, yunet_eye
from training.evaluate.embedding_cache import cached_embeddings
from training.evaluate.match_rates import (
    PairDistances,
    all_pairs,
    equal_error_rate,
    fold_accuracy,
    tar_at_fmr,
)
from training.evaluate.pairs import Pair, list_images, random_pairs, read_pairs

# The tutorials judge on 20,000 random pairs, half of one person, a quarter of them held back: four folds.
_RANDOM_PAIRS, _RANDOM_FOLDS, _SEED = 20_000, 4, 5


def measure(pairs: Sequence[Pair], embedded: Embedded) -> tuple[dict[str, Any], PairDistances]:
    """The figures of the labelled pairs and of all pairs of images, and the distances of the latter.

    The TARs of labelled pairs, as the literature gives them, are coarse: of LFW's five folds' 1,500 impostor pairs one
    may match at an FMR of 1e-3, none at 1e-4. A face that was not found is not accepted.
    """
    distances = pair_distances(pairs, embedded)
    same = np.array([pair.same for pair in pairs])
    found = np.isfinite(distances)
    labelled = PairDistances.of(distances, same)
    every = all_pairs(embedded.embeddings, embedded.people())
    figures = {
        "n_pairs": len(pairs),
        "undetected": len(embedded.without_face),
        "accuracy": fold_accuracy(distances, same, np.array([pair.fold for pair in pairs], np.int32)),
        "eer": equal_error_rate(PairDistances.of(distances[found], same[found])),
        _tar_key(1e-3): tar_at_fmr(every, 1e-3),
        _tar_key(1e-4): tar_at_fmr(every, 1e-4),
        f"{_tar_key(1e-3)}_labelled": tar_at_fmr(labelled, 1e-3),
        f"{_tar_key(1e-4)}_labelled": tar_at_fmr(labelled, 1e-4),
    }
    return figures, every


def measure_every_pair(embedded: Embedded) -> tuple[dict[str, Any], PairDistances]:
    """The figures of all pairs of images, beside the accuracy on random pairs that tutorials give; and the distances.

    A photo without a face makes its random pairs errors; the rates over all pairs leave it out.
    """
    photos = (*embedded.names, *embedded.without_face)
    pairs = random_pairs(photos, _RANDOM_PAIRS, _RANDOM_FOLDS, np.random.default_rng(_SEED))
    every = all_pairs(embedded.embeddings, embedded.people())
    same, folds = np.array([pair.same for pair in pairs]), np.array([pair.fold for pair in pairs], np.int32)
    figures = {
        "n_photos": len(photos),
        "n_people": len({Path(name).parent for name in photos}),
        "n_pairs": math.comb(len(photos), 2),
        "undetected": len(embedded.without_face),
        "eer": equal_error_rate(every),
        "random_pair_accuracy": fold_accuracy(pair_distances(pairs, embedded), same, folds),
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
@click.option("--pairs", type=click.Path(path_type=Path), help="CSV: fold, image_a, image_b, same. Default: all pairs.")
@click.option("--fit-thresholds", is_flag=True, help="Write distance to false match rate into the manifest and card.")
@click.option("--limit", type=click.IntRange(min=2), help="Only N of --pairs, spread over the file, and their images.")
@click.option("--align", type=click.Choice(["own", "yunet"]), default="own", show_default=True, help="Whose points.")
@click.option("--models", default=MODELS_DIR, type=click.Path(path_type=Path), help="Folder with manifest.toml.")
@click.option("--precision", type=click.Choice(["int8", "float32"]), default="int8", help="float32: the nets' twins.")
def command(
    *,
    images: Path,
    pairs: Path | None,
    fit_thresholds: bool,
    limit: int | None,
    align: str,
    models: Path,
    precision: Precision,
) -> None:
    """Accuracy, EER and TAR of the shipped detector, alignment and branch. The last line is one JSON object.

    `tar_*` is over all pairs of the images, `tar_*_labelled` over --pairs alone.

    Without --pairs: EER of all pairs of the images, and the accuracy on 20,000 random pairs that tutorials give. With
    --align yunet: YuNet finds and aligns the faces, so that the difference is what our own alignment costs.
    """
    try:
        if limit is not None and (fit_thresholds or pairs is None):
            raise InputError("expected --limit with --pairs and without --fit-thresholds: the others need every image")
        if fit_thresholds and align != "own":
            raise InputError(f"expected --fit-thresholds with --align own, which the device uses, got {align}")
        store = ModelStore(models, precision=precision)
        figures, every, embedded = _evaluate(images, pairs, limit, store, align)
        if fit_thresholds:
            _fit(figures, every, embedded, images, store)
        figures |= {"align": align, "precision": precision}
    except VigilError as error:
        click.echo(f"error: {error}", err=True)
        raise click.exceptions.Exit(int(error.exit_code)) from error
    click.echo(
        json.dumps({name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()})
    )


def _evaluate(
    images: Path, table: Path | None, limit: int | None, store: ModelStore, align: str
) -> tuple[dict[str, Any], PairDistances, Embedded]:
    pairs = _some(read_pairs(table, images), limit) if table else []
    paired = {name for pair in pairs for name in (pair.image_a, pair.image_b)}
    names = sorted(paired if limit is not None else {*list_images(images), *paired})
    embedded = _embedded(images, names, store, align)
    figures, every = measure(pairs, embedded) if pairs else measure_every_pair(embedded)
    figures["model_bytes"] = (store.directory / store.spec(BRANCH).file).stat().st_size
    say(f"TARs and thresholds: {len(every.genuine)} genuine and {len(every.impostor)} impostor pairs")
    if len({pair.fold for pair in pairs}) == 1:
        say("one fold only: the threshold is the best on the judged pairs themselves, so the accuracy flatters")
    return figures, every, embedded


def _embedded(images: Path, names: Sequence[str], store: ModelStore, align: str) -> Embedded:
    if align == "own":
        return cached_embeddings(images, names, store, say)
    return embed_all(images, names, yunet_eye(store), say)


def say(line: str) -> None:
    """What goes on, beside the figures."""
    click.echo(line, err=True)


def _some(pairs: list[Pair], limit: int | None) -> list[Pair]:
    """At most ``limit`` pairs, evenly spread: the file's head holds one fold and pairs of the same person only."""
    if limit is None or limit >= len(pairs):
        return pairs
    return [pairs[row * len(pairs) // limit] for row in range(limit)]


def _fit(figures: dict[str, Any], every: PairDistances, embedded: Embedded, images: Path, store: ModelStore) -> None:
    from training.evaluate.thresholds import record, record_twin  # it brings TensorFlow, which measuring does without

    people = len(set(embedded.people().tolist()))
    cohort = f"{len(embedded.names)} photos of {people} people in {cohort_name(images)}"
    spec = store.manifest.spec(BRANCH)
    write = record if store.spec(BRANCH) == spec else record_twin
    rows = write(spec, figures, every, cohort, store.directory)
    say(f"wrote {rows} thresholds into {store.directory / 'manifest.toml'}")


def cohort_name(images: Path) -> str:
    """The set's name: the folder's own, or its parent's where it is only called ``images``."""
    folder = images.resolve()
    return folder.parent.name if folder.name == "images" else folder.name

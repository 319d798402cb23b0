"""``python -m training evaluate eyes``: how well the shipped EyeNet tells open from closed eyes on labelled photos."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from edge.attributes.eyes import BATCH, EYENET, p_open
from edge.errors import InputError
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Floats
from training.data.eye_photos import EyePhoto, cut_whole, read_folders, read_grey, read_table
from training.evaluate.patch_figures import figures_of


def p_open_of(store: ModelStore, photos: list[EyePhoto]) -> Floats:
    """(n,) of photos that an eye fills, as the device reads a patch. Raises InputError, ModelError."""
    patches = np.stack([cut_whole(read_grey(photo.path)) for photo in photos])
    return p_open(store.open_batched(EYENET, (BATCH,)), patches)


@click.command(name="eyes")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of the photos that --labels names.")
@click.option("--labels", type=click.Path(path_type=Path), help="Table like MRL's: image, subject, eye_open.")
@click.option("--folders", type=click.Path(path_type=Path), help="Folder with the folders open and closed instead.")
@click.option("--models", type=click.Path(path_type=Path), default=MODELS_DIR, show_default=True)
def command(images: Path | None, labels: Path | None, folders: Path | None, models: Path) -> None:
    """Accuracy at p(open) 0.5 and AUC on photos of single eyes; the last line is JSON."""
    store = ModelStore(models)
    photos = _photos(images, labels, folders)
    figures = figures_of(p_open_of(store, photos), np.array([photo.open for photo in photos]))
    found = {"n": figures.n, "accuracy": round(figures.accuracy, 6), "auc": round(figures.auc, 6)}
    size = (models / store.manifest.spec(EYENET).file).stat().st_size
    click.echo(json.dumps({**found, "model_bytes": size}))


def _photos(images: Path | None, labels: Path | None, folders: Path | None) -> list[EyePhoto]:
    if folders is not None and images is None and labels is None:
        return read_folders(folders)
    if folders is None and images is not None and labels is not None:
        return read_table(images, labels)
    raise InputError("expected --images with --labels, or --folders alone")

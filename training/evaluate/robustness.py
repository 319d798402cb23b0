"""``python -m training evaluate robustness``: verification of small, blurred, turned and dark faces at one threshold.

Size and blur are made: a photo is shrunk until its face has so many pixels, or blurred, and compared with everybody's
untouched photos, as a visitor is with photos enrolled in good light. Pose and light are found: all pairs of untouched
photos, each counted where the harder of its two faces belongs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.config import DetectConfig
from edge.errors import InputError
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR, distance_for_fmr
from edge.types import MIN_SIDE_PX, Floats, Frame, Pixels
from edge.verify.siamese import BRANCH
from training.evaluate.embedded import Embedded, Look, device_eye
from training.evaluate.embedding_cache import cached_embeddings
from training.evaluate.group_rates import rank_down, rank_up, rates, rates_by_rank
from training.evaluate.pairs import list_images
from training.evaluate.verification import cohort_name, say

SIZES_PX = (40, 50, 60, 80, 100, 120, 160)
BLURS_PX = (0.0, 1.0, 2.0, 3.0, 4.0)
_BLUR_FACE_PX = 112  # the face's side at which the blur's sigma is stated, as in edge.attributes.quality
_LEEWAY = 0.7  # the cascade looks for faces a little smaller than they were made
_YAW_EDGES_DEG = (10.0, 20.0, 30.0, 45.0)
_BRIGHTNESS_EDGES = (140.0, 110.0, 80.0, 60.0)


@dataclass(frozen=True, slots=True)
class Probes:
    """``rows`` of ``reference`` whose photos, below ``images``, are spoilt and compared with all its others."""

    images: Path
    reference: Embedded
    rows: NDArray[np.intp]


def choose_probes(images: Path, reference: Embedded, count: int) -> Probes:
    """At most ``count`` photos, evenly spread, of people with several. Raises InputError where there are none."""
    people = reference.people()
    several = np.flatnonzero(np.bincount(people)[people] > 1)
    if not len(several):
        raise InputError(f"{images}: expected people with several photos, found none")
    spread = np.linspace(0, len(several) - 1, min(count, len(several))).round().astype(np.intp)
    return Probes(images, reference, several[spread])


def resized(pixels: Pixels, factor: float) -> Pixels:
    """The picture shrunk by areas or enlarged by cubics; below 48 px, the least that is looked at, with a border."""
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=way)
    below, right = (max(MIN_SIDE_PX - side, 0) for side in small.shape[:2])
    return np.asarray(cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def blurred(pixels: Pixels, sigma_px: float) -> Pixels:
    """The picture under a Gaussian; of sigma 0, untouched."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma_px), np.uint8) if sigma_px > 0 else pixels


def size_rows(probes: Probes, store: ModelStore, distance_max: float) -> dict[str, dict[str, Any]]:
    """A row for each side of the face's box in px. Larger than the photo's own adds no detail."""

    def row(size_px: int) -> dict[str, Any]:
        least = min(DetectConfig().min_face_px, int(_LEEWAY * size_px))
        detect = msgspec.structs.replace(DetectConfig(), min_face_px=least)
        return spoilt_row(probes, store, distance_max, lambda pixels, side: resized(pixels, size_px / side), detect)

    return {str(size_px): row(size_px) for size_px in SIZES_PX}


def blur_rows(probes: Probes, store: ModelStore, distance_max: float) -> dict[str, dict[str, Any]]:
    """A row for each sigma in px of a face of 112 px."""

    def row(sigma_px: float) -> dict[str, Any]:
        def spoil(pixels: Pixels, side: float) -> Pixels:
            return blurred(pixels, sigma_px * side / _BLUR_FACE_PX)

        return spoilt_row(probes, store, distance_max, spoil, DetectConfig())

    return {f"{sigma_px:g}": row(sigma_px) for sigma_px in BLURS_PX}


def spoilt_row(
    probes: Probes,
    store: ModelStore,
    distance_max: float,
    spoil: Callable[[Pixels, float], Pixels],
    detect: DetectConfig,
) -> dict[str, Any]:
    """``undetected``: share of the spoilt photos without a face, which count as rejected; ``good``: share of the others
    that the device would verify, being large, sharp and bright enough.
    """
    see = device_eye(store, detect)
    looks = [see(_spoilt(probes, int(row), spoil)) for row in probes.rows]
    found = [look for look in looks if look is not None]
    return {
        "undetected": round(1 - len(found) / len(looks), 4),
        "good": round(float(np.mean([look.traits["good"] for look in found])), 4) if found else None,
        **rates(*probe_distances(probes, looks), distance_max).plain(),
    }


def _spoilt(probes: Probes, row: int, spoil: Callable[[Pixels, float], Pixels]) -> Frame:
    pixels = read_image(probes.images / probes.reference.names[row]).pixels
    return Frame.from_pixels(spoil(pixels, float(probes.reference.traits["side_px"][row])), 0.0)


def probe_distances(probes: Probes, looks: Sequence[Look | None]) -> tuple[Floats, Floats]:
    """Distances of each probe from the untouched photos of the same person and of others, but not from its own."""
    embeddings, people = probes.reference.embeddings, probes.reference.people()
    genuine, impostor = [], []
    for row, look in zip(probes.rows, looks, strict=True):
        same = people == people[row]
        distances = np.full(len(people), np.inf, np.float32)
        if look is not None:
            distances = np.sqrt(np.maximum(2 - 2 * embeddings @ look.embedding, 0))
        impostor.append(distances[~same])
        same[row] = False
        genuine.append(distances[same])
    return np.concatenate(genuine), np.concatenate(impostor)


def yaw_rows(embedded: Embedded, distance_max: float) -> dict[str, dict[str, Any]]:
    """All pairs by the yaw of the face that is turned further, as FPNet sees it."""
    ranks = rank_up(np.abs(embedded.traits["yaw_deg"]), _YAW_EDGES_DEG)
    return _named_rows(embedded, ranks, _intervals((0.0, *_YAW_EDGES_DEG), " and more"), distance_max)


def brightness_rows(embedded: Embedded, distance_max: float) -> dict[str, dict[str, Any]]:
    """All pairs by the mean grey level (0..255) of the darker face."""
    ranks = rank_down(embedded.traits["brightness"], _BRIGHTNESS_EDGES)
    names = [f"{_BRIGHTNESS_EDGES[0]:g} and more", *_intervals(_BRIGHTNESS_EDGES, "")[:-1]]
    return _named_rows(embedded, ranks, [*names, f"below {_BRIGHTNESS_EDGES[-1]:g}"], distance_max)


def _intervals(edges: Sequence[float], last: str) -> list[str]:
    return [*(f"{min(pair):g}-{max(pair):g}" for pair in pairwise(edges)), f"{edges[-1]:g}{last}"]


def _named_rows(
    embedded: Embedded, ranks: NDArray[np.intp], names: Sequence[str], distance_max: float
) -> dict[str, dict[str, Any]]:
    rows = rates_by_rank(embedded.embeddings, embedded.people(), ranks, len(names), distance_max)
    return {name: row.plain() for name, row in zip(names, rows, strict=True)}


def robustness_figures(
    images: Path, reference: Embedded, store: ModelStore, distance_max: float, count: int
) -> dict[str, Any]:
    """All four tables."""
    probes = choose_probes(images, reference, count)
    say(f"{len(probes.rows)} photos at {len(SIZES_PX)} sizes and {len(BLURS_PX)} blurs")
    return {
        "by_size_px": size_rows(probes, store, distance_max),
        "by_blur_px": blur_rows(probes, store, distance_max),
        "by_yaw_deg": yaw_rows(reference, distance_max),
        "by_brightness": brightness_rows(reference, distance_max),
    }


@click.command(name="robustness")
@click.option("--images", required=True, type=click.Path(path_type=Path), help="Folder of folders: one a person.")
@click.option("--fmr", type=click.FloatRange(1e-6, 1e-2), default=1e-4, show_default=True, help="Rate to aim at.")
@click.option("--photos", type=click.IntRange(min=1), default=400, show_default=True, help="How many are spoilt.")
@click.option("--models", default=MODELS_DIR, type=click.Path(path_type=Path), help="Folder with manifest.toml.")
def command(images: Path, fmr: float, photos: int, models: Path) -> None:
    """False non-match and false match rates by face size, blur, yaw and brightness, at one threshold. Ends in JSON."""
    store = ModelStore(models)
    distance_max = distance_for_fmr(store.spec(BRANCH).thresholds, fmr)
    reference = cached_embeddings(images, list_images(images), store, say)
    figures = robustness_figures(images, reference, store, distance_max, photos)
    head = {"set": cohort_name(images), "fmr_wanted": fmr, "distance_max": round(distance_max, 4)}
    click.echo(json.dumps({**head, **figures}))

"""What the Siamese branch's card says was measured: tables, plots, and sheets of the worst pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import InputError
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import distance_for_fmr
from edge.types import Floats, Pixels
from edge.verify.siamese import BRANCH
from training.evaluate.card_parts import Part, float32_store, wide_table
from training.evaluate.contact_sheet import Tile, cut, write_sheet
from training.evaluate.embedded import Embedded
from training.evaluate.embedding_cache import cached_embeddings
from training.evaluate.enrolment import by_views, cohort_of, enrolment_figures
from training.evaluate.group_rates import rates
from training.evaluate.match_rates import PairDistances, distance_at_fmr
from training.evaluate.pairs import list_images, read_pairs
from training.evaluate.plots import Curve, Frame, draw_curves, draw_histograms
from training.evaluate.robustness import robustness_figures
from training.evaluate.verification import measure, measure_every_pair

FMR = 1e-4
_FALSE_MATCHES_MIN = 5  # as for thresholds: rarer events were not measured
_WORST = 24
_SPOILT_PHOTOS = 400
_WHOLE_SETS = ("lfw", "lfw_float32", "att_faces")


@dataclass(frozen=True, slots=True)
class FaceSet:
    """A set of people: where its folders are, what the device makes of its photos, and its distances over all pairs."""

    name: str
    images: Path
    embedded: Embedded
    every: PairDistances
    figures: Mapping[str, Any]


def siamese_part(store: ModelStore, data: Path, failures: Path, say: Callable[[str], None]) -> Part:
    """All of it, over ``lfw`` and ``att_faces`` below ``data``. Raises InputError, ConfigError without thresholds."""
    distance_max = distance_for_fmr(store.manifest.spec(BRANCH).thresholds, FMR)
    cards = (store.directory / store.manifest.spec(BRANCH).card).parent
    lfw, att = _lfw(store, data / "lfw", say), _att_faces(store, data / "att_faces", say)
    twins = float32_store(store)
    exact = _lfw(twins, data / "lfw", say, "lfw, float32") if twins else None
    figures = {
        "lfw": dict(lfw.figures),
        **({"lfw_float32": dict(exact.figures)} if exact else {}),
        "att_faces": dict(att.figures),
        "by_set": {one.name: rates(one.every.genuine, one.every.impostor, distance_max).plain() for one in (lfw, att)},
        "enrolment": enrolment_figures(lfw.embedded, FMR, distance_max),
        "att_faces_by_views": by_views(cohort_of(att.embedded), FMR, distance_max),
        **robustness_figures(lfw.images, lfw.embedded, store, distance_max, _SPOILT_PHOTOS),
    }
    for sheet in write_failures(lfw, failures):
        say(f"wrote {sheet}")
    plots = [
        *_curves_of_sets([lfw, att, *([exact] if exact else [])], distance_max, cards),
        *_curves_of_kinds(figures, cards),
    ]
    head = f"The whole pipeline; where rates are given, at the distance {distance_max:.4f} that stands for FMR {FMR:g}."
    return Part(figures, [head, *_tables(figures), *(f"![{plot.stem}]({plot.name})" for plot in plots)])


def _lfw(store: ModelStore, folder: Path, say: Callable[[str], None], name: str = "lfw") -> FaceSet:
    pairs = read_pairs(folder / "pairs.csv", folder / "images")
    embedded = cached_embeddings(folder / "images", list_images(folder / "images"), store, say)
    figures, every = measure(pairs, embedded)
    return FaceSet(name, folder / "images", embedded, every, figures)


def _att_faces(store: ModelStore, folder: Path, say: Callable[[str], None]) -> FaceSet:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of images")
    embedded = cached_embeddings(folder, list_images(folder), store, say)
    figures, every = measure_every_pair(embedded)
    return FaceSet("att_faces", folder, embedded, every, figures)


def _tables(figures: Mapping[str, Any]) -> list[str]:
    enrolment = figures["enrolment"]
    few = {name: enrolment[name] for name in ("one_photo", "four_photos") if enrolment[name] is not None}
    return [
        *(wide_table((title, ""), list(_rounded(figures[title]).items())) for title in _WHOLE_SETS if title in figures),
        _rates_table("set", figures["by_set"]),
        _rates_table("enrolled with, lfw", few),
        _rates_table("views enrolled, lfw", enrolment["by_views"]),
        _rates_table("views enrolled, att_faces", figures["att_faces_by_views"]),
        _rates_table("side of the face, px", figures["by_size_px"]),
        _rates_table("blur, sigma in px of a face of 112 px", figures["by_blur_px"]),
        _rates_table("yaw of the face turned further, degrees", figures["by_yaw_deg"]),
        _rates_table("brightness of the darker face, 0 to 255", figures["by_brightness"]),
    ]


def _rounded(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}


def _rates_table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    if not rows:
        return f"No {title}: too few people."
    columns = list(next(iter(rows.values())))
    return wide_table((title, *columns), [(name, *(row[column] for column in columns)) for name, row in rows.items()])


def _curves_of_sets(sets: Sequence[FaceSet], distance_max: float, cards: Path) -> list[Path]:
    frame = Frame("False non-matches against false matches, all pairs", "FMR", "FNMR", log_x=True, log_y=True)
    found = draw_curves(cards / "siamese-roc.png", frame, [det_curve(one.name, one.every) for one in sets])
    line = (distance_max, f"FMR {FMR:g}")
    frame = Frame("Distances of all pairs of LFW", "distance", "share", threshold=line, x_limits=(0, 2))
    groups = {"one person": sets[0].every.genuine, "two people": sets[0].every.impostor}
    return [
        found,
        draw_histograms(cards / "siamese-distances.png", frame, groups, np.linspace(0, 2, 81, dtype=np.float32)),
    ]


def det_curve(label: str, pairs: PairDistances) -> Curve:
    """FNMR over FMR, from the rarest that was measured; where nothing is rejected, half a pair is drawn."""
    rarest = np.log10(_FALSE_MATCHES_MIN / len(pairs.impostor))
    fmrs = np.logspace(min(rarest, -1.0), -1, 60)
    limits = [distance_at_fmr(pairs.impostor, fmr) for fmr in fmrs]
    rejected = len(pairs.genuine) - np.searchsorted(pairs.genuine, limits, side="right")
    fnmrs = np.maximum(rejected, 0.5) / len(pairs.genuine)
    return Curve(label, fmrs.astype(np.float32), fnmrs.astype(np.float32))


def _curves_of_kinds(figures: Mapping[str, Any], cards: Path) -> list[Path]:
    views = {"LFW": figures["enrolment"]["by_views"], "AT&T": figures["att_faces_by_views"]}
    whole = {"LFW": figures["by_size_px"]}, {"LFW": figures["by_blur_px"]}
    yaws = {"LFW": {name.split("-")[0].split(" ")[0]: row for name, row in figures["by_yaw_deg"].items()}}
    return [
        _fnmr_plot(cards / "siamese-size.png", "By the size of the face", "side of the face, px", whole[0]),
        _fnmr_plot(cards / "siamese-blur.png", "By blur", "sigma in px of a face of 112 px", whole[1]),
        _fnmr_plot(cards / "siamese-yaw.png", "By yaw", "yaw from here on, degrees", yaws),
        _fnmr_plot(cards / "siamese-views.png", "By the number of views enrolled", "views", views),
    ]


def _fnmr_plot(path: Path, title: str, x: str, curves: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Path:
    """False non-matches over what the rows are named by."""
    frame = Frame(title, x, f"FNMR at FMR {FMR:g}")
    return draw_curves(path, frame, [_fnmr_curve(name, rows) for name, rows in curves.items()])


def _fnmr_curve(label: str, rows: Mapping[str, Mapping[str, Any]]) -> Curve:
    known = {float(name): row["fnmr"] for name, row in rows.items() if row["fnmr"] is not None}
    return Curve(label, np.array(list(known), np.float32), np.array(list(known.values()), np.float32), marked=True)


def write_failures(faces: FaceSet, folder: Path) -> list[Path]:
    """Sheets of the farthest pairs of one person and the nearest of two. They show faces."""
    genuine, impostor = worst_pairs(faces.embedded, _WORST)
    named = {"worst-one-person.png": genuine, "worst-two-people.png": impostor}
    return [write_sheet(folder / name, [_tile(faces, *pair) for pair in pairs], 4) for name, pairs in named.items()]


def worst_pairs(embedded: Embedded, count: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Rows of the ``count`` farthest pairs of one person, and of the nearest pairs of two, worst first."""
    people = embedded.people()
    similarities = embedded.embeddings @ embedded.embeddings.T
    same = people[:, None] == people[None]
    upper = np.triu(np.ones(same.shape, bool), 1)
    genuine = np.where(same & upper, similarities, np.inf)
    impostor = np.where(~same & upper, -similarities, np.inf)
    return _least(genuine, count), _least(impostor, count)


def _least(table: Floats, count: int) -> list[tuple[int, int]]:
    flat = np.argsort(table, axis=None, kind="stable")[:count]
    rows, columns = np.unravel_index(flat[np.isfinite(table.flat[flat])], table.shape)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _tile(faces: FaceSet, one: int, other: int) -> Tile:
    pictures = tuple(_whole(faces.images / faces.embedded.names[row]) for row in (one, other))
    apart = float(np.linalg.norm(faces.embedded.embeddings[one] - faces.embedded.embeddings[other]))
    names = [Path(faces.embedded.names[row]).stem for row in (one, other)]
    return Tile(pictures, f"{apart:.2f} {names[0][:17]} {names[1][:17]}")


def _whole(path: Path) -> Pixels:
    pixels = read_image(path).pixels
    height, width = pixels.shape[:2]
    return cut(pixels, np.array([0, 0, width, height], np.float32), margin=0.0)

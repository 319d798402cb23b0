"""From a training cache to batches: the split by persons, and the seeded stream that a stopped training continues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError
from edge.geometry import sixd_from_rotation
from edge.types import Floats, Pixels
from training.cascade_recipe import DataPart, LabelPart, Recipe, WindowPart
from training.data.cascade_jitter import CROP_PX, Labels, Windows, cut, draw_windows, follow, shrink
from training.data.cascade_set import CascadeSet, FaceSet, NegativeSet
from training.data.cascade_spoil import spoil
from training.data.drawn_shapes import drawn_shapes
from training.losses.cascade import truth_rows
from training.models.cascade_nets import HEADS, side_of
from training.models.pose_head import drawing_chances, scaled

_DRAWN_SHAPES = 8000  # to draw from: a hundred times those of a batch, a minute of a core


@dataclass(frozen=True, slots=True)
class Half:
    """One side of the split by persons."""

    faces: FaceSet
    negatives: NegativeSet


def split(data: CascadeSet, recipe: Recipe) -> tuple[Half, Half]:
    """What to learn from and what to judge on. No person is on both sides, nor the same stretch of negatives (they come
    photo by photo). A rotation that the teachers disagree on is dropped, its face stays. Raises InputError.
    """
    agreed = data.faces.disagreements_deg <= recipe.data.disagreement_max_deg
    faces = replace(data.faces, has_rotation=data.faces.has_rotation & agreed)
    held_out = faces.groups % 1000 < recipe.data.held_out_share * 1000
    late = np.arange(len(data.negatives)) >= len(data.negatives) * (1 - recipe.data.held_out_share)
    learn = Half(faces.take(~held_out), data.negatives.take(~late))
    judge = Half(faces.take(held_out), data.negatives.take(late))
    for name, half in (("learn from", learn), ("judge on", judge)):
        if not len(half.faces) or not len(half.negatives):
            found = f"{len(half.faces)} and {len(half.negatives)}"
            raise InputError(f"expected faces and negatives to {name}, got {found}: the cache is too small")
    return learn, judge


def chances(faces: FaceSet, data: DataPart) -> NDArray[np.float64]:
    """How likely each face is drawn: rendered ones ``rendered_share`` of the time, turned ones more often.

    One without a rotation, on which the teachers disagree, is drawn ``disputed_weight`` times as often as a frontal
    face: most of them are turned far or hard to see.
    """
    told = np.where(faces.has_rotation[:, None, None], faces.rotations, np.eye(3, dtype=np.float32))
    odds = drawing_chances(told, data.turned_weight) * np.where(faces.has_rotation, 1.0, data.disputed_weight)
    for mask, share in ((faces.rendered, data.rendered_share), (~faces.rendered, 1 - data.rendered_share)):
        if mask.any():
            odds[mask] *= share / odds[mask].sum()
    total: NDArray[np.float64] = odds / odds.sum()
    return total


def batches(half: Half, recipe: Recipe, first_step: int = 0) -> Iterator[tuple[Floats, Floats]]:
    """Endless batches (n, side, side, 3) and truths from step ``first_step`` on; seed and step alone decide each."""
    odds = chances(half.faces, recipe.data)
    step, drawn = first_step, None
    while True:
        rng = np.random.default_rng((recipe.seed, step))
        if drawn is None and step >= recipe.schedule.steps:
            drawn = _shapes_to_draw_from(recipe)
        crops, truth = _batch(half, odds, recipe, rng, drawn)
        yield scaled(shrink(spoil(crops, recipe.spoil, rng), side_of(recipe))), truth
        step += 1


def calibration_crops(half: Half, recipe: Recipe) -> Pixels:
    """Training crops (n, side, side, 3) as the net meets them, for the int8 ranges."""
    odds = chances(half.faces, recipe.data)
    drawn = _shapes_to_draw_from(recipe)
    parts: list[Pixels] = []
    while sum(map(len, parts)) < recipe.export.calibration_crops:
        rng = np.random.default_rng((recipe.seed, len(parts), 1))  # three numbers: no batch of the training has them
        crops = spoil(_batch(half, odds, recipe, rng, drawn)[0], recipe.spoil, rng)
        parts.append(shrink(crops, side_of(recipe)))
    return np.concatenate(parts)[: recipe.export.calibration_crops]


def _shapes_to_draw_from(recipe: Recipe) -> Pixels | None:
    return _shapes(_DRAWN_SHAPES, recipe.seed) if recipe.finish else None


@lru_cache(maxsize=1)  # the training's and the export's are the same ones
def _shapes(n: int, seed: int) -> Pixels:
    return drawn_shapes(n, np.random.default_rng(seed))


def _batch(
    half: Half, odds: NDArray[np.float64], recipe: Recipe, rng: np.random.Generator, drawn: Pixels | None
) -> tuple[Pixels, Floats]:
    """Faces, then what is near them, then negatives, and in the finish shapes of ``drawn``; with their truths."""
    batch, heads = recipe.batch, HEADS[recipe.net]
    near_faces = (batch.faces, recipe.face_window), (batch.near, recipe.near_window)
    parts = []
    for count, window in near_faces:
        chosen = half.faces.take(rng.choice(len(half.faces), count, p=odds))
        parts.append(_face_crops(chosen, window, recipe, rng))
    patches = half.negatives.patches[rng.integers(0, len(half.negatives), batch.negatives)]
    if drawn is not None and recipe.finish:
        patches = np.concatenate([patches, drawn[rng.integers(0, len(drawn), recipe.finish.drawn)]])
    crops = [crop for crop, _ in parts]
    crops.append(cut(_turned(patches, rng), _zooms(len(patches), rng), side_of(recipe)))
    nothing = {name: np.zeros((len(patches), width), np.float32) for name, width in heads.items()}
    no_face = np.zeros(len(patches), np.float32)
    truths = [truth for _, truth in parts] + [truth_rows(no_face, {"score": no_face + 1}, nothing)]
    return np.concatenate(crops), np.concatenate(truths)


def _face_crops(faces: FaceSet, window: WindowPart, recipe: Recipe, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    windows = draw_windows(faces, window, recipe.spoil.roll_sigma_deg, rng)
    truth = face_truth(follow(faces, windows), faces.has_rotation, recipe.labels, HEADS[recipe.net])
    return cut(faces.patches, windows, side_of(recipe)), truth


def face_truth(labels: Labels, has_rotation: NDArray[np.bool_], part: LabelPart, heads: Mapping[str, int]) -> Floats:
    """The truth of crops by their IoU: a face teaches all it has a label for, a part face its box, a crop that is
    neither only the score, one in between nothing.
    """
    face = labels.overlaps >= part.positive_iou_min
    near, away = labels.overlaps >= part.part_iou_min, labels.overlaps < part.negative_iou_max
    masks = {"score": face | away, "box": near, "landmarks": face, "rot6d": face & has_rotation}
    offsets = labels.boxes - np.array([0, 0, 1, 1], np.float32)
    values = {
        "box": offsets,
        "landmarks": labels.landmarks.reshape(-1, 10),
        "rot6d": sixd_from_rotation(labels.rotations),
    }
    floats = {name: mask.astype(np.float32) for name, mask in masks.items()}
    return truth_rows(face.astype(np.float32), floats, {name: values[name] for name in heads})


def _turned(patches: Pixels, rng: np.random.Generator) -> Pixels:
    """A third of the ``patches`` (n, s, s, 3) on a side or on their head: what is no face is none that way either."""
    turned = patches.copy()
    for row in np.flatnonzero(rng.random(len(patches)) < 1 / 3):
        turned[row] = np.rot90(patches[row], int(rng.integers(1, 4)))
    return turned


def _zooms(n: int, rng: np.random.Generator) -> Windows:
    """Windows within 48 px negatives: a part of one is still none."""
    sides = CROP_PX * rng.uniform(0.75, 1, (n, 1))
    room = (CROP_PX - sides) / 2
    centres = CROP_PX / 2 + rng.uniform(-1, 1, (n, 2)) * room
    still = np.zeros(n, np.float32)
    return Windows(centres.astype(np.float32), sides[:, 0].astype(np.float32), still, rng.random(n) < 0.5)

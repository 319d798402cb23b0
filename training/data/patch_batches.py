"""From chips to batches: the split by people, jittered windows, and the seeded stream that a stopped run continues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.attributes.patches import HEIGHT_PX, WIDTH_PX, even_contrast
from edge.errors import InputError
from edge.types import Floats, Pixels
from training.data.patch_set import PatchSet
from training.data.patch_spoil import halve, spoil_drawn, spoil_small
from training.patch_recipe import BatchPart, Recipe, WindowPart

MEAN, STD = 127.5, 128.0
_OPEN_MIN = 0.5
Rows = NDArray[np.intp]


def scaled(patches: Pixels) -> Floats:
    """Patches (n, 24, 32) of even contrast to what the nets take: (n, 24, 32, 1) float32 in -1..1."""
    values: Floats = (patches.astype(np.float32)[..., None] - np.float32(MEAN)) / np.float32(STD)
    return values


def fold(patches: PatchSet, index: int, count: int, seed: int) -> tuple[PatchSet, PatchSet]:
    """What to learn from and what to judge on in fold ``index`` of ``count``: each person is judged in exactly one, and
    of each set there are as many people in all.
    """
    by_set = [np.unique(patches.groups[patches.sets == name]) for name in np.unique(patches.sets)]
    shuffled = [np.random.default_rng(seed).permutation(groups) for groups in by_set]
    held_out = np.isin(patches.groups, np.concatenate([groups[index::count] for groups in shuffled]))
    return patches.take(~held_out), patches.take(held_out)


def batches(patches: PatchSet, recipe: Recipe, first_step: int = 0) -> Iterator[tuple[Floats, Floats]]:
    """Endless batches (n, 24, 32, 1) and labels (n, 1) from step ``first_step`` on; seed and step alone decide each."""
    step, rows = first_step, _by_kind(patches, recipe.data.shut_sets)
    while True:
        rng = np.random.default_rng((recipe.seed, step))
        chosen = patches.take(_draw(rows, recipe.batch, rng))
        labels = chosen.opens + recipe.schedule.smoothing * (1 - 2 * chosen.opens)
        yield scaled(spoilt_patches(chosen, recipe, rng)), labels[:, None].astype(np.float32)
        step += 1


def calibration(patches: PatchSet, recipe: Recipe) -> Pixels:
    """Training patches (n, 24, 32) as the net meets them, for the int8 ranges."""
    rng = np.random.default_rng((recipe.seed, 0, 1))  # three numbers: no batch of the training has them
    rows = rng.integers(0, len(patches), recipe.export.calibration_patches)
    return spoilt_patches(patches.take(rows), recipe, rng)


def clean_patches(patches: PatchSet, glare_px: int) -> Pixels:
    """The patches (n, 24, 32) that the device would cut, of even contrast as :attr:`Recipe.glare_px` has it."""
    still = WindowPart(shift_sigma=0, scale_min=1, scale_max=1, stretch_sigma=0, roll_sigma_deg=0)
    drawn = _windows(patches, still, np.random.default_rng(0), mirror=False)
    return even_contrast(halve(drawn), glare_px)


def spoilt_patches(patches: PatchSet, recipe: Recipe, rng: np.random.Generator) -> Pixels:
    """The patches (n, 24, 32) as a poor device would cut them, of even contrast."""
    drawn = _windows(patches, recipe.window, rng, mirror=True)
    poor = rng.random(len(patches)) >= recipe.spoil.clean_share
    drawn[poor] = spoil_drawn(drawn[poor], recipe.spoil, rng)
    small = even_contrast(halve(drawn), recipe.glare_px)
    small[poor] = even_contrast(spoil_small(small[poor], recipe.spoil, rng), recipe.glare_px)
    return small


def _by_kind(patches: PatchSet, shut_sets: Sequence[str]) -> dict[str, tuple[Rows, Rows]]:
    """Of each set the rows that are shut and those that are open. Raises InputError where one is missing, unless nobody
    is to be open there.
    """
    kinds = {}
    for name in np.unique(patches.sets):
        own = patches.sets == name
        shut, wide = (np.flatnonzero(own & kind) for kind in (patches.opens < _OPEN_MIN, patches.opens >= _OPEN_MIN))
        if not len(shut) or not (len(wide) or name in shut_sets):
            raise InputError(f"{name}: expected open and shut ones to learn from, got {len(wide)} and {len(shut)}")
        kinds[str(name)] = (shut, wide)
    return kinds


def _draw(rows: dict[str, tuple[Rows, Rows]], part: BatchPart, rng: np.random.Generator) -> Rows:
    names = sorted(rows)
    weights = np.array([part.shares[name] for name in names])
    counts = rng.multinomial(part.patches, weights / weights.sum())
    chosen = []
    for name, count in zip(names, counts, strict=True):
        shut = int(rng.binomial(count, part.shut_share)) if len(rows[name][1]) else count
        chosen += [rng.choice(kind, size) for kind, size in zip(rows[name], (shut, count - shut), strict=True)]
    return np.concatenate(chosen)


def _windows(patches: PatchSet, part: WindowPart, rng: np.random.Generator, *, mirror: bool) -> Pixels:
    """Jittered windows, drawn at twice the patch's size: (n, 48, 64)."""
    n = len(patches)
    size = (2 * WIDTH_PX, 2 * HEIGHT_PX)
    matrices = _matrices(patches, part, rng)
    if mirror:
        mirrored = rng.random(n) < 0.5
        matrices[mirrored, 0] *= -1
        matrices[mirrored, 0, 2] += size[0] - 1
    flags, edge = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    drawn = [
        cv2.warpAffine(c, m, size, flags=flags, borderMode=edge) for c, m in zip(patches.chips, matrices, strict=True)
    ]
    return np.stack(drawn).astype(np.uint8, copy=False)


def _matrices(patches: PatchSet, part: WindowPart, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, 2, 3) from chip to window; warpAffine counts pixels from their centres, windows from their corners."""
    n = len(patches)
    sides = np.exp(rng.uniform(np.log(part.scale_min), np.log(part.scale_max), n)) * patches.widths
    stretches = np.exp(rng.normal(0, part.stretch_sigma, n) / 2)
    scales = 2 * WIDTH_PX / sides[:, None] * np.stack([stretches, 1 / stretches], axis=1)
    turns = np.radians(rng.normal(0, part.roll_sigma_deg, n))
    centres = patches.centres + rng.normal(0, part.shift_sigma, (n, 2)) * patches.widths[:, None]
    cos, sin = np.cos(turns), np.sin(turns)
    linear = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1) * scales[:, :, None]
    middle = np.array([WIDTH_PX, HEIGHT_PX], np.float64)
    shifts = middle - np.einsum("nij,nj->ni", linear, centres - 0.5) - 0.5
    return np.concatenate([linear, shifts[:, :, None]], axis=2)

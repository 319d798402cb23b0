"""How well a branch tells held-out people apart: cleanly aligned, and under what a door camera does to a face."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from edge.types import Floats, Pixels
from training.cascade_recipe import SpoilPart
from training.data.cascade_spoil import spoil
from training.data.face_chips import Chips, Embed, centre_crops
from training.data.jitter import realigned_crops, shrunk
from training.evaluate.match_rates import all_pairs, equal_error_rate, tar_at_fmr
from training.siamese_recipe import JitterPart

FMRS = (1e-3, 1e-4)
_SEED = 7
# Fixed, not the recipe's: else no two recipes could be compared.
_JITTER = JitterPart(scale_sigma=0.035, shift_sigma_px=1.6, small_share=0, small_side_px=(40, 40))
_ROLL_SIGMA_DEG = 2.5
_SMALL_PX = 40
_UNSPOILT = SpoilPart(
    roll_sigma_deg=0,
    contrast_sigma=0,
    brightness_sigma=0,
    colour_sigma=0,
    grey_share=0,
    infrared_share=0,
    dark_share=0,
    dark_gain_min=0.1,
    noise_share=0,
    noise_sigma_max=8,
    blur_share=0,
    blur_sigma_max_px=2.5,
    jpeg_share=0,
    jpeg_quality_min=30,
    occlusion_share=0,
    occlusion_side_max=0.45,
)

Spoiler = Callable[[Pixels], Pixels]


def _spoiler(**changes: float) -> Spoiler:
    part = msgspec.structs.replace(_UNSPOILT, **changes)
    return lambda crops: spoil(crops, part, np.random.default_rng(_SEED))


def _small(crops: Pixels) -> Pixels:
    return np.stack([shrunk(crop, _SMALL_PX) for crop in crops])


# Each on top of jittered alignment, as on the device.
SPOILT: Mapping[str, Spoiler] = {
    "jittered": lambda crops: crops,
    "small": _small,
    "dark": _spoiler(dark_share=1, noise_share=1),
    "blurred": _spoiler(blur_share=1),
    "infrared": _spoiler(infrared_share=1),
    "occluded": _spoiler(occlusion_share=1),
}


def jittered(chips: Chips) -> Pixels:
    """Crops ``(n, 112, 112, 3)`` of ``chips``, roughly aligned; the same in every run."""
    return realigned_crops(chips.pixels, _JITTER, _ROLL_SIGMA_DEG, (_SEED,))


def conditions(chips: Chips) -> dict[str, Pixels]:
    """Crops ``(n, 112, 112, 3)`` of ``chips`` under each condition, the same in every run."""
    rough = jittered(chips)
    return {"clean": centre_crops(chips.pixels)} | {name: change(rough) for name, change in SPOILT.items()}


def judge(embed: Embed, chips: Chips) -> dict[str, float]:
    """``{condition} eer`` and ``{condition} tar {fmr}`` over all pairs of ``chips``."""
    return {
        f"{condition} {measure}": value
        for condition, crops in conditions(chips).items()
        for measure, value in rates(embed(crops), chips).items()
    }


def rates(embeddings: Floats, chips: Chips) -> dict[str, float]:
    """``eer`` and ``tar {fmr}`` over all pairs of unit ``embeddings (n, d)`` of ``chips``."""
    pairs = all_pairs(embeddings, chips.people)
    return {"eer": equal_error_rate(pairs)} | {f"tar {fmr:g}": tar_at_fmr(pairs, fmr) for fmr in FMRS}

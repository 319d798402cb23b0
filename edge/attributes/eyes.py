"""How open the eyes of a followed face are: EyeNet on a levelled patch about each eye that the head does not hide."""

from __future__ import annotations

import numpy as np

from edge.attributes.patches import GLARE_PX, HEIGHT_PX, WIDTH_PX, even_contrast, patch_about
from edge.attributes.trust import inside, large, lit, ramp
from edge.errors import ModelError
from edge.runtime.litert import ModelStore, Runnable
from edge.types import Eyes, Floats, Frame, HeadPose, Pixels, TrackedFace

EYENET = "eyenet"
EYE_WINDOW = 0.85  # of the distance between the eyes: an eye is half of it wide
BATCH = 2  # eyes

# Where an eye stops to be readable, and from where on it is read as well as ever; between them trust grows in a line.
# Of the eye on the side that the head turns to. Where the near eye is shut (1,838 faces of ytf_crops and yawdd_frames),
# so is the far one read in 84 % below 10 degrees, 75 % at 20 to 25, 58 % at 25 to 30, 44 % at 30 to 35, 37 % to 40.
_FAR_YAW_DEG = (32.0, 20.0)
_NEAR_YAW_DEG = (65.0, 50.0)  # of the other one
# Up or down. Of open eyes that look 15 to 30 degrees down with the head (pointing04) many are read shut: lids hang.
_PITCH_DEG = (40.0, 25.0)


class EyeReader:
    """EyeNet with its interpreter. Not for use by two threads at once."""

    def __init__(self, store: ModelStore) -> None:
        """Raises ModelError."""
        self._model = store.open(EYENET, batch=BATCH)
        if self._model.shape != (BATCH, HEIGHT_PX, WIDTH_PX, 1) or set(self._model.spec.outputs) != {"open"}:
            raise ModelError(f"{EYENET}: expected two 24x32 patches and one output 'open', got {self._model.spec}")

    def read(self, frame: Frame, face: TrackedFace) -> Eyes:
        """Both eyes of ``face`` in ``frame``; None for an eye that is turned away, too small, too dark or cut off.

        ``openness`` is the mean of the eyes by how well each can be read; ``certainty`` that of the better one, less
        what the two disagree by.
        """
        patches = np.stack(
            [patch_about(frame.pixels, face.face, face.face.landmarks[row], EYE_WINDOW) for row in (0, 1)]
        )
        trust = _trust(frame, face, patches)
        if not trust.any():
            return Eyes()
        return _combined(np.clip(p_open(self._model, patches), 0, 1), trust)


def p_open(net: Runnable, patches: Pixels) -> Floats:
    """EyeNet's p(open) (n,) of patches (n, 24, 32), their contrast not yet evened."""
    p: Floats = net.run(even_contrast(patches, GLARE_PX)[..., None])["open"].reshape(-1)
    return p


def _combined(p: Floats, trust: Floats) -> Eyes:
    """``p``, of being open, and ``trust`` (2,): of the eye at image left, then of the other."""
    left, right = (float(one) if weight > 0 else None for one, weight in zip(p, trust, strict=True))
    openness = float(np.clip((p * trust).sum() / trust.sum(), 0, 1))
    apart = abs(left - right) if left is not None and right is not None else 0.0
    return Eyes(left, right, openness, float(np.clip(trust.max() * (1 - apart), 0, 1)))


def _trust(frame: Frame, face: TrackedFace, patches: Pixels) -> Floats:
    """How well each eye can be read, 0..1 (2,)."""
    common = large(face.face) * ramp(abs(face.pose.pitch_deg), _PITCH_DEG)
    turned, bright = facing(face.pose), lit(patches, GLARE_PX)
    seen = [inside(frame, face.face.landmarks[row]) for row in (0, 1)]
    return np.array([common * bright[row] * turned[row] * seen[row] for row in (0, 1)], np.float32)


def facing(pose: HeadPose) -> tuple[float, float]:
    """How well the head's yaw lets each eye be seen, 0..1. Yaw > 0 turns the eye at image left away first."""
    return (_by_yaw(pose.yaw_deg), _by_yaw(-pose.yaw_deg))


def _by_yaw(away_deg: float) -> float:
    return ramp(away_deg, _FAR_YAW_DEG) if away_deg >= 0 else ramp(-away_deg, _NEAR_YAW_DEG)

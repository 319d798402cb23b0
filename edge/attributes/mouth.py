"""How far the mouth of a followed face is open: MouthNet on a levelled patch about it. A yawn is told by its length."""

from __future__ import annotations

import numpy as np

from edge.attributes.patches import HEIGHT_PX, WIDTH_PX, even_contrast, eye_distance_px, mouth_centre, patch_about
from edge.attributes.trust import inside, large, lit, ramp
from edge.errors import ModelError
from edge.runtime.litert import ModelStore
from edge.types import Frame, Pixels, TrackedFace

MOUTHNET = "mouthnet"
MOUTH_WINDOW = 1.4  # of the distance between the eyes: a mouth at rest is half of it wide, a yawn half of it high

# Where a mouth stops to be readable, and from where on it is read as well as ever; between them trust grows in a line.
# Of frames of yawns (yawdd_frames, people not seen) 91 % read 0.6 and more below 15 degrees of yaw, 94 % to 40, and all
# 20 beyond; of the others 1 of 12 beyond 50, none below.
_YAW_DEG = (65.0, 45.0)
_PITCH_DEG = (45.0, 25.0)
_TRUST_MIN = 0.5  # below it nothing is said of the mouth


class MouthReader:
    """MouthNet with its interpreter. Not for use by two threads at once."""

    def __init__(self, store: ModelStore) -> None:
        """Raises ModelError."""
        self._model = store.open(MOUTHNET)
        if self._model.shape != (1, HEIGHT_PX, WIDTH_PX, 1) or set(self._model.spec.outputs) != {"open"}:
            raise ModelError(f"{MOUTHNET}: expected a 24x32 patch and one output 'open', got {self._model.spec}")

    def read(self, frame: Frame, face: TrackedFace) -> float | None:
        """0 (shut, smiling, talking) to 1 (yawning wide); None where it is turned away, too small, too dark or cut off.

        One inference, or none.
        """
        patch = patch_about(frame.pixels, face.face, mouth_centre(face.face), MOUTH_WINDOW)[None]
        if _trust(frame, face, patch) < _TRUST_MIN:
            return None
        return float(np.clip(self._model.run(even_contrast(patch)[..., None])["open"].item(), 0, 1))


def _trust(frame: Frame, face: TrackedFace, patch: Pixels) -> float:
    """How well the mouth can be read, 0..1. Its patch has to lie within the picture: beyond is black, as in a yawn."""
    turned = ramp(abs(face.pose.yaw_deg), _YAW_DEG) * ramp(abs(face.pose.pitch_deg), _PITCH_DEG)
    half_px = MOUTH_WINDOW * eye_distance_px(face.face) * HEIGHT_PX / WIDTH_PX / 2
    return turned * large(face.face) * float(lit(patch)[0]) * inside(frame, mouth_centre(face.face), half_px)

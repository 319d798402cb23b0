"""Networks that compare two photos without levelling the faces on them, as the tutorials' networks do.

What each of them sees of a photo, and from which distance on it calls two people different, stands in the manifest
beside it. The door does not use them.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.errors import InputError, ModelError
from edge.geometry import square_boxes
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import InputSpec
from edge.types import Floats, Pixels

_OUTPUTS = {"euclidean": "embedding", "one_minus_score": "score"}


class Comparer:
    """One such network. Not for use by two threads at once."""

    def __init__(self, store: ModelStore, name: str) -> None:
        """Raises ModelError where the manifest does not say how the model compares, or the model cannot do so."""
        spec = store.manifest.spec(name)
        if spec.comparison is None:
            raise ModelError(f"{name}: expected a manifest entry that says how it compares two photos, found none")
        self.name, self.comparison = name, spec.comparison
        self._output = _OUTPUTS[spec.comparison.distance]
        self._photos = 2 if spec.comparison.distance == "one_minus_score" else 1
        if spec.input.shape[0] != self._photos or set(spec.outputs) != {self._output}:
            raise ModelError(
                f"{name}: expected {self._photos} photos as input and one output {self._output!r}, got {spec}"
            )
        self._model = store.open(name, batch=self._photos)
        self._input = spec.input
        self._face_scale = spec.comparison.face_scale if spec.comparison.crop == "face" else None

    def see(self, photo: Pixels, box: Floats | None = None) -> Pixels:
        """What the network sees (h, w, channels) of a BGR ``photo``, if need be of its face's ``box`` (4,) px.

        Raises InputError.
        """
        return seen(photo, self._input, box, face_scale=self._face_scale)

    def distance(self, one: Pixels, other: Pixels) -> float:
        """Of what is seen (:meth:`see`) of two photos; at most ``comparison.distance_max`` for one person."""
        if self._photos == 2:
            return 1 - float(self._run(np.stack([one, other])).item())
        gap = self._run(one[None]).astype(np.float64) - self._run(other[None])
        return float(np.linalg.norm(gap))

    def _run(self, photos: Pixels) -> Floats:
        return self._model.run(photos)[self._output]


def seen(photo: Pixels, spec: InputSpec, box: Floats | None = None, *, face_scale: float | None = None) -> Pixels:
    """A BGR ``photo`` (h, w, 3) cut and scaled to the input of ``spec``, grey where that is. Training does the same.

    With ``face_scale``, only the square that is so many times as large as the longer side of the face's ``box`` (4,);
    where it reaches beyond the photo, it sees its edge pixels. Raises InputError where that box is missing.
    """
    if face_scale is not None:
        photo = _square(photo, box, face_scale)
    height, width = spec.shape[1:3]
    shrinks = photo.shape[0] * photo.shape[1] > height * width
    scaled = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if spec.channels == "grey":
        scaled = cv2.cvtColor(scaled, cv2.COLOR_BGR2GRAY)[..., None]
    return np.ascontiguousarray(scaled, np.uint8)


def _square(photo: Pixels, box: Floats | None, scale: float) -> Pixels:
    if box is None:
        raise InputError("expected the box of a face: this network sees no more than that of a photo")
    x1, y1, x2, y2 = square_boxes(np.asarray(box, np.float32)[None])[0]
    side, middle = max(round(float(x2 - x1) * scale), 1), np.array([x1 + x2, y1 + y2]) / 2
    left, top = (int(value) for value in np.floor(middle - side / 2))
    columns = np.clip(np.arange(left, left + side), 0, photo.shape[1] - 1)
    rows = np.clip(np.arange(top, top + side), 0, photo.shape[0] - 1)
    return photo[rows[:, None], columns]

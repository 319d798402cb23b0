"""Photos of people, each once through what the device does with it: detect, look again at the levelled face, embed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.attributes.pose import head_pose
from edge.attributes.quality import assess
from edge.config import DetectConfig, VerifyConfig
from edge.detect.cascade import Cascade
from edge.errors import InputError
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.types import Faces, Floats, Frame
from edge.verify.siamese import Branch
from training.teachers.yunet import YuNet


@dataclass(frozen=True, slots=True)
class Look:
    """The face of one photo: its unit ``embedding`` (d,), and what the device saw of it.

    ``traits``: ``yaw_deg`` and ``pitch_deg`` by FPNet, ``side_px`` of the box, ``brightness`` 0..255, and ``good``: 1
    where the device would verify a face of this quality, else 0.
    """

    embedding: Floats
    traits: Mapping[str, float] = field(default_factory=dict)


See = Callable[[Frame], Look | None]


@dataclass(frozen=True, slots=True)
class Embedded:
    """``names`` of the images with a face, their unit ``embeddings`` (n, d), and the names ``without_face``.

    ``traits``: each of Look's as (n,), where they were taken.
    """

    names: tuple[str, ...]
    embeddings: Floats
    without_face: tuple[str, ...]
    traits: Mapping[str, Floats] = field(default_factory=dict)

    def people(self) -> NDArray[np.int32]:
        """(n,) an index for each folder: the identity."""
        folders = [str(Path(name).parent) for name in self.names]
        return np.unique(folders, return_inverse=True)[1].astype(np.int32)

    def take(self, rows: NDArray[np.intp]) -> Embedded:
        """The faces at ``rows``; photos without a face stay."""
        names = tuple(self.names[row] for row in rows)
        traits = {name: values[rows] for name, values in self.traits.items()}
        return Embedded(names, self.embeddings[rows], self.without_face, traits)


def device_eye(store: ModelStore, detect: DetectConfig | None = None) -> See:
    """What the device does with a photo. None where no face is found; of several, the one that the photo is of.

    Raises ModelError.
    """
    cascade, branch = Cascade(store, detect or DetectConfig()), Branch(store)

    def see(frame: Frame) -> Look | None:
        faces = cascade.detect(frame)
        if not len(faces):
            return None
        face = faces[main_face(faces, frame)]
        pose = head_pose(face)
        quality = assess(frame, face, pose, VerifyConfig())
        traits = {
            "yaw_deg": pose.yaw_deg,
            "pitch_deg": pose.pitch_deg,
            "side_px": face.side_px,
            "brightness": quality.brightness,
            "good": float(quality.good),
        }
        return Look(branch.embed(frame.pixels, cascade.level(frame, face).landmarks), traits)

    return see


def yunet_eye(store: ModelStore) -> See:
    """The same branch on faces that YuNet finds and aligns, in two passes: what our own alignment is held against.

    Raises ModelError, and InputError where YuNet's weights cannot be had.
    """
    branch, yunet = Branch(store), YuNet()

    def see(frame: Frame) -> Look | None:
        found = yunet.detect(frame.pixels)
        if not len(found):
            return None
        landmarks = found.landmarks[main_box(found.boxes, frame)]
        return Look(branch.embed(frame.pixels, yunet.level(frame.pixels, landmarks)))

    return see


def main_face(faces: Faces, frame: Frame) -> int:
    """Row of the face that the photo is of."""
    return main_box(faces.boxes, frame)


def main_box(boxes: Floats, frame: Frame) -> int:
    """Row of the box (n, 4) that is large and near the middle: its side less its distance from there, both in px."""
    sides = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    away = np.linalg.norm(middles - np.array([frame.width, frame.height], np.float32) / 2, axis=1)
    return int(np.argmax(sides - away))


def embed_all(images: Path, names: Sequence[str], see: See, say: Callable[[str], None]) -> Embedded:
    """Every image once. Raises InputError for a picture that cannot be read, and where none shows a face."""
    found: dict[str, Look] = {}
    for count, name in enumerate(names, 1):
        look = see(read_image(images / name))
        if look is not None:
            found[name] = look
        if count % 500 == 0 or count == len(names):
            say(f"{count} of {len(names)} images, {count - len(found)} without a face")
    if not found:
        raise InputError(f"{images}: expected pictures of faces, found no face in {len(names)} pictures")
    return gathered(names, found)


def gathered(names: Sequence[str], found: Mapping[str, Look]) -> Embedded:
    """The looks as arrays, at least one. ``names`` that are not ``found`` have no face."""
    looks = list(found.values())
    traits = {key: np.array([look.traits[key] for look in looks], np.float32) for key in looks[0].traits}
    without = tuple(name for name in names if name not in found)
    return Embedded(tuple(found), np.stack([look.embedding for look in looks]), without, traits)

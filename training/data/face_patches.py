"""Patches out of photos of whole faces, placed by the shipped cascade as on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from edge.attributes.patches import WIDTH_PX, eye_distance_px, window_matrix
from edge.config import DetectConfig
from edge.crops import warp
from edge.detect.cascade import Cascade
from edge.errors import InputError
from edge.geometry import tilt_deg
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Face, Floats, Pixels
from training.data.patch_set import CHIP_PX, FACE_WINDOW_PX, PatchSet
from training.data.photo_sets import FacePhoto


def found_faces(
    photos: Sequence[FacePhoto], say: Callable[[str], None]
) -> Iterator[tuple[FacePhoto, Pixels, list[Face]]]:
    """Each photo with the faces that the shipped cascade finds, largest first, their landmarks from a second look;
    unreadable photos are left out.
    """
    cascade, count_faces = Cascade(ModelStore(MODELS_DIR), DetectConfig()), 0
    for count, photo in enumerate(photos, 1):
        try:
            frame = read_image(photo.path)
        except InputError:
            continue
        faces = [cascade.level(frame, face) for face in sorted(cascade.detect(frame), key=lambda face: -face.area_px2)]
        count_faces += len(faces)
        yield photo, frame.pixels, faces
        if count % 1000 == 0 or count == len(photos):
            say(f"{count} of {len(photos)} photos, {count_faces} faces")


def face_patch(photo: FacePhoto, chip: Pixels, opens: float) -> PatchSet:
    """The one patch of a ``chip`` (80, 80) as :func:`chip_about` cuts it from the photo."""
    return PatchSet(
        chip[None],
        np.full((1, 2), CHIP_PX / 2, np.float32),
        np.array([FACE_WINDOW_PX], np.float32),
        np.array([opens], np.float32),
        np.array([photo.group], np.int64),
        np.array([photo.set_name]),
    )


def chip_about(pixels: Pixels, face: Face, centre: Floats, width: float) -> Pixels:
    """The chip of :func:`edge.attributes.patches.patch_about`."""
    return face_chip(pixels, centre, width * eye_distance_px(face), tilt_deg(face.rotation))


def face_chip(pixels: Pixels, centre: Floats, width_px: float, clockwise_deg: float) -> Pixels:
    """The grey chip (80, 80) about ``centre`` (2,) whose middle shows ``width_px`` of the BGR picture, levelled."""
    wide = window_matrix(centre, width_px * CHIP_PX / FACE_WINDOW_PX, clockwise_deg)
    drawn = warp(pixels, wide * np.float32(2 * CHIP_PX / WIDTH_PX), 2 * CHIP_PX)
    grey = cv2.cvtColor(drawn, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (CHIP_PX, CHIP_PX), interpolation=cv2.INTER_AREA), np.uint8)

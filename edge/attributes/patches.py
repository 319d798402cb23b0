"""Small grey patches about an eye or the mouth, levelled and of even contrast. Training cuts its own with these too."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.crops import warp
from edge.geometry import tilt_deg
from edge.types import Face, Floats, Pixels

WIDTH_PX, HEIGHT_PX = 32, 24
_DRAWN = 2  # times the patch's size, then averaged by area: bilinear sampling alone would alias

# Eyes, nose tip and mouth corners of a neutral face in head coordinates, in units of the distance between the eyes:
# MediaPipe's canonical face (Apache-2.0), the means of its vertices round each eye.
_CANONICAL: Floats = np.array(
    [[-0.5, 0, 0], [0.5, 0, 0], [0, -0.488, 0.623], [-0.388, -1.101, 0.101], [0.388, -1.101, 0.101]], np.float32
)
_MOUTH_DOWN = 0.1  # from between the mouth's corners to the patch's middle: a jaw opens downwards
_SPAN_MIN = 24.0  # grey levels: what is flatter than that is stretched no further, or noise would look like an eye
SPECKS_PX = 16  # pixels of 768, the darkest and as many of the brightest, that may be specks
# The brightest of an eye's patch: the reflection of an infrared lamp in glasses may fill as many. Stretched to levels
# that count it, the eye beside it is dark and flat. Of mrl_eye's 4,300 eyes (people not seen, four folds of 1,000
# steps) 0.9479 are told right without 16 px, 0.9584 without 64, 0.9556 without 128; other sets gain a little.
GLARE_PX = 96


def eye_distance_px(face: Face) -> float:
    """How far apart the face's eyes would be in the picture if it looked at the camera, in px.

    By its rotation: the least-squares scale of a neutral face turned as this one onto its landmarks. The distance
    between the eyes themselves shrinks with yaw, and a patch of that size would show less and less of an eye.
    """
    turned = _seen(_CANONICAL, face)
    turned = turned - turned.mean(axis=0)
    points = face.landmarks - face.landmarks.mean(axis=0)
    return max(float((points * turned).sum() / (turned**2).sum()), 1.0)


def mouth_centre(face: Face) -> Floats:
    """Where the mouth's patch is centred (2,), px: below the middle of its corners, as the head is turned."""
    down = _seen(np.array([[0, -_MOUTH_DOWN, 0]], np.float32), face)[0]
    return np.asarray(face.landmarks[3:5].mean(axis=0) + down * eye_distance_px(face), np.float32)


def _seen(points: Floats, face: Face) -> Floats:
    """Points (n, 3) in head coordinates, turned as the face is, as a camera from far away sees them: (n, 2)."""
    return np.asarray((points @ face.rotation.T)[:, :2] * np.array([1, -1], np.float32), np.float32)


def patch_about(pixels: Pixels, face: Face, centre: Floats, width: float) -> Pixels:
    """The grey patch (24, 32) about ``centre`` (2,; px) of a BGR picture, the head's roll taken out.

    ``width``: of the patch, in distances between the eyes (:func:`eye_distance_px`). Black beyond the picture.
    """
    return cut_patch(pixels, window_matrix(centre, width * eye_distance_px(face), tilt_deg(face.rotation)))


def window_matrix(centre: Floats, width_px: float, clockwise_deg: float) -> Floats:
    """The (2, 3) transform from a picture to the 32 px square about ``centre`` (2,) that shows ``width_px`` of it.

    ``clockwise_deg``: how far what is shown leans clockwise in the picture; the square shows it upright.
    """
    angle, scale = np.radians(-clockwise_deg), WIDTH_PX / max(width_px, 1.0)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, WIDTH_PX / 2 - linear @ centre]).astype(np.float32)


def cut_patch(pixels: Pixels, matrix: Floats) -> Pixels:
    """The patch (24, 32): the middle rows of the square of ``matrix`` (see :func:`window_matrix`), in grey."""
    drawn = warp(pixels, matrix * np.float32(_DRAWN), _DRAWN * WIDTH_PX)
    grey = cv2.cvtColor(drawn, cv2.COLOR_BGR2GRAY)
    square = cv2.resize(grey, (WIDTH_PX, WIDTH_PX), interpolation=cv2.INTER_AREA)
    margin = (WIDTH_PX - HEIGHT_PX) // 2
    return square[margin : margin + HEIGHT_PX].astype(np.uint8, copy=False)


def levels(patches: Pixels, glare_px: int = SPECKS_PX) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The dark and the bright level (n,) of patches (n, 24, 32), without the SPECKS_PX below and glare_px beyond it."""
    flat = np.partition(patches.reshape(len(patches), -1), (SPECKS_PX, -glare_px - 1), axis=1)
    return flat[:, SPECKS_PX].astype(np.float32), flat[:, -glare_px - 1].astype(np.float32)


def even_contrast(patches: Pixels, glare_px: int = SPECKS_PX) -> Pixels:
    """Patches (n, 24, 32) with their :func:`levels` stretched to 0..255: what every net of patches is fed."""
    low, high = levels(patches, glare_px)
    middle, span = (low + high) / 2, np.maximum(high - low, _SPAN_MIN)
    stretched = (patches.astype(np.float32) - middle[:, None, None]) * (255 / span)[:, None, None] + 127.5
    evened: Pixels = np.clip(np.rint(stretched), 0, 255).astype(np.uint8)
    return evened

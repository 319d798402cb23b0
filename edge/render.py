"""Drawing on pictures: boxes, landmarks, head-pose axes, labels. BGR, antialiased, sized to the face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.types import Face, HeadPose, Pixels

Colour = tuple[int, int, int]

INK: Colour = (38, 32, 28)
PAPER: Colour = (250, 248, 246)
MUTED: Colour = (150, 140, 132)
GREEN: Colour = (96, 174, 60)
RED: Colour = (70, 70, 222)
AMBER: Colour = (40, 160, 240)
BLUE: Colour = (214, 140, 48)
_AXES: tuple[Colour, Colour, Colour] = ((60, 60, 230), (80, 190, 60), (230, 140, 40))  # x red, y green, z (nose) blue
_FONT = cv2.FONT_HERSHEY_DUPLEX
_FIXED = 4  # fractional bits of cv2's fixed-point coordinates: positions to 1/16 px


@dataclass(frozen=True, slots=True)
class Label:
    """What to write on a face, and in which colour to frame it."""

    text: str
    colour: Colour = BLUE


def draw_face(canvas: Pixels, face: Face, label: Label, pose: HeadPose | None = None) -> None:
    """Box, landmarks, axes and label of one face, in place. With ``pose``, its angles stand below the box."""
    weight = max(1, round(face.side_px / 90))
    _corners(canvas, face, label.colour, weight + 1)
    for point in face.landmarks:
        cv2.circle(canvas, *_fixed(point, max(1.5, face.side_px / 60)), PAPER, -1, cv2.LINE_AA, _FIXED)
    draw_axes(canvas, face, weight + 1)
    x1, y1, _, y2 = (float(edge) for edge in face.box)
    size = float(np.clip(face.side_px / 260, 0.38, 0.8))
    write(canvas, label.text, (x1, y1 - 8 * size - 2), size, PAPER, back=label.colour)
    if pose is not None:
        angles = f"yaw {pose.yaw_deg:+.0f}  pitch {pose.pitch_deg:+.0f}  roll {pose.roll_deg:+.0f}"
        write(canvas, angles, (x1, y2 + 30 * size), size * 0.8, PAPER, back=INK)


def draw_axes(canvas: Pixels, face: Face, weight: int) -> None:
    """The head's x, y and z axes from the nose: blue is where the nose points."""
    origin = face.landmarks[2]
    length = face.side_px * 0.45
    for axis in np.argsort(face.rotation[2]):  # the axis that points away from the camera is drawn first
        tip = origin + length * face.rotation[:2, axis] * np.array([1, -1], np.float32)
        start, end = _fixed(origin)[0], _fixed(tip)[0]
        cv2.line(canvas, start, end, _AXES[axis], weight + (axis == 2), cv2.LINE_AA, _FIXED)


def _corners(canvas: Pixels, face: Face, colour: Colour, weight: int) -> None:
    """A box of which only the corners are drawn, so that the face stays visible."""
    x1, y1, x2, y2 = face.box
    arm = 0.22 * face.side_px
    for x, y, dx, dy in ((x1, y1, 1, 1), (x2, y1, -1, 1), (x2, y2, -1, -1), (x1, y2, 1, -1)):
        corner = np.array([x, y])
        for end in (corner + np.array([dx * arm, 0]), corner + np.array([0, dy * arm])):
            cv2.line(canvas, _fixed(corner)[0], _fixed(end)[0], colour, weight, cv2.LINE_AA, _FIXED)


def _fixed(point: np.typing.ArrayLike, radius: float = 0) -> tuple[tuple[int, int], int]:
    x, y = np.rint(np.asarray(point, np.float64) * 2**_FIXED).astype(int)
    return (int(x), int(y)), round(radius * 2**_FIXED)


def text_size(text: str, size: float) -> tuple[int, int]:
    """Width and height in px of ``text`` as :func:`write` sets it."""
    (width, height), _ = cv2.getTextSize(printable(text), _FONT, size, _weight(size))
    return width, height


def write(
    canvas: Pixels, text: str, at: tuple[float, float], size: float, colour: Colour, *, back: Colour | None = None
) -> None:
    """``text`` with its baseline from ``at`` (px), on a plate of colour ``back`` if given, kept on the canvas."""
    width, height = text_size(text, size)
    pad = round(6 * size) + 2 if back else 0
    x = int(np.clip(at[0] + pad, pad, max(pad, canvas.shape[1] - width - pad)))
    y = int(np.clip(at[1], height + pad, max(height + pad, canvas.shape[0] - pad)))
    if back:
        cv2.rectangle(canvas, (x - pad, y - height - pad), (x + width + pad, y + pad), back, -1, cv2.LINE_AA)
    cv2.putText(canvas, printable(text), (x, y), _FONT, size, colour, _weight(size), cv2.LINE_AA)


def printable(text: str) -> str:
    """cv2's fonts know ASCII only: other characters become a middle-height dash rather than question marks."""
    return "".join(char if 32 <= ord(char) < 127 else "-" for char in text)


def _weight(size: float) -> int:
    return 2 if size > 1.1 else 1


def fit(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture scaled into ``width`` x ``height`` px, centred on ink."""
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    inner = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.full((height, width, 3), INK, np.uint8)
    top, left = (height - inner[1]) // 2, (width - inner[0]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas

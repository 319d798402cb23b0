"""Frozen value types that pass between the stages. They depend on numpy only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.errors import FrameError, InputError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
PixelLayout = Literal["bgr", "rgb", "grey", "rgba", "bgra"]

MIN_SIDE_PX = 48  # FPNet's own input: below it nothing can be told from a face
MAX_SIDE_PX = 16384
_CHANNELS: dict[PixelLayout, int] = {"grey": 1, "bgr": 3, "rgb": 3, "rgba": 4, "bgra": 4}
_BY_CHANNELS: dict[int, PixelLayout] = {1: "grey", 3: "bgr", 4: "rgba"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture and when it was taken.

    ``pixels``: ``(height, width, 3)`` uint8, BGR, C-contiguous, each side 48..16384 px. ``captured_s``: seconds on the
    camera's clock (monotonic), or within the recording. ``index``: counts the frames that the camera gave, from 0.
    Raises FrameError. Use :meth:`from_pixels` for anything that is not yet in this form.
    """

    pixels: Pixels
    captured_s: float
    index: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        _check_array(self.pixels)
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3:
            raise FrameError(f"expected pixels of shape (height, width, 3), got {self.pixels.shape}")
        if not self.pixels.flags.c_contiguous:
            raise FrameError(f"expected contiguous pixels, got strides {self.pixels.strides}; use Frame.from_pixels")
        if not np.isfinite(self.captured_s):
            raise FrameError(f"expected a finite capture time, got {self.captured_s}")

    @classmethod
    def from_pixels(
        cls,
        pixels: NDArray[np.generic],
        captured_s: float,
        index: int = 0,
        *,
        layout: PixelLayout | None = None,
        source: str = "",
    ) -> Frame:
        """Take grey, BGR, RGB, RGBA or BGRA pixels. Without ``layout``: 1 channel is grey, 3 is BGR, 4 is RGBA.

        Rows may be padded (cameras do so); within a row, pixels must follow each other. Raises FrameError.
        """
        _check_array(pixels)
        _check_rows(pixels)
        packed = np.ascontiguousarray(pixels).astype(np.uint8, copy=False)
        return cls(_to_bgr(packed, layout), captured_s, index, source)

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


def _check_array(pixels: NDArray[np.generic]) -> None:
    if not isinstance(pixels, np.ndarray):
        raise FrameError(f"expected a numpy array of pixels, got {type(pixels).__name__}")
    if pixels.dtype != np.uint8:
        detail = ""
        if np.issubdtype(pixels.dtype, np.floating) and not np.isfinite(pixels).all():
            detail = " with values that are not finite"
        raise FrameError(f"expected uint8 pixels, got {pixels.dtype}{detail}")
    if pixels.ndim not in (2, 3):
        raise FrameError(f"expected (height, width[, channels]), got shape {pixels.shape}")
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE_PX or max(height, width) > MAX_SIDE_PX:
        raise FrameError(f"expected sides of {MIN_SIDE_PX}..{MAX_SIDE_PX} px, got {width}x{height}")


def _check_rows(pixels: NDArray[np.generic]) -> None:
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    packed = (pixels.strides[1] == channels) and (channels == 1 or pixels.strides[2] == 1)
    if not packed or pixels.strides[0] < pixels.shape[1] * channels:
        raise FrameError(
            f"expected rows of packed pixels, got strides {pixels.strides} for shape {pixels.shape};"
            " copy the view with numpy.ascontiguousarray first"
        )


def _to_bgr(pixels: Pixels, layout: PixelLayout | None) -> Pixels:
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    chosen = layout or _BY_CHANNELS.get(channels)
    if chosen is None or _CHANNELS[chosen] != channels:
        wanted = f"{_CHANNELS[chosen]} channels for {chosen}" if chosen else "1, 3 or 4 channels"
        raise FrameError(f"expected {wanted}, got {channels}")
    if chosen == "grey":
        return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    order = slice(2, None, -1) if chosen in ("rgb", "rgba") else slice(0, 3)
    return np.ascontiguousarray(pixels[:, :, order])


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Where a head points, in degrees: yaw > 0 to image left, pitch > 0 up, roll > 0 clockwise (see edge.geometry)."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face. ``box``: (4,) x1 y1 x2 y2 px; ``rotation``: (3, 3); ``landmarks``: (5, 2) px (order as in Faces)."""

    box: Floats
    score: float
    rotation: Floats
    landmarks: Floats

    @property
    def side_px(self) -> float:
        """Geometric mean of the box's width and height."""
        width, height = self.box[2:] - self.box[:2]
        return float(np.sqrt(max(width, 0) * max(height, 0)))

    @property
    def area_px2(self) -> float:
        return self.side_px**2


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one frame, as arrays of n rows (n may be 0: empty has the shape of full). All float32, in px.

    ``boxes`` (n, 4) x1 y1 x2 y2, may reach beyond the frame; ``scores`` (n,) 0..1; ``rotations`` (n, 3, 3) head to
    camera (edge.geometry); ``landmarks`` (n, 5, 2): eye at image left of a frontal face (the person's right eye),
    other eye, nose tip, mouth corner under the first eye, other corner. Raises InputError.
    """

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    scores: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    rotations: Floats = field(default_factory=lambda: np.zeros((0, 3, 3), np.float32))
    landmarks: Floats = field(default_factory=lambda: np.zeros((0, 5, 2), np.float32))

    def __post_init__(self) -> None:
        n = len(self.boxes)
        wanted = {"boxes": (n, 4), "scores": (n,), "rotations": (n, 3, 3), "landmarks": (n, 5, 2)}
        for name, shape in wanted.items():
            value = getattr(self, name)
            if value.shape != shape or value.dtype != np.float32:
                raise InputError(f"expected {name} float32 {shape}, got {value.dtype} {value.shape}")
            if not np.isfinite(value).all():
                raise InputError(f"expected finite {name}, got values that are not")

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, row: int) -> Face:
        return Face(self.boxes[row], float(self.scores[row]), self.rotations[row], self.landmarks[row])

    def __iter__(self) -> Iterator[Face]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: NDArray[np.intp]) -> Faces:
        """The faces at ``rows``, in that order."""
        return Faces(self.boxes[rows], self.scores[rows], self.rotations[rows], self.landmarks[rows])


@dataclass(frozen=True, slots=True)
class Match:
    """The enrolled person nearest to a face.

    ``person``: name; ``distance``: Euclidean distance of unit embeddings, 0..2; ``distance_max``: what the wanted false
    match rate allows at most.
    """

    person: str
    distance: float
    distance_max: float

    @property
    def accepted(self) -> bool:
        return self.distance <= self.distance_max


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether a face is good enough to be verified or enrolled. ``faults`` is empty for a good face."""

    side_px: float
    sharpness: float
    brightness: float
    pose: HeadPose
    faults: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return not self.faults


@dataclass(frozen=True, slots=True)
class Eyes:
    """How open the eyes of one face are, in one frame. Each p(open) is 0 (shut) to 1 (wide open). Raises InputError.

    ``left`` and ``right`` as on a frontal face's picture (the rows 0 and 1 of the landmarks); None where that eye
    cannot be read: turned away, too small, too dark. ``openness``: of the eyes that can be read, None where none can.
    ``certainty``: 0..1, how far ``openness`` can be trusted; 0 where it is None. ``mouth_open``: 0 (shut) to 1
    (yawning wide), None where it cannot be told.
    """

    left: float | None = None
    right: float | None = None
    openness: float | None = None
    certainty: float = 0.0
    mouth_open: float | None = None

    def __post_init__(self) -> None:
        for name in ("left", "right", "openness", "certainty", "mouth_open"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:  # also refuses NaN
                raise InputError(f"expected {name} of 0..1, got {value}")
        if self.openness is None and self.certainty > 0:
            raise InputError(f"expected certainty 0 where the eyes cannot be read, got {self.certainty}")


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face that is followed. ``track_id`` is never reused within a run; ``age_s``: how long it has been held.

    ``quality``, ``match`` and ``eyes`` are set for the primary face only (the largest): ``match`` by the door's
    pipeline, where the quality is good and the gallery is not empty; ``eyes`` by the driver's.
    """

    track_id: int
    face: Face
    age_s: float
    pose: HeadPose
    quality: Quality | None = None
    match: Match | None = None
    eyes: Eyes | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What the pipeline saw in one frame. ``faces``: largest first. ``captured_s``: the frame's own time."""

    captured_s: float
    frame_index: int
    faces: tuple[TrackedFace, ...] = ()
    source: str = ""

    @property
    def primary(self) -> TrackedFace | None:
        return self.faces[0] if self.faces else None

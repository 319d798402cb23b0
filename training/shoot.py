"""Taking the owner's photos: by keys in a window, or by a countdown where there is no screen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from edge.camera import Camera
from edge.geometry import iou
from edge.types import Floats, Frame
from training.data.own_folder import ANCHOR, KINDS, POSITIVE, Find, OwnFolder, portrait

NO_FACE = "no face"
QUIT = "q"
_SAME_PLACE_IOU = 0.5
KEYS: Mapping[str, str] = {"a": ANCHOR, "p": POSITIVE}

Say = Callable[[str], None]


class Window(Protocol):
    """Shows frames and collects keys. ``show`` returns within some 20 ms."""

    def show(self, frame: Frame, caption: str) -> None: ...

    def key(self) -> str | None:
        """The key pressed since the last call, None where none was; ``q`` when the window was closed."""
        ...


def frames_of(camera: Camera, timeout_s: float) -> Iterator[Frame]:
    """Until the recording ends; a live camera gives frames for ever. Raises CameraError."""
    while (frame := camera.read(timeout_s)) is not None:
        yield frame


def shoot_by_keys(frames: Iterable[Frame], window: Window, find: Find, folder: OwnFolder) -> None:
    """``a`` takes an anchor, ``p`` a positive, ``q`` ends. The caption says what came of it."""
    caption = "a: anchor, p: positive, q: done"
    for frame in frames:
        window.show(frame, caption)
        key = window.key()
        if key == QUIT:
            return
        if key is not None and key in KEYS:
            box = find(frame)
            if box is not None:
                folder.add(KEYS[key], portrait(frame.pixels, box))
            counts = ", ".join(f"{kind} {folder.added[kind]}" for kind in KEYS.values())
            caption = NO_FACE if box is None else counts


@dataclass(frozen=True, slots=True)
class Plan:
    """``each`` anchors and then as many positives, one every ``countdown_s`` seconds."""

    each: int
    countdown_s: float

    def next_kind(self, folder: OwnFolder) -> str | None:
        """What to take now; None when all are taken."""
        return next((kind for kind in KEYS.values() if folder.added[kind] < self.each), None)


def shoot_by_time(frames: Iterable[Frame], plan: Plan, find: Find, folder: OwnFolder, say: Say) -> None:
    """Counts down in the frames' own seconds, then takes a photo as soon as a face is in the same place in two frames.

    Nobody looks at a screen here: the detector's rare face where there is none, which lasts for one frame, is no photo.
    """
    due_s, said = None, ""
    before: Floats | None = None
    for frame in frames:
        kind = plan.next_kind(folder)
        if kind is None:
            return
        if due_s is None:
            due_s = frame.captured_s + plan.countdown_s
            say(f"{kind} {folder.added[kind] + 1} of {plan.each}")
        word = str(max(math.ceil(due_s - frame.captured_s), 0))
        if word == "0":
            box = find(frame)
            word = NO_FACE if box is None else said
            if box is not None and _same_place(before, box):
                folder.add(kind, portrait(frame.pixels, box))
                word, due_s = "taken", None
            before = box
        if word != said:
            say(word)
        said = word


def _same_place(before: Floats | None, box: Floats) -> bool:
    return before is not None and float(iou(before, box[None])[0]) > _SAME_PLACE_IOU


def summary(folder: OwnFolder) -> str:
    """One line: how many of each kind there are now."""
    return ", ".join(f"{folder.count(kind)} {kind}" for kind in KINDS)

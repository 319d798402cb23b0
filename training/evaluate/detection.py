"""``python -m training evaluate detection``: recall on annotated faces, false positives on photos without people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import InputError
from edge.images import list_images, read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Floats, Frame, Pixels
from training.evaluate.posed_photos import PosedPhoto, best_box, read_posed_photos
from training.teachers.yunet import YuNet

Find = Callable[[Frame], Floats]  # a photo to the boxes (n, 4) of its faces

IOU_MIN = 0.4
_WIDE_YAW_DEG = 60.0
_OURS = "vigil"


@dataclass(frozen=True, slots=True)
class View:
    """How a photo is shown to a detector."""

    scale: float
    mirrored: bool

    def of(self, pixels: Pixels) -> Pixels:
        """The photo as it is shown."""
        if self.scale != 1:
            pixels = cv2.resize(pixels, None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_AREA).astype(
                np.uint8
            )
        return np.ascontiguousarray(pixels[:, ::-1]) if self.mirrored else pixels

    def box(self, box: Floats, width: int) -> Floats:
        """The annotated box (4,) in the photo as it is shown, which is ``width`` px wide."""
        x1, y1, x2, y2 = box * self.scale
        return np.array([width - x2, y1, width - x1, y2] if self.mirrored else [x1, y1, x2, y2], np.float32)


AS_IT_IS = View(1, mirrored=False)
VIEWS = tuple(View(scale, mirrored) for scale in (1, 0.87) for mirrored in (False, True))


@dataclass(frozen=True, slots=True)
class Figures:
    """One detector's. Recalls are shares of the annotated faces, None where there is no such face."""

    recall: float | None
    recall_yaw_over_60: float | None
    false_positives_per_image: float


@click.command(name="detection")
@click.option("--images", type=click.Path(path_type=Path), required=True, help="Folder of photos with faces.")
@click.option("--poses", type=click.Path(path_type=Path), required=True, help="Table like AFLW2000's poses.csv.")
@click.option("--negatives", type=click.Path(path_type=Path), required=True, help="Folder of photos without people.")
@click.option("--peers", is_flag=True, help="Also YuNet, MTCNN, BlazeFace and Haar on the same photos, as a table.")
@click.option("--views", is_flag=True, help="Each photo also mirrored, and both shrunk to 0.87: four views of it.")
@click.option("--models", type=click.Path(path_type=Path), default=MODELS_DIR, show_default=True)
def command(*, images: Path, poses: Path, negatives: Path, peers: bool, views: bool, models: Path) -> None:
    """Recall at IoU 0.4 with the annotated box, and false positives a photo; the last line is JSON.

    Photos among the negatives in which YuNet sees a person are left out and counted: a peer's figure of 0 there is
    YuNet's by construction. Where a face falls on a search's grid decides about a few: --views tells two settings
    apart that differ by less.
    """
    photos = read_posed_photos(images, poses, every_row=True)
    finders = {_OURS: cascade_finder(models)} | (peer_finders() if peers else {})
    empty, skipped = without_people([read_image(path) for path in list_images(negatives)], YuNet())
    shown = VIEWS if views else (AS_IT_IS,)
    found = {name: measure(find, photos, empty, shown) for name, find in finders.items()}
    counts = {"views": len(shown), "negatives": len(empty), "negatives_skipped": skipped}
    result = {"n": len(photos), **asdict(found[_OURS]), **counts}
    if peers:
        click.echo(table(found))
        result["peers"] = {name: asdict(figures) for name, figures in found.items() if name != _OURS}
    click.echo(json.dumps(result))


def cascade_finder(models: Path) -> Find:
    """The detector of the models in this folder. Raises ModelError."""
    cascade = Cascade(ModelStore(models), DetectConfig())
    return lambda frame: cascade.detect(frame).boxes


def peer_finders() -> dict[str, Find]:
    """Those of the peers, by name. Raises InputError where their weights cannot be had."""
    from training.peers.table import open_peers  # only who asks for them fetches them

    return {name: peer.boxes for name, peer in open_peers().items()}


def measure(
    find: Find, photos: Sequence[PosedPhoto], empty: Sequence[Frame], views: Sequence[View] = (AS_IT_IS,)
) -> Figures:
    """Recall on ``photos``, false positives on the ``empty`` ones, over all ``views`` of them."""
    hits = [hit for photo in photos for hit in _hits(find, photo, views)]
    turned = np.repeat([abs(photo.pose.yaw_deg) > _WIDE_YAW_DEG for photo in photos], len(views))
    wide = [hit for hit, is_wide in zip(hits, turned, strict=True) if is_wide]
    wrong = sum(len(find(Frame(view.of(frame.pixels), frame.captured_s))) for frame in empty for view in views)
    return Figures(_share(hits), _share(wide), round(wrong / (len(empty) * len(views)), 4))


def _hits(find: Find, photo: PosedPhoto, views: Sequence[View]) -> list[bool]:
    frame = read_image(photo.path)
    shown = [view.of(frame.pixels) for view in views]
    boxes = [view.box(photo.box, pixels.shape[1]) for view, pixels in zip(views, shown, strict=True)]
    return [
        best_box(find(Frame(pixels, frame.captured_s)), box, IOU_MIN) is not None
        for pixels, box in zip(shown, boxes, strict=True)
    ]


def without_people(frames: Sequence[Frame], yunet: YuNet) -> tuple[list[Frame], int]:
    """The frames in which YuNet finds nobody, and the number of the others. Raises InputError if none is left."""
    empty = [frame for frame in frames if not len(yunet.detect(frame.pixels))]
    if not empty:
        raise InputError(f"expected negatives without people, YuNet sees a face in each of {len(frames)} photos")
    return empty, len(frames) - len(empty)


def table(found: Mapping[str, Figures]) -> str:
    """The detectors side by side, for a terminal and for Markdown."""
    rows = [("detector", "recall", "recall beyond 60°", "false positives an image"), ("---",) * 4]
    rows += [
        (name, _text(f.recall), _text(f.recall_yaw_over_60), _text(f.false_positives_per_image))
        for name, f in found.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows
    )


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _share(hits: Sequence[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None

"""``python -m training evaluate detection``: recall on annotated faces, false positives on photos without people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import InputError
from edge.images import list_images, read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Frame
from training.evaluate.posed_photos import PosedPhoto, best_match, read_posed_photos
from training.teachers.yunet import YuNet

IOU_MIN = 0.4
_WIDE_YAW_DEG = 60.0


@click.command(name="detection")
@click.option("--images", type=click.Path(path_type=Path), required=True, help="Folder of photos with faces.")
@click.option("--poses", type=click.Path(path_type=Path), required=True, help="Table like AFLW2000's poses.csv.")
@click.option("--negatives", type=click.Path(path_type=Path), required=True, help="Folder of photos without people.")
@click.option("--models", type=click.Path(path_type=Path), default=MODELS_DIR, show_default=True)
def command(images: Path, poses: Path, negatives: Path, models: Path) -> None:
    """Recall at IoU 0.4 with the annotated box, and false positives a photo; the last line is JSON.

    Photos among the negatives in which YuNet sees a person are left out and counted.
    """
    photos = read_posed_photos(images, poses, every_row=True)
    cascade = Cascade(ModelStore(models), DetectConfig())
    empty, skipped = without_people([read_image(path) for path in list_images(negatives)], YuNet())
    hits = [hit(cascade, photo) for photo in photos]
    false_positives = sum(len(cascade.detect(frame)) for frame in empty)
    wide = [found for found, photo in zip(hits, photos, strict=True) if abs(photo.pose.yaw_deg) > _WIDE_YAW_DEG]
    result = {
        "n": len(photos),
        "recall": _share(hits),
        "recall_yaw_over_60": _share(wide),
        "false_positives_per_image": round(false_positives / len(empty), 4),
        "negatives": len(empty),
        "negatives_skipped": skipped,
    }
    click.echo(json.dumps(result))


def without_people(frames: Sequence[Frame], yunet: YuNet) -> tuple[list[Frame], int]:
    """The frames in which YuNet finds nobody, and the number of the others. Raises InputError if none is left."""
    empty = [frame for frame in frames if not len(yunet.detect(frame.pixels))]
    if not empty:
        raise InputError(f"expected negatives without people, YuNet sees a face in each of {len(frames)} photos")
    return empty, len(frames) - len(empty)


def hit(cascade: Cascade, photo: PosedPhoto) -> bool:
    """Whether the cascade finds the annotated face."""
    return best_match(cascade.detect(read_image(photo.path)), photo.box, IOU_MIN) is not None


def _share(hits: Sequence[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None

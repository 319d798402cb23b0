"""``python -m training evaluate pose``: how far the shipped cascade's head poses are from annotated ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.geometry import euler_from_rotation, geodesic_deg, rotation_from_euler
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Faces, Floats, HeadPose
from training.evaluate.posed_photos import PosedPhoto, best_match, read_posed_photos

IOU_MIN = 0.3  # the annotated box follows 68 points, the cascade's the habit of its training set
_BUCKETS = ((0, 30), (30, 60), (60, 99), (99, 180))


@dataclass(frozen=True, slots=True)
class PoseError:
    """Errors of one face in degrees. ``angles``: of yaw, pitch and roll, unsigned; ``yaw_deg``: the annotated yaw."""

    angles: tuple[float, float, float]
    geodesic: float
    yaw_deg: float

    @property
    def mean(self) -> float:
        return sum(self.angles) / 3


@click.command(name="pose")
@click.option("--images", type=click.Path(path_type=Path), required=True, help="Folder of the photos.")
@click.option("--poses", type=click.Path(path_type=Path), required=True, help="Table like AFLW2000's poses.csv.")
@click.option("--all", "every_row", is_flag=True, help="Every row, not only those of the standard subset.")
@click.option("--models", type=click.Path(path_type=Path), default=MODELS_DIR, show_default=True)
def command(images: Path, poses: Path, every_row: bool, models: Path) -> None:
    """Head-pose error in degrees; the last line is JSON."""
    photos = read_posed_photos(images, poses, every_row=every_row)
    cascade = Cascade(ModelStore(models), DetectConfig())
    errors = [error for photo in photos if (error := measure(cascade, photo)) is not None]
    click.echo(json.dumps(summary(len(photos), errors)))


def measure(cascade: Cascade, photo: PosedPhoto) -> PoseError | None:
    """The error on one photo, None where the cascade does not find the annotated face."""
    return error_of(cascade.detect(read_image(photo.path)), photo)


def error_of(faces: Faces, photo: PosedPhoto) -> PoseError | None:
    """The error of that of the ``faces`` which is the annotated one, None where it is not among them."""
    row = best_match(faces, photo.box, IOU_MIN)
    return None if row is None else pose_error(faces.rotations[row], photo.pose)


def pose_error(rotation: Floats, wanted: HeadPose) -> PoseError:
    """Of a head ``rotation`` (3, 3) against an annotated pose."""
    angles = (wanted.yaw_deg, wanted.pitch_deg, wanted.roll_deg)
    found = euler_from_rotation(rotation)
    yaw, pitch, roll = (_apart_deg(one, other) for one, other in zip(found, angles, strict=True))
    return PoseError((yaw, pitch, roll), geodesic_deg(rotation, rotation_from_euler(*angles)), wanted.yaw_deg)


def _apart_deg(one: float, other: float) -> float:
    """Unsigned difference of two angles, the short way round."""
    return abs((one - other + 180) % 360 - 180)


def summary(n: int, errors: Sequence[PoseError]) -> dict[str, object]:
    """The numbers that are printed. Means are over the faces found; None where there are none."""
    buckets = {
        f"{low}-{high}": [error for error in errors if low <= abs(error.yaw_deg) < high] for low, high in _BUCKETS
    }
    filled = {name: inside for name, inside in buckets.items() if inside}
    yaw, pitch, roll = (_mean([error.angles[axis] for error in errors]) for axis in range(3))
    return {
        "n": n,
        "found": len(errors),
        "mae": _mean([error.mean for error in errors]),
        "mae_yaw": yaw,
        "mae_pitch": pitch,
        "mae_roll": roll,
        "geodesic": _mean([error.geodesic for error in errors]),
        "by_yaw": {name: _mean([error.mean for error in inside]) for name, inside in filled.items()},
        "geodesic_by_yaw": {name: _mean([error.geodesic for error in inside]) for name, inside in filled.items()},
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None

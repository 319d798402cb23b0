"""``python -m training evaluate landmarks``: how far the cascade's five points are from given ones."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from edge.attributes.pose import head_pose
from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import InputError
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Floats, Frame, Pixels
from training.teachers.yunet import YuNet, nearest

_SET, _FIVE, _SIXTY_EIGHT = "ytf_crops", "landmarks5_yunet.csv", "landmarks68.csv"
_FIVE_COLUMNS = tuple(f"{point}_{axis}" for point in ("re", "le", "n", "rm", "lm") for axis in "xy")
_MANY_COLUMNS = tuple(f"{axis}{point}" for point in range(68) for axis in "xy")
YAW_MAX_DEG = 45.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """The face of one photo as the cascade sees it: ``first`` and, looked at again levelled, ``second`` (5, 2) px."""

    yaw_deg: float
    first: Floats
    second: Floats


@dataclass(frozen=True, slots=True)
class Looks:
    """The face of one photo as YuNet sees it: in ``one`` look at the photo, and the mean of ``many``; (5, 2) px."""

    one: Floats
    many: Floats


See = Callable[[Frame, Floats], Sighting | None]  # a photo and where its face is: the middle of the given points


@click.command(name="landmarks")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Has `ytf_crops`.")
@click.option("--models", type=click.Path(path_type=Path), default=MODELS_DIR, show_default=True)
def command(data: Path, models: Path) -> None:
    """Normalised mean error in per cent of the distance of the eyes, up to 45 degrees of yaw; the last line is JSON.

    `nme`: the points as found, against YuNet's; `nme_second_look`: those that verification aligns by. `_68`: against
    points made of 68 annotated ones, where these are given, beside what YuNet's are off by themselves. `nme_yunet`:
    YuNet run here against its own given points, which were made in another frame. `nme_steady`: against the mean of 16
    looks of YuNet, from which the given ones are `nme_given` away, and one look `nme_steady_yunet`: how exact the
    yardstick is. Yaw is FPNet's.
    """
    click.echo(json.dumps(landmark_figures(data, models)))


def landmark_figures(data: Path, models: Path) -> dict[str, float | int | None]:
    """What the command prints. Raises InputError, ModelError."""
    folder = data / _SET
    five = read_points(folder / _FIVE, _FIVE_COLUMNS)
    many = {name: five_of(points) for name, points in read_points(folder / _SIXTY_EIGHT, _MANY_COLUMNS).items()}
    see, yunet = cascade_eye(models), YuNet()
    seen: dict[str, Sighting | None] = {}
    yunets: dict[str, Looks] = {}
    for name, points in five.items():
        frame = read_image(folder / "images" / name)
        seen[name] = see(frame, points.mean(axis=0))
        looks = yunet_looks(yunet, frame.pixels, points.mean(axis=0))
        yunets |= {} if looks is None else {name: looks}
    return summary(five, many, seen, yunets)


def yunet_looks(yunet: YuNet, bgr: Pixels, centre: Floats) -> Looks | None:
    """YuNet's points of the face at ``centre`` (2,). None: not found."""
    found = yunet.detect(bgr)
    row = nearest(found.boxes, centre)
    if row is None:
        return None
    return Looks(found.landmarks[row], yunet.steady(bgr, found.boxes[row], found.landmarks[row]))


def read_points(table: Path, columns: Sequence[str]) -> dict[str, Floats]:
    """Points (n, 2) px by photo, of a CSV with ``columns`` x, y in turn. Raises InputError naming table and row."""
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in ("image", *columns) if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{table}: expected columns image, {', '.join(columns)}; missing {missing}")
            found = {row["image"]: _points(table, row["image"], [row[name] for name in columns]) for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read as a table: {error}") from error
    if not found:
        raise InputError(f"{table}: expected rows of points, found none")
    return found


def _points(table: Path, name: str, values: Sequence[str]) -> Floats:
    try:
        points = np.array([float(value) for value in values], np.float32).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise InputError(f"{table}: row of {name}: expected numbers: {error}") from error
    if not np.isfinite(points).all():
        raise InputError(f"{table}: row of {name}: expected finite numbers")
    return points


def five_of(points: Floats) -> Floats:
    """The five points of 68 (68, 2), numbered as iBUG 300-W does: middles of the eyes, tip of the nose, mouth."""
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    return np.stack([*eyes, points[30], points[48], points[54]]).astype(np.float32)


def cascade_eye(models: Path) -> See:
    """The cascade of the models in this folder. Raises ModelError."""
    cascade = Cascade(ModelStore(models), DetectConfig())

    def see(frame: Frame, centre: Floats) -> Sighting | None:
        faces = cascade.detect(frame)
        row = nearest(faces.boxes, centre)
        if row is None:
            return None
        face = faces[row]
        return Sighting(head_pose(face).yaw_deg, face.landmarks, cascade.level(frame, face).landmarks)

    return see


def normalised_error(found: Floats, wanted: Floats) -> float:
    """Mean distance of points (5, 2) from the ``wanted``, in per cent of the latter's distance of the eyes.

    Raises InputError where the wanted eyes coincide.
    """
    between = float(np.linalg.norm(wanted[0] - wanted[1]))
    if between <= 0:
        raise InputError(f"expected two eyes apart, got both at {wanted[0].tolist()}")
    return float(np.linalg.norm(found - wanted, axis=1).mean()) / between * 100


def summary(
    five: dict[str, Floats],
    many: dict[str, Floats],
    seen: dict[str, Sighting | None],
    yunets: dict[str, Looks],
) -> dict[str, float | int | None]:
    """The numbers that are printed; a mean over no face is None."""
    found = {name: sighting for name, sighting in seen.items() if sighting is not None}
    frontal = {name: sighting for name, sighting in found.items() if abs(sighting.yaw_deg) <= YAW_MAX_DEG}
    both = [name for name in frontal if name in many]
    judged = {name: looks for name, looks in yunets.items() if name in frontal}
    return {
        "n": len(seen),
        "not_found": len(seen) - len(found),
        "beyond_45": len(found) - len(frontal),
        "nme": _mean([normalised_error(sighting.first, five[name]) for name, sighting in frontal.items()]),
        "nme_second_look": _mean([normalised_error(sighting.second, five[name]) for name, sighting in frontal.items()]),
        "nme_yunet": _mean([normalised_error(looks.one, five[name]) for name, looks in judged.items()]),
        "nme_steady": _mean([normalised_error(frontal[name].first, looks.many) for name, looks in judged.items()]),
        "nme_steady_second_look": _mean(
            [normalised_error(frontal[name].second, looks.many) for name, looks in judged.items()]
        ),
        "nme_steady_yunet": _mean([normalised_error(looks.one, looks.many) for looks in judged.values()]),
        "nme_given": _mean([normalised_error(five[name], looks.many) for name, looks in judged.items()]),
        "n_68": len(both),
        "nme_68": _mean([normalised_error(frontal[name].first, many[name]) for name in both]),
        "nme_68_second_look": _mean([normalised_error(frontal[name].second, many[name]) for name in both]),
        "nme_68_yunet": _mean([normalised_error(five[name], many[name]) for name in both]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None

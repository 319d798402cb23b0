"""What the cards of P-Net, R-Net and FPNet say was measured: tables, plots, and sheets of the worst failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge.geometry import euler_from_rotation
from edge.images import read_image
from edge.types import Floats
from training.evaluate.card_parts import Part, number, share, wide_table
from training.evaluate.cascade_pass import CascadePass, above, held
from training.evaluate.contact_sheet import Tile, cut, write_sheet
from training.evaluate.plots import Curve, Frame, draw_curves, draw_histograms
from training.evaluate.pose import IOU_MIN, PoseError, error_of, pose_error, summary
from training.evaluate.posed_photos import best_match

_WIDE_YAW_DEG = 60.0
_YAW_EDGES = np.arange(-90, 91, 15)
_BIN_FACES_MIN = 3
_WORST = 32
_BY_YAW = {"by_yaw": "mean absolute error", "geodesic_by_yaw": "geodesic error"}


def stage_part(done: CascadePass, stage: str) -> Part:
    """Of P-Net or R-Net (``stage``: "pnet", "rnet"): what it lets through, of faces and of the rest."""
    boxes = [seen.proposals if stage == "pnet" else seen.refined for seen in done.seen]
    empty = [seen.proposals if stage == "pnet" else seen.refined for seen in done.empty_seen]
    kept = np.array([held(one, photo.box) for one, photo in zip(boxes, done.photos, strict=True)])
    wide = np.abs(done.yaws_deg()) > _WIDE_YAW_DEG
    figures = {
        "n": len(kept),
        "faces_kept": share(kept),
        "faces_kept_yaw_over_60": share(kept[wide]),
        "windows_a_photo": number(np.mean([len(one) for one in boxes]), 2),
        "windows_a_photo_without_people": number(np.mean([len(one) for one in empty]), 2),
    }
    text = (
        f"On {len(kept)} photos of AFLW2000 (all poses) and {len(empty)} backgrounds without people, with the device's"
        f" thresholds: a face is kept where a window overlaps its annotated box by an IoU of 0.4."
    )
    return Part(figures, [text, wide_table(("measure", ""), list(figures.items()))])


def fpnet_part(
    done: CascadePass, landmarks: Mapping[str, object], cards: Path, float32: CascadePass | None = None
) -> Part:
    """Of FPNet: head pose, detection and ``landmarks`` (their figures), with the plots that go beside the card.

    ``float32``: the same pass by the float32 twins, for what int8 costs.
    """
    found = [error for error in pose_errors(done) if error is not None]
    figures = {
        "pose": pose_figures(done),
        "detection": detection_figures(done),
        "landmarks": dict(landmarks),
    }
    if float32 is not None:
        figures["float32"] = {"mae": pose_figures(float32)["mae"], "recall": detection_figures(float32)["recall"]}
    plots = [
        draw_yaw_errors(found, cards / "fpnet-error-by-yaw.png"),
        draw_scores(done, cards / "fpnet-scores.png"),
        draw_detection(done, cards / "detection-roc.png"),
    ]
    texts = ["Whole cascade with the device's thresholds; boxes from our own detector.", *_tables(figures)]
    return Part(figures, [*texts, *(f"![{plot.stem}]({plot.name})" for plot in plots)])


def pose_errors(done: CascadePass) -> list[PoseError | None]:
    """Of the standard photos, None where the annotated face is not found."""
    rows = [row for row, standard in enumerate(done.standard) if standard]
    return [error_of(done.found(row), done.photos[row]) for row in rows]


def pose_figures(done: CascadePass) -> dict[str, object]:
    """As ``evaluate pose`` prints them."""
    return summary(sum(done.standard), [error for error in pose_errors(done) if error is not None])


def detection_figures(done: CascadePass) -> dict[str, object]:
    """As ``evaluate detection`` prints them."""
    hits = done.hit_scores() >= done.config.fpnet_score_min
    wrong = (done.wrong_scores() >= done.config.fpnet_score_min).sum()
    return {
        "n": len(hits),
        "recall": share(hits),
        "recall_yaw_over_60": share(hits[np.abs(done.yaws_deg()) > _WIDE_YAW_DEG]),
        "false_positives_per_image": number(wrong / len(done.empty), 4),
        "negatives": len(done.empty),
        "negatives_skipped": done.skipped,
    }


def _tables(figures: Mapping[str, Mapping[str, object]]) -> list[str]:
    pose = {name: value for name, value in figures["pose"].items() if not isinstance(value, Mapping)}
    by_yaw = {name: value for name, value in figures["pose"].items() if isinstance(value, Mapping)}
    heads = ("annotated yaw, degrees", *by_yaw["by_yaw"])
    exact = figures.get("float32")
    return [
        *([wide_table(("the same in float32", ""), list(exact.items()))] if exact else []),
        wide_table(("head pose, AFLW2000, degrees", ""), list(pose.items())),
        wide_table(heads, [(_BY_YAW[name], *values.values()) for name, values in by_yaw.items()]),
        wide_table(("detection, AFLW2000 and backgrounds", ""), list(figures["detection"].items())),
        wide_table(("points, ytf_crops, % of the eyes' distance", ""), list(figures["landmarks"].items())),
    ]


def draw_yaw_errors(errors: Sequence[PoseError], path: Path) -> Path:
    """Mean errors of the faces in each 15 degrees of annotated yaw."""
    yaws = np.array([error.yaw_deg for error in errors])
    bins = np.digitize(yaws, _YAW_EDGES) - 1
    rows = [row for row in range(len(_YAW_EDGES) - 1) if (bins == row).sum() >= _BIN_FACES_MIN]
    middles = np.array([(_YAW_EDGES[row] + _YAW_EDGES[row + 1]) / 2 for row in rows], np.float32)

    def curve(label: str, values: Sequence[float]) -> Curve:
        given = np.array(values)
        return Curve(label, middles, np.array([given[bins == row].mean() for row in rows], np.float32), marked=True)

    axes = [curve(name, [error.angles[axis] for error in errors]) for axis, name in enumerate(("yaw", "pitch", "roll"))]
    frame = Frame("Head-pose error on AFLW2000", "annotated yaw, degrees", "mean error, degrees")
    return draw_curves(path, frame, [curve("geodesic", [error.geodesic for error in errors]), *axes])


def draw_scores(done: CascadePass, path: Path) -> Path:
    """FPNet's scores of annotated faces that it saw at all, and of what it sees where nobody is."""
    hits, wide = done.hit_scores(), np.abs(done.yaws_deg()) > _WIDE_YAW_DEG
    groups = {
        "faces to 60° yaw": hits[~wide & (hits > 0)],
        "beyond": hits[wide & (hits > 0)],
        "no face": done.wrong_scores(),
    }
    line = (done.config.fpnet_score_min, "threshold")
    frame = Frame("FPNet's scores", "score", "share", log_y=True, threshold=line, x_limits=(0, 1), y_limits=(1e-3, 1))
    return draw_histograms(path, frame, groups, np.linspace(0, 1, 26, dtype=np.float32))


def draw_detection(done: CascadePass, path: Path) -> Path:
    """Recall against false positives a photo, as FPNet's threshold moves; the other two stages stay as shipped."""
    hits, wrong, wide = done.hit_scores(), np.sort(done.wrong_scores()), np.abs(done.yaws_deg()) > _WIDE_YAW_DEG
    thresholds = np.unique(np.concatenate([hits[hits > 0], wrong, [done.config.fpnet_score_min]]))
    false = np.asarray((len(wrong) - np.searchsorted(wrong, thresholds)) / len(done.empty), np.float32)

    def recall(scores: Floats) -> Floats:
        return np.asarray(1 - np.searchsorted(np.sort(scores), thresholds) / len(scores), np.float32)

    curves = [Curve("all poses", false, recall(hits))]
    if wide.any():
        curves.append(Curve("beyond 60° yaw", false, recall(hits[wide])))
    shipped = float((wrong >= done.config.fpnet_score_min).sum() / len(done.empty))
    frame = Frame("Detection", "false positives a photo without people", "recall", threshold=(shipped, "as shipped"))
    return draw_curves(path, frame, curves)


def write_failures(done: CascadePass, folder: Path) -> list[Path]:
    """Sheets of the worst poses, the faces missed and the false faces. They show faces."""
    sheets = {
        "worst-pose.png": _worst_poses(done),
        "worst-misses.png": _misses(done),
        "worst-false-faces.png": _false_faces(done),
    }
    return [write_sheet(folder / name, tiles[:_WORST]) for name, tiles in sheets.items() if tiles]


def _worst_poses(done: CascadePass) -> list[Tile]:
    rows = [row for row, standard in enumerate(done.standard) if standard]
    errors = dict(zip(rows, pose_errors(done), strict=True))
    ranked = sorted((row for row, error in errors.items() if error), key=lambda row: -errors[row].geodesic)  # type: ignore[union-attr]
    return [_pose_tile(done, row) for row in ranked[:_WORST]]


def _pose_tile(done: CascadePass, row: int) -> Tile:
    photo, faces = done.photos[row], done.found(row)
    match = best_match(faces, photo.box, IOU_MIN)
    assert match is not None
    yaw_deg = euler_from_rotation(faces.rotations[match])[0]
    apart_deg = pose_error(faces.rotations[match], photo.pose).geodesic
    caption = f"{apart_deg:.0f}: yaw {photo.pose.yaw_deg:.0f} > {yaw_deg:.0f}"
    return Tile((cut(read_image(photo.path).pixels, photo.box),), caption)


def _misses(done: CascadePass) -> list[Tile]:
    scores, yaws = done.hit_scores(), done.yaws_deg()
    rows = np.flatnonzero(scores < done.config.fpnet_score_min)
    rows = rows[np.argsort(np.abs(yaws[rows]))]  # the nearer to frontal, the worse the failure
    return [
        Tile(
            (cut(read_image(done.photos[row].path).pixels, done.photos[row].box),), f"{scores[row]:.2f} {yaws[row]:.0f}"
        )
        for row in rows[:_WORST]
    ]


def _false_faces(done: CascadePass) -> list[Tile]:
    found = [
        (face.score, Tile((cut(frame.pixels, face.box),), f"{face.score:.3f}"))
        for frame, seen in zip(done.empty, done.empty_seen, strict=True)
        for face in above(seen.faces, done.config.fpnet_score_min)
    ]
    return [tile for _, tile in sorted(found, key=lambda pair: -pair[0])]

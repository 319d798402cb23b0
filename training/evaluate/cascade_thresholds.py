"""``python -m training evaluate thresholds``: what the three score thresholds cost and buy, on nothing that judges."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import msgspec
import numpy as np

from edge.config import DetectConfig
from edge.detect.cascade import Cascade
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.types import Frame
from training.cascade_recipe import RECIPES, load_recipe
from training.data.cascade_batches import Half, split
from training.data.cascade_set import load_cascade_set
from training.data.photo_sets import held_out_backgrounds
from training.evaluate.detection import without_people
from training.evaluate.posed_photos import best_match
from training.teachers.yunet import YuNet

_GROWN = 2  # 48 px faces become 96 px: above the least face that the device looks for
_IOU_MIN = 0.5
_FACES = 400
_GRID: tuple[Sequence[float], ...] = ((0.3, 0.4, 0.5, 0.6), (0.4, 0.5, 0.6, 0.7), (0.7, 0.8, 0.9, 0.95))


@click.command(name="thresholds")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Has `backgrounds`.")
@click.option("--cache", type=click.Path(path_type=Path), default=Path(".cache/cascade"), show_default=True)
@click.option("--models", type=click.Path(path_type=Path), required=True)
def command(data: Path, cache: Path, models: Path) -> None:
    """Recall on held-out persons of the training cache and false positives an image on the backgrounds kept back.

    One line for each triple of thresholds; the last line is JSON: the triples that no other beats in both.
    """
    _, held_out = split(load_cascade_set(cache), load_recipe(RECIPES / "fpnet.toml", "fpnet"))
    backgrounds, _ = without_people([read_image(path) for path in held_out_backgrounds(data)], YuNet())
    rows = []
    for scores in itertools.product(*_GRID):
        config = msgspec.structs.replace(
            DetectConfig(), pnet_score_min=scores[0], rnet_score_min=scores[1], fpnet_score_min=scores[2]
        )
        cascade = Cascade(ModelStore(models), config)
        wrong = sum(len(cascade.detect(frame)) for frame in backgrounds) / max(len(backgrounds), 1)
        rows.append((recall(cascade, held_out), wrong, scores))
        click.echo(f"pnet {scores[0]} rnet {scores[1]} fpnet {scores[2]}: recall {rows[-1][0]:.4f}, wrong {wrong:.3f}")
    counts = {"faces": min(_FACES, len(held_out.faces)), "backgrounds": len(backgrounds)}
    click.echo(json.dumps({**counts, "best": undominated(rows)}))


def recall(cascade: Cascade, half: Half) -> float:
    """Share of faces that are found in their own patches, grown to the size that the device looks for."""
    chosen = np.linspace(0, len(half.faces) - 1, min(_FACES, len(half.faces))).astype(np.intp)
    hits = []
    for row in chosen:
        patch = cv2.resize(half.faces.patches[row], None, fx=_GROWN, fy=_GROWN, interpolation=cv2.INTER_CUBIC)
        found = cascade.detect(Frame(patch.astype(np.uint8, copy=False), 0.0))
        hits.append(best_match(found, half.faces.boxes[row] * _GROWN, _IOU_MIN) is not None)
    return float(np.mean(hits))


def undominated(rows: Sequence[tuple[float, float, tuple[float, ...]]]) -> list[dict[str, object]]:
    """The rows that no other beats in both measures, most careful first."""
    kept = [one for one in rows if not any(o[0] >= one[0] and o[1] <= one[1] and o[:2] != one[:2] for o in rows)]
    ordered = sorted(kept, key=lambda row: row[1])
    return [{"recall": round(r, 4), "wrong": round(w, 4), "thresholds": list(s)} for r, w, s in ordered]

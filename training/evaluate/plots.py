"""The small plots of the model cards: PNG, below 40 KB each, the same bytes for the same figures. No faces."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from edge.errors import InputError
from edge.images import write_whole
from edge.types import Floats

SIZE_MAX = 40_000
_SIZE_INCHES, _DPI = (5.6, 3.4), 90
_INK = "#404040"
COLOURS = ("#1f6fb4", "#d1495b", "#3a9d5d", "#e0a030", "#7b5ea7")


@dataclass(frozen=True, slots=True)
class Curve:
    """``x`` and ``y`` (n,) of one line. ``marked``: points are drawn as dots too."""

    label: str
    x: Floats
    y: Floats
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """One dot, with a few letters beside it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Title and axes of a plot. ``threshold``: an upright dashed line there, and what it is called."""

    title: str
    x: str
    y: str
    log_x: bool = False
    log_y: bool = False
    threshold: tuple[float, str] | None = None
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None


def draw_curves(path: Path, frame: Frame, curves: Sequence[Curve]) -> Path:
    """Lines over a common x. Raises StateError where it cannot be written."""
    figure, axes = _blank(frame)
    for curve, colour in zip(curves, COLOURS, strict=False):
        marker = "o" if curve.marked else None
        axes.plot(curve.x, curve.y, color=colour, label=curve.label, linewidth=1.6, marker=marker, markersize=4)
    return _finish(figure, axes, path)


def draw_points(path: Path, frame: Frame, groups: Mapping[str, Sequence[Point]]) -> Path:
    """Dots of one colour a group. Raises StateError where it cannot be written."""
    figure, axes = _blank(frame)
    for (label, points), colour in zip(groups.items(), COLOURS, strict=False):
        axes.scatter([point.x for point in points], [point.y for point in points], color=colour, label=label, s=28)
        for point in points:
            axes.annotate(point.text, (point.x, point.y), (4, 4), textcoords="offset points", fontsize=7, color=_INK)
    return _finish(figure, axes, path)


def draw_histograms(path: Path, frame: Frame, groups: Mapping[str, Floats], bins: Floats) -> Path:
    """Share of each group's values (n,) that falls into each of the ``bins`` (edges), laid over each other."""
    figure, axes = _blank(frame)
    for (label, values), colour in zip(groups.items(), COLOURS, strict=False):
        shares = np.histogram(values, bins)[0] / max(len(values), 1)
        axes.stairs(shares, bins, color=colour, fill=True, alpha=0.3)
        axes.stairs(shares, bins, color=colour, label=f"{label} ({len(values)})", linewidth=1.4)
    return _finish(figure, axes, path)


def _blank(frame: Frame) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(frame.title, fontsize=10, color=_INK)
    axes.set_xlabel(frame.x, fontsize=9, color=_INK)
    axes.set_ylabel(frame.y, fontsize=9, color=_INK)
    axes.set_xscale("log" if frame.log_x else "linear")
    axes.set_yscale("log" if frame.log_y else "linear")
    if frame.x_limits is not None:
        axes.set_xlim(*frame.x_limits)
    if frame.y_limits is not None:
        axes.set_ylim(*frame.y_limits)
    axes.grid(True, which="major", color="#e4e4e4", linewidth=0.7)
    axes.tick_params(labelsize=8, colors=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    if frame.threshold is not None:
        axes.axvline(frame.threshold[0], color=_INK, linestyle="--", linewidth=1, label=frame.threshold[1])
    return figure, axes


def _finish(figure: Figure, axes: Axes, path: Path) -> Path:
    axes.legend(fontsize=8, frameon=False)
    width, height = FigureCanvasAgg(figure).get_width_height()  # no window, no global state
    raw = io.BytesIO()
    figure.savefig(raw, format="rgba")
    bgr = np.frombuffer(raw.getvalue(), np.uint8).reshape(height, width, 4)[..., 2::-1]
    # The soft edges of lines hold most of the bytes: sixteen shades of a colour are enough, and pack well.
    coarse = np.ascontiguousarray((bgr.astype(np.int16) + 8) // 17 * 17, np.uint8)
    content = cv2.imencode(".png", coarse, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
    if len(content) > SIZE_MAX:
        raise InputError(f"{path}: expected a plot of at most {SIZE_MAX} bytes, got {len(content)}")
    write_whole(path, content)
    return path

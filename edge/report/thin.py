"""Long series to what a picture can show: of each column of pixels the lowest, the highest and the mean value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.report.gather import GAP_S, Floats

UNKNOWN_S = 0.25  # a line across more would show what nobody measured


@dataclass(frozen=True, slots=True)
class Line:
    """An unbroken line. ``extremes`` (n, 2): time and value, at their own times; ``means`` (m, 2): one a column."""

    extremes: Floats
    means: Floats


def lines(times: Floats, values: Floats, column_s: float) -> list[Line]:
    """The lines through the known ``values`` (n,) at ``times`` (n,), rising.

    ``column_s``: how much time a column of pixels holds. A line breaks where nothing was recorded for longer than
    ``GAP_S``, or what was recorded is not known for longer than ``UNKNOWN_S``; both no less than two columns.
    """
    known = np.isfinite(values)
    places = np.flatnonzero(known)
    times, values = times[known], values[known]
    if not times.size:
        return []
    gap_s = np.where(np.diff(places) > 1, UNKNOWN_S, GAP_S)
    part = np.concatenate([[0], np.cumsum(np.diff(times) > np.maximum(gap_s, 2 * column_s))])
    column = np.floor((times - times[0]) / column_s)
    group = np.concatenate([[0], np.cumsum((np.diff(column) != 0) | (np.diff(part) != 0))])
    order = np.lexsort((values, group))
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    counts = np.diff(starts, append=times.size)
    kept = np.unique(np.concatenate([order[starts], order[starts + counts - 1]]))
    means = np.column_stack([np.add.reduceat(series, starts) / counts for series in (times, values)])
    extremes = np.column_stack([times, values])[kept]
    return [
        Line(low_high, mean)
        for low_high, mean in zip(_split(extremes, part[kept]), _split(means, part[starts]), strict=True)
    ]


def _split(points: Floats, part: np.typing.NDArray[np.int64]) -> list[Floats]:
    return np.split(points, np.flatnonzero(np.diff(part)) + 1)

"""Control charts: limits from Phase I, points of Phase II.

`phase_one` makes a `Chart` from rows that are taken to be the process as it should be; `points`
puts these or later rows on it. A chart of variables has two tracks, location and spread, and the
second is looked at first: limits of the location stand on it.

Variables are float64[g, m], g subgroups of up to m values, NaN where there is none; the charts of
single values take float64[g]. Attributes are counts float64[g] with, for `p`, `np` and `u`, the
sizes float64[g] of what was looked at. A point without a value has none on the chart and takes no
part in the limits.

Sources: D. C. Montgomery, Introduction to Statistical Quality Control (chapters 6, 7 and 9);
NIST/SEMATECH e-Handbook of Statistical Methods, 6.3; ISO 7870. Head start of the
CUSUM: J. M. Lucas and R. B. Crosier, Technometrics 24 (1982) 199-205.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.control.attributes import attribute_chart, attribute_points, counts
from gemel.core.control.chart import (
    ATTRIBUTES,
    KINDS,
    Chart,
    ChartKind,
    Points,
    check_points,
    check_spread,
    track,
)
from gemel.core.control.constants import constants
from gemel.core.control.run_length import limit_for
from gemel.core.control.subgroups import subgroup_chart, subgroup_points
from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["ATTRIBUTES", "KINDS", "Chart", "ChartKind", "Points", "phase_one", "points"]

_SAME_ARL: Final = 370.4
"""Points between false alarms of limits three standard deviations away."""


def phase_one(
    kind: ChartKind,
    values: npt.ArrayLike,
    sizes: npt.ArrayLike | None = None,
    *,
    multiple: float | None = None,
    parameter: float | None = None,
    laney: bool = False,
    head_start: bool = False,
) -> Chart:
    """The chart of rows that are taken to be in control.

    multiple    3 if not given; of `ewma` and `cusum` what gives a false alarm in 370 points, as 3
                does for independent normal points
    parameter   λ of the EWMA (0.2 if not given), reference value of the CUSUM in sigmas (0.5)
    laney       `p` and `u`: widen or narrow the limits by what the points spread more or less than
                chance alone would make them
    head_start  `cusum`: start both sums at half of h, for a quick answer after a repair

    Raises `DataError` where there are too few points or no spread, and where sizes are missing, not
    positive or, for `np`, unequal.
    """
    rows = _rows(kind, values)
    if laney and kind not in ("p", "u"):
        raise DataError(f"Laney's correction is for p and u charts, not for {kind}")
    if kind in ATTRIBUTES:
        known, looked = counts(kind, rows, sizes)
        return attribute_chart(kind, known, looked, 3.0 if multiple is None else multiple, laney)
    if kind in ("xbar-r", "xbar-s"):
        return subgroup_chart(kind, rows, 3.0 if multiple is None else multiple)
    single = rows[np.isfinite(rows)]
    check_points(len(single))
    centre = float(single.mean())
    sigma = float(np.abs(np.diff(single)).mean()) / constants(2).d2
    check_spread(sigma, centre)
    made = Chart(kind, centre, sigma, len(single), multiple=3.0 if multiple is None else multiple)
    if kind == "i-mr":
        return made
    given = {"ewma": 0.2, "cusum": 0.5}[kind] if parameter is None else parameter
    if given <= 0 or (kind == "ewma" and given > 1):
        raise DataError(
            f"parameter is {given}, must be greater than 0" + ", at most 1" * (kind == "ewma")
        )
    if multiple is None:
        multiple = limit_for("ewma" if kind == "ewma" else "cusum", _SAME_ARL, given)
    start = 0.5 if head_start and kind == "cusum" else 0.0
    return Chart(kind, centre, sigma, len(single), 1, multiple, given, start)


def points(
    chart: Chart, values: npt.ArrayLike, sizes: npt.ArrayLike | None = None
) -> tuple[Points, ...]:
    """The tracks of rows on a chart: location, then spread; of a CUSUM, upper and lower sum.

    Rows of an EWMA, a CUSUM and moving ranges are taken to begin a new run of the process.
    """
    rows = _rows(chart.kind, values)
    if chart.kind in ATTRIBUTES:
        known, looked = counts(chart.kind, rows, sizes)
        return (attribute_points(chart, known, looked),)
    if chart.kind in ("xbar-r", "xbar-s"):
        return subgroup_points(chart, rows)
    return {"i-mr": _single_points, "ewma": _ewma_points, "cusum": _cusum_points}[chart.kind](
        chart, rows
    )


def _rows(kind: str, values: npt.ArrayLike) -> Values:
    rows = np.asarray(values, np.float64)
    if kind not in KINDS:
        raise DataError(f"no chart '{kind}'; known: {', '.join(KINDS)}")
    wanted = 2 if kind in ("xbar-r", "xbar-s") else 1
    if rows.ndim != wanted:
        what = "subgroups of several values" if wanted == 2 else "single values"
        raise DataError(f"a chart {kind} is made from {what}; these have {rows.ndim} dimensions")
    return np.where(np.isfinite(rows), rows, np.nan)


def _single_points(chart: Chart, rows: Values) -> tuple[Points, ...]:
    whole = np.full(len(rows), chart.centre)
    error = np.full(len(rows), chart.sigma)
    moving = np.full(len(rows), np.nan)
    known = np.flatnonzero(np.isfinite(rows))
    moving[known[1:]] = np.abs(np.diff(rows[known]))
    two = constants(2)
    return (
        track("value", rows, whole, error, chart.multiple),
        track(
            "moving range", moving, two.d2 * error, two.d3 * error, chart.multiple, least=0.0
        ),
    )  # fmt: skip


def _ewma_points(chart: Chart, rows: Values) -> tuple[Points, ...]:
    weight, mean = chart.parameter, chart.centre
    value = np.full(len(rows), np.nan)
    error = np.full(len(rows), np.nan)
    for seen, i in enumerate(np.flatnonzero(np.isfinite(rows)).tolist(), 1):
        mean += weight * (float(rows[i]) - mean)
        value[i] = mean
        error[i] = chart.sigma * sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * seen)))
    whole = np.full(len(rows), chart.centre)
    return (track("weighted mean", value, whole, error, chart.multiple),)


def _cusum_points(chart: Chart, rows: Values) -> tuple[Points, ...]:
    sums = [chart.start * chart.multiple] * 2
    value = np.full((2, len(rows)), np.nan)
    for i in np.flatnonzero(np.isfinite(rows)).tolist():
        z = (float(rows[i]) - chart.centre) / chart.sigma
        for side, sign in enumerate((1, -1)):
            sums[side] = max(sums[side] + sign * z - chart.parameter, 0.0)
            value[side, i] = sums[side] * chart.sigma
    zero, none = np.zeros(len(rows)), np.full(len(rows), np.nan)
    limit = np.full(len(rows), chart.multiple * chart.sigma)
    return tuple(
        Points(f"{side} sum", value[k], zero, none, limit, limit / 3)
        for k, side in enumerate(("upper", "lower"))
    )

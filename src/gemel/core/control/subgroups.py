"""Charts of means with ranges or standard deviations: subgroups of several values.

Subgroups of unequal size: I. W. Burr, Journal of Quality Technology 1 (1969) 163-167.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gemel.core.control.chart import Chart, ChartKind, Points, check_points, check_spread, track
from gemel.core.control.constants import constants
from gemel.core.frame import Values

__all__ = ["subgroup_chart", "subgroup_points", "subgroups"]


def subgroups(rows: Values, kind: str) -> tuple[Values, Values, Values]:
    """How many values each subgroup has, their mean, and their range or standard deviation."""
    count = np.isfinite(rows).sum(axis=1)
    filled = np.where(np.isfinite(rows), rows, 0.0)
    mean = np.where(count > 0, filled.sum(axis=1) / np.maximum(count, 1), np.nan)
    if kind == "xbar-r":
        top = np.where(np.isfinite(rows), rows, -np.inf).max(axis=1, initial=-np.inf)
        bottom = np.where(np.isfinite(rows), rows, np.inf).min(axis=1, initial=np.inf)
        with np.errstate(invalid="ignore"):
            spread = top - bottom
    else:
        apart = np.where(np.isfinite(rows), rows - mean[:, None], 0.0)
        spread = np.sqrt((apart**2).sum(axis=1) / np.maximum(count - 1, 1))
    return count.astype(np.float64), mean, np.where(count > 1, spread, np.nan)


def _each(count: Values, of: Callable[[int], float]) -> Values:
    """A constant for each subgroup; NaN for those with fewer than two values."""
    table = {n: of(n) for n in {int(c) for c in count.tolist()} if n > 1}
    return np.array([table.get(int(c), np.nan) for c in count.tolist()])


def _spread_constants(kind: str) -> tuple[Callable[[int], float], Callable[[int], float]]:
    """Mean and standard deviation of the spread of n values of standard deviation 1."""
    if kind == "xbar-r":
        return (lambda n: constants(n).d2), (lambda n: constants(n).d3)
    return (lambda n: constants(n).c4), (lambda n: constants(n).c5)


def subgroup_chart(kind: ChartKind, rows: Values, multiple: float) -> Chart:
    count, mean, spread = subgroups(rows, kind)
    usable = count > 1
    check_points(int(usable.sum()))
    mean_of, deviation_of = _spread_constants(kind)
    expected, deviation = _each(count, mean_of), _each(count, deviation_of)
    # Weights that make the variance least; equal sizes have equal ones: R̄ / d2 or s̄ / c4.
    weight = (expected[usable] / deviation[usable]) ** 2
    sigma = float((weight * spread[usable] / expected[usable]).sum() / weight.sum())
    known = count > 0
    centre = float((count[known] * mean[known]).sum() / count[known].sum())
    check_spread(sigma, centre)
    return Chart(kind, centre, sigma, int(usable.sum()), int(count.max()), multiple)


def subgroup_points(chart: Chart, rows: Values) -> tuple[Points, ...]:
    count, mean, spread = subgroups(rows, chart.kind)
    name = "range" if chart.kind == "xbar-r" else "standard deviation"
    mean_of, deviation_of = _spread_constants(chart.kind)
    error = np.where(count > 0, chart.sigma / np.sqrt(np.maximum(count, 1)), np.nan)
    return (
        track("mean", mean, np.where(count > 0, chart.centre, np.nan), error, chart.multiple),
        track(
            name, spread, chart.sigma * _each(count, mean_of),
            chart.sigma * _each(count, deviation_of), chart.multiple, least=0.0,
        ),
    )  # fmt: skip

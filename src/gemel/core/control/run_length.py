"""Run lengths: how many rows a chart goes on before it alarms, and limits that give so many.

Sources: D. Brook and D. A. Evans, Biometrika 59 (1972) 539-549, for the Markov chain; J. M. Lucas
and M. S. Saccucci, Technometrics 32 (1990) 1-12, for the EWMA.
"""

from __future__ import annotations

from functools import cache
from math import erf, sqrt
from typing import Literal, TypeAlias

import numpy as np

from gemel.core.frame import Values

__all__ = ["Method", "average_run_length", "limit_for"]

Method: TypeAlias = Literal["shewhart", "ewma", "cusum"]


def average_run_length(
    method: Method, limit: float, parameter: float = 1.0, shift: float = 0.0
) -> float:
    """Rows until the first alarm, on average, of independent normal rows that start at the centre.

    method     of the chart, two-sided
    limit      of the statistic: standard deviations (shewhart), of the EWMA (ewma), sum (cusum)
    parameter  λ of the EWMA, reference value of the CUSUM
    shift      of the mean, in standard deviations

    Source: Markov chain over 101 states (Brook and Evans 1972; Lucas and Saccucci 1990, who give
    500 for λ = 0.2 and limit 2.962). Within 1 % of published tables for limits up to 6.
    """
    if method == "shewhart":
        return 1 / (1 - _normal(limit - shift) + _normal(-limit - shift))
    if method == "cusum":
        up = _one_sided(limit, parameter, shift)
        down = _one_sided(limit, parameter, -shift)
        return 1 / (1 / up + 1 / down)
    states = 101
    half = limit * sqrt(parameter / (2 - parameter))
    width = 2 * half / states
    middle = -half + width * (np.arange(states) + 0.5)
    edges = -half + width * np.arange(states + 1)
    reach = (edges[None, :] - (1 - parameter) * middle[:, None]) / parameter - shift
    return _chain(np.diff(_normals(reach), axis=1))[states // 2]


def _one_sided(limit: float, reference: float, shift: float) -> float:
    states = 101
    width = 2 * limit / (2 * states - 1)
    middle = width * np.arange(states)
    edges = np.concatenate([[-np.inf], width * (np.arange(states) + 0.5)])
    reach = edges[None, :] - middle[:, None] + reference - shift
    return _chain(np.diff(_normals(reach), axis=1))[0]


def _chain(transition: Values) -> list[float]:
    """Mean number of steps from each state until the chain is left."""
    n = len(transition)
    steps: list[float] = np.linalg.solve(np.eye(n) - transition, np.ones(n)).tolist()
    return steps


def _normal(x: float) -> float:
    """Normal distribution function."""
    return 0.5 * (1 + erf(x / sqrt(2)))


def _normals(x: Values) -> Values:
    return np.array([_normal(v) for v in x.ravel().tolist()]).reshape(x.shape)


@cache
def limit_for(method: Method, arl: float, parameter: float = 1.0) -> float:
    """The limit with which a chart gives `arl` rows on average between false alarms."""
    low, high = 0.0, 1.0
    while average_run_length(method, high, parameter) < arl:
        low, high = high, 2 * high
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        if average_run_length(method, middle, parameter) < arl:
            low = middle
        else:
            high = middle
    return high

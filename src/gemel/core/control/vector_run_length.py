"""Run lengths of charts of several signals at once, and limits that give so many.

Under independent, normally distributed rows of known mean and covariance the distance from the mean
alone decides how such a chart goes on, so that its run length solves an integral equation in one
variable, which is solved at Gauss-Legendre nodes.

Sources: S. E. Rigdon, J. Statistical Computation and Simulation 52 (1995) 351-365, for the MEWMA;
R. B. Crosier, Technometrics 30 (1988) 291-303, for the MCUSUM.
"""

from __future__ import annotations

from functools import cache
from math import lgamma, log, sqrt
from typing import Final, Literal, TypeAlias

import numpy as np

from gemel.core.control.quantiles import chi2_cdf
from gemel.core.frame import Values

__all__ = ["VectorMethod", "average_run_length", "limit_for"]

VectorMethod: TypeAlias = Literal["hotelling", "mewma", "mcusum"]

_NODES: Final = 80


def average_run_length(
    method: VectorMethod, limit: float, signals: int, parameter: float = 1.0
) -> float:
    """Rows until the first alarm, on average, of normal rows that start at the mean.

    method     hotelling: T² of each row; mewma: T² of the averaged rows, by the covariance that
               averages have in the long run; mcusum: the length of Crosier's vector
    limit      of T² (hotelling, mewma) or of the length (mcusum)
    parameter  λ of the MEWMA, k of the MCUSUM

    Agrees with the published tables to their digits: 200 for two signals with λ = 0.1 and limit
    8.64 (Prabhu and Runger, J. Quality Technology 29 (1997) 8-15).
    """
    if method == "hotelling":
        return 1 / max(1 - chi2_cdf(limit, signals), 1e-300)
    place, weight = np.polynomial.legendre.leggauss(_NODES)
    if method == "mewma":
        most = sqrt(limit * parameter / (2 - parameter))
        place, weight = most * (place + 1) / 2, most * weight / 2
        from_ = np.append(0.0, place) * (1 - parameter) / parameter
        reached = _density(place / parameter, from_, signals) * (weight / parameter)
        back = np.zeros(len(from_))
    else:
        place, weight = limit * (place + 1) / 2, limit * weight / 2
        from_ = np.append(0.0, place)
        reached = _density(place + parameter, from_, signals) * weight
        back = _within(parameter, from_, signals)
    # The first state is the start; a MEWMA never returns to it, an MCUSUM does.
    moves = np.column_stack([back, reached])
    steps = np.linalg.solve(np.eye(len(from_)) - moves, np.ones(len(from_)))
    # Beyond what can be told from never, the equation is solved by noise.
    return float(steps[0]) if 0 < steps[0] < 1e12 else float("inf")


@cache
def limit_for(method: VectorMethod, arl: float, signals: int, parameter: float = 1.0) -> float:
    """The limit with which a chart gives `arl` rows on average between false alarms."""
    low, high = 0.0, 1.0
    while average_run_length(method, high, signals, parameter) < arl:
        low, high = high, 2 * high
    while high - low > 1e-5 * high:
        middle = (low + high) / 2
        if average_run_length(method, middle, signals, parameter) < arl:
            low = middle
        else:
            high = middle
    return high


def _density(to: Values, from_: Values, signals: int) -> Values:
    """Of the length `to` [m] of a standard normal vector that was moved by `from_` [n]:
    float64[n,m]. The square of the length is non-central chi-square, a Poisson mixture of central
    ones."""
    square = to**2
    terms = np.arange(_terms(from_), dtype=np.float64)
    size = signals / 2 + terms
    logs = np.array([lgamma(s) for s in size.tolist()])
    central = (
        (size - 1)[:, None] * np.log(square)
        - square / 2
        - (size * log(2) + logs)[:, None]
    )  # fmt: skip
    found: Values = _poisson(from_, terms) @ np.exp(central)
    return found * 2 * to


def _within(radius: float, from_: Values, signals: int) -> Values:
    """Probability that a standard normal vector that was moved by `from_` [n] is no longer."""
    terms = np.arange(_terms(from_), dtype=np.float64)
    central = np.array([chi2_cdf(radius**2, signals + 2 * j) for j in terms.tolist()])
    found: Values = _poisson(from_, terms) @ central
    return found


def _poisson(from_: Values, terms: Values) -> Values:
    """Weights float64[n,terms] of the mixture."""
    mean = np.maximum(from_**2 / 2, 1e-300)[:, None]
    logs = np.array([lgamma(j + 1) for j in terms.tolist()])
    return np.asarray(np.exp(terms * np.log(mean) - mean - logs), np.float64)


def _terms(from_: Values) -> int:
    mean = float(from_.max()) ** 2 / 2
    return int(mean + 10 * sqrt(mean) + 40)

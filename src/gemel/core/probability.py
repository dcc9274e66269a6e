"""Normal, gamma and Poisson probabilities of arrays, to about fourteen digits.

Sources: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 6.5.29 and 6.5.31 (the
incomplete gamma function as a series and as a continued fraction).
"""

from __future__ import annotations

from math import erfc, exp, lgamma, log, pi, sqrt
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import vectorize

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = [
    "gamma_cdf", "gamma_pdf", "normal_cdf", "normal_loss", "normal_pdf", "normal_quantile",
    "normal_tail_scaled", "panels", "poisson_pmf",
]  # fmt: skip

_TINY: Final = 1e-300
_MOST_COUNTED: Final = 1e6
_ENOUGH: Final = 1e-16


def normal_quantile(p: float) -> float:
    """The z that a standard normal variable stays below with probability 0 < p < 1."""
    return NormalDist().inv_cdf(p)


def normal_pdf(z: npt.ArrayLike) -> Any:
    """Density of a standard normal variable, in the shape of `z`."""
    return np.exp(-0.5 * np.square(z)) / sqrt(2 * pi)


@vectorize(["float64(float64)"], cache=True)
def _normal_cdf(z: float) -> float:
    return 0.5 * erfc(-z / sqrt(2.0))


def normal_cdf(z: npt.ArrayLike) -> Any:
    """P(Z ≤ z) of a standard normal variable, in the shape of `z`; exact in the far tail, too."""
    return _normal_cdf(z)


def normal_loss(z: npt.ArrayLike) -> Any:
    """E(Z − z)⁺ of a standard normal variable, in the shape of `z`."""
    return normal_pdf(z) - np.asarray(z) * _normal_cdf(-np.asarray(z, np.float64))


@vectorize(["float64(float64)"], cache=True)
def _mills(z: float) -> float:
    if z < 25.0:
        return 0.5 * erfc(z / sqrt(2.0)) * exp(0.5 * z * z)
    w = 1.0 / (z * z)
    series = 1.0 - w * (1.0 - 3.0 * w * (1.0 - 5.0 * w * (1.0 - 7.0 * w)))
    return series / (z * sqrt(2.0 * pi))


def normal_tail_scaled(z: npt.ArrayLike) -> Any:
    """exp(z²/2) · P(Z > z) of a standard normal variable for z > −35, which does not underflow."""
    return _mills(z)


@vectorize(["float64(float64, float64)"], cache=True)
def _gamma_cdf(a: float, x: float) -> float:
    if x <= 0.0:
        return 0.0
    if a <= 0.0:
        return 1.0
    if x == np.inf:
        return 1.0
    factor = exp(a * log(x) - x - lgamma(a))
    if x < a + 1.0:
        term = total = 1.0 / a
        k = a
        while term > _ENOUGH * total:
            k += 1.0
            term *= x / k
            total += term
        return min(factor * total, 1.0)
    value = x + 1.0 - a
    up, down = value, 0.0
    for k in range(1, 100_000):
        n, d = -k * (k - a), x + 2.0 * k + 1.0 - a
        down = d + n * down
        down = 1.0 / (down if down != 0.0 else _TINY)
        up = d + n / up
        up = up if up != 0.0 else _TINY
        value *= up * down
        if abs(up * down - 1.0) < 1e-15:
            break
    return 1.0 - factor / value


def gamma_cdf(shape: npt.ArrayLike, x: npt.ArrayLike) -> Any:
    """P(X ≤ x) of a gamma variable with scale 1: the regularised lower incomplete gamma function.
    A shape of 0 is a variable that is 0. Arrays are broadcast."""
    return _gamma_cdf(shape, x)


def gamma_pdf(shape: float, x: npt.ArrayLike) -> Any:
    """Density of a gamma variable with scale 1 at x > 0."""
    x = np.asarray(x, np.float64)
    with np.errstate(divide="ignore"):
        return np.where(x > 0, np.exp((shape - 1) * np.log(np.maximum(x, _TINY)) - x
                                      - lgamma(shape)), 0.0)  # fmt: skip


def poisson_pmf(mean: float, least_tail: float = 1e-16) -> Values:
    """float64[n]: P(N = k) for k = 0, 1, … until what is left out is less than `least_tail`, as far
    as doubles can tell. Its sum is one. Raises `DataError` above a mean of a million."""
    if mean <= 0:
        return np.ones(1)
    if mean > _MOST_COUNTED:
        raise DataError(
            f"a Poisson number with mean {mean:.4g} is too large to count; such demand is normal, "
            f"with spread {sqrt(mean):.4g}"
        )
    top = int(mean + 12 * sqrt(mean) + 30)
    k = np.arange(top + 1)
    logs = k * log(mean) - mean - np.cumsum(np.log(np.maximum(k, 1)))
    pmf = np.exp(logs)
    tail = np.cumsum(pmf[::-1])[::-1]
    last = int(np.flatnonzero(tail >= least_tail)[-1])
    kept = pmf[: last + 1]
    return np.asarray(kept / kept.sum())


def panels(low: float, high: float, count: int, order: int = 8) -> tuple[Values, Values]:
    """Nodes and weights, float64[count · order] each, of Gauss and Legendre on `count` equal parts
    of [low, high]."""
    x, w = np.polynomial.legendre.leggauss(order)
    edges = np.linspace(low, high, count + 1)
    half = 0.5 * np.diff(edges)
    nodes = (edges[:-1] + half)[:, None] + half[:, None] * x
    return nodes.ravel(), (half[:, None] * w).ravel()

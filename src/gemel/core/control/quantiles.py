"""Chi-square, Student's t, F and beta: probabilities and quantiles, to about ten digits.

Sources: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 6.5.29 and 6.5.31
(incomplete gamma function), 26.5.8 (incomplete beta function, as a continued fraction).
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, lgamma, log, log1p
from typing import Final

__all__ = [
    "beta_cdf", "beta_quantile", "chi2_cdf", "chi2_quantile", "f_above", "t_cdf", "t_quantile",
]  # fmt: skip

_TINY: Final = 1e-300
_ENOUGH: Final = 1e-15


def chi2_cdf(x: float, df: float) -> float:
    """P(X ≤ x) of a chi-square variable with `df` > 0 degrees of freedom."""
    return _gamma(df / 2, x / 2) if x > 0 else 0.0


def chi2_quantile(p: float, df: float) -> float:
    """The x that a chi-square variable stays below with probability 0 < p < 1."""
    return _inverse(lambda x: chi2_cdf(x, df), p, df)


def t_cdf(x: float, df: float) -> float:
    """P(T ≤ x) of Student's t with `df` > 0 degrees of freedom."""
    tail = 0.5 * _beta(df / 2, 0.5, df / (df + x * x))
    return 1 - tail if x > 0 else tail


def t_quantile(p: float, df: float) -> float:
    """The x that Student's t stays below with probability 0 < p < 1."""
    if p < 0.5:
        return -t_quantile(1 - p, df)
    return 0.0 if p == 0.5 else _inverse(lambda x: t_cdf(x, df), p, 1.0)


def f_above(x: float, df1: float, df2: float) -> float:
    """P(F > x) of an F variable with `df1` and `df2` degrees of freedom."""
    return _beta(df2 / 2, df1 / 2, df2 / (df2 + df1 * x)) if x > 0 else 1.0


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(X ≤ x) of a beta variable with shapes `a` and `b` > 0."""
    return _beta(a, b, x)


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x in 0 … 1 that a beta variable stays below with probability 0 < p < 1."""
    return _inverse(lambda x: beta_cdf(x, a, b), p, 1.0)


def _inverse(cdf: Callable[[float], float], p: float, start: float) -> float:
    """The positive x where a rising function is p, by halving."""
    if not 0 < p < 1:
        raise ValueError(f"probability {p} is not between 0 and 1")
    low, high = 0.0, start
    while cdf(high) < p:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if cdf(middle) < p:
            low = middle
        else:
            high = middle
    return high


def _gamma(a: float, x: float) -> float:
    """Regularised lower incomplete gamma function: a series below a + 1, a fraction above."""
    factor = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        k = a
        while term > _ENOUGH * total:
            k += 1
            term *= x / k
            total += term
        return factor * total
    return 1 - factor / _fraction(
        x + 1 - a, lambda k: -k * (k - a), lambda k: x + 2 * k + 1 - a
    )  # fmt: skip


def _beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # there the fraction of the other end is the quicker one
        return 1 - _beta(b, a, 1 - x)
    logarithm = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)

    def numerator(k: int) -> float:
        m = k // 2
        if k % 2:
            return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))

    return exp(logarithm) / a / _fraction(1.0, numerator, lambda _: 1.0)


def _fraction(
    first: float, numerator: Callable[[int], float], denominator: Callable[[int], float]
) -> float:
    """first + n1 / (d1 + n2 / (d2 + …)), by Lentz's method."""
    value = first or _TINY
    up, down = value, 0.0
    for k in range(1, 10_000):
        n, d = numerator(k), denominator(k)
        down = 1 / (d + n * down or _TINY)
        up = d + n / up or _TINY
        value *= up * down
        if abs(up * down - 1) < _ENOUGH * 10:
            return value
    return value

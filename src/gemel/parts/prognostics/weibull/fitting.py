"""The most likely numbers, and how far they are drawn towards zero."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import exp, log
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.core.wear.regression import Slope, climbed, likelihood
from gemel.parts.prognostics.base import Runs

__all__ = ["Lives", "chosen", "curved", "fitted", "rows_of", "with_age"]

_RIDGES: Final = (10.0, 1.0, 0.1, 0.01, 1e-3)
"""Per row, from strong to weak."""
_ROWS: Final = 1_000
"""Rows on which clock and ridge are chosen."""
_FOLDS: Final = 4
_MOST: Final = 50_000
"""Rows on which effects are fitted: those of one unit say much the same."""
_BENT: Final = 4.0
"""Standard deviations beyond which a square does not grow."""
_SURE: Final = 1e-6
"""Keeps the law from becoming a single age where few units failed: a spread of log(life) below a
thousandth costs as much as it wins."""


@dataclass(frozen=True, slots=True)
class Lives:
    """Of each row how long its unit lived on.

    x       float64[n,p]  covariates, standardised
    age     float64[n]    at least 0
    left    float64[n]    life after the row; the truth is that or more where not `failed`
    failed  bool[n]
    unit    int64[n]
    half    half a step between rows: a unit failed after its last row and before the next
    typical_age           the mean of `age`
    """

    x: Values
    age: Values
    left: Values
    failed: npt.NDArray[np.bool_]
    unit: npt.NDArray[np.int64]
    half: float
    typical_age: float

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Lives:
        return Lives(
            self.x[rows], self.age[rows], self.left[rows], self.failed[rows], self.unit[rows],
            self.half, self.typical_age,
        )  # fmt: skip


def curved(x: Values) -> Values:
    """float64[n,2p]: covariates and their squares. What wears seldom shortens life evenly."""
    return np.hstack([x, np.clip(x, -_BENT, _BENT) ** 2])


def rows_of(runs: Runs, x: Values, cap: float) -> Lives:
    """Every row tells of its unit, by what its covariates are, float64[n,p], and their squares;
    beyond the cap is known only that it lived so long. Of more than 50,000 rows, only each second
    one, or third, and so on."""
    steps = np.diff(runs.age)[np.diff(runs.unit) == 0]
    half = float(np.median(steps)) / 2 if len(steps) else float(runs.age.max()) / 2
    left, age = runs.remaining() + half, np.maximum(runs.age, 0.0)
    ended = runs.ended[np.searchsorted(runs.unit[runs.starts], runs.unit)]
    failed = ended & (left <= cap)
    some = slice(None, None, max(1, -(-len(runs) // _MOST)))
    return Lives(
        curved(x[some]), age[some], np.minimum(left, cap)[some], failed[some], runs.unit[some],
        half, float(age.mean()),
    )  # fmt: skip


def with_age(x: Values, age: Values, half: float, typical: float) -> Values:
    """Covariates, float64[n,p+2]: an intercept, `x`, and how old against what is typical."""
    old = np.log((np.maximum(age, 0.0) + half) / (typical + half))
    return np.column_stack([np.ones(len(x)), x, old])


def fitted(lives: Lives, by_age: bool, ridge: float, begin: Values | None = None) -> Values:
    """float64[p+3]: intercept, effects of `x`, that of the age, and log spread.

    By age, life is counted since new and the age is what was reached; its effect is then 0.
    """
    x = with_age(lives.x, lives.age, lives.half, lives.typical_age)
    if by_age:
        x = x[:, :-1]
    since, until = _watched(lives, by_age)
    if begin is None:
        begin = np.zeros(x.shape[1] + 1)
        begin[0] = log(float(np.exp(until).mean()))
        begin[-1] = log(0.5)
    elif by_age:
        begin = np.delete(begin, -2)
    drawn = np.append(np.full(x.shape[1], ridge * len(x)), 0.0)
    drawn[0] = 0.0
    sure = _SURE * len(x)

    def slope(theta: Values) -> Slope:
        value, gradient, hessian = likelihood(theta, x, until, lives.failed, since)
        narrow = sure * exp(min(-2 * theta[-1], 100.0))
        gradient = gradient - drawn * theta
        gradient[-1] += 2 * narrow
        hessian[np.diag_indices(len(theta))] -= drawn
        hessian[-1, -1] -= 4 * narrow
        return value - 0.5 * float(drawn @ theta**2) - narrow, gradient, hessian

    theta, _, _ = climbed(begin, slope)
    return np.insert(theta, -1, 0.0) if by_age else theta


def chosen(
    lives: Lives, clock: str | None, ridge: float | None, folds: int
) -> tuple[str, float]:  # fmt: skip
    """The clock and the ridge under which units that were left out are most likely."""
    clocks = ("age", "row") if clock is None else (clock,)
    ridges = _RIDGES if ridge is None else (ridge,)
    if len(clocks) * len(ridges) == 1:
        return clocks[0], ridges[0]
    some = lives.take(np.linspace(0, len(lives.age) - 1, min(_ROWS, len(lives.age))).astype(int))
    units = np.unique(some.unit)
    dealt = np.random.default_rng(1).permutation(len(units)) % min(folds, _FOLDS)
    fold = dealt[np.searchsorted(units, some.unit)]
    likely = dict.fromkeys(product(clocks, ridges), 0.0)
    for number in range(int(dealt.max()) + 1):
        inside, out = some.take(fold != number), some.take(fold == number)
        for name in clocks:
            theta = None
            for strength in ridges:
                theta = fitted(inside, name == "age", strength, theta)
                likely[name, strength] += _likely(out, theta, name == "age")
    return max(likely, key=lambda each: likely[each])


def _likely(lives: Lives, theta: Values, by_age: bool) -> float:
    """Log likelihood of log(life left), so that clocks can be told against one another."""
    x = with_age(lives.x, lives.age, lives.half, lives.typical_age)
    since, until = _watched(lives, by_age)
    value = likelihood(theta, x, until, lives.failed, since)[0]
    return value + float((np.log(lives.left) - until)[lives.failed].sum())


def _watched(lives: Lives, by_age: bool) -> tuple[Values | None, Values]:
    """Log of the age from which, and until which, each row was watched."""
    if not by_age:
        return None, np.log(lives.left)
    with np.errstate(divide="ignore"):
        return np.log(lives.age), np.log(lives.age + lives.left)

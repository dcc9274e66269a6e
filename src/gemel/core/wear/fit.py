"""Weibull lives from a table, by maximum likelihood: with lives that have not ended, and with
covariates that make life longer or shorter (`regression`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.probability import normal_quantile
from gemel.core.wear.regression import climbed, likelihood

__all__ = ["Estimate", "WeibullFit", "fit_weibull"]

_FAR: Final = 50.0
"""Effects beyond this grow without end."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WeibullFit:
    """What lives say.

    shape       of the Weibull law
    scale       where all covariates are at their mean, in the unit of the lives
    factors     of each covariate: life is longer by this factor for one unit more of it
    likelihood  logarithm, of the lives themselves
    failed, rows
    coefficients, covariance   of (effects, log spread), intercept first; covariates as given
    """

    shape: Estimate
    scale: Estimate
    factors: dict[str, Estimate]
    likelihood: float
    failed: int
    rows: int
    coefficients: Values
    covariance: Values

    def wears(self) -> bool:
        """Whether the shape is above 1 beyond doubt, so that replacing in time can pay."""
        return self.shape.low > 1

    def scale_at(self, values: npt.ArrayLike) -> float:
        """The scale where the covariates have these values."""
        x = np.append(1.0, np.asarray(values, np.float64))
        return float(np.exp(x @ self.coefficients[:-1]))


def fit_weibull(
    life: Values, failed: npt.NDArray[np.bool_], covariates: dict[str, Values] | None = None,
    confidence: float = 0.95,
) -> WeibullFit:  # fmt: skip
    """life float64[n] > 0, failed bool[n] (False: still running at that age), covariates float64[n]
    each. Intervals are those of Wald, of logarithms, so that they stay above 0.

    Raises `DataError` where there is too little to learn from, and says what is needed.
    """
    names = tuple(covariates or {})
    columns = [np.asarray(v, np.float64) for v in (covariates or {}).values()]
    _usable(life, failed, dict(zip(names, columns, strict=True)))
    raw = np.stack([np.ones(len(life)), *columns], axis=1)
    centre = np.append(0.0, raw[:, 1:].mean(axis=0))
    spread = np.append(1.0, raw[:, 1:].std(axis=0))
    x = (raw - centre) / spread
    y = np.log(life)
    theta = np.append(np.zeros(x.shape[1]), log(max(float(y.std()), 0.05)))
    theta[0] = log(life.sum() / failed.sum())  # the mean of an exponential life
    theta, value, hessian = climbed(theta, lambda t: likelihood(t, x, y, failed))
    if np.abs(theta).max() > _FAR:
        raise DataError(
            "a covariate tells apart who failed without exception: no effect can be told"
        )
    # Back to covariates as they are given: effect / spread, and the intercept without the means.
    back = np.eye(len(theta))
    for j in range(1, x.shape[1]):
        back[j, j] = 1 / spread[j]
        back[0, j] = -centre[j] / spread[j]
    covariance = np.linalg.inv(-hessian)
    z = normal_quantile(0.5 + confidence / 2)

    def estimate(value: float, deviation: float, sign: float = 1.0) -> Estimate:
        ends = sorted((exp(sign * (value - z * deviation)), exp(sign * (value + z * deviation))))
        return Estimate(exp(sign * value), *ends)

    deviation = np.sqrt(np.diag(covariance))
    coefficients, whole = back @ theta, back @ covariance @ back.T
    effects = {
        name: estimate(float(coefficients[j]), sqrt(float(whole[j, j])))
        for j, name in enumerate(names, 1)
    }
    return WeibullFit(
        estimate(float(theta[-1]), float(deviation[-1]), -1.0),
        estimate(float(theta[0]), float(deviation[0])), effects,
        value - float(y[failed].sum()), int(failed.sum()), len(life), coefficients, whole,
    )  # fmt: skip


def _usable(life: Values, failed: npt.NDArray[np.bool_], columns: dict[str, Values]) -> None:
    if len(life) == 0 or not np.isfinite(life).all() or (life <= 0).any():
        where = np.flatnonzero(~(np.isfinite(life) & (life > 0)))
        row = f"row {where[0] + 1} has {life[where[0]]:g}; " if len(where) else "there are none; "
        raise DataError(f"{row}lives must be numbers greater than 0")
    needed = 2 + len(columns)
    if len(np.unique(life[failed])) < needed:
        raise DataError(
            f"{int(failed.sum())} failures at {len(np.unique(life[failed]))} ages; at least "
            f"{needed} ages are needed for shape, scale and {len(columns)} covariates"
        )
    for name, values in columns.items():
        if not np.isfinite(values).all():
            raise DataError(f"covariate '{name}' is unknown in row "
                            f"{int(np.flatnonzero(~np.isfinite(values))[0]) + 1}")  # fmt: skip
        if values.std() == 0:
            raise DataError(f"covariate '{name}' is the same in all rows")

"""Weibull regression: the likelihood of lives with covariates, and the way up to its top.

log(life) = x · effect + spread · W with W the smallest of many (Gumbel): the Weibull law whose
shape is 1 / spread and whose scale is exp(x · effect). See J. F. Lawless, Statistical Models and
Methods for Lifetime Data, chapter 6. A life may be known only to be longer than it was watched
(censored), and may be watched only since it had reached some age (truncated on the left).
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values

__all__ = ["Slope", "climbed", "likelihood"]

_ROUNDS: Final = 200
_HUGE: Final = 300.0
"""Exponents beyond this are not told apart: what is multiplied with them must not overflow."""

Slope: TypeAlias = tuple[float, Values, Values]
"""Value, gradient and second derivatives of a function of several numbers."""


def likelihood(
    theta: Values, x: Values, y: Values, failed: npt.NDArray[np.bool_],
    since: Values | None = None,
) -> Slope:  # fmt: skip
    """Logarithm, of log(life), by `theta` = (effects, log spread).

    x       float64[n,k]  covariates, with a column of ones where an intercept is wanted
    y       float64[n]    log of the age until which each was watched
    failed  bool[n]       whether it failed there
    since   float64[n]    log of the age from which on each was watched, below `y`; -inf: from new
    """
    spread = exp(min(max(theta[-1], -20.0), 20.0))
    told = x @ theta[:-1]
    z = (y - told) / spread
    with np.errstate(over="ignore"):
        grown = np.exp(np.minimum(z, _HUGE))
    value = float((z[failed] - theta[-1]).sum() - grown.sum())
    first = grown - failed  # -d/dz of the logarithm, until here
    by_z = first * z
    second = z * (first + grown * z)
    cross = first + grown * z
    if since is not None:
        z = np.maximum((since - told) / spread, -_HUGE)
        lived = np.exp(np.minimum(z, _HUGE))
        value += float(lived.sum())
        grown = grown - lived
        first = first - lived
        by_z = by_z - lived * z
        second = second - z * (lived + lived * z)
        cross = cross - (lived + lived * z)
    k = x.shape[1]
    by_effect = x.T @ first / spread
    hessian = np.empty((k + 1, k + 1))
    hessian[:k, :k] = -(x.T * grown) @ x / spread**2
    hessian[:k, k] = hessian[k, :k] = -(x.T @ cross) / spread
    hessian[k, k] = -float(second.sum())
    return value, np.append(by_effect, float(by_z.sum() - failed.sum())), hessian


def climbed(theta: Values, slope: Callable[[Values], Slope]) -> tuple[Values, float, Values]:
    """Where a function is highest, how high, and its second derivatives there.

    Newton's way up, with halved steps where one would go down and damped ones where the curvature
    is wrong. After 200 steps it ends where it is.
    """
    value, gradient, hessian = slope(theta)
    for _ in range(_ROUNDS):
        damping, step = 0.0, None
        while step is None:
            try:
                np.linalg.cholesky(-hessian + damping * np.eye(len(theta)))
                step = np.linalg.solve(-hessian + damping * np.eye(len(theta)), gradient)
            except np.linalg.LinAlgError:
                damping = max(2 * damping, 1e-6 * float(np.abs(hessian).max()))
        size = min(1.0, 1.0 / float(np.abs(step).max()))  # far away, the curvature misleads
        while True:
            tried = theta + size * step
            new = slope(tried)
            if new[0] >= value or size < 1e-10:
                break
            size *= 0.5
        done = abs(new[0] - value) <= 1e-12 * (1 + abs(value)) and np.abs(size * step).max() < 1e-9
        theta, (value, gradient, hessian) = tried, new
        if done:
            break
    return theta, value, hessian

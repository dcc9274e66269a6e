"""What a run says, and how sure that is: intervals, batch means, where a warm-up ends, ranking."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, floor, log10, nan, sqrt

import numpy as np

from gemel.core.control.quantiles import t_cdf, t_quantile
from gemel.core.frame import Values

__all__ = ["Estimate", "batch_means", "best_of", "estimate", "number", "warm_up"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the interval that holds the true one with the given confidence; both ends are
    NaN where one value alone says nothing of its chance."""

    value: float
    low: float
    high: float
    count: int


def estimate(values: Values, confidence: float = 0.95) -> Estimate:
    """The mean of independent replications, with Student's interval."""
    known = values[np.isfinite(values)]
    n = len(known)
    if n == 0:
        return Estimate(nan, nan, nan, 0)
    mean = float(known.mean())
    if n < 2:
        return Estimate(mean, nan, nan, n)
    half = t_quantile(0.5 + confidence / 2, n - 1) * float(known.std(ddof=1)) / sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def batch_means(values: Values, batches: int = 20, confidence: float = 0.95) -> Estimate:
    """The mean of one long run whose values depend on each other: it is cut into batches that are
    nearly independent. Fewer than two values a batch are told without an interval."""
    length = len(values) // batches
    if length < 2:
        return Estimate(float(values.mean()) if len(values) else nan, nan, nan, len(values))
    means = values[len(values) - batches * length :].reshape(batches, length).mean(axis=1)
    return estimate(means, confidence)


def warm_up(values: Values, batch: int = 5) -> int:
    """How many values at the beginning are to be left out: the marginal standard error rule with
    batches of five (MSER-5; White, Simulation 69 (1997) 323), over the first half."""
    count = len(values) // batch
    if count < 4:
        return 0
    means = values[: count * batch].reshape(count, batch).mean(axis=1)
    left = np.arange(count, 0, -1)
    sums, squares = (np.cumsum(v[::-1])[::-1] for v in (means, means**2))
    error = (squares - sums**2 / left) / left.astype(np.float64) ** 2
    return batch * int(np.argmin(error[: count // 2]))


def best_of(values: Values) -> Values:
    """How sure it is that each alternative is the best, float64[alternatives].

    `values` are float64[alternatives, replications] of what should be great, on common random
    numbers. Against each other alternative the paired t-distribution gives a probability; the
    least of them stands for the alternative (the others' bound it from below by Bonferroni), and
    all are scaled to a sum of at most 1.
    """
    many, n = values.shape
    if many == 1:
        return np.ones(1)
    sure = np.ones(many)
    for a in range(many):
        missed = 0.0
        for b in range(many):
            if a == b:
                continue
            difference = values[a] - values[b]
            spread = float(difference.std(ddof=1)) / sqrt(n) if n > 1 else nan
            mean = float(difference.mean())
            if not spread > 0:
                won = 0.5 if mean == 0 or n < 2 else float(mean > 0)
            elif n > 200:
                won = 0.5 * erfc(-mean / spread / sqrt(2))
            else:
                won = t_cdf(mean / spread, n - 1)
            missed += 1 - won
        sure[a] = max(0.0, 1 - missed)
    return sure / max(1.0, float(sure.sum()))


def number(value: float, scale: float = float("nan")) -> str:
    """A number for people: to about a hundredth of `scale`, which is what it differs by, or else
    to five digits."""
    if value != value:
        return ""
    if not 0 < scale < float("inf"):
        return f"{value:.5g}"
    return f"{value:.{max(0, 2 - floor(log10(scale)))}f}"

"""Rows in the order of time that depend on their neighbours: drawn again in blocks, not one by one.

A mean of n rows that look like their neighbours is known less well than that of n rows that do not;
a bootstrap over single rows does not see it. Blocks keep what neighbours have in common (circular
block bootstrap; Politis and Romano 1992), and how long they must be the rows tell themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["MeanInterval", "block_length", "draw_blocks", "mean_interval"]

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """The mean of so many rows, and where it lies with the confidence that was asked for.

    block  length of the blocks that were drawn, in rows
    """

    mean: float
    low: float
    high: float
    rows: int
    block: int


def block_length(values: Values) -> int:
    """Rows in a block, for the bootstrap of a mean of float64[n] in the order of time.

    The length that makes the mean squared error of the variance of the mean smallest, from the
    autocorrelations that stand out: D. N. Politis and H. White, Econometric Reviews 23 (2004) 53,
    with the correction of A. Patton, D. N. Politis and H. White, ibid. 28 (2009) 372. At most a
    third of the rows, and at most 3 √n. 1 where nothing depends on anything, or nothing moves.
    """
    n = len(values)
    if n < 8:
        return 1
    away = values - values.mean()
    if not (away**2).sum() > 1e-24 * max(float((values**2).sum()), 1e-300):
        return 1
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(away, size)) ** 2
    covariance = np.fft.irfft(power, size)[:n] / n
    quiet = max(5, int(np.ceil(np.sqrt(np.log10(n)))))  # so many lags in a row that say nothing
    longest = min(int(np.ceil(np.sqrt(n))) + quiet, n - 1)
    band = 1.96 * np.sqrt(np.log10(n) / n)
    loud = np.abs(covariance[1 : longest + 1] / covariance[0]) >= band
    runs = np.convolve(loud, np.ones(quiet), "valid") == 0
    told = np.flatnonzero(loud)
    last = int(np.argmax(runs)) if runs.any() else int(told[-1]) + 1 if len(told) else 0
    reach = min(2 * max(last, 1), longest)
    lag = np.arange(1, reach + 1)
    window = np.minimum(1.0, 2 * (1 - lag / reach))  # flat top
    curve = 2 * float((window * lag * covariance[lag]).sum())
    level = float(covariance[0] + 2 * (window * covariance[lag]).sum())
    if level <= 0:  # neighbours undo each other: the mean is known better than it seems
        return 1
    length = (1.5 * (curve / level) ** 2 * n) ** (1 / 3)
    return int(max(1, round(min(length, 3 * np.sqrt(n), n / 3))))


def draw_blocks(rows: int, wanted: int, block: int, random: np.random.Generator) -> Indices:
    """Numbers of `wanted` of `rows` rows, in blocks of neighbours; the last row is followed by the
    first, so that all are drawn alike often."""
    starts = random.integers(0, rows, -(-wanted // block))
    drawn = (starts[:, None] + np.arange(block)).ravel()[:wanted] % rows
    return drawn.astype(np.int64)


def mean_interval(
    values: Values,
    *,
    share: float = 0.9,
    block: int | None = None,
    repeats: int = 1000,
    seed: int = 0,
) -> MeanInterval:
    """The mean of float64[n] in the order of time, and the middle `share` of its block bootstrap.

    block  rows in a block; from the rows themselves if not given

    It is somewhat too narrow where few blocks are independent: of 1,000 rows with an
    autocorrelation of 0.8, intervals of 90 % held the mean in 85 % of simulations.
    Raises `DataError` without rows, or where one is not a number.
    """
    n = len(values)
    if n == 0 or not np.isfinite(values).all():
        raise DataError(f"a mean of {n} rows, {int(np.isfinite(values).sum())} of them numbers")
    length = min(block_length(values) if block is None else block, n)
    random = np.random.default_rng(seed)
    total = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[: length - 1]]))])
    sums = total[length:] - total[:-length]
    count = -(-n // length)
    means = np.array([sums[random.integers(0, n, count)].sum() for _ in range(repeats)])
    low, high = np.quantile(means / (count * length), [(1 - share) / 2, (1 + share) / 2])
    return MeanInterval(float(values.mean()), float(low), float(high), n, length)

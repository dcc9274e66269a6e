"""A window that reaches back to the start, cut where its two parts differ most."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from pydantic import Field

from gemel.core.frame import Values
from gemel.twin.learning.renewal.drift.base import Drift, Kernel

__all__ = ["AdaptiveWindow"]

_KEPT: Final = 5
"""Buckets of a size: more cuts are tried, and more is remembered."""
_SIZES: Final = 24
"""Buckets hold 1, 2, 4 … 2²³ rows; older rows are forgotten."""


class AdaptiveWindow(Drift):
    """Mean of the older rows beside that of the newer ones, at every cut of a histogram.

    The exponential histogram of ADWIN (A. Bifet and R. Gavaldà, SIAM Int. Conf. Data Mining 2007,
    443): the newest rows one by one, older ones in buckets of twice as many, so that a stream of
    any length is remembered in a few hundred numbers. The statistic is the difference of the means
    in units of its standard error, the largest of all cuts; its limit is set for the run length,
    where ADWIN's own bound is one for any bounded independent values and seldom reached. It needs
    no level from before, and sees shifts of any size both ways.
    """

    least: int = Field(30, ge=2, le=10_000, description="Fewest rows on each side of a cut")
    every: int = Field(10, ge=1, le=10_000, description="Rows between two looks")

    def _kernel(self) -> Kernel:
        kernel: Kernel = _run
        return kernel

    def _numbers(self) -> Values:
        return np.array([self.least, self.every, _KEPT])

    def _memory(self) -> Values:
        # Rows, then for each size how many buckets, and of each bucket mean and sum of squares.
        return np.zeros(1 + _SIZES * (1 + 2 * (_KEPT + 1)))

    def _reference(self, quiet: Values) -> Values:
        return np.zeros(0)


@njit(nogil=True, cache=True)
def _run(
    values: Values, _reference: Values, numbers: Values, memory: Values, limit: float
) -> tuple[int, float]:
    least, every, kept = numbers[0], int(numbers[1]), int(numbers[2])
    sizes = (len(memory) - 1) // (1 + 2 * (kept + 1))
    count = memory[1 : 1 + sizes]
    bucket = memory[1 + sizes :].reshape(sizes, kept + 1, 2)
    highest = 0.0
    for i in range(len(values)):
        if not np.isfinite(values[i]):
            continue
        memory[0] += 1
        _insert(values[i], count, bucket)
        if memory[0] % every == 0 and memory[0] >= 2 * least:
            highest = max(highest, _largest(count, bucket, least))
            if highest > limit:
                return i, highest
    return -1, highest


@njit(nogil=True, cache=True)
def _insert(value: float, count: Values, bucket: Values) -> None:
    """A bucket of one row; where a size has one too many, its two oldest become one of the next.

    Within a size the oldest bucket is the first.
    """
    sizes, places = bucket.shape[0], bucket.shape[1]
    mean, squares = value, 0.0
    for size in range(sizes):
        held = int(count[size])
        bucket[size, held, 0], bucket[size, held, 1] = mean, squares
        if held + 1 < places:
            count[size] = held + 1
            return
        half = 2.0**size
        apart = bucket[size, 1, 0] - bucket[size, 0, 0]
        mean = (bucket[size, 0, 0] + bucket[size, 1, 0]) / 2
        squares = bucket[size, 0, 1] + bucket[size, 1, 1] + apart * apart * half / 2
        for place in range(2, places):
            bucket[size, place - 2] = bucket[size, place]
        count[size] = places - 2


@njit(nogil=True, cache=True)
def _largest(count: Values, bucket: Values, least: float) -> float:
    """Largest |difference of means| over its standard error, of all cuts between buckets."""
    n, mean, squares = 0.0, 0.0, 0.0
    for size in range(len(count) - 1, -1, -1):
        for place in range(int(count[size])):
            n, mean, squares = _joined(n, mean, squares, 2.0**size, bucket[size, place])
    highest = 0.0
    older, level = 0.0, 0.0
    for size in range(len(count) - 1, -1, -1):
        for place in range(int(count[size])):
            rows = 2.0**size
            level = (older * level + rows * bucket[size, place, 0]) / (older + rows)
            older += rows
            newer = n - older
            if newer < least:
                return highest
            if older < least:
                continue
            apart = level - (n * mean - older * level) / newer
            between = apart * apart * older * newer / n
            within = max(squares - between, 1e-12 * squares) / n
            if within > 0:
                highest = max(highest, np.sqrt(between / within))
    return highest


@njit(nogil=True, cache=True)
def _joined(
    n: float, mean: float, squares: float, rows: float, bucket: Values
) -> tuple[float, float, float]:
    apart = bucket[0] - mean
    total = n + rows
    return (
        total,
        mean + apart * rows / total,
        squares + bucket[1] + apart * apart * n * rows / total,
    )

"""The distribution of the newest rows beside that of held-out ones: any change of it."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numba import njit
from pydantic import Field

from gemel.core.frame import Values
from gemel.twin.learning.renewal.drift.base import Drift, Kernel

__all__ = ["Distribution"]

_POINTS: Final = 1000


class Distribution(Drift):
    """Distance of the distribution of the last `window` rows from that of held-out rows.

    kolmogorov  largest distance of the two distribution functions: shifts
    kuiper      largest one above plus largest one below (N. H. Kuiper, Proc. Kon. Ned. Akad. Wet. A
                63 (1960) 38): shifts, and as well changes of spread

    Sees changes that leave the mean as it was. Slower than a CUSUM where the mean does move: what
    happened before the window is forgotten. Held-out values are kept as at most 1,000 quantiles.
    """

    statistic: Literal["kolmogorov", "kuiper"] = Field("kuiper", description="Which distance")
    window: int = Field(200, ge=20, le=10_000, description="Newest rows that are looked at")
    every: int = Field(20, ge=1, le=10_000, description="Rows between two looks")

    def _kernel(self) -> Kernel:
        kernel: Kernel = _run
        return kernel

    def _numbers(self) -> Values:
        return np.array([self.window, self.every, float(self.statistic == "kuiper")])

    def _memory(self) -> Values:
        return np.zeros(1 + 2 * self.window)  # rows; share of the reference below, and not above

    def _reference(self, quiet: Values) -> Values:
        if len(quiet) <= _POINTS:
            return np.sort(quiet)
        levels = (np.arange(_POINTS) + 0.5) / _POINTS
        return np.quantile(quiet, levels, method="inverted_cdf")


@njit(nogil=True, cache=True)
def _run(
    values: Values, reference: Values, numbers: Values, memory: Values, limit: float
) -> tuple[int, float]:
    window, every, kuiper = int(numbers[0]), int(numbers[1]), numbers[2] > 0
    below, upto = memory[1 : 1 + window], memory[1 + window :]
    highest = 0.0
    for i in range(len(values)):
        if not np.isfinite(values[i]):
            continue
        rows = int(memory[0])
        below[rows % window] = _below(reference, values[i], False) / len(reference)
        upto[rows % window] = _below(reference, values[i], True) / len(reference)
        rows += 1
        memory[0] = rows
        if rows < window or rows % every:
            continue
        highest = max(highest, _distance(below, upto, kuiper))
        if highest > limit:
            return i, highest
    return -1, highest


@njit(nogil=True, cache=True)
def _distance(below: Values, upto: Values, kuiper: bool) -> float:
    """Of the window from the reference, at each of its values; equal ones come together.

    Both places in the reference rise with the value: sorted each on its own, they still belong
    together, and between two values of the reference the order does not matter.
    """
    n = len(below)
    left, right = np.sort(below), np.sort(upto)
    over, under = 0.0, 0.0
    i = 0
    while i < n:
        j = i + 1
        while j < n and left[j] == left[i] and right[j] == right[i]:
            j += 1
        over = max(over, j / n - right[i])
        under = max(under, left[i] - i / n)
        i = j
    return over + under if kuiper else max(over, under)


@njit(nogil=True, cache=True)
def _below(reference: Values, value: float, equal: bool) -> int:
    """How many values of the reference are below, or equal too (faster here than searchsorted)."""
    low, high = 0, len(reference)
    while low < high:
        middle = (low + high) // 2
        if reference[middle] < value or (equal and reference[middle] == value):
            low = middle + 1
        else:
            high = middle
    return low

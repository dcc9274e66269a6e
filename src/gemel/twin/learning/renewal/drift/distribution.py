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
        return np.zeros(1 + self.window)  # rows; of each in the window its place in the reference

    def _reference(self, quiet: Values) -> Values:
        if len(quiet) <= _POINTS:
            return np.sort(quiet)
        at = (np.arange(_POINTS) + 0.5) / _POINTS * len(quiet)
        chosen: Values = np.sort(quiet)[at.astype(np.int64)]
        return chosen


@njit(nogil=True, cache=True)
def _run(
    values: Values, reference: Values, numbers: Values, memory: Values, limit: float
) -> tuple[int, float]:
    window, every, kuiper = int(numbers[0]), int(numbers[1]), numbers[2] > 0
    place = memory[1:]
    highest = 0.0
    for i in range(len(values)):
        if not np.isfinite(values[i]):
            continue
        rows = int(memory[0])
        place[rows % window] = _place(reference, values[i])
        rows += 1
        memory[0] = rows
        if rows < window or rows % every:
            continue
        highest = max(highest, _distance(np.sort(place), len(reference), kuiper))
        if highest > limit:
            return i, highest
    return -1, highest


@njit(nogil=True, cache=True)
def _place(reference: Values, value: float) -> float:
    """How many values of the reference are below, and how many are not above, as one number that
    rises with the value."""
    size = len(reference)
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if reference[middle] < value:
            low = middle + 1
        else:
            high = middle
    upto = low
    while upto < size and reference[upto] == value:
        upto += 1
    return low * (size + 1.0) + upto


@njit(nogil=True, cache=True)
def _distance(places: Values, size: int, kuiper: bool) -> float:
    """Of a window, sorted, from a reference of so many values, at each of these; rows between the
    same two of them come together."""
    n = len(places)
    over, under = 0.0, 0.0
    i = 0
    while i < n:
        j = i + 1
        while j < n and places[j] == places[i]:
            j += 1
        below = places[i] // (size + 1)
        upto = places[i] - below * (size + 1)
        over = max(over, j / n - upto / size)
        under = max(under, below / size - i / n)
        i = j
    return over + under if kuiper else max(over, under)

"""Page-Hinkley: shifts of the mean away from that of all rows since the start."""

from __future__ import annotations

import numpy as np
from numba import njit
from pydantic import Field

from gemel.core.frame import Values
from gemel.twin.learning.renewal.drift.base import Drift, Kernel
from gemel.twin.learning.renewal.drift.cusum import SIDES, Sides

__all__ = ["PageHinkley"]


class PageHinkley(Drift):
    """Page-Hinkley test (D. V. Hinkley, Biometrika 58 (1971) 509): a CUSUM around the running mean.

    The level is that of the rows since the start, so that one which is a little off from the first
    row on is no drift. A shift soon after the start, or a slow one, moves the level along and is
    found later or not at all. From held-out values it takes the spread and the limit.
    """

    sides: Sides = Field("up", description="Which shifts count")
    allowance: float = Field(
        0.25, gt=0, le=10, description="Shift that is let pass, in standard deviations"
    )
    settle: int = Field(
        100, ge=1, le=1_000_000, description="Rows that only make the level, after a start"
    )

    def _kernel(self) -> Kernel:
        kernel: Kernel = _run
        return kernel

    def _numbers(self) -> Values:
        return np.array([self.allowance, *SIDES[self.sides], self.settle])

    def _memory(self) -> Values:
        return np.zeros(4)  # rows, their mean, sum upwards, sum downwards

    def _reference(self, quiet: Values) -> Values:
        return np.array([max(float(quiet.std()), 1e-300)])


@njit(nogil=True, cache=True)
def _run(
    values: Values, reference: Values, numbers: Values, memory: Values, limit: float
) -> tuple[int, float]:
    highest = 0.0
    for i in range(len(values)):
        if not np.isfinite(values[i]):
            continue
        memory[0] += 1
        memory[1] += (values[i] - memory[1]) / memory[0]
        if memory[0] <= numbers[3]:
            continue
        z = (values[i] - memory[1]) / reference[0]
        memory[2] = max(0.0, memory[2] + z - numbers[0]) * numbers[1]
        memory[3] = max(0.0, memory[3] - z - numbers[0]) * numbers[2]
        highest = max(highest, memory[2], memory[3])
        if highest > limit:
            return i, highest
    return -1, highest

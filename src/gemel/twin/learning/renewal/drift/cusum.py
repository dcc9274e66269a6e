"""Cumulative sums: small shifts of the mean away from its held-out level."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import numpy as np
from numba import njit
from pydantic import Field

from gemel.core.frame import Values
from gemel.twin.learning.renewal.drift.base import Drift, Kernel

__all__ = ["Cusum"]

Sides: TypeAlias = Literal["up", "down", "both"]

SIDES: Final[dict[Sides, tuple[float, float]]] = {"up": (1, 0), "down": (0, 1), "both": (1, 1)}


class Cusum(Drift):
    """One- or two-sided CUSUM of the standardised stream (E. S. Page, Biometrika 41 (1954) 100).

    Of a loss only `up` asks for a renewal; a feature may move both ways. Quickest for a shift of
    twice the allowance that stays. Needs a level that was there before: compare `page_hinkley`.
    """

    sides: Sides = Field("up", description="Which shifts count")
    allowance: float = Field(
        0.25, gt=0, le=10, description="Shift that is let pass, in standard deviations"
    )

    def _kernel(self) -> Kernel:
        kernel: Kernel = _run
        return kernel

    def _numbers(self) -> Values:
        return np.array([self.allowance, *SIDES[self.sides]])

    def _memory(self) -> Values:
        return np.zeros(2)

    def _reference(self, quiet: Values) -> Values:
        return np.array([quiet.mean(), max(float(quiet.std()), 1e-300)])


@njit(nogil=True, cache=True)
def _run(
    values: Values, reference: Values, numbers: Values, memory: Values, limit: float
) -> tuple[int, float]:
    highest = 0.0
    for i in range(len(values)):
        if not np.isfinite(values[i]):
            continue
        z = (values[i] - reference[0]) / reference[1]
        memory[0] = max(0.0, memory[0] + z - numbers[0]) * numbers[1]
        memory[1] = max(0.0, memory[1] - z - numbers[0]) * numbers[2]
        highest = max(highest, memory[0], memory[1])
        if highest > limit:
            return i, highest
    return -1, highest

"""The least of a function of one number."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from gemel.core.frame import Values

__all__ = ["least"]

_GOLDEN = (sqrt(5) - 1) / 2


def least(cost: Callable[[float], float], grid: Values, rounds: int = 60) -> float:
    """Where `cost` is least: the best of a rising grid, float64[n], then golden sections between
    its
    neighbours. Several valleys are told apart as well as the grid does."""
    found = np.array([cost(float(x)) for x in grid])
    best = int(np.argmin(found))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_a, at_b = cost(a), cost(b)
    for _ in range(rounds):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - _GOLDEN * (high - low)
            at_a = cost(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + _GOLDEN * (high - low)
            at_b = cost(b)
    middle = 0.5 * (low + high)
    return middle if cost(middle) <= found[best] else float(grid[best])

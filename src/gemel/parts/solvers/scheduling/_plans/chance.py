"""Chance inside of compiled searches."""

from __future__ import annotations

import numpy as np
from numba import njit

from gemel.parts.solvers.scheduling.base import Integers

__all__ = ["draw"]


@njit(nogil=True, cache=True)
def draw(state: Integers, below: int) -> int:
    """A whole number from 0 to below - 1 (xorshift; the state is one number, never 0)."""
    x = np.uint64(state[0])
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = np.int64(x)
    drawn = (x >> np.uint64(11)) % np.uint64(below)
    return np.int64(drawn)  # type: ignore[return-value]  # to numba an int is of 64 bits

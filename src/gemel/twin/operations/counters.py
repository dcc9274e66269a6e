"""Counters of machines: they roll over, and begin again, and both look like going back."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["increments"]

_CORRECTION: Final = 0.5
"""A value above this part of the one before it is a correction downwards, not a new beginning."""
_NEAR_TOP: Final = 0.75


def increments(
    value: npt.NDArray[np.float64], before: float, top: float | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], float]:
    """Pieces that each row of a counter adds, where it began again, and its last known value.

    value    float64[n]; NaN where it is not known: then the next known row adds all since
    before   the last known value before the first row; NaN if there is none, and then the first
             known row adds nothing
    top      where the counter rolls over: from near it to near 0 it went on by the rest

    A drop to at most half is a new beginning, whose value has been counted since; what was counted
    between the last row and the reset is lost, and nobody can know it. A smaller drop is a
    correction, and takes pieces back.
    """
    known = np.flatnonzero(~np.isnan(value))
    added = np.zeros(len(value))
    reset = np.zeros(len(value), np.bool_)
    if not len(known):
        return added, reset, before
    chain = np.concatenate([[before], value[known]])
    step = np.diff(chain)
    previous, now = chain[:-1], chain[1:]
    back = (step < 0) & (now <= _CORRECTION * previous)
    if top is not None:
        over = (
            back & (previous >= _NEAR_TOP * top) & (previous < top) & (now <= (1 - _NEAR_TOP) * top)
        )
        step = np.where(over, step + top, step)
        back &= ~over
    step = np.where(back, np.maximum(now, 0.0), step)
    added[known] = np.where(np.isnan(step), 0.0, step)
    reset[known] = back
    return added, reset, float(value[known[-1]])

"""After a start: slow means are not settled yet, and must not alarm for that.

The slow mean of a wandering signal over a few rows is noisy, and what it takes off is not what was
taken off in the rows that the model was fitted on: relations to signals that do not wander look
broken. How much wider the limit has to be until all has settled is learned from held-out normal
rows, scored as if a watch had been started in their midst.

To begin slow means with the level of the fitted rows was tried and not kept: where a process has
drifted away from them since, each start alarmed (28 % of normal rows of a pump loop, 1 % without).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.core.limits import HELD_OUT_ROWS, set_limit

__all__ = ["begun", "edges", "starts"]

_STARTS: Final = 32
"""Starts that are tried in all; each goes on for `reach` rows."""
_FIRST: Final = 10
"""Rows of the first stretch after a start; each later one is as long as all before it."""
_RESOLVED: Final = 10
"""Rows that must be beyond a quantile for two of them to be compared."""


def edges(memory: int) -> list[int]:
    """Rows since a start between which limits are alike, until slow means have settled."""
    found = [0, _FIRST]
    while found[-1] < 2 * memory:
        found.append(2 * found[-1])
    return found


def starts(rows: npt.NDArray[np.bool_], blocks: int, reach: int) -> Iterator[slice]:
    """Stretches of a block of held-out rows to score as if all had begun there."""
    at = np.flatnonzero(rows)
    if len(at) == 0:
        return
    first, last = int(at[0]), int(at[-1]) + 1
    stride = max((last - first) * blocks // _STARTS, 1)
    for begin in range(first, last - _FIRST, stride):
        yield slice(begin, min(begin + reach, last))


def begun(
    found: Sequence[tuple[Values, Values]], rate: float, memory: int
) -> tuple[tuple[int, float], ...]:
    """By how much the limit is wider so many rows after a start, never less than later on.

    found  scores of the same rows, begun anew and as they go on, one pair for each start
    """
    steps = []
    for low, high in pairwise(edges(memory)):
        fresh = np.concatenate([new[low:high] for new, _ in found] or [np.zeros(0)])
        usual = np.concatenate([old[low:high] for _, old in found] or [np.zeros(0)])
        known = np.isfinite(fresh) & np.isfinite(usual)
        if known.sum() < HELD_OUT_ROWS:
            continue
        resolved = max(rate, _RESOLVED / float(known.sum()))
        limits = [set_limit(scores[known], resolved).value for scores in (fresh, usual)]
        steps.append((high, max(limits[0] / max(limits[1], 1e-300), 1.0)))
    widest = np.maximum.accumulate([factor for _, factor in reversed(steps)])[::-1]
    return tuple((row, float(f)) for (row, _), f in zip(steps, widest, strict=True) if f > 1)

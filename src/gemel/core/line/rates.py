"""Arrivals whose rate changes with the time of the week.

Gaps are counted on a clock that runs as fast as the rate: where it is 2, twice as many parts come;
where it is 0, the clock stands still and nobody does. So arrivals by chance stay by chance (a
Poisson process with that rate), and regular ones stay as regular as the rate lets them be.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gemel.core.frame import Values
from gemel.core.line.closed import DAYS, WEEK, clock_seconds
from gemel.core.line.settings import Arrivals, Rate

__all__ = ["came_at", "counted_at"]


def came_at(arrivals: Arrivals, counted: Values, begins: str) -> Values:
    """Seconds from `begins` at which parts come, float64[n], of the sums of their gaps."""
    if not arrivals.rates:
        return counted
    edges, rate, before = _week(arrivals.rates, begins)
    # Where the clock stands still, at the end of the week, too, the part comes when it stopped.
    weeks = np.maximum(np.ceil(counted / before[-1]) - 1, 0.0)
    rest = np.clip(counted - weeks * before[-1], 0.0, before[-1])
    piece = np.maximum(np.searchsorted(before, rest, side="left") - 1, 0)
    return np.asarray(weeks * WEEK + edges[piece] + (rest - before[piece]) / rate[piece])


def counted_at(rates: tuple[Rate, ...], begins: str, times: Values) -> Values:
    """What the clock of arrivals shows at each time, seconds from `begins`, float64[n]: the other
    way round."""
    edges, rate, before = _week(rates, begins)
    weeks, rest = np.divmod(times, WEEK)
    piece = np.maximum(np.searchsorted(edges, rest, side="right") - 1, 0)
    passed = np.maximum(rest - edges[piece], 0.0) * rate[piece]
    return np.asarray(weeks * before[-1] + np.minimum(before[piece] + passed, before[piece + 1]))


@lru_cache(maxsize=64)
def _week(rates: tuple[Rate, ...], begins: str) -> tuple[Values, Values, Values]:
    """Where each piece of the week begins that has a rate above 0, the rate, and what the clock of
    arrivals shows at the beginning of each, and at the end of the last."""
    day, clock = begins.split()
    zero = DAYS.index(day) * 86_400.0 + clock_seconds(clock)
    begin, length, speed = [], [], []
    for one in rates:
        start, stop = clock_seconds(one.start), clock_seconds(one.end)
        for name in one.days:
            begin.append((DAYS.index(name) * 86_400.0 + start - zero) % WEEK)
            length.append(stop - start if stop > start else stop - start + 86_400.0)
            speed.append(one.rate)
    first = np.concatenate([np.array(begin), np.array(begin) - WEEK])
    last, height = first + np.tile(length, 2), np.tile(speed, 2)
    edges = np.unique(np.clip(np.concatenate([[0.0, WEEK], first, last]), 0.0, WEEK))
    middle = (edges[:-1] + edges[1:]) / 2
    inside = (first <= middle[:, None]) & (middle[:, None] < last)
    rate = (inside * height).sum(axis=1)
    kept = rate > 0
    before = np.concatenate([[0.0], np.cumsum((np.diff(edges) * rate)[kept])])
    return edges[:-1][kept], rate[kept], before

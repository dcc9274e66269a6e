"""Which cases of a log are finished: it does not say so, they only are not heard of any more.

Of each row, either the next one of its case follows after some time, or it was the last: this is
a population of which a share never goes on, station by station (a cure model; J. Boag, Journal of
the Royal Statistical Society B 11 (1949) 15). Shares and times are fitted together by expectation
and maximisation, with the product limit for the times.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.twin.planning.learned.log import Flags, Log

__all__ = ["ended", "finished"]

_ROUNDS: Final = 200
_PRIOR: Final = 1.0
_ENOUGH: Final = 1e-6


def finished(log: Log) -> Flags:
    """Which cases are finished, bool[cases]: as is known, or else more probably than not."""
    return log.done if log.done is not None else ended(log) >= 0.5


def ended(log: Log) -> Values:
    """How probable it is that each case is finished, float64[cases]."""
    bounds = log.bounds
    last = bounds[1:] - 1
    reached = np.maximum.reduceat(np.where(np.isnan(log.end), np.inf, log.end), bounds[:-1])
    running = np.isinf(reached)
    inside = np.flatnonzero(np.diff(log.case) == 0)
    gaps = log.start[inside + 1] - log.end[inside]
    known = np.isfinite(gaps)
    gaps, after = np.maximum(gaps[known], 0.0), log.station[inside[known]]
    still = np.flatnonzero(~running)
    idle, where = log.until - reached[still], log.station[last[still]]
    many = len(log.stations)
    visits = np.bincount(after, minlength=many) + np.bincount(where, minlength=many)
    if not len(still):
        return np.zeros(len(log.cases))
    sure = np.full(len(still), 0.5)
    for _ in range(_ROUNDS):
        longer = _longer(gaps, idle, 1 - sure)
        ends = np.bincount(where, weights=sure, minlength=many)
        usual = ends.sum() / visits.sum()
        share = (ends + _PRIOR * usual) / (visits + _PRIOR)
        mine = share[where]
        new = mine / np.maximum(mine + (1 - mine) * longer, 1e-300)
        done = float(np.abs(new - sure).max(initial=0.0)) < _ENOUGH
        sure = new
        if done:
            break
    found = np.zeros(len(log.cases))
    found[still] = sure
    return found


def _longer(gaps: Values, idle: Values, weight: Values) -> Values:
    """Share of gaps that are longer than each idle time, where idle times are gaps that were cut
    off, each with its weight."""
    ages, died = np.unique(gaps, return_counts=True)
    if not len(ages):
        return np.ones(len(idle))
    order = np.argsort(idle, kind="stable")
    cut = np.concatenate([[0.0], np.cumsum(weight[order])])
    beyond = cut[-1] - cut[np.searchsorted(idle[order], ages, side="left")]
    at_risk = len(gaps) - np.searchsorted(np.sort(gaps), ages, side="left") + beyond
    left = np.append(1.0, np.cumprod(1 - died / at_risk))
    return left[np.searchsorted(ages, idle, side="right")]

"""What stands between the visits of a log: servers, the waiting they explain, places that block."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.line.closed import Closed
from gemel.twin.planning.learned.log import Numbers

__all__ = ["Batches", "batches_of", "full_before", "places_between", "servers_of", "unexplained"]

_RARELY: Final = 0.005
"""Of the time with work: more at once than the servers, by people who write late."""
_LEAST: Final = 5
_HALF: Final = 0.5
_SOON: Final = 3_600.0
"""Work that begins within this time from an opening may have been ready before it."""


def servers_of(start: Values, end: Values) -> int:
    """How many work side by side, of spans [start, end): the least number that is exceeded in less
    than 0.5 % of the time with work."""
    lasting = end > start
    time, inside = _inside(start[lasting], end[lasting])
    if len(time) < 2:
        return 1
    lasts = np.diff(time)
    by_number = np.bincount(inside[:-1], weights=lasts)[1:]
    if not by_number.sum() > 0:
        return 1
    more = by_number[::-1].cumsum()[::-1] - by_number
    return int(np.flatnonzero(more <= _RARELY * by_number.sum())[0]) + 1


def _inside(start: Values, end: Values) -> tuple[Values, Numbers]:
    """How many are inside from each moment on at which that changes; who leaves goes first."""
    time = np.concatenate([start, end])
    step = np.concatenate([np.ones(len(start), np.int64), -np.ones(len(end), np.int64)])
    order = np.lexsort((step, time))
    return time[order], np.cumsum(step[order])


def full_before(start: Values, leave: Values, servers: int) -> Values:
    """The last moment before each start at which all servers were taken, −inf if never."""
    time = np.concatenate([start, leave])
    is_start = np.arange(len(time)) < len(start)
    order = np.lexsort((is_start, time))
    found = np.full(len(start), -inf)
    inside, last = 0, -inf
    for i in order.tolist():
        if i < len(start):
            found[i] = last
            inside += 1
        else:
            if inside >= servers:
                last = time[i]
            inside -= 1
    return found


def unexplained(
    came: Values, free: Values, start: Values, closed: Closed, near: float
) -> tuple[Values, Values | None]:
    """Seconds for which each case waited though a server was free, float64[n] ≥ 0, and the times
    of a way to the station that would explain them, None where nothing tells of one.

    Who began when a server had been free for a while came just then: its way took from `came` to
    `start`. Who began as soon as a server was free had come before, so that its way was shorter
    than that; such ways are told by the product limit, read from the long end.

    Where the station was closed at last and opened shortly before the start, the case may have come
    at any time of the closed stretch; its middle is taken.
    """
    known = ~np.isnan(came)
    came, free, start = came[known], free[known], start[known]
    begun = start.copy()
    if len(closed):
        last = np.searchsorted(closed.end, start, side="right") - 1
        j = np.maximum(last, 0)
        ready = np.maximum(came, free)
        soon = (last >= 0) & (start - closed.end[j] <= _SOON) & (closed.end[j] > ready)
        begun = np.where(soon, (np.maximum(closed.begin[j], ready) + closed.end[j]) / 2, start)
    whole = np.maximum(begun - came, 0.0)
    rest = np.maximum(begun - np.maximum(came, free), 0.0)
    rest[rest <= near] = 0.0
    exact = (begun > free + near) | (whole <= near)
    if not exact.any():
        return rest, None
    ways = np.where(whole <= near, 0.0, whole)
    if exact.all():
        return rest, np.sort(ways)
    return rest, _from_above(np.sort(ways[exact]), np.sort(ways[~exact]))


def _from_above(exact: Values, shorter: Values) -> Values:
    """As many times as there are, float64[n], whose shares are those of the product limit of times
    of which some are only known to be shorter (Turnbull, JASA 69 (1974) 169, the simple case)."""
    ages, died = np.unique(exact, return_counts=True)
    everybody = np.sort(np.append(exact, shorter))
    at_most = np.searchsorted(everybody, ages, side="right")
    # P(T < age) / P(T ≤ age), from the longest down.
    below = np.cumprod((1 - died / at_most)[::-1])[::-1]
    share = np.append(below[1:], 1.0)  # P(T ≤ age)
    n = len(exact) + len(shorter)
    place = np.searchsorted(share, (np.arange(n) + 0.5) / n, side="left")
    return ages[np.minimum(place, len(ages) - 1)]


@dataclass(frozen=True, slots=True)
class Batches:
    """Cases that begin and end together: the least and the most of them, and the row that stands
    for each batch, int64[b]."""

    least: int
    most: int
    first: Numbers


def batches_of(start: Values, end: Values, resource: Numbers) -> Batches | None:
    """Plainly there where most cases are worked on together with others, all at the same time on
    the same resource."""
    if len(start) < 2 * _LEAST:
        return None
    keys = np.stack([resource.astype(np.float64), start, np.nan_to_num(end, nan=inf)], axis=1)
    _, first, sizes = np.unique(keys, axis=0, return_index=True, return_counts=True)
    many = sizes > 1
    if many.sum() < _LEAST or sizes[many].sum() < _HALF * len(start):
        return None
    return Batches(int(np.quantile(sizes, 0.02)), int(sizes.max()), np.sort(first))


def places_between(
    start: Values, end: Values, came: Values, behind: Values, near: float
) -> int | None:
    """Places between two stations of one server each, of parts in order: start, end and coming at
    the first, start at the second, float64[n]; None where nothing shows that there is a limit.

    A first station that begins late, though a part was there, and just when the second takes a
    part, was blocked; how many stood between them then tells the places.
    """
    order = np.argsort(start, kind="stable")
    start, end, came = start[order], end[order], came[order]
    behind = np.sort(behind[np.isfinite(behind)])
    ready = np.fmax(end[:-1], came[1:])
    late = np.flatnonzero(start[1:] > ready + near) + 1
    if len(late) < _LEAST or not len(behind):
        return None
    at = start[late]
    after = np.searchsorted(behind, at - near, side="left")
    taken = (after < len(behind)) & (behind[np.minimum(after, len(behind) - 1)] <= at + near)
    if taken.sum() < max(_LEAST, _HALF * len(late)):
        return None
    done = np.sort(end[np.isfinite(end)])
    between = np.searchsorted(done, at[taken] + near, side="right") - after[taken]
    common, _ = Counter(between.tolist()).most_common(1)[0]
    return max(int(common) - 1, 0)

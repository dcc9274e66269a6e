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
_ROUNDS: Final = 500
_SAME: Final = 1e-7
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


def full_before(start: Values, leave: Values, servers: int, near: float) -> tuple[Values, Values]:
    """The last stretch before each start in which all servers were taken: since when and until
    when, −inf if there was none. Moments within `near` of each other are the same."""
    time = np.concatenate([start, leave])
    is_start = np.arange(len(time)) < len(start)
    order = np.lexsort((is_start, time))
    since, until = np.full(len(start), -inf), np.full(len(start), -inf)
    inside, begin, first, last = 0, -inf, -inf, -inf
    for i in order.tolist():
        if i < len(start):
            since[i], until[i] = first, last
            inside += 1
            if inside == servers and time[i] > last + near:
                begin = time[i]
        else:
            if inside >= servers:
                first, last = begin, time[i]
            inside -= 1
    return since, until


def unexplained(
    came: Values, since: Values, free: Values, start: Values, closed: Closed, near: float
) -> tuple[Values, Values | None]:
    """Seconds for which each case waited though a server was free, float64[n] ≥ 0, and the times
    of a way to the station that would explain them, None where nothing tells of one.

    Who began when a server had been free for a while came just then: its way took from `came` to
    `start`. Who began as soon as a server was free (at `free`) had come while none was (from
    `since` on): of its way two bounds are known.

    Where the station was closed at last and opened shortly before the start, the case may have come
    at any time of the closed stretch; its middle is taken.
    """
    known = ~np.isnan(came)
    came, since, free, start = came[known], since[known], free[known], start[known]
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
    least = np.maximum(since - came, 0.0)
    return rest, _between(ways[exact], least[~exact], ways[~exact])


def _between(exact: Values, low: Values, high: Values) -> Values:
    """As many times as there are, float64[n], with the shares that are most likely where of some
    only two bounds are known, by expectation and maximisation (B. Turnbull, Journal of the Royal
    Statistical Society B 38 (1976) 290)."""
    if not len(low):
        return np.sort(exact)
    points = np.unique(exact)
    begin, end = np.searchsorted(points, low), np.searchsorted(points, high, side="right")
    alone = end <= begin  # nothing was seen between the bounds
    points = np.union1d(points, ((low + high) / 2)[alone])
    begin, end = np.searchsorted(points, low), np.searchsorted(points, high, side="right")
    seen = np.bincount(np.searchsorted(points, exact), minlength=len(points))
    n = len(exact) + len(low)
    share = np.full(len(points), 1 / len(points))
    for _ in range(_ROUNDS):
        below = np.append(0.0, np.cumsum(share))
        weight = 1 / np.maximum(below[end] - below[begin], 1e-300)
        change = np.zeros(len(points) + 1)
        np.add.at(change, begin, weight)
        np.add.at(change, end, -weight)
        new = (seen + share * np.cumsum(change)[:-1]) / n
        done = float(np.abs(new - share).max()) < _SAME
        share = new
        if done:
            break
    place = np.searchsorted(np.cumsum(share), (np.arange(n) + 0.5) / n)
    return points[np.minimum(place, len(points) - 1)]


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

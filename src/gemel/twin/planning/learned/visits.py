"""Visits of cases to stations, and whether they make one flow or many routes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.twin.planning.learned.log import Log, Numbers

__all__ = ["Flow", "Visits", "flow_of", "visits_of"]

_RARE: Final = 0.02
"""Ways that fewer of the parts of a station take are left out, as noise."""
_COVERED: Final = 0.95
_BRANCHES: Final = 2.0


@dataclass(frozen=True, slots=True)
class Visits:
    """What a case does at a station until it goes to another; by case, in order.

    case, station  int64[v]
    start, end     float64[v] seconds, of the first piece of work and of the last; NaN if it runs
    worked         float64[v] seconds of the pieces, those at the same time counted once
    pieces         int64[v]   rows of the log
    """

    case: Numbers
    station: Numbers
    start: Values
    end: Values
    worked: Values
    pieces: Numbers

    def traces(self) -> list[tuple[int, ...]]:
        """Stations of each case, in order."""
        bounds = np.flatnonzero(np.diff(self.case)) + 1
        return [tuple(t.tolist()) for t in np.split(self.station, bounds)]

    def came(self) -> Values:
        """When each visit could have begun: the end of the one before, NaN for the first."""
        found = np.full(len(self.case), np.nan)
        same = np.flatnonzero(np.diff(self.case) == 0)
        found[same + 1] = self.end[same]
        return found


def visits_of(log: Log, *, together: bool) -> Visits:
    """`together`: rows of a case that follow each other at one station are one visit."""
    n = len(log.case)
    new = np.ones(n, np.bool_)
    if together:
        new[1:] = (np.diff(log.case) != 0) | (np.diff(log.station) != 0)
    first = np.flatnonzero(new)
    ends = np.where(np.isnan(log.end), log.until, log.end)
    pieces = np.diff(np.append(first, n))
    # Pieces of a visit may lie beside each other: only what goes beyond those before is counted.
    reached = ends.copy()
    for row in np.flatnonzero(~new).tolist():
        reached[row] = max(reached[row], reached[row - 1])
    before = np.append(-np.inf, reached[:-1])
    before[first] = -np.inf
    worked = np.maximum(ends - np.maximum(log.start, before), 0.0)
    end = np.maximum.reduceat(np.where(np.isnan(log.end), np.inf, log.end), first)
    return Visits(
        log.case[first], log.station[first], np.minimum.reduceat(log.start, first),
        np.where(np.isinf(end), np.nan, end), np.add.reduceat(worked, first), pieces,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow for all cases.

    order     stations in the order of the flow
    followers of each station, with the share of its parts
    rework    station to which parts go back, with the share, and how often one went at most
    lost      share of the parts of a station that leave before the end
    begins    stations at which cases begin
    covered   share of the ways seen that it holds
    """

    order: tuple[int, ...]
    followers: dict[int, dict[int, float]]
    rework: dict[int, tuple[int, float, int]]
    lost: dict[int, float]
    begins: tuple[int, ...]
    covered: float


def flow_of(traces: list[tuple[int, ...]], many: int) -> Flow | None:
    """The flow of finished cases through `many` stations, or nothing where routes differ so much
    that one flow would not hold them."""
    ways = np.zeros((many + 1, many + 1), np.int64)  # the last row: begins, the last column: ends
    place, seen = np.zeros(many), np.zeros(many)
    for trace in traces:
        ways[many, trace[0]] += 1
        ways[trace[-1], many] += 1
        for a, b in pairwise(trace):
            ways[a, b] += 1
        for i, station in enumerate(dict.fromkeys(trace)):
            place[station] += i
            seen[station] += 1
    there = np.flatnonzero(seen)
    order = _order(there, ways, place / np.maximum(seen, 1))
    rank = {station: i for i, station in enumerate(order)}
    out = ways.sum(axis=1)
    begins = tuple(s for s in order if ways[many, s] > _RARE * len(traces))
    kept = int(ways[many, list(begins)].sum())
    followers: dict[int, dict[int, float]] = {}
    rework: dict[int, tuple[int, float, int]] = {}
    lost: dict[int, float] = {}
    for a in order:
        least = max(_RARE * out[a], 1.5)
        on = {b: int(ways[a, b]) for b in order if rank[b] > rank[a] and ways[a, b] >= least}
        back = {b: int(ways[a, b]) for b in order if rank[b] <= rank[a] and ways[a, b] >= 1.5}
        whole = sum(on.values())
        kept += whole
        followers[a] = {b: n / whole for b, n in on.items()}
        if back:
            to = max(back, key=lambda b: back[b])
            kept += back[to]
            rework[a] = to, back[to] / int(out[a]), _most(traces, a, to)
        gone = int(ways[a, many])
        if not on or gone >= least:
            kept += gone
        if on and gone >= least:
            lost[a] = gone / int(out[a])
    covered = kept / int(ways.sum())
    edges = sum(len(f) for f in followers.values())
    fed = {b for f in followers.values() for b in f}
    if (
        covered < _COVERED
        or edges > _BRANCHES * len(order)
        or any(b in fed for b in begins)
        or any(s not in fed and s not in begins for s in order)
        or any(share + lost.get(a, 0.0) >= 0.9 for a, (_, share, _) in rework.items())
    ):
        return None
    return Flow(tuple(order), followers, rework, lost, begins, covered)


def _order(there: Numbers, ways: Numbers, place: Values) -> list[int]:
    """Stations so that most ways lead onwards: by their mean place in a case, then by changing
    neighbours for as long as that brings more ways onwards."""
    order: list[int] = there[np.argsort(place[there], kind="stable")].tolist()
    for _ in range(len(order)):
        moved = False
        for i in range(len(order) - 1):
            a, b = order[i], order[i + 1]
            if ways[b, a] > ways[a, b]:
                order[i], order[i + 1] = b, a
                moved = True
        if not moved:
            break
    return order


def _most(traces: list[tuple[int, ...]], a: int, to: int) -> int:
    """How often one case went back from `a` at most."""
    most = 1
    for trace in traces:
        if a in trace and to in trace:
            most = max(most, sum(1 for x, y in pairwise(trace) if x == a and y == to))
    return most

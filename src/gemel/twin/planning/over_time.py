"""The past of a line in so many moments, as a page draws it: what each station did, and which one
was the bottleneck of the moment."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.parts.simulators.base import STATES
from gemel.twin.planning.active_period import momentary
from gemel.twin.planning.past import Past, within

__all__ = ["OverTime", "over_time"]

_EQUAL_S: Final = 1.0
"""What began within so long began together: signals of one moment come one after the other."""


@dataclass(frozen=True, slots=True)
class OverTime:
    """edges    float64[k + 1], s since 1970
    state    int64[m, k], what a station did most of the time between two edges, by its place in
             `STATES`, −1 where it is unknown
    limit    int64[k], the station that was the longest active for most of the time; −1: none, or
             several that were so for exactly as long
    sole     float64[m, k], share of the time in which a station alone is the bottleneck
    shifting float64[m, k], in which it is one of those between which it shifts
    now      the bottlenecks at the end, several if they are active for equally long, and for how
             many seconds that is without a break; none if nothing is active
    """

    stations: tuple[str, ...]
    edges: npt.NDArray[np.float64]
    state: npt.NDArray[np.int64]
    limit: npt.NDArray[np.int64]
    sole: npt.NDArray[np.float64]
    shifting: npt.NDArray[np.float64]
    now: tuple[tuple[str, ...], float]

    def record(self) -> dict[str, Any]:
        """JSON-able: runs of equal moments, from and to by number of the edge."""
        return {
            "start_s": float(self.edges[0]),
            "end_s": float(self.edges[-1]),
            "moments": len(self.limit),
            "states": {
                name: [(a, b, STATES[code] if code >= 0 else "unknown")
                       for a, b, code in _runs(self.state[i])]
                for i, name in enumerate(self.stations)
            },
            "limits": {
                name: [(a, b) for a, b, code in _runs(self.limit) if code == i]
                for i, name in enumerate(self.stations)
            },
            "now": {"stations": list(self.now[0]), "active_s": self.now[1]},
        }  # fmt: skip


def over_time(past: Past, moments: int = 240) -> OverTime:
    """Raises `DataError` if nothing was ever active."""
    edges = np.linspace(past.start, past.end, moments + 1)
    spent = np.array([one.spent(edges) for one in past.stretches])
    most = spent.argmax(axis=2)
    active = [one.active() for one in past.stretches]
    limits = momentary(active)
    shares = np.array([limits.shares(a, b) for a, b in pairwise(edges.tolist())])
    sole, shifting = np.moveaxis(shares, 0, 2)
    longest = np.array([
        within(limits.edges[:-1][mine], limits.edges[1:][mine], edges)
        for mine in ((limits.which == i) & ~limits.equal for i in range(len(past.stations)))
    ])  # fmt: skip
    limit = np.where(longest.max(axis=0) > 0, longest.argmax(axis=0), -1)
    lasting = [
        (past.end - float(begin[-1]), name)
        for name, (begin, end) in zip(past.stations, active, strict=True)
        if len(end) and end[-1] >= past.end
    ]
    longest_s = max((lasts for lasts, _ in lasting), default=0.0)
    now = (tuple(name for lasts, name in lasting if lasts >= longest_s - _EQUAL_S), longest_s)
    state = np.where(most == len(STATES), -1, most)
    return OverTime(past.stations, edges, state, limit, sole, shifting, now)


def _runs(codes: npt.NDArray[np.int64]) -> list[tuple[int, int, int]]:
    cuts = np.flatnonzero(np.diff(codes)) + 1
    first = np.append(0, cuts).tolist()
    last = np.append(cuts, len(codes)).tolist()
    return [(a, b, int(codes[a])) for a, b in zip(first, last, strict=True)]

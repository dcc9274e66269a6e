"""Each load with the last departure that is in time: as it is done without a plan."""

from __future__ import annotations

import numpy as np

from gemel.core.frame import Values
from gemel.parts.solvers.shipping.base import Freight, Shipments, Shipper

__all__ = ["LastMoment"]


class LastMoment(Shipper):
    """Loads in the order in which they are due; each takes what room is left at the last departure
    that is in time, then at those before, then at those after. Needs no further package."""

    def plan(self, freight: Freight) -> Shipments:
        k, periods = len(freight.names), freight.periods
        sent = np.zeros((k, periods))
        trips = np.zeros(freight.most.shape, np.int64)
        for j in np.lexsort((freight.ready, freight.due)).tolist():
            due, ready = int(freight.due[j]), int(freight.ready[j])
            early = range(min(due, periods - 1), ready - 1, -1)
            late = range(max(due + 1, ready), periods)
            for t in (*early, *late):
                left = 1 - float(sent[j].sum())
                if left <= 1e-12:
                    break
                _load(freight, sent, trips, j, t, left)
        bound = float(freight.weights().min(axis=1).sum()) if k else 0.0
        cost = freight.priced(sent, trips)
        return Shipments(sent, trips, cost, min(bound, cost))


def _load(
    freight: Freight, sent: Values, trips: np.ndarray[tuple[int, ...], np.dtype[np.int64]], j: int,
    t: int, left: float,
) -> None:  # fmt: skip
    """Put as much of what is `left` of a load on the vehicles of a period as fits."""
    link = int(freight.link[j])
    while left > 1e-12:
        room = trips[link, t] * freight.capacity[link] - freight.by_link(sent)[link, t]
        if room <= 1e-9:
            if trips[link, t] >= freight.most[link, t]:
                return
            trips[link, t] += 1
            if (freight.usage(trips.astype(np.float64)) > freight.docks[:, None] + 1e-9).any():
                trips[link, t] -= 1
                return
            continue
        room = min(room, _hands(freight, sent, link, t))
        share = min(left, room / freight.load[j]) if freight.load[j] > 0 else left
        if share <= 1e-12:
            if not freight.by_link(sent)[link, t] and trips[link, t]:
                trips[link, t] -= 1  # opened, and nobody is there to load it
            return
        sent[j, t] += share
        left -= share


def _hands(freight: Freight, sent: Values, link: int, t: int) -> float:
    """Load that people at both ends can still move, of what leaves on a link in a period."""
    free = freight.crew[:, None] - freight.usage(freight.by_link(sent))
    a, b = freight.ends[link].tolist()
    arrives = t + int(freight.takes[link])
    found = float(free[a, t])
    return min(found, float(free[b, arrives])) if arrives < freight.periods else found

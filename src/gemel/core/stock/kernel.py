"""The loop over periods in which a stock network is played out.

A period: what is due arrives. With `first_orders`, orders go out, from customers' stages upwards,
and what is there is sent, from suppliers downwards; then customers come. Without, customers come
first. At the end of the period it is counted. A supplier with too little shares it in proportion to
what it owes. Material waits until all of an order's kinds are there; a step whose capacity is used
up starts nothing, and one that is down only what its second source takes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.frame import Values

__all__ = ["COUNTS", "TRACED", "play"]

COUNTS: Final = (
    "at_hand", "owed", "under_way", "orders", "ordered", "wanted", "at_once", "lost", "clear",
    "second", "set_aside",
)  # fmt: skip
"""What is counted of each stage: units at hand, owed to customers, and under way, at the end of
each period; orders and units ordered; units wanted, served at once, lost; periods without debts;
units that the second source took; units sent to the stages after it that wait there for other
material or for capacity."""

TRACED: Final = ("at_hand", "due", "lost", "ordered", "arrived")
"""What is traced of each stage: at hand, and owed to customers and stages after it, at the end of
each period; units lost, ordered and arrived since the beginning."""

Indices = npt.NDArray[np.int64]


@njit(nogil=True, cache=True, fastmath=False)
def play(
    edge_start: Indices, edge_from: Indices, edge_count: Values, out_start: Indices,
    out_edge: Indices, demand_of: Indices, waits: npt.NDArray[np.bool_], capacity: Values,
    second: Values, kind: Indices, reorder: Values, amount: Values, begin: Values,
    arrivals: Values, first_orders: bool, warm: int, demand: Values, lead: Indices,
    leads: npt.NDArray[np.int16], works: npt.NDArray[np.bool_], counts: Values, trace: Values,
) -> None:  # fmt: skip
    """Play every set of rules against every replication; `counts`, float64[p, r, n, 11], gets sums
    over the periods after the first `warm`.

    edge_start, edge_from, edge_count   of each stage its suppliers; stages come after them
    out_start, out_edge    of each stage the edges that it supplies
    demand_of              int64[n]: column of `demand`, or -1
    waits                  bool[n]: whether customers wait
    second                 float64[n]: most that is started in a period while the step is down
    kind, reorder, amount  [p, n]: 0 up to `amount`, 1 `amount` at `reorder`, 2 up to it at
    `reorder`
    begin                  float64[p, n]: at hand before the first period
    arrivals               float64[a, n]: what was ordered before and arrives in the first periods
    demand                 float64[r, t, d]
    lead, leads            int64[n], or drawn, int16[r, t, n] (no columns: none is drawn)
    works                  bool[r, t, n] (no columns: all work always)
    trace                  float64[q, t, n, 5] of the first rules and q replications
    """
    sets, stages = kind.shape
    replications, periods, _ = demand.shape
    edges = len(edge_from)
    longest = 1
    for j in range(stages):
        longest = max(longest, lead[j])
    drawn, failing, begun = leads.shape[2] > 0, works.shape[2] > 0, arrivals.shape[0]
    if drawn:
        longest = max(longest, int(leads.max()))
    ring = longest + 1
    hand, owed, coming = np.empty(stages), np.empty(stages), np.empty(stages)
    waiting, due = np.empty(stages), np.empty(stages)
    pipe = np.empty((ring, stages))
    debt, material = np.empty(edges), np.empty(edges)
    lost, ordered, came = np.empty(stages), np.empty(stages), np.empty(stages)
    for p in range(sets):
        for r in range(replications):
            for j in range(stages):
                hand[j] = begin[p, j]
                owed[j] = coming[j] = waiting[j] = due[j] = 0.0
                lost[j] = ordered[j] = came[j] = 0.0
                for t in range(begun):
                    coming[j] += arrivals[t, j]
                ordered[j] = coming[j]
            count = counts[p, r]
            pipe[:] = 0.0
            debt[:] = 0.0
            material[:] = 0.0
            slot = 0
            traced = p == 0 and r < trace.shape[0]
            for t in range(periods):
                for j in range(stages):
                    arrived = pipe[slot, j]
                    if t < begun:
                        arrived += arrivals[t, j]
                    if arrived > 0.0:
                        hand[j] += arrived
                        coming[j] -= arrived
                        came[j] += arrived
                        pipe[slot, j] = 0.0
                counted = t >= warm
                for phase in range(2):
                    if (phase == 0) != first_orders:
                        # Customers come.
                        for j in range(stages):
                            d = demand_of[j]
                            if d < 0:
                                continue
                            wanted = demand[r, t, d]
                            served = min(hand[j], wanted) if owed[j] <= 0.0 else 0.0
                            hand[j] -= served
                            missing = wanted - served
                            if waits[j]:
                                owed[j] += missing
                                due[j] += missing
                                missing = 0.0
                            lost[j] += missing
                            if counted:
                                count[j, 5] += wanted
                                count[j, 6] += served
                                count[j, 7] += missing
                        continue
                    # Orders go out, from the customers upwards.
                    for j in range(stages - 1, -1, -1):
                        position = hand[j] + coming[j] - due[j]
                        order = 0.0
                        if kind[p, j] == 0:
                            order = amount[p, j] - position
                        elif position <= reorder[p, j]:
                            if kind[p, j] == 2:
                                order = amount[p, j] - position
                            else:
                                lots = np.floor((reorder[p, j] - position) / amount[p, j]) + 1.0
                                order = lots * amount[p, j]
                        if order > 1e-9:
                            coming[j] += order
                            waiting[j] += order
                            ordered[j] += order
                            for e in range(edge_start[j], edge_start[j + 1]):
                                asked = order * edge_count[e]
                                debt[e] += asked
                                due[edge_from[e]] += asked
                            if counted:
                                count[j, 3] += 1.0
                                count[j, 4] += order
                    # What is there is used and sent, from the suppliers downwards.
                    for j in range(stages):
                        start = waiting[j]
                        if start > 0.0:
                            start = min(start, capacity[j])
                            for e in range(edge_start[j], edge_start[j + 1]):
                                start = min(start, material[e] / edge_count[e])
                            if failing and not works[r, t, j]:
                                start = min(start, second[j])
                                if counted:
                                    count[j, 9] += start
                        if start > 0.0:
                            waiting[j] -= start
                            for e in range(edge_start[j], edge_start[j + 1]):
                                material[e] -= start * edge_count[e]
                            takes = int(leads[r, t, j]) if drawn else lead[j]
                            if takes == 0:
                                hand[j] += start
                                coming[j] -= start
                                came[j] += start
                            else:
                                place = slot + takes
                                pipe[place - ring if place >= ring else place, j] += start
                        if due[j] > 0.0 and hand[j] > 0.0:
                            share = min(1.0, hand[j] / due[j])
                            sent = share * owed[j]
                            owed[j] -= sent
                            for k in range(out_start[j], out_start[j + 1]):
                                e = out_edge[k]
                                part = share * debt[e]
                                debt[e] -= part
                                material[e] += part
                                sent += part
                            if share == 1.0:
                                hand[j] -= due[j]
                                due[j] = 0.0
                            else:
                                hand[j] = 0.0
                                due[j] -= sent
                if counted:
                    for j in range(stages):
                        count[j, 0] += hand[j]
                        count[j, 1] += owed[j]
                        count[j, 2] += coming[j] - waiting[j]
                        if owed[j] <= 1e-9:
                            count[j, 8] += 1.0
                        for e in range(edge_start[j], edge_start[j + 1]):
                            count[edge_from[e], 10] += material[e]
                if traced:
                    for j in range(stages):
                        trace[r, t, j, 0] = hand[j]
                        trace[r, t, j, 1] = due[j]
                        trace[r, t, j, 2] = lost[j]
                        trace[r, t, j, 3] = ordered[j]
                        trace[r, t, j, 4] = came[j]
                slot = slot + 1 if slot + 1 < ring else 0

"""How long orders take on a line, as it is simulated from now on."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.line import JobOrder, Line, Snapshot
from gemel.parts.simulators.base import Trial
from gemel.twin.planning.alternatives import alternatives, with_open_caps
from gemel.twin.planning.choice import simulator_for

__all__ = ["Batch", "Pace", "pace_of"]

_VISITS: Final = 4e7
"""Visits of parts to stations that are worth the wait: a few seconds with the recursion."""
_LEAST, _MOST = 8, 60


@dataclass(frozen=True, slots=True)
class Batch:
    """An order on a line: good parts of a product that are still to be made."""

    order: str
    product: str
    count: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How long each of b orders takes one after the other, by replication: float64[r, b], s."""

    orders: tuple[str, ...]
    times: Values

    def mean(self, order: str) -> float:
        return float(self.times[:, self.orders.index(order)].mean())


def pace_of(
    line: Line, start: Snapshot, batches: Sequence[Batch], changes: str = "", *, seed: int = 0,
    executor: Executor | None = None,
) -> Pace | None:  # fmt: skip
    """The batches on this line, the first one from now on. None where they are so few or so many
    parts that a simulation says nothing, or where the line cannot be played.

    The time of an order is that between its last part and the last one of the order before it.
    """
    wanted = [batch for batch in batches if batch.count > 0]
    scrap = 1.0
    for station in line.stations.values():
        scrap *= 1 - station.scrap
    starts = [ceil(batch.count / scrap) for batch in wanted]
    inside = start.parts
    total = sum(starts)
    if total < 1 or inside + total > 5_000_000:
        return None
    orders = tuple(
        JobOrder(
            name=b.order, product=b.product if b.product in line.products else _first(line), count=n
        )
        for b, n in zip(wanted, starts, strict=True)
    )
    # What stands in the line belongs to the first order; so much more is begun of it.
    begun = _with_orders(start, orders)
    line = with_open_caps(line, [changes])
    scenarios = alternatives(line, [changes])
    name, simulator = simulator_for(line, None, begun)
    visits = (inside + total) * len(line.stations)
    often = int(np.clip(_VISITS / visits / (1 if name == "flow_line" else 100), _LEAST, _MOST))
    ends = np.cumsum(starts) - 1
    times = np.empty((often, len(wanted)))
    trial = Trial(int(ends[-1]) + 1, None, 0.0, 1, seed, keep=("departures",), start=begun)
    for r in range(often):
        run = simulator.run(line, replace(trial, first=r), scenarios, executor=executor)
        if run.departures is None:
            raise AssertionError("departures are kept")
        times[r] = np.diff(run.departures[0, 0][ends], prepend=0.0)
    return Pace(tuple(b.order for b in wanted), times)


def _with_orders(start: Snapshot, orders: tuple[JobOrder, ...]) -> Snapshot:
    """The snapshot with these orders to come."""
    return start.model_copy(update={"orders": orders})


def _first(line: Line) -> str:
    return next(iter(line.products), "")

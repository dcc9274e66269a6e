"""How long a network serves all its customers when a stage fails, against how long it takes to
recover (Simchi-Levi, Schmidt and Wei 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from gemel.core.stock.network import Network

__all__ = ["Exposure", "exposures", "time_to_survive"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the failure of a stage means.

    survive   periods that all customers are served, from stock and from what still works
    recover   periods until the stage works again; None where nobody said
    missing   units of each stage that sells and needs it which are not served until then; all of
              these get the same share
    cost      of what is missing; None where no cost is known
    index     cost as a share of the worst one's: the risk exposure index
    """

    stage: str
    survive: float
    recover: float | None
    missing: Mapping[str, float]
    cost: float | None
    index: float | None


def time_to_survive(network: Network, failed: str, stock: Mapping[str, float]) -> float:
    """Periods that every demand is met while `failed` makes nothing but what its second source
    brings, from `stock` at hand and what the other stages make, within their capacity. Infinite
    where it always is.

    The linear programme of the paper has one supplier of each material here, so what a stage must
    make by time t follows from its customers: a convex function of t that is 0 at 0. It stays below
    capacity · t until one time and never again, which is found by halving.
    """
    low, high = 0.0, 1.0
    whole = sum(stock.values()) + 1.0
    slowest = min(s.demand.rate for s in network.stages.values() if s.demand and s.demand.rate > 0)
    while _served(network, failed, stock, high, 1.0):
        if high > 1e6 * whole / slowest:
            return inf
        low, high = high, 2 * high
    for _ in range(80):
        middle = 0.5 * (low + high)
        good = _served(network, failed, stock, middle, 1.0)
        low, high = (middle, high) if good else (low, middle)
    return low


def exposures(network: Network, stock: Mapping[str, float]) -> list[Exposure]:
    """Of every stage, the worst first."""
    found = []
    for name, stage in network.stages.items():
        survive = time_to_survive(network, name, stock)
        recover = None if stage.recovery is None else network.periods(stage.recovery)
        missing = {} if recover is None else _missing(network, name, stock, recover)
        cost = None if recover is None else _worth(network, missing)
        found.append((name, survive, recover, missing, cost))
    worst = max((c for *_, c in found if c is not None), default=0.0)
    told = [
        Exposure(n, s, r, m, c, None if c is None or worst <= 0 else c / worst)
        for n, s, r, m, c in found
    ]
    return sorted(told, key=lambda e: (-(e.cost or 0.0), e.survive))


def _missing(
    network: Network, failed: str, stock: Mapping[str, float], recover: float
) -> dict[str, float]:
    """Units of each stage that sells and needs `failed` which are missing until it works again,
    when
    all of these get the same share of their demand, the largest that can be served."""
    low, high = 0.0, 1.0
    if _served(network, failed, stock, recover, 1.0):
        return {}
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (
            (middle, high) if _served(network, failed, stock, recover, middle) else (low, middle)
        )
    return {
        name: (1 - low) * stage.demand.rate * recover
        for name, stage in network.stages.items()
        if stage.demand is not None and _feeds(network, failed, name)
    }


def _feeds(network: Network, failed: str, name: str) -> bool:
    ways = [name]
    for way in ways:
        if way == failed:
            return True
        ways += [s for s in network.stages[way].after if s not in ways]
    return False


def _served(
    network: Network, failed: str, stock: Mapping[str, float], time: float, share: float
) -> bool:
    """Whether `share` of all demand that depends on the failed stage can be served until `time`."""
    needed = {}
    for n, s in network.stages.items():
        rate = s.demand.rate if s.demand is not None else 0.0
        needed[n] = rate * time * (share if _feeds(network, failed, n) else 1.0)
    for n in network.order()[::-1]:
        stage = network.stages[n]
        make = max(needed[n] - stock.get(n, 0.0), 0.0)
        capacity = stage.capacity
        if n == failed:
            capacity = 0.0 if stage.second is None else stage.second.capacity
        if capacity is not None and make > capacity * time * (1 + 1e-12) + 1e-9:
            return False
        for supplier, count in stage.after.items():
            needed[supplier] += count * make
    return True


def _worth(network: Network, missing: Mapping[str, float]) -> float | None:
    """Of units that are missing: what a lost sale costs, or else their price."""
    whole = 0.0
    for name, units in missing.items():
        stage = network.stages[name]
        each = stage.lost_sale_cost if stage.lost_sale_cost is not None else stage.price
        if each is None:
            return None
        whole += units * each
    return whole

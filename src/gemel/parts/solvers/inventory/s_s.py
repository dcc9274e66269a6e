"""At s or below, order up to S: (s, S), looked at once in a period."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor

import numpy as np

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.stock.demand import Counted, EmpiricalDemand, PoissonDemand
from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory._single import (
    Costs,
    costs_of,
    given_rule,
    reasons_single,
    spread_reasons,
)
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting, only_stage

__all__ = ["SS"]

_MOST = 200_000


class SS(StockSolver):
    """The best (s, S), exact for demand that is counted, by the search of Zheng and Federgruen
    (1991).

    A cycle is a renewal: from S, m(j) counts the visits at S − j until s or less is reached, and
    the cost is that of a cycle over its length. The search raises S and lets s follow.
    """

    def uncovered(self, network: Network) -> tuple[str, ...]:
        found = reasons_single(network, ("poisson", "empirical"))
        if len(network.stages) == 1:
            name, stage = only_stage(network)
            if network.review != "periodic":
                found.append("it is for periodic review; r_q is for continuous")
            if stage.order_cost == 0:
                found.append(f"an order of '{name}' costs nothing: newsvendor is enough")
            if not found:
                found += spread_reasons(network)
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        costs, pmf, lot = _given(network)
        _, stage = only_stage(network)
        low, high = _search(costs, pmf, lot, stage.order_cost)
        return self._told(network, low, high, exact=True)

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        fitting(self, network)
        rule = given_rule(network, rules, "s_s")
        assert rule.reorder is not None  # noqa: S101 - a rule of this kind has both
        assert rule.level is not None  # noqa: S101 - the same
        _, _, lot = _given(network)
        low, high = floor(rule.reorder / lot + 1e-9), ceil(rule.level / lot - 1e-9)
        return self._told(network, low, max(high, low + 1), exact=False)

    def _told(self, network: Network, low: int, high: int, *, exact: bool) -> Plan:
        name, stage = only_stage(network)
        assert stage.demand is not None  # noqa: S101 - uncovered looked
        costs, pmf, lot = _given(network)
        visits = _visits(pmf, high - low)
        length = float(visits.sum())
        weight = visits / length
        levels = (high - np.arange(high - low)) * lot
        short = float(weight @ [costs.law.short(float(y)) for y in levels])
        kept = float(weight @ levels) - costs.law.mean + short
        before = stage.demand.over(network.exposure(name) - 1)
        owed = 0.0 if before is None else float(weight @ [before.short(float(y)) for y in levels])
        parts = {
            "orders": stage.order_cost / length,
            "keeping": costs.holding * kept,
            "waiting": costs.backorder * short,
        }
        return Plan(
            {name: Rule(kind="s_s", reorder=low * lot, level=high * lot)}, sum(parts.values()),
            parts, {name: 1 - (short - owed) / stage.demand.rate}, {name: kept}, exact,
        )  # fmt: skip


def _given(network: Network) -> tuple[Costs, Values, float]:
    """Costs of a position, P(D = k lots) of one period, and the lot."""
    _, stage = only_stage(network)
    demand = stage.demand
    if isinstance(demand, EmpiricalDemand):
        law = demand.law()
    else:
        assert isinstance(demand, PoissonDemand)  # noqa: S101 - uncovered looked
        found = demand.over(1)
        assert isinstance(found, Counted)  # noqa: S101 - Poisson is counted
        law = found
    return costs_of(network), law.pmf, law.lot


def _visits(pmf: Values, length: int) -> Values:
    """float64[length]: how often, on average, the position is so many lots below S."""
    m = np.zeros(length)
    first = 1 - pmf[0]
    m[0] = 1 / first
    for j in range(1, length):
        top = min(j, len(pmf) - 1)
        m[j] = pmf[1 : top + 1] @ m[j - top : j][::-1] / first
    return m


def _search(costs: Costs, pmf: Values, lot: float, order_cost: float) -> tuple[int, int]:
    """s and S in lots."""
    m = _visits(pmf, 64)
    known: dict[int, float] = {}
    table, first = np.zeros(0), 0

    def at(y: int) -> float:
        if y not in known:
            known[y] = costs(y * lot)
        return known[y]

    def cost(low: int, high: int) -> float:
        nonlocal m, table, first
        while len(m) < high - low:
            if len(m) > _MOST:
                raise Refused(f"S − s exceeds {_MOST} lots of {lot:g}; count in larger lots")
            m = _visits(pmf, 2 * len(m))
        if low + 1 < first or high >= first + len(table):
            room = high - low
            first = low + 1 - room
            table = np.array([at(y) for y in range(first, high + room + 1)])
        visits = m[: high - low]
        whole = visits @ table[low + 1 - first : high + 1 - first][::-1]
        return float((order_cost + whole) / visits.sum())

    top = round(costs.least / lot)
    low = top - 1
    while cost(low, top) > at(low):
        low -= 1
    best, mean, high = top, cost(low, top), top + 1
    while at(high) <= mean:
        if cost(low, high) < mean:
            best = high
            while cost(low, high) <= at(low + 1):
                low += 1
            mean = cost(low, high)
        high += 1
    return low, best

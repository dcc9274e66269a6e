"""Where in a tree to keep safety stock, when every stage promises a time and keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd, sqrt

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.probability import normal_quantile
from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting

__all__ = ["GuaranteedService"]

_MOST_CELLS = 4_000


class GuaranteedService(StockSolver):
    """Safety stock in a tree of stages by promised service times, exact (Graves and Willems 2000).

    Each stage promises to supply after some time and keeps what demand may take, at most, over the
    time that it must cover: lead time and what its suppliers promise, less what it promises itself.
    Demand is bounded by mean · t + factor · spread · √t; what lies beyond is dealt with otherwise
    (overtime, other suppliers). A dynamic programme over the tree finds the promises with the least
    cost of keeping.
    """

    factor: float | None = Field(
        None, gt=0, le=10, description="Standard deviations of demand that stock must cover; "
        "without it the normal quantile of the highest `service` of any stage, or else 1.645 (95 %)"
    )  # fmt: skip

    def uncovered(self, network: Network) -> tuple[str, ...]:
        found = []
        if len(network.stages) < 2:
            found.append("one stage by itself")
        ways = sum(len(s.after) for s in network.stages.values())
        if ways != len(network.stages) - 1 or len(network.parts()) > 1:
            found.append("the ways of supply form no tree: two ways lead to one stage")
        for name, stage in network.stages.items():
            if not network.holding(name):
                found.append(f"'{name}' says no holding_cost, and no price")
            if stage.demand is not None and stage.demand.kind == "known":
                found.append(f"demand of '{name}' is known")
            if stage.lead_time_spread:
                found.append(f"the lead time of '{name}' is spread")
            if stage.repair_share is not None:
                found.append(f"'{name}' is repaired")
            if stage.order_cost:
                found.append(f"an order of '{name}' costs something")
        if not found:
            cells = max(_longest(network).values()) // _tick(network)
            if cells > _MOST_CELLS:
                found.append(f"times have {cells} ticks, at most {_MOST_CELLS}; round lead times")
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        return self._told(network, _best(network, self._factor(network)))

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        raise Refused("it compares promises of time; what rules cost says `serial` or a simulation")

    def _factor(self, network: Network) -> float:
        if self.factor is not None:
            return self.factor
        services = [s.service for s in network.stages.values() if s.service is not None]
        return normal_quantile(max(services)) if services else normal_quantile(0.95)

    def _told(self, network: Network, promises: dict[str, int]) -> Plan:
        factor, spreads = self._factor(network), spread_of(network)
        wanted = network.throughput()
        stock, rules, cost = {}, {}, 0.0
        for name, stage in network.stages.items():
            before = max((promises[s] for s in stage.after), default=stage.supply_promise)
            time = network.periods(before + stage.lead_time - promises[name])
            stock[name] = factor * spreads[name] * sqrt(max(time, 0.0))
            cost += (network.holding(name) or 0.0) * stock[name]
            rules[name] = Rule(kind="base_stock", level=wanted[name] * time + stock[name])
        told = {name: network.periods(p) for name, p in promises.items()}
        notes = (f"safety stock only, for demand up to {factor:.4g} standard deviations",)
        return Plan(rules, cost, {"keeping": cost}, {}, stock, exact=True, promises=told,
                    notes=notes)  # fmt: skip


def spread_of(network: Network) -> dict[str, float]:
    """Standard deviation of what is wanted of each stage in a period, customers independent."""
    variance = {
        n: s.demand.deviation**2 if s.demand is not None else 0.0 for n, s in network.stages.items()
    }
    for name in reversed(network.order()):
        for supplier, count in network.stages[name].after.items():
            variance[supplier] += count**2 * variance[name]
    return {name: sqrt(v) for name, v in variance.items()}


def _tick(network: Network) -> int:
    """The longest time of which all others are multiples."""
    times = [t for s in network.stages.values()
             for t in (s.lead_time, s.promise or 0, s.supply_promise)]  # fmt: skip
    return gcd(*times) or 1


def _longest(network: Network) -> dict[str, int]:
    """The longest time that each stage could promise: with no stock at all before it."""
    found: dict[str, int] = {}
    for name in network.order():
        stage = network.stages[name]
        before = max((found[s] for s in stage.after), default=stage.supply_promise)
        found[name] = before + stage.lead_time
    return found


@dataclass(slots=True)
class _Solved:
    """Of a stage, all stages behind it in the tree included: least cost by what its neighbour that
    is next in the tree sees, and the own promise and that of suppliers which give it (in ticks)."""

    cost: Values
    promise: npt.NDArray[np.int64]
    before: npt.NDArray[np.int64]


def _best(network: Network, factor: float) -> dict[str, int]:
    tick, longest, spreads = _tick(network), _longest(network), spread_of(network)
    customers = network.customers()
    order, parent = _leaves_first(network)
    solved: dict[str, _Solved] = {}
    children: dict[str, list[str]] = {name: [] for name in network.stages}
    for name in order:
        stage = network.stages[name]
        lead, most = stage.lead_time // tick, longest[name] // tick
        before = np.arange(most - lead + 1)[:, None]
        promise = np.arange(most + 1)[None, :]
        time = before + lead - promise
        keep = (network.holding(name) or 0.0) * factor * spreads[name]
        cost = np.where(time >= 0, keep * np.sqrt(np.maximum(time, 0) * tick / network.period),
                        np.inf)  # fmt: skip
        if stage.demand is not None:
            cost = np.where(promise <= (stage.promise or 0) // tick, cost, np.inf)
        if not stage.after:
            cost = np.where(before >= stage.supply_promise // tick, cost, np.inf)
        for child in children[name]:
            if child in stage.after:  # its promise may be at most what is taken as `before`
                best = np.minimum.accumulate(solved[child].cost)
                cost = cost + best[np.minimum(before, len(best) - 1)]
            else:  # it may count on this promise, or on a longer time
                best = np.minimum.accumulate(solved[child].cost[::-1])[::-1]
                padded = np.full(most + 1, np.inf)
                padded[: min(len(best), most + 1)] = best[: most + 1]
                cost = cost + padded[promise]
        up = parent[name]
        if up is None or up in customers[name]:
            chosen = np.argmin(cost, axis=0)
            solved[name] = _Solved(cost.min(axis=0), np.arange(most + 1), chosen)
        else:
            chosen = np.argmin(cost, axis=1)
            solved[name] = _Solved(cost.min(axis=1), chosen, np.arange(most - lead + 1))
        if up is not None:
            children[up].append(name)
    return {n: p * tick for n, p in _traced(network, order, parent, children, solved).items()}


def _traced(
    network: Network, order: list[str], parent: dict[str, str | None],
    children: dict[str, list[str]], solved: dict[str, _Solved],
) -> dict[str, int]:  # fmt: skip
    """Back from the last stage, in ticks."""
    promises: dict[str, int] = {}
    bounds: dict[str, int] = {}
    for name in reversed(order):
        found, up = solved[name], parent[name]
        if up is None:
            place = int(np.argmin(found.cost))
        elif name in network.stages[up].after:
            place = int(np.argmin(found.cost[: bounds[name] + 1]))
        else:
            place = bounds[name] + int(np.argmin(found.cost[bounds[name] :]))
        promises[name] = int(found.promise[place])
        for child in children[name]:
            supplies = child in network.stages[name].after
            bounds[child] = int(found.before[place]) if supplies else promises[name]
    return promises


def _leaves_first(network: Network) -> tuple[list[str], dict[str, str | None]]:
    """An order in which all neighbours but one, the parent, come before a stage."""
    customers = network.customers()
    near = {n: {*s.after, *customers[n]} for n, s in network.stages.items()}
    root = next(iter(network.stages))
    parent: dict[str, str | None] = {root: None}
    found = [root]
    for name in found:
        for other in sorted(near[name] - set(parent)):
            parent[other] = name
            found.append(other)
    return found[::-1], parent

"""Known orders to come: in which periods to make how much."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.stock.demand import KnownDemand
from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory._single import reasons_single
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting, only_stage

__all__ = ["WagnerWhitin"]


class WagnerWhitin(StockSolver):
    """The cheapest lots for demand that is known period by period: exact (Wagner and Whitin 1958).

    What is left at the end of a period costs its holding; an order costs the same whatever its
    size, and a unit the same in every period. What is at hand serves first. Orders are those that
    must be there at the start of a period; the lead time comes before it.
    """

    def uncovered(self, network: Network) -> tuple[str, ...]:
        found = reasons_single(network, ("known",), backorders=False)
        if len(network.stages) == 1:
            name, stage = only_stage(network)
            if stage.breaks:
                found.append(f"'{name}' has breaks; prices are the same here whatever the lot")
            if stage.capacity is not None:
                found.append(f"'{name}' has a capacity; here a lot may be of any size")
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        name, stage = only_stage(network)
        wanted = _to_serve(network)
        n = len(wanted)
        holding = network.holding(name) or 0.0
        best = np.full(n + 1, np.inf)
        best[n] = 0.0
        upto = np.zeros(n, np.int64)
        # Cost of an order in period t for t … u − 1: what u − 1 takes is kept u − 1 − t periods.
        for t in range(n - 1, -1, -1):
            kept = holding * np.cumsum(wanted[t:] * np.arange(n - t))
            ordered = np.where(np.cumsum(wanted[t:]) > 0, stage.order_cost, 0.0)
            whole = ordered + kept + best[t + 1 :]
            upto[t] = t + 1 + int(np.argmin(whole))
            best[t] = whole[upto[t] - t - 1]
        orders = np.zeros(n)
        t = 0
        while t < n:
            orders[t] = wanted[t : upto[t]].sum()
            t = int(upto[t])
        return _told(network, orders, exact=True)

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        """An (s, S), (r, Q) or base stock rule, played through the known orders."""
        fitting(self, network)
        name, stage = only_stage(network)
        rule = rules.get(name)
        if rule is None:
            raise Refused(f"no rule of '{name}'")
        assert isinstance(stage.demand, KnownDemand)  # noqa: S101 - uncovered looked
        level, orders = stage.at_hand, []
        for wanted in stage.demand.orders:
            order = _ordered(rule, level)
            level += order - wanted
            orders.append(order)
            if level < -1e-9:
                raise Refused(f"with this rule of '{name}', {-level:g} are missing in period "
                              f"{len(orders)}")  # fmt: skip
        return _told(network, np.array(orders), exact=False)


def _ordered(rule: Rule, level: float) -> float:
    if rule.kind == "base_stock":
        return max((rule.level or 0.0) - level, 0.0)
    if level > (rule.reorder or 0.0):
        return 0.0
    if rule.kind == "s_s":
        return max((rule.level or 0.0) - level, 0.0)
    assert rule.quantity is not None  # noqa: S101 - a rule of this kind has one
    lots = np.floor(((rule.reorder or 0.0) - level) / rule.quantity) + 1
    return float(max(lots, 1.0) * rule.quantity)


def _to_serve(network: Network) -> Values:
    """Demand of each period that what is at hand does not serve."""
    _, stage = only_stage(network)
    assert isinstance(stage.demand, KnownDemand)  # noqa: S101 - uncovered looked
    orders = np.array(stage.demand.orders)
    left = np.maximum(stage.at_hand - np.cumsum(orders), 0.0)
    served = -np.diff(np.append(stage.at_hand, left))
    return np.asarray(orders - served)


def _told(network: Network, orders: Values, *, exact: bool) -> Plan:
    name, stage = only_stage(network)
    assert isinstance(stage.demand, KnownDemand)  # noqa: S101 - uncovered looked
    level = stage.at_hand + np.cumsum(orders - np.array(stage.demand.orders))
    n, holding = len(orders), network.holding(name) or 0.0
    parts = {
        "orders": stage.order_cost * float(np.count_nonzero(orders)) / n,
        "keeping": holding * float(level.sum()) / n,
    }
    notes = [f"all {n} periods cost {n * sum(parts.values()):.6g}"]
    return Plan(
        {}, sum(parts.values()), parts, {name: 1.0}, {name: float(level.mean())}, exact,
        orders={name: tuple(orders.tolist())}, notes=tuple(notes),
    )  # fmt: skip

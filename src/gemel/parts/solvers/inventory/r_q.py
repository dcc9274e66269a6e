"""A fixed quantity at a reorder point, watched at all times: (r, Q)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor, sqrt

import numpy as np

from gemel.core.stock.demand import Counted, Normally
from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory._single import (
    Costs,
    costs_of,
    given_rule,
    reasons_single,
    spread_reasons,
)
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting, only_stage

__all__ = ["RQ"]


class RQ(StockSolver):
    """The best reorder point and quantity together, exact for Poisson and for normal demand.

    After an order the position is spread evenly over (r, r + Q], and the cost is the mean of that
    of a position, plus the order's (Federgruen and Zheng 1992). Poisson: quantities are whole, and
    grow by the cheaper neighbour until the next one costs more than the mean. Normal: the cost is
    convex and both ends of (r, r + Q] cost the same as the mean; Q is found by halving.
    """

    def uncovered(self, network: Network) -> tuple[str, ...]:
        found = reasons_single(network, ("normal", "poisson"))
        if len(network.stages) == 1:
            name, stage = only_stage(network)
            if network.review != "continuous":
                found.append("it is for continuous review; s_s is for periodic")
            if stage.order_cost == 0:
                found.append(f"an order of '{name}' costs nothing: base_stock orders each unit")
            if network.exposure(name) == 0:
                found.append(f"'{name}' is there as soon as it is ordered; eoq is enough")
            if not found:
                found += spread_reasons(network)
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        costs = costs_of(network)
        _, stage = only_stage(network)
        assert stage.demand is not None  # noqa: S101 - uncovered looked
        per_order = stage.order_cost * stage.demand.rate
        if isinstance(costs.law, Counted):
            reorder, quantity = _whole(costs, per_order)
        else:
            reorder, quantity = _continuous(costs, per_order)
        return self._told(network, reorder, quantity, exact=True)

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        fitting(self, network)
        rule = given_rule(network, rules, "r_q")
        assert rule.reorder is not None  # noqa: S101 - a rule of this kind has both
        assert rule.quantity is not None  # noqa: S101 - the same
        return self._told(network, rule.reorder, rule.quantity, exact=False)

    def _told(self, network: Network, reorder: float, quantity: float, *, exact: bool) -> Plan:
        name, stage = only_stage(network)
        assert stage.demand is not None  # noqa: S101 - uncovered looked
        costs = costs_of(network)
        law = costs.law
        if isinstance(law, Counted):
            positions = floor(reorder) + 1 + np.arange(max(round(quantity), 1))
            quantity, reorder = float(len(positions)), float(floor(reorder))
            short = float(np.mean([law.short(float(y)) for y in positions]))
            none = float(np.mean([1 - law.at_most(float(y) - 1) for y in positions]))
            position = float(positions.mean())
        else:
            assert isinstance(law, Normally)  # noqa: S101 - uncovered looked
            top = reorder + quantity
            short = (law.short_above(reorder) - law.short_above(top)) / quantity
            none = (law.short(reorder) - law.short(top)) / quantity
            position = reorder + quantity / 2
        kept = position - law.mean + short
        parts = {
            "orders": stage.order_cost * stage.demand.rate / quantity,
            "keeping": costs.holding * kept,
            "waiting": costs.backorder * short,
        }
        return Plan(
            {name: Rule(kind="r_q", reorder=reorder, quantity=quantity)}, sum(parts.values()),
            parts, {name: 1 - none}, {name: kept}, exact,
        )  # fmt: skip


def _whole(costs: Costs, per_order: float) -> tuple[float, float]:
    low = high = round(costs.least)
    total = per_order + costs(low)
    left, right = costs(low - 1), costs(high + 1)
    while min(left, right) < total / (high - low + 1):
        if left <= right:
            low, total = low - 1, total + left
            left = costs(low - 1)
        else:
            high, total = high + 1, total + right
            right = costs(high + 1)
    return float(low - 1), float(high - low + 1)


def _continuous(costs: Costs, per_order: float) -> tuple[float, float]:
    law = costs.law
    assert isinstance(law, Normally)  # noqa: S101 - uncovered looked
    h, b, middle = costs.holding, costs.backorder, costs.least
    if law.deviation == 0:
        quantity = sqrt(2 * per_order * (h + b) / (h * b))
        return law.mean - quantity * h / (h + b), quantity

    def mean_of(low: float, quantity: float) -> float:
        missing = law.short_above(low) - law.short_above(low + quantity)
        whole = h * quantity * (low + quantity / 2 - law.mean) + (h + b) * missing
        return (per_order + whole) / quantity

    def low_of(quantity: float) -> float:
        """Where both ends cost the same."""
        return _root(lambda r: costs(r + quantity) - costs(r), middle - quantity, middle)

    def slope(quantity: float) -> float:
        low = low_of(quantity)
        return costs(low) - mean_of(low, quantity)

    top = sqrt(2 * per_order * (h + b) / (h * b))
    while slope(top) < 0:
        top *= 2
    quantity = _root(slope, 1e-9 * top, top)
    return low_of(quantity), quantity


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function is zero, to the last digits."""
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)

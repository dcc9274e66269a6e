"""Steady demand: the lot size that sets what an order costs against what keeping costs."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, sqrt

from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory._single import given_rule, reasons_single
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting, only_stage

__all__ = ["Eoq"]


class Eoq(StockSolver):
    """Economic order quantity (Harris 1913), with planned backorders where customers wait, and with
    quantity discounts on all units where prices fall with the order.

    Demand is taken as steady: of spread demand it uses the mean, and says so. With `breaks`,
    keeping costs `interest` on the price that is paid; the purchase is then part of the cost.
    """

    def uncovered(self, network: Network) -> tuple[str, ...]:
        found = reasons_single(
            network, ("constant", "normal", "poisson", "empirical"), backorders=False
        )
        if len(network.stages) == 1:
            name, stage = only_stage(network)
            if stage.breaks and stage.price is not None:
                found = [f for f in found if "holding_cost" not in f]
            if stage.order_cost == 0:
                found.append(f"an order of '{name}' costs nothing: order each unit by itself")
            if stage.lost_sale_cost is not None:
                found.append(f"customers of '{name}' do not wait (lost_sale_cost)")
            if stage.breaks and stage.price is None:
                found.append(f"'{name}' has breaks and no price below the first of them")
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        _, stage = only_stage(network)
        best: tuple[float, float] = (inf, 0.0)
        steps = sorted((b.quantity, b.price) for b in stage.breaks)
        bounds = [0.0, *(q for q, _ in steps), inf]
        for i in range(len(bounds) - 1):
            at = max(bounds[i], 1e-12)
            holding = self._holding(network, at)
            rate, waiting = self._rates(network, holding)
            quantity = sqrt(2 * stage.order_cost * rate / (holding * waiting))
            # Above the best of its price, cost rises: the nearest quantity that gets the price.
            quantity = max(quantity, at)
            if quantity < bounds[i + 1]:
                best = min(best, (self._parts_of(network, quantity)[1], quantity))
        return self._told(network, best[1], exact=True)

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        fitting(self, network)
        rule = given_rule(network, rules, "r_q")
        assert rule.quantity is not None  # noqa: S101 - a rule of this kind has one
        return self._told(network, rule.quantity, exact=False)

    def _holding(self, network: Network, quantity: float) -> float:
        name, stage = only_stage(network)
        if stage.breaks:
            price = _price(network, quantity)
            return network.interest * price * network.period / (365 * 86_400_000_000_000)
        holding = network.holding(name)
        assert holding is not None  # noqa: S101 - uncovered looked
        return holding

    @staticmethod
    def _rates(network: Network, holding: float) -> tuple[float, float]:
        """Demand of a period, and the share of holding that remains where customers wait."""
        name, stage = only_stage(network)
        b = stage.backorder_cost
        return network.throughput()[name], 1.0 if b is None else b / (b + holding)

    def _parts_of(self, network: Network, quantity: float) -> tuple[dict[str, float], float]:
        _, stage = only_stage(network)
        holding = self._holding(network, quantity)
        rate, waiting = self._rates(network, holding)
        most = quantity * waiting  # the highest level; the lowest is what is owed
        parts = {
            "orders": stage.order_cost * rate / quantity,
            "keeping": holding * most**2 / (2 * quantity),
        }
        if stage.backorder_cost is not None:
            parts["waiting"] = stage.backorder_cost * (quantity - most) ** 2 / (2 * quantity)
        if stage.breaks:
            parts["purchase"] = rate * _price(network, quantity)
        return parts, sum(parts.values())

    def _told(self, network: Network, quantity: float, *, exact: bool) -> Plan:
        name, stage = only_stage(network)
        parts, cost = self._parts_of(network, quantity)
        rate, waiting = self._rates(network, self._holding(network, quantity))
        needed = rate * network.periods(stage.lead_time) - quantity * (1 - waiting)
        notes = []
        if stage.demand is not None and stage.demand.deviation > 0:
            notes.append(f"demand of '{name}' is taken as steady; r_q and s_s count its spread")
            exact = False
        rule = Rule(kind="r_q", reorder=needed, quantity=quantity)
        return Plan(
            {name: rule}, cost, parts, {name: waiting},
            {name: quantity * waiting**2 / 2}, exact, notes=tuple(notes),
        )  # fmt: skip


def _price(network: Network, quantity: float) -> float:
    _, stage = only_stage(network)
    reached = [b for b in stage.breaks if quantity >= b.quantity * (1 - 1e-12)]
    if reached:
        return max(reached, key=lambda b: b.quantity).price
    assert stage.price is not None  # noqa: S101 - uncovered looked
    return stage.price

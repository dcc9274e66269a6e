"""Steady demand, and a supplier who sometimes cannot deliver."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, sqrt

from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory._single import given_rule, reasons_single
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting, only_stage

__all__ = ["EoqDisrupted"]

_GOLDEN = (sqrt(5) - 1) / 2


class EoqDisrupted(StockSolver):
    """Economic order quantity with a supplier that is up and down for exponential times (Berk and
    Arreola-Risa 1994): a larger lot meets fewer disruptions.

    An order goes out when nothing is left. If the supplier is down then, sales are lost until it is
    up again. Exact for steady demand and no lead time.
    """

    def uncovered(self, network: Network) -> tuple[str, ...]:
        found = reasons_single(network, ("constant",), backorders=False)
        if len(network.stages) == 1:
            name, stage = only_stage(network)
            if stage.disruption is None:
                found.append(f"'{name}' has no disruption; eoq is enough")
            if stage.lost_sale_cost is None:
                found.append(f"'{name}' says no lost_sale_cost")
            if stage.lead_time:
                found.append(f"'{name}' has a lead time")
            if stage.breaks:
                found.append(f"'{name}' has breaks")
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        # The cost has one valley in Q; a bracket, then golden sections.
        _, stage = only_stage(network)
        assert stage.demand is not None  # noqa: S101 - uncovered looked
        low, high = 0.0, stage.demand.rate
        while self._parts_of(network, 2 * high)[0] < self._parts_of(network, high)[0]:
            high *= 2
        high *= 2
        for _ in range(120):
            width = _GOLDEN * (high - low)
            if self._parts_of(network, high - width)[0] <= self._parts_of(network, low + width)[0]:
                high = low + width
            else:
                low = high - width
        return self._told(network, 0.5 * (low + high), exact=True)

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        fitting(self, network)
        rule = given_rule(network, rules, "r_q")
        assert rule.quantity is not None  # noqa: S101 - a rule of this kind has one
        return self._told(network, rule.quantity, exact=False)

    @staticmethod
    def _parts_of(network: Network, quantity: float) -> tuple[float, dict[str, float], float]:
        """Cost of a period, its parts, and the share of demand that is served."""
        name, stage = only_stage(network)
        assert stage.demand is not None  # noqa: S101 - uncovered looked
        assert stage.disruption is not None  # noqa: S101 - the same
        rate, h = stage.demand.rate, network.holding(name) or 0.0
        fails = 1 / network.periods(stage.disruption.every)
        recovers = 1 / network.periods(stage.disruption.lasts)
        full = quantity / rate
        down = fails / (fails + recovers) * (1 - exp(-(fails + recovers) * full))
        cycle = full + down / recovers
        parts = {
            "orders": stage.order_cost / cycle,
            "keeping": h * quantity * full / 2 / cycle,
            "lost sales": (stage.lost_sale_cost or 0.0) * rate * down / recovers / cycle,
        }
        return sum(parts.values()), parts, full / cycle

    def _told(self, network: Network, quantity: float, *, exact: bool) -> Plan:
        name, _ = only_stage(network)
        cost, parts, fill = self._parts_of(network, quantity)
        rule = Rule(kind="r_q", reorder=0.0, quantity=quantity)
        return Plan({name: rule}, cost, parts, {name: fill}, {name: fill * quantity / 2}, exact)

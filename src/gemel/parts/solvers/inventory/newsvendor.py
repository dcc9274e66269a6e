"""One order for one period: what is left is worth less, what is missing is not sold."""

from __future__ import annotations

from collections.abc import Mapping

from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory._single import (
    costs_of,
    given_rule,
    reasons_single,
    spread_reasons,
)
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting, only_stage

__all__ = ["Newsvendor"]


class Newsvendor(StockSolver):
    """The level that is enough with probability b / (b + h): exact for normal, Poisson and seen
    demand, where orders cost nothing and each order stands for itself.

    Under periodic review it is the best base stock, whose demand is that of the lead time and the
    period itself; a cost of each order is for `s_s`.
    """

    def uncovered(self, network: Network) -> tuple[str, ...]:
        found = reasons_single(network, ("normal", "poisson", "empirical"))
        if len(network.stages) == 1:
            name, stage = only_stage(network)
            if network.review != "periodic":
                found.append("each order stands for a period: set review: periodic")
            if stage.order_cost:
                found.append(f"each order of '{name}' costs {stage.order_cost:g}")
            if not found:
                found += spread_reasons(network)
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        return self._told(network, costs_of(network).least, exact=True)

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        fitting(self, network)
        level = given_rule(network, rules, "base_stock").level
        assert level is not None  # noqa: S101 - a rule of this kind has one
        return self._told(network, level, exact=False)

    def _told(self, network: Network, level: float, *, exact: bool) -> Plan:
        name, stage = only_stage(network)
        costs = costs_of(network)
        short = costs.law.short(level)
        kept = level - costs.law.mean + short
        parts = {"keeping": costs.holding * kept, "waiting": costs.backorder * short}
        # What was owed before the last period was not served in it either.
        assert stage.demand is not None  # noqa: S101 - uncovered looked
        before = stage.demand.over(network.exposure(name) - 1)
        owed = before.short(level) if before is not None else 0.0
        fill = 1 - (short - owed) / stage.demand.rate
        return Plan(
            {name: Rule(kind="base_stock", level=level)}, sum(parts.values()), parts,
            {name: fill}, {name: kept}, exact,
        )  # fmt: skip

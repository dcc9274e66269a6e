"""One out, one ordered: base stock, of what is bought and of what is repaired."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.probability import poisson_pmf
from gemel.core.stock.demand import Counted, PoissonDemand
from gemel.core.stock.network import Network, Rule, Stage
from gemel.parts.solvers.inventory._single import given_rule, reasons_single
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting, only_stage

__all__ = ["BaseStock"]


class BaseStock(StockSolver):
    """The best number of pieces, exact where they are wanted one at a time (Poisson).

    On order, or in repair, is a Poisson number with mean demand × time, whatever the distribution
    of that time (Palm 1938), where orders do not wait for one another. Where customers do not wait
    (`lost_sale_cost`), it is that number cut off at the stock: Erlang's loss formula. Of what is
    repaired, a share comes back after `repair_time`, the rest is bought and comes after
    `lead_time`.
    """

    def uncovered(self, network: Network) -> tuple[str, ...]:
        if len(network.stages) != 1:
            return (
                f"it is for one stage by itself; here {len(network.stages)} supply one another",
            )
        name, stage = only_stage(network)
        cleared = network.with_stages({name: stage.model_copy(update={"repair_share": None})})
        found = reasons_single(cleared, ("poisson",), backorders=stage.lost_sale_cost is None)
        if network.review != "continuous":
            found.append("it is for continuous review; newsvendor is for periodic")
        if stage.repair_share and stage.repair_time is None:
            found.append(f"'{name}' is repaired and has no repair_time")
        if not found and _time(network, stage) == 0:
            found.append(f"'{name}' is there as soon as it is ordered: nothing need be kept")
        if not found:
            try:
                poisson_pmf(network.throughput()[name] * _time(network, stage))
            except DataError as error:
                found.append(str(error))
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        name, stage = only_stage(network)
        assert isinstance(stage.demand, PoissonDemand)  # noqa: S101 - uncovered looked
        h = network.holding(name) or 0.0
        law = Counted(poisson_pmf(stage.demand.mean * _time(network, stage)))
        if stage.lost_sale_cost is not None:
            loss = erlang_losses(len(law.pmf), law.mean)
            rate = stage.demand.mean
            lost = (stage.lost_sale_cost - stage.order_cost) * rate * loss
            kept = np.arange(len(loss)) - law.mean * (1 - loss)
            level = int(np.argmin(lost + h * kept))
        else:
            b = stage.backorder_cost
            level = 0 if b is None else round(law.quantile(b / (b + h)))
        if stage.service is not None and stage.backorder_cost is None:
            while self._told(network, level, exact=True).fill[name] < stage.service:
                level += 1
        return self._told(network, level, exact=True)

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        fitting(self, network)
        level = given_rule(network, rules, "base_stock").level
        assert level is not None  # noqa: S101 - a rule of this kind has one
        return self._told(network, max(floor(level), 0), exact=False)

    def _told(self, network: Network, level: int, *, exact: bool) -> Plan:
        name, stage = only_stage(network)
        assert isinstance(stage.demand, PoissonDemand)  # noqa: S101 - uncovered looked
        rate, h = stage.demand.mean, network.holding(name) or 0.0
        law = Counted(poisson_pmf(rate * _time(network, stage)))
        parts, kept, fill = {}, 0.0, 0.0
        if stage.lost_sale_cost is not None:
            loss = float(erlang_losses(level, law.mean)[-1])
            fill, kept = 1 - loss, level - law.mean * (1 - loss)
            parts = {"keeping": h * kept, "lost sales": stage.lost_sale_cost * rate * loss}
        else:
            short = law.short(level)
            fill, kept = law.at_most(level - 1), level - law.mean + short
            parts = {"keeping": h * kept}
            if stage.backorder_cost is not None:
                parts["waiting"] = stage.backorder_cost * short
        if stage.order_cost:
            parts["orders"] = stage.order_cost * rate * fill ** (stage.lost_sale_cost is not None)
        return Plan(
            {name: Rule(kind="base_stock", level=level)}, sum(parts.values()), parts,
            {name: fill}, {name: kept}, exact,
        )  # fmt: skip


def _time(network: Network, stage: Stage) -> float:
    """Mean periods until what went out is replaced."""
    share = stage.repair_share or 0.0
    repair = network.periods(stage.repair_time) if stage.repair_time else 0.0
    return share * repair + (1 - share) * network.periods(stage.lead_time)


def erlang_losses(servers: int, load: float) -> Values:
    """Share of arrivals that find all of 0, 1, … `servers` busy, float64[servers + 1], by the
    recursion that never overflows."""
    found = np.ones(servers + 1)
    for n in range(1, servers + 1):
        found[n] = load * found[n - 1] / (n + load * found[n - 1])
    return found

"""One stage after the other, each with its own stock: Clark and Scarf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.probability import normal_cdf
from gemel.core.stock.demand import Counted, Normally
from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting

__all__ = ["Serial"]

_BEYOND = 6.0
"""Standard deviations of demand that are looked at; what lies beyond is added to the last cell."""


class Serial(StockSolver):
    """Base stock of stages in a row, exact (Clark and Scarf 1960, in the form of Chen and Zheng
    1994), up to the cells in which normal demand is counted.

    From the customer upwards: the cost of a stage's echelon (what it has and all behind it) is
    convex in its base stock, and what a stage cannot send is charged to the one before it. Poisson
    and seen demand is counted exactly. Rules are told as stock of each stage itself, which orders
    the same.
    """

    cells: int = Field(
        2000, ge=100, le=200_000, description="Cells of the range of normal demand over all stages"
    )

    def uncovered(self, network: Network) -> tuple[str, ...]:
        customers = network.customers()
        if len(network.stages) < 2:
            return ("one stage by itself",)
        found = []
        for name, stage in network.stages.items():
            if len(stage.after) > 1 or len(customers[name]) > 1:
                found.append(f"'{name}' has more than one supplier or customer; the way branches")
            if any(count != 1 for count in stage.after.values()):
                found.append(f"'{name}' takes other than one unit for one")
            if stage.order_cost:
                found.append(f"an order of '{name}' costs something")
            if stage.demand is not None and customers[name]:
                found.append(f"'{name}' sells and supplies another stage")
            if stage.lead_time_spread:
                found.append(f"the lead time of '{name}' is spread")
            if stage.repair_share is not None:
                found.append(f"'{name}' is repaired")
            if not network.holding(name):
                found.append(f"'{name}' says no holding_cost, and no price")
        if not found:
            found += self._of_prices(network)
        return tuple(found)

    @staticmethod
    def _of_prices(network: Network) -> list[str]:
        found = []
        before = 0.0
        for name in network.order():
            holding = network.holding(name) or 0.0
            if holding < before:
                found.append(f"'{name}' keeps for less than the stage before it: keep all there")
            before = holding
        stage = network.stages[name]
        if stage.lost_sale_cost is not None:
            found.append(f"customers of '{name}' do not wait")
        elif stage.backorder_cost is None:
            found.append(f"'{name}' says no backorder_cost")
        demand = stage.demand
        if demand is None or demand.kind == "known":
            found.append(f"demand of '{name}' must be normal, poisson, empirical or constant")
        elif not found:
            row = network.order()[::-1]
            times = [_exposure(network, n, first=not i) for i, n in enumerate(row)]
            if any(demand.over(t) is None for t in times):
                found.append(f"'{name}': seen demand needs lead times of whole periods")
        return found

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        return self._told(network, None, exact=True)

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        fitting(self, network)
        echelon, total = [], 0.0
        for name in reversed(network.order()):
            rule = rules.get(name)
            if rule is None or rule.kind != "base_stock" or rule.level is None:
                raise Refused(f"rule of '{name}' must be base_stock")
            total += rule.level
            echelon.append(total)
        return self._told(network, echelon, exact=False)

    def echelon(self, network: Network) -> dict[str, float]:
        """The best echelon base stock of each stage: of its own and all behind it."""
        fitting(self, network)
        names = network.order()[::-1]
        return dict(zip(names, _solved(network, self.cells, None).levels, strict=True))

    def _told(self, network: Network, levels: list[float] | None, *, exact: bool) -> Plan:
        names = network.order()[::-1]
        found = _solved(network, self.cells, levels)
        # Stock beyond what the stages before may pass on is never there: levels that do not fall.
        nested = np.minimum.accumulate(np.array(found.levels)[::-1])[::-1]
        own = np.diff(np.concatenate([[0.0], nested]))
        rules = {
            name: Rule(kind="base_stock", level=float(level))
            for name, level in zip(names, own, strict=True)
        }
        stage = network.stages[names[0]]
        assert stage.demand is not None  # noqa: S101 - uncovered looked
        waiting = (stage.backorder_cost or 0.0) * found.owed
        parts = {"keeping": found.cost - waiting, "waiting": waiting}
        return Plan(rules, found.cost, parts, {}, {}, exact)


def _exposure(network: Network, name: str, *, first: bool) -> float:
    return network.periods(network.stages[name].lead_time) + (
        1.0 if first and network.review == "periodic" else 0.0
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Echelon levels from the customer upwards, cost, units owed on average."""

    levels: list[float]
    cost: float
    owed: float


def _solved(network: Network, cells: int, given: list[float] | None) -> _Found:
    names = network.order()[::-1]
    stage = network.stages[names[0]]
    demand = stage.demand
    assert demand is not None  # noqa: S101 - uncovered looked
    laws = []
    for i, name in enumerate(names):
        law = demand.over(_exposure(network, name, first=i == 0))
        assert isinstance(law, Counted | Normally)  # noqa: S101 - uncovered looked
        laws.append(law)
    step = _step(laws, cells)
    masses = [_mass(law, step) for law in laws]
    local = [network.holding(name) or 0.0 for name in names]
    echelon = [h - (local[i + 1] if i + 1 < len(local) else 0.0) for i, h in enumerate(local)]
    widest = sum(len(m) - 1 + start for m, start in masses)
    top = max(widest, *(round(g / step) for g in given or [0.0])) + 1
    x = np.arange(-widest - 1, top + 1) * step
    owed = np.maximum(-x, 0.0)
    cost = ((stage.backorder_cost or 0.0) + local[0]) * owed
    levels = []
    for j, (mass, start) in enumerate(masses):
        whole = _expected(echelon[j] * x + cost, mass, start)
        if j and network.review == "periodic":
            # What is kept is counted at the end of a period, whose customers have come by then.
            whole -= echelon[j] * demand.rate
        short = _expected(owed, mass, start)
        # Of the first cells the expectation would need what lies below the range.
        valid = start + len(mass) - 1
        x, whole, short = x[valid:], whole[valid:], short[valid:]
        place = int(np.argmin(whole)) if given is None else round((given[j] - x[0]) / step)
        levels.append(float(x[place]))
        at = np.minimum(np.arange(len(x)), place)
        cost, owed = whole[at], short[at]
    return _Found(levels, float(cost[-1]), float(owed[-1]))


def _expected(values: Values, mass: Values, start: int) -> Values:
    """E f(x − D) at each cell; the first cells are not to be used."""
    found = np.convolve(values, mass)[: len(values)]
    if start:
        found = np.concatenate([np.zeros(start), found[:-start]])
    return np.asarray(found)


def _step(laws: list[Counted | Normally], cells: int) -> float:
    for law in laws:
        if isinstance(law, Counted):
            return law.lot
    spread = np.sqrt(sum(law.deviation**2 for law in laws))
    mean = sum(law.mean for law in laws)
    return float((mean + _BEYOND * spread) / cells) or 1.0


def _mass(law: Counted | Normally, step: float) -> tuple[Values, int]:
    """P(D in cell), and the number of the first cell."""
    if isinstance(law, Counted):
        return law.pmf, 0
    if law.deviation == 0:
        return np.ones(1), round(law.mean / step)
    low = max(round((law.mean - _BEYOND * law.deviation) / step), 0)
    high = round((law.mean + _BEYOND * law.deviation) / step) + 1
    edges = (np.arange(low, high + 2) - 0.5) * step
    cdf = np.asarray(normal_cdf((edges - law.mean) / law.deviation))
    cdf[0], cdf[-1] = 0.0, 1.0
    return np.diff(cdf), low

"""A depot and its bases: how many spares to keep where."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor

import numpy as np

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.probability import poisson_pmf
from gemel.core.stock.demand import Counted, PoissonDemand
from gemel.core.stock.network import Network, Rule
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting

__all__ = ["Metric"]


class Metric(StockSolver):
    """Spares of one part in two echelons, one out, one ordered: METRIC (Sherbrooke 1968), with the
    exact law of what the depot owes to each base (Simon 1971; Graves 1985) in place of its mean.

    What a base cannot repair goes to the depot, which sends one from its stock or, when it has
    none, later, first come first served. `lead_time` of a base is the way from the depot, that of
    the depot the time until it has another one. For any stock at the depot the bases are
    independent and convex, so the best is found by trying each stock of the depot. Exact where
    these times are constant; repair times of bases may be spread.
    """

    def uncovered(self, network: Network) -> tuple[str, ...]:
        depots = [n for n, s in network.stages.items() if not s.after]
        if len(depots) != 1 or len(network.stages) < 2:
            return ("it is for one depot and the bases that it supplies",)
        found = []
        if network.review != "continuous":
            found.append("it is for continuous review")
        for name, stage in network.stages.items():
            if name == depots[0]:
                if stage.demand is not None:
                    found.append(f"customers of the depot '{name}': make them a base")
            elif set(stage.after) != set(depots) or stage.after[depots[0]] != 1:
                found.append(f"'{name}' is not supplied by '{depots[0]}' alone, one for one")
            elif not isinstance(stage.demand, PoissonDemand):
                found.append(f"demand of '{name}' is not poisson")
            elif stage.backorder_cost is None:
                found.append(f"'{name}' says no backorder_cost")
            if stage.repair_share and stage.repair_time is None:
                found.append(f"'{name}' repairs and has no repair_time")
            if not network.holding(name):
                found.append(f"'{name}' says no holding_cost, and no price")
            if stage.order_cost:
                found.append(f"an order of '{name}' costs something; here each piece is one")
            if stage.lost_sale_cost is not None:
                found.append(f"customers of '{name}' do not wait")
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        depot = _depot(network)
        best: Plan | None = None
        level = 0
        holding = network.holding(depot) or 0.0
        least = _alone(network)
        while True:
            found = _told(network, {**_bases(network, level), depot: level})
            if best is None or found.cost < best.cost:
                best = found
            # Whatever the bases do, they cost what they would with a depot that is never short.
            law, _, _ = _pipeline(network)
            kept = holding * (level + 1 - law.mean + law.short(level + 1))
            if kept + least >= best.cost:
                return best
            level += 1

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        fitting(self, network)
        levels = {}
        for name in network.stages:
            rule = rules.get(name)
            if rule is None or rule.kind != "base_stock" or rule.level is None:
                raise Refused(f"rule of '{name}' must be base_stock")
            levels[name] = max(floor(rule.level), 0)
        return _told(network, levels, exact=False)


def _depot(network: Network) -> str:
    return next(n for n, s in network.stages.items() if not s.after)


def _pipeline(network: Network) -> tuple[Counted, dict[str, float], float]:
    """What the depot has on order, each base's orders to it in a period, and their sum."""
    depot = _depot(network)
    asks = {
        name: stage.demand.rate * (1 - (stage.repair_share or 0.0))
        for name, stage in network.stages.items()
        if stage.demand is not None
    }
    whole = sum(asks.values())
    stage = network.stages[depot]
    share = stage.repair_share or 0.0
    repair = network.periods(stage.repair_time) if stage.repair_time else 0.0
    time = share * repair + (1 - share) * network.periods(stage.lead_time)
    return Counted(poisson_pmf(whole * time)), asks, whole


def _waiting(network: Network, name: str, level: int) -> Counted:
    """What a base lacks of its full stock, when the depot keeps `level`: on its way, in repair, or
    owed by the depot, of whose debts each is that of this base with the same chance."""
    law, asks, whole = _pipeline(network)
    stage = network.stages[name]
    assert stage.demand is not None  # noqa: S101 - uncovered looked
    owed = np.append(law.cdf[min(level, len(law.cdf) - 1)], law.pmf[level + 1 :])
    owed = owed / owed.sum()
    mine = _thinned(owed, asks[name] / whole if whole else 0.0)
    share = stage.repair_share or 0.0
    repair = network.periods(stage.repair_time) if stage.repair_time else 0.0
    own = asks[name] * network.periods(stage.lead_time) + stage.demand.rate * share * repair
    return Counted(np.convolve(mine, poisson_pmf(own)))


def _thinned(pmf: Values, share: float) -> Values:
    """The law of how many of N remain when each does with probability `share`."""
    if len(pmf) == 1 or share >= 1:
        return pmf
    # Horner's scheme on generating functions: each factor is (1 − share) + share·z.
    found = np.zeros(len(pmf))
    for p in pmf[::-1]:
        found[1:] = (1 - share) * found[1:] + share * found[:-1]
        found[0] *= 1 - share
        found[0] += p
    return found


def _bases(network: Network, level: int) -> dict[str, int]:
    """The best stock of each base."""
    found = {}
    for name, stage in network.stages.items():
        if stage.demand is not None:
            h, b = network.holding(name) or 0.0, stage.backorder_cost or 0.0
            law = _waiting(network, name, level)
            found[name] = round(law.quantile(b / (b + h)))
    return found


def _alone(network: Network) -> float:
    """Cost of the bases with a depot that is never short."""
    plan = _told(network, {**_bases(network, 10**9), _depot(network): 10**9})
    holding = network.holding(_depot(network)) or 0.0
    return plan.cost - holding * plan.stock[_depot(network)]


def _told(network: Network, levels: Mapping[str, int], *, exact: bool = True) -> Plan:
    depot = _depot(network)
    law, _, _ = _pipeline(network)
    stock = {depot: levels[depot] - law.mean + law.short(levels[depot])}
    fill: dict[str, float] = {}
    waiting = 0.0
    for name, stage in network.stages.items():
        if stage.demand is None:
            continue
        lacks = _waiting(network, name, levels[depot])
        short = lacks.short(levels[name])
        waiting += (stage.backorder_cost or 0.0) * short
        stock[name] = levels[name] - lacks.mean + short
        fill[name] = lacks.at_most(levels[name] - 1)
    parts = {
        "keeping": sum((network.holding(n) or 0.0) * kept for n, kept in stock.items()),
        "waiting": waiting,
    }
    rules = {n: Rule(kind="base_stock", level=levels[n]) for n in network.stages}
    return Plan(rules, sum(parts.values()), parts, fill, stock, exact)

"""Any network: rules that are good when they are played."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt

import numpy as np
from pydantic import Field

from gemel.core.errors import Refused
from gemel.core.stock.draws import draw
from gemel.core.stock.network import Network, Rule
from gemel.core.stock.play import Played, played
from gemel.parts.solvers.inventory.base import Plan, StockSolver, fitting

__all__ = ["BySimulation"]

_MOST_STAGES = 60
_APART = 1_000_000_007
"""Between the seed given and that of the search: nobody who plays the rules out with a small seed
meets the chance that they were searched on."""
_FAILURES = 100
"""Of each stage, that the search should meet."""
_MOST_OFTEN = 128
_TRIES = 9
"""Levels of one stage that are tried at once."""


class BySimulation(StockSolver):
    """Base stock, or (r, Q) where an order costs something, of networks that no theory covers:
    assembly, shared stages, spread lead times, failing supply, limited capacity.

    One stage after the other gets the level that costs least, the others as they are, on the same
    chance each time, until a sweep gains nothing. What is told is played on other chance than what
    was searched on. A local optimum, and no bound.
    """

    periods: int = Field(400, ge=20, le=100_000, description="Periods of each replication")
    replications: int = Field(
        16, ge=2, le=10_000, description="Replications of the search; more where failures are rare"
    )
    sweeps: int = Field(6, ge=1, le=100, description="Over all stages, at most")
    seed: int = Field(0, ge=0, description="Of the chance that is searched on")
    alone: bool = Field(False, description="Also a stage by itself, which theory mostly covers")

    def uncovered(self, network: Network) -> tuple[str, ...]:
        found = []
        if len(network.stages) < 2 and not self.alone:
            found.append("one stage by itself")
        if len(network.stages) > _MOST_STAGES:
            found.append(f"{len(network.stages)} stages, at most {_MOST_STAGES}")
        for name, stage in network.stages.items():
            if not network.holding(name):
                found.append(f"'{name}' says no holding_cost, and no price")
            if stage.demand is not None and stage.demand.kind == "known":
                found.append(f"demand of '{name}' is known")
            if stage.sells and stage.backorder_cost is None and stage.lost_sale_cost is None:
                found.append(f"'{name}' says neither backorder_cost nor lost_sale_cost")
            if stage.repair_share is not None:
                found.append(f"'{name}' is repaired")
        return tuple(found)

    def plan(self, network: Network) -> Plan:
        fitting(self, network)
        warm = self._warm(network)
        often = self._often(network)
        draws = draw(network, warm + self.periods, often, self.seed + _APART)
        wanted, spread = network.throughput(), _spread(network)
        rules = {n: _first(network, n, wanted[n], spread[n]) for n in network.order()}
        cost = float(played(network, [rules], draws=draws, warm=warm).cost.mean())
        width = dict(spread)
        for _ in range(self.sweeps):
            before = cost
            for name in network.order()[::-1]:
                moves = np.linspace(-1, 1, _TRIES) * 2 * width[name]
                tried = [{**rules, name: _moved(rules[name], float(m))} for m in moves]
                found = played(network, tried, draws=draws, warm=warm).cost.mean(axis=1)
                best = int(np.argmin(found))
                # At an end the best may lie beyond it; in the middle, nearer than the next one.
                width[name] *= 2.0 if best in (0, _TRIES - 1) else 0.4
                if found[best] < cost:
                    rules, cost = tried[best], float(found[best])
            if before - cost <= 1e-4 * before:
                break
        return self._told(network, rules)

    def judge(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        fitting(self, network)
        if missing := sorted(set(network.stages) - set(rules)):
            raise Refused(f"no rule of '{missing[0]}'")
        return self._told(network, rules)

    def _warm(self, network: Network) -> int:
        return int(20 + 3 * sum(network.periods(s.lead_time) for s in network.stages.values()))

    def _often(self, network: Network) -> int:
        """More replications where failures are rare: levels would else be right for a few only."""
        every = [network.periods(s.disruption.every + s.disruption.lasts)
                 for s in network.stages.values() if s.disruption is not None]  # fmt: skip
        wanted = ceil(_FAILURES * max(every, default=0.0) / self.periods)
        return max(self.replications, min(wanted, _MOST_OFTEN))

    def _told(self, network: Network, rules: Mapping[str, Rule]) -> Plan:
        found: Played = played(
            network, [rules], periods=self.periods, warm=self._warm(network),
            replications=4 * self._often(network), seed=self.seed + _APART + 1,
        )  # fmt: skip
        figure = found.figure()
        stock = found.columns["at_hand"][0].mean(axis=0)
        half = (figure.high - figure.low) / 2
        return Plan(
            dict(rules), figure.value, {n: float(v[0].mean()) for n, v in found.parts.items()},
            {n: found.fill(n).value for n, s in network.stages.items() if s.sells},
            dict(zip(found.stages, stock.tolist(), strict=True)), exact=False,
            notes=(f"played on other chance than it was searched on: ± {half:.2g}",),
        )  # fmt: skip


def _spread(network: Network) -> dict[str, float]:
    """What may come on top of the mean while an order of a stage is under way."""
    wanted = network.throughput()
    variance = {
        n: s.demand.deviation**2 if s.demand is not None else 0.0 for n, s in network.stages.items()
    }
    for name in reversed(network.order()):
        for supplier, count in network.stages[name].after.items():
            variance[supplier] += count**2 * variance[name]
    found = {}
    for name, stage in network.stages.items():
        spread = network.periods(stage.lead_time_spread) * wanted[name]
        over = variance[name] * max(network.exposure(name), 1.0) + spread**2
        found[name] = max(sqrt(over), 0.05 * wanted[name])
    return found


def _first(network: Network, name: str, wanted: float, spread: float) -> Rule:
    """Enough for the time of an order, and one spread more."""
    stage = network.stages[name]
    level = wanted * network.exposure(name) + spread
    if stage.order_cost == 0:
        return Rule(kind="base_stock", level=level)
    holding = network.holding(name)
    assert holding is not None  # noqa: S101 - uncovered looked
    return Rule(kind="r_q", reorder=level, quantity=sqrt(2 * stage.order_cost * wanted / holding))


def _moved(rule: Rule, move: float) -> Rule:
    if rule.kind == "base_stock":
        return rule.model_copy(update={"level": max((rule.level or 0.0) + move, 0.0)})
    return rule.model_copy(update={"reorder": (rule.reorder or 0.0) + move})

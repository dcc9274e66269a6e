"""Replace at fixed times; what fails in between is mended, and is as old as before."""

from __future__ import annotations

from math import inf

import numpy as np

from gemel.core.errors import Refused
from gemel.core.wear.life import GammaLaw, Law, LognormalLaw, WeibullLaw
from gemel.core.wear.upkeep import Upkeep
from gemel.parts.solvers.maintenance._least import least
from gemel.parts.solvers.maintenance.base import (
    Action,
    MaintenanceSolver,
    Plan,
    fitting,
    prices,
    run_to_failure,
)

__all__ = ["Block"]


class Block(MaintenanceSolver):
    """Periodic replacement with minimal repair (Barlow and Hunter 1960): between replacements it
    fails as often as its failure rate says, and each failure costs `repair_cost` and stands for
    `failure_time`. Closed for Weibull lives; for others the least is searched. Standstill is taken
    to be short beside the interval.
    """

    def uncovered(self, upkeep: Upkeep, asset: str) -> tuple[str, ...]:
        one = upkeep.assets[asset]
        found = []
        if one.life is None:
            found.append(f"'{asset}' says no life")
        elif one.life.kind == "empirical":
            found.append(f"the life of '{asset}' as it was seen has no failure rate: fit a Weibull")
        if one.repair_cost is None:
            found.append(f"'{asset}' says no repair_cost, for which it runs on as old as before")
        if not one.announced:
            found.append(f"a failure of '{asset}' does not show by itself")
        return tuple(found)

    def plan(self, upkeep: Upkeep, asset: str) -> Plan:
        fitting(self, upkeep, asset)
        law = _law(upkeep, asset)
        end = law.quantile(1 - 1e-9)
        grid = np.geomspace(end * 1e-6, end, 240)
        best = least(lambda t: self._told(upkeep, asset, t).cost, grid)
        if best >= grid[-2]:  # the failure rate does not rise: the longer the better
            best = inf
        return self._told(upkeep, asset, best)

    def judge(self, upkeep: Upkeep, asset: str, action: Action) -> Plan:
        fitting(self, upkeep, asset)
        if action.age is None:
            raise Refused("the action says no age")
        return self._told(upkeep, asset, action.age)

    @staticmethod
    def _told(upkeep: Upkeep, asset: str, every: float) -> Plan:
        one, law = upkeep.assets[asset], _law(upkeep, asset)
        price = prices(upkeep, one)
        repair = (one.repair_cost or 0.0) + upkeep.visit_cost
        if every == inf:
            far = law.quantile(1 - 1e-9)
            fails, planned = float(_hazard_sum(law, far)) / far, 0.0
        else:
            fails, planned = float(_hazard_sum(law, every)) / every, 1 / every
        parts = {
            "planned": planned * (price.planned - price.planned_down),
            "repairs": fails * repair,
            "standstill": planned * price.planned_down + fails * price.failure_down,
        }
        parts = {name: value for name, value in parts.items() if value}
        return Plan(
            Action("block", age=every), sum(parts.values()), parts, every,
            fails / (fails + planned), run_to_failure(upkeep, one),
            exact=price.planned_time == price.failure_time == 0,
        )  # fmt: skip


def _law(upkeep: Upkeep, asset: str) -> Law:
    life = upkeep.assets[asset].life
    assert life is not None  # noqa: S101 - uncovered looked
    return life.law(upkeep.period)


def _hazard_sum(law: Law, t: float) -> float:
    assert isinstance(law, WeibullLaw | GammaLaw | LognormalLaw)  # noqa: S101 - uncovered looked
    return float(law.hazard_sum(t))

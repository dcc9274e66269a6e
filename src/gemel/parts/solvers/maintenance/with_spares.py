"""At which age to replace, and how many spares to keep for it: both together."""

from __future__ import annotations

from math import inf

import numpy as np

from gemel.core.errors import Refused
from gemel.core.probability import poisson_pmf
from gemel.core.stock.demand import Counted
from gemel.core.wear.upkeep import Asset, Upkeep
from gemel.parts.solvers.maintenance._least import least
from gemel.parts.solvers.maintenance.base import (
    Action,
    MaintenanceSolver,
    Plan,
    fitting,
    prices,
    run_to_failure,
)

__all__ = ["WithSpares"]


class WithSpares(MaintenanceSolver):
    """Age replacement of `machines` alike and the base stock of the part, jointly: a younger age
    takes more parts, and a part that is missing stands a machine still.

    Parts are ordered one for one; on order is a Poisson number with mean demand × lead time (Palm),
    so fill rate and waiting are exact where replacements of the machines together come as a Poisson
    stream. They nearly do from a few machines on; of a single machine the stock is somewhat large.
    """

    def uncovered(self, upkeep: Upkeep, asset: str) -> tuple[str, ...]:
        one = upkeep.assets[asset]
        found = []
        if one.life is None or one.life.kind == "empirical":
            found.append(f"'{asset}' says no life with a law")
        if one.spare is None:
            found.append(f"'{asset}' says no spare")
        if one.downtime_cost == 0:
            found.append(f"waiting for a part of '{asset}' costs nothing: give downtime_cost")
        if not one.announced:
            found.append(f"a failure of '{asset}' does not show by itself")
        return tuple(found)

    def plan(self, upkeep: Upkeep, asset: str) -> Plan:
        fitting(self, upkeep, asset)
        one = upkeep.assets[asset]
        assert one.life is not None  # noqa: S101 - uncovered looked
        law = one.life.law(upkeep.period)
        grid = np.geomspace(max(law.quantile(1e-6), law.quantile(1 - 1e-9) * 1e-9),
                            law.quantile(1 - 1e-9), 120)  # fmt: skip

        def cost(age: float) -> float:
            return self._told(upkeep, asset, age, _spares(upkeep, one, age)).cost

        age = least(cost, grid)
        age = age if cost(age) < cost(inf) * (1 - 1e-6) else inf
        return self._told(upkeep, asset, age, _spares(upkeep, one, age))

    def judge(self, upkeep: Upkeep, asset: str, action: Action) -> Plan:
        fitting(self, upkeep, asset)
        if action.age is None or action.spares is None or action.spares < 0:
            raise Refused("the action says not both an age and a number of spares")
        return self._told(upkeep, asset, action.age, action.spares)

    @staticmethod
    def _told(upkeep: Upkeep, asset: str, age: float, spares: int) -> Plan:
        """Costs of one machine: its share of the stock included."""
        one = upkeep.assets[asset]
        assert one.life is not None  # noqa: S101 - uncovered looked
        assert one.spare is not None  # noqa: S101 - uncovered looked
        law = one.life.law(upkeep.period)
        fails = 1.0 if age == inf else 1 - float(law.survives(age))
        _, parts, length = prices(upkeep, one).rates(fails, float(law.lived(age)))
        order = _on_order(upkeep, one, length)
        short = order.short(spares)
        kept = spares - order.mean + short
        machines = one.spare.machines
        parts["spares"] = one.spare.holding_cost * kept / machines
        parts["waiting for parts"] = one.downtime_cost * short / machines
        note = (
            f"a part is at hand for {100 * order.at_most(spares - 1):.4g} % of the replacements; "
            f"{machines} machines take {machines / length:.4g} in a period"
        )
        return Plan(
            Action("age", age=age, spares=spares), sum(parts.values()), parts, length, fails,
            run_to_failure(upkeep, one), exact=False, notes=(note,),
        )  # fmt: skip


def _on_order(upkeep: Upkeep, one: Asset, length: float) -> Counted:
    assert one.spare is not None  # noqa: S101 - uncovered looked
    lead = one.spare.lead_time / upkeep.period
    return Counted(poisson_pmf(one.spare.machines / length * lead))


def _spares(upkeep: Upkeep, one: Asset, age: float) -> int:
    """The best number: enough with probability b / (b + h)."""
    assert one.life is not None  # noqa: S101 - uncovered looked
    assert one.spare is not None  # noqa: S101 - uncovered looked
    law = one.life.law(upkeep.period)
    fails = 1.0 if age == inf else 1 - float(law.survives(age))
    _, _, length = prices(upkeep, one).rates(fails, float(law.lived(age)))
    b, h = one.downtime_cost, one.spare.holding_cost
    return round(_on_order(upkeep, one, length).quantile(b / (b + h)))

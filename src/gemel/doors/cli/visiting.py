"""What `gemel plan maintenance` says of several assets: which work to do together, and when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Any

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.wear.upkeep import Upkeep
from gemel.doors.cli import telling
from gemel.doors.cli.telling import number
from gemel.parts.solvers.maintenance import Plan
from gemel.parts.solvers.visits import VISITORS, Jobs, Visits
from gemel.parts.solvers.visits.base import moved_cost

__all__ = ["Together", "together"]

_TIMES = 120


@dataclass(frozen=True, slots=True)
class Together:
    """Visits, and what each job would cost by itself, at its best time."""

    jobs: Jobs
    visits: Visits
    alone: float
    how: str
    left_out: tuple[str, ...]

    def sentence(self, upkeep: Upkeep) -> str:
        """What it saves."""
        count = len(set(self.visits.at))
        saved = self.alone - self.visits.cost
        money = f"{number(saved)} {upkeep.currency}".strip()
        visits = "one visit" if count == 1 else f"{count} visits"
        return f"{len(self.jobs.names)} replacements in {visits}: {money} less than each by itself."

    def table(self, upkeep: Upkeep, told: Any) -> Any:
        """A row per visit; `told` makes times readable."""
        shown = telling.table("visit in", "work", "moving costs", "visit costs", "what")
        for t in sorted(set(self.visits.at)):
            mine = [j for j, a in enumerate(self.visits.at) if a == t]
            shown.add_row(
                told(float(self.jobs.times[t]), upkeep),
                told(float(self.jobs.work[mine].sum()), upkeep),
                number(round(float(self.jobs.cost[mine, t].sum()), 6)),
                number(float(self.jobs.visit[t])), ", ".join(self.jobs.names[j] for j in mine),
            )  # fmt: skip
        return shown

    def json(self) -> dict[str, Any]:
        """For programs; times in periods from now."""
        return {
            "how": self.how,
            "visits": [
                {"at": float(self.jobs.times[t]),
                 "assets": [n for n, a in zip(self.jobs.names, self.visits.at, strict=True)
                            if a == t]}
                for t in sorted(set(self.visits.at))
            ],
            "alone": self.alone, "left_out": list(self.left_out),
            **{k: v for k, v in asdict(self.visits).items() if k != "at"},
        }  # fmt: skip


def together(upkeep: Upkeep, plans: dict[str, Plan]) -> Together | None:
    """The visits of all assets that are replaced at an age within the horizon; None where grouping
    could save nothing, or fewer than two are."""
    if not (upkeep.visit_cost or upkeep.standstills) or len(plans) < 2:
        return None
    horizon = upkeep.horizon / upkeep.period
    chosen, left_out = [], []
    for name, plan in plans.items():
        asset = upkeep.assets[name]
        due = inf if plan.action.age is None else plan.action.age - asset.age / upkeep.period
        known = asset.life is not None and asset.life.kind != "empirical"
        if plan.action.kind == "age" and known and isfinite(due) and due <= horizon:
            chosen.append(name)
        else:
            left_out.append(name)
    if len(chosen) < 2:
        return None
    stands = {s.at / upkeep.period: s.lasts / upkeep.period for s in upkeep.standstills}
    times = np.unique([*np.linspace(0, horizon, _TIMES + 1), *(s for s in stands if s <= horizon)])
    cost, work = [], []
    for name in chosen:
        asset = upkeep.assets[name]
        cost.append(moved_cost(upkeep, asset, plans[name].cost, times))
        hours = asset.work if asset.work is not None else asset.planned_time
        work.append(hours / upkeep.period)
        down = asset.downtime_cost * asset.planned_time / upkeep.period
        for i, t in enumerate(times.tolist()):
            if stands.get(t, -1.0) >= asset.planned_time / upkeep.period:
                cost[-1][i] -= down
    visit = np.where(np.isin(times, list(stands)), 0.0, upkeep.visit_cost)
    most = inf if upkeep.crew is None else upkeep.crew.hours / upkeep.period
    jobs = Jobs(
        tuple(chosen), times, np.array(cost), np.array(work), visit, np.full(len(times), most)
    )
    try:
        how, visitor = "cp_sat", VISITORS.build({"kind": "cp_sat"})
    except ConfigurationError:  # without the extra
        how, visitor = "merging", VISITORS.build({"kind": "merging"})
    alone = len(chosen) * upkeep.visit_cost  # each at its best time, when nothing is to be moved
    return Together(jobs, visitor.plan(jobs), alone, how, tuple(left_out))

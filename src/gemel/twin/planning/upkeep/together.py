"""Work on several assets: which to do in one visit, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Any, Final

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.wear.upkeep import Upkeep
from gemel.parts.solvers.maintenance import MAINTENANCE
from gemel.parts.solvers.visits import VISITORS, Jobs, Visits
from gemel.parts.solvers.visits.base import moved_cost
from gemel.twin.planning.upkeep.choosing import Answer

__all__ = ["Together", "together"]

_TIMES: Final = 120


@dataclass(frozen=True, slots=True)
class Together:
    """Visits, and what each job would cost by itself, at its best time."""

    jobs: Jobs
    visits: Visits
    alone: float
    how: str
    left_out: tuple[str, ...]

    def times(self) -> list[tuple[float, list[str]]]:
        """When what is done, in periods from now."""
        return [
            (float(self.jobs.times[t]),
             [n for n, a in zip(self.jobs.names, self.visits.at, strict=True) if a == t])
            for t in sorted(set(self.visits.at))
        ]  # fmt: skip

    def json(self) -> dict[str, Any]:
        """For programs; times in periods from now."""
        return {
            "how": self.how,
            "visits": [{"at": at, "assets": names} for at, names in self.times()],
            "alone": self.alone, "left_out": list(self.left_out),
            **{k: v for k, v in asdict(self.visits).items() if k != "at"},
        }  # fmt: skip


def together(upkeep: Upkeep, answers: Mapping[str, Answer]) -> Together | None:
    """The visits of all assets that are replaced at an age, or at a moment that a prognostic's word
    gives, within the horizon; None where grouping could save nothing, or fewer than two are."""
    if not (upkeep.visit_cost or upkeep.standstills) or len(answers) < 2:
        return None
    horizon = upkeep.horizon / upkeep.period
    stands = {s.at / upkeep.period: s.lasts / upkeep.period for s in upkeep.standstills}
    times = np.unique([*np.linspace(0, horizon, _TIMES + 1), *(s for s in stands if s <= horizon)])
    rows = {name: _row(upkeep, answer, horizon, times) for name, answer in answers.items()}
    chosen = [name for name, row in rows.items() if row is not None]
    if len(chosen) < 2:
        return None
    cost, work = [], []
    for name in chosen:
        asset, row = upkeep.assets[name], rows[name]
        assert row is not None  # noqa: S101 - chosen
        cost.append(row)
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
    left_out = tuple(name for name in answers if name not in chosen)
    return Together(jobs, visitor.plan(jobs), alone, how, left_out)


def _row(upkeep: Upkeep, answer: Answer, horizon: float, times: Values) -> Values | None:
    """float64[t]: what it costs to do it then instead of at its best time; None where that is not
    within the horizon, or nobody knows."""
    asset, (_, plan) = upkeep.assets[answer.asset], answer.options[0]
    if plan.action.kind == "moment" and answer.rate is not None:
        if plan.action.moment is None or plan.action.moment > horizon:
            return None
        solver: Any = MAINTENANCE.build({"kind": "remaining_life", "rate": answer.rate})
        # By itself, without the visit and what stands anyway: these are counted with the visits.
        bare = upkeep.model_copy(update={"visit_cost": 0.0, "standstills": ()})
        return np.asarray(solver.moved(bare, answer.asset, times), np.float64)
    due = inf if plan.action.age is None else plan.action.age - asset.age / upkeep.period
    known = asset.life is not None and asset.life.kind != "empirical"
    if plan.action.kind == "age" and known and isfinite(due) and due <= horizon:
        return moved_cost(upkeep, asset, plan.cost, times)
    return None

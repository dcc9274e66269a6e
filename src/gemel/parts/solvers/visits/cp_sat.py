"""The best visits, by CP-SAT."""

from __future__ import annotations

import numpy as np
from ortools.sat.python import cp_model
from pydantic import Field

from gemel.core.errors import Refused
from gemel.parts.solvers.visits.base import Jobs, Visitor, Visits

__all__ = ["CpSat"]

_FINE = 1e6
"""Costs are counted in this share of the largest one."""


class CpSat(Visitor):
    """Which time each job takes, exactly: proved where the search ends within its budget, and with
    a
    bound where it does not. Needs `gemel[plan]`. One worker and a budget in steps, so that the same
    jobs give the same visits on every machine."""

    budget: float = Field(
        20.0, gt=0, le=10_000, description="Of the search, in CP-SAT's deterministic seconds"
    )

    def plan(self, jobs: Jobs) -> Visits:
        scale = _FINE / max(float(np.abs(jobs.cost).max()), float(jobs.visit.max()), 1e-300)
        model = cp_model.CpModel()
        k, n = jobs.cost.shape
        visited = [model.new_bool_var(f"visit {t}") for t in range(n)]
        done = [[model.new_bool_var(f"{name} at {t}") for t in range(n)] for name in jobs.names]
        for j in range(k):
            model.add_exactly_one(done[j])
            for t in range(n):
                model.add_implication(done[j][t], visited[t])
        work = 1e9 / max(float(jobs.work.max()), 1e-300)
        for t in range(n):
            if np.isfinite(jobs.crew[t]):
                model.add(
                    sum(int(w * work) * done[j][t] for j, w in enumerate(jobs.work))
                    <= int(jobs.crew[t] * work) + k
                )
        model.minimize(
            sum(round(float(jobs.cost[j, t]) * scale) * done[j][t]
                for j in range(k) for t in range(n))
            + sum(round(float(jobs.visit[t]) * scale) * visited[t] for t in range(n))
        )  # fmt: skip
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_deterministic_time = self.budget
        status = solver.solve(model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            raise Refused(
                "the crew cannot do all jobs in the visits that there are: give it more hours, or "
                "more times"
            )
        at = tuple(next(t for t in range(n) if solver.boolean_value(done[j][t])) for j in range(k))
        # Rounding moves each cost by half a share at most.
        bound = (solver.best_objective_bound - 0.5 * (k + n)) / scale
        return Visits(at, jobs.priced(at), min(bound, jobs.priced(at)))

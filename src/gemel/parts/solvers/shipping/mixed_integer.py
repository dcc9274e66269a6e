"""The best shipments, as a mixed-integer programme."""

from __future__ import annotations

from typing import Any

import numpy as np
from ortools.linear_solver import pywraplp
from pydantic import Field

from gemel.core.errors import Refused
from gemel.parts.solvers.shipping.base import Freight, Shipments, Shipper

__all__ = ["MixedInteger"]


class MixedInteger(Shipper):
    """Vehicles are whole numbers, loads can be split: proved best where the search ends within its
    budget, and with a bound where it does not. Needs `gemel[plan]` (SCIP of OR-Tools). One thread
    and a budget in nodes, so that the same freight gives the same plan on every machine."""

    nodes: int = Field(20_000, ge=1, description="Of the search, at most")
    gap: float = Field(1e-4, ge=0, lt=1, description="Above the bound, at which it may end")

    def plan(self, freight: Freight) -> Shipments:
        solver = pywraplp.Solver.CreateSolver("SCIP")
        if solver is None:
            raise Refused("this build of OR-Tools has no SCIP; take `last_moment`")
        k, periods = len(freight.names), freight.periods
        links = len(freight.capacity)
        weights = freight.weights()
        trips = [
            [solver.IntVar(0, int(freight.most[i, t]), "") for t in range(periods)]
            for i in range(links)
        ]
        sent = [
            {t: solver.NumVar(0, 1, "") for t in range(int(freight.ready[j]), periods)
             if freight.most[freight.link[j], t]}
            for j in range(k)
        ]  # fmt: skip
        terms = [(trips[i][t], float(freight.cost[i])) for i in range(links)
                 for t in range(periods)]  # fmt: skip
        stays_cost = 0.0
        leaving: list[list[list[tuple[Any, float]]]] = [
            [[] for _ in range(periods)] for _ in range(links)
        ]
        for j in range(k):
            solver.Add(solver.Sum(list(sent[j].values())) <= 1)
            stay = float(weights[j, -1])
            stays_cost += stay
            for t, share in sent[j].items():
                terms.append((share, float(weights[j, t]) - stay))
                leaving[int(freight.link[j])][t].append((share, float(freight.load[j])))
        for i in range(links):
            for t in range(periods):
                loads = solver.Sum([v * c for v, c in leaving[i][t]])
                solver.Add(loads <= float(freight.capacity[i]) * trips[i][t])
                for j in range(k):
                    # No more of a load leaves than vehicles have room for: tighter than the sum.
                    if freight.link[j] == i and t in sent[j] and freight.load[j] > 0:
                        room = float(freight.capacity[i] / freight.load[j])
                        if room >= 1:
                            solver.Add(sent[j][t] <= trips[i][t])
        _limit(solver, freight, trips, leaving)
        solver.Minimize(solver.Sum([v * c for v, c in terms]))
        options = pywraplp.MPSolverParameters()
        options.SetDoubleParam(options.RELATIVE_MIP_GAP, self.gap)
        solver.SetSolverSpecificParametersAsString(f"limits/nodes = {self.nodes}\n")
        status = solver.Solve(options)
        if status not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
            raise Refused("no shipments were found within the budget; raise `nodes`")
        shares = np.zeros((k, periods))
        for j in range(k):
            for t, share in sent[j].items():
                value = share.solution_value()
                shares[j, t] = value if value > 1e-9 else 0.0
        chosen = np.array(
            [[round(trips[i][t].solution_value()) for t in range(periods)] for i in range(links)],
            np.int64,
        ).reshape(links, periods)
        cost = freight.priced(shares, chosen)
        bound = solver.Objective().BestBound() + stays_cost
        return Shipments(shares, chosen, cost, min(bound, cost))


def _limit(
    solver: pywraplp.Solver, freight: Freight, trips: list[list[Any]],
    leaving: list[list[list[tuple[Any, float]]]],
) -> None:  # fmt: skip
    """Docks and people of the sites."""
    for site in range(len(freight.docks)):
        for t in range(freight.periods):
            vehicles: list[Any] = []
            loads: list[Any] = []
            for i, (a, b) in enumerate(freight.ends.tolist()):
                left = t - int(freight.takes[i])
                for end, at in ((a, t), (b, left)):
                    if end == site and at >= 0:
                        vehicles.append(trips[i][at])
                        loads += [v * c for v, c in leaving[i][at]]
            if vehicles and np.isfinite(freight.docks[site]):
                solver.Add(solver.Sum(vehicles) <= float(freight.docks[site]))
            if loads and np.isfinite(freight.crew[site]):
                solver.Add(solver.Sum(loads) <= float(freight.crew[site]))

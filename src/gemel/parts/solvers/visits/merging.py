"""Each job at its best time; then visits are merged as long as that pays."""

from __future__ import annotations

import numpy as np

from gemel.core.errors import Refused
from gemel.parts.solvers.visits.base import Jobs, Visitor, Visits

__all__ = ["Merging"]


class Merging(Visitor):
    """Needs no further package: every job by itself at its cheapest time, then the pair of visits
    whose merging saves most, and again; no better plan is ruled out."""

    def plan(self, jobs: Jobs) -> Visits:
        groups = [[j] for j in range(len(jobs.names))]
        at = [self._best(jobs, group) for group in groups]
        if any(cost == np.inf for cost, _ in at):
            raise Refused("a job fits no visit")
        while True:
            best = (-1e-12, 0, 0)
            for a in range(len(groups)):
                for b in range(a + 1, len(groups)):
                    saved = at[a][0] + at[b][0] - self._best(jobs, groups[a] + groups[b])[0]
                    best = max(best, (saved, a, b))
            saved, a, b = best
            if a == b or saved <= 1e-12:
                break
            groups[a] += groups.pop(b)
            at.pop(b)
            at[a] = self._best(jobs, groups[a])
        chosen = [0] * len(jobs.names)
        for group, (_, t) in zip(groups, at, strict=True):
            for j in group:
                chosen[j] = t
        # Two visits at one time are one, and its crew may be too small for both.
        if jobs.priced(tuple(chosen)) == np.inf:
            chosen = self._apart(jobs, groups)
        cost = jobs.priced(tuple(chosen))
        return Visits(tuple(chosen), cost, float(jobs.cost.min(axis=1).sum()))

    @staticmethod
    def _best(jobs: Jobs, group: list[int]) -> tuple[float, int]:
        """Least cost of doing these in one visit, and its time."""
        whole = jobs.cost[group].sum(axis=0) + jobs.visit
        whole = np.where(jobs.work[group].sum() <= jobs.crew * (1 + 1e-6), whole, np.inf)
        t = int(np.argmin(whole))
        return float(whole[t]), t

    @staticmethod
    def _apart(jobs: Jobs, groups: list[list[int]]) -> list[int]:
        """Groups one after the other, each at the cheapest time that is still free."""
        free = np.ones(len(jobs.times), np.bool_)
        chosen = [0] * len(jobs.names)
        for group in groups:
            fits = free & (jobs.work[group].sum() <= jobs.crew * (1 + 1e-6))
            if not fits.any():
                raise Refused(f"{len(groups)} visits, and only {len(jobs.times)} times for them")
            whole = np.where(fits, jobs.cost[group].sum(axis=0) + jobs.visit, np.inf)
            t = int(np.argmin(whole))
            free[t] = False
            for j in group:
                chosen[j] = t
        return chosen

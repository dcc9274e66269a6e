"""Why a job is late: what each of its operations waited for, and the chain that ends with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from gemel.parts.solvers.scheduling._plans.measure import closed_of, setup_between, turns
from gemel.parts.solvers.scheduling.base import Problem, Schedule

__all__ = ["Late", "late_jobs"]


@dataclass(frozen=True, slots=True)
class Late:
    """A job that is over after its due date.

    late    ticks
    work    ticks of its longest chain of operations, with the waiting that is asked for between
            them, without pauses
    waits   (what, ticks), longest first: machines and who has them, set-ups, closed times, people
    chain   operations, of this job or of others, that follow on each other's heels to its end
    """

    job: int
    end: int
    late: int
    work: int
    waits: tuple[tuple[str, int], ...]
    chain: tuple[int, ...]


def late_jobs(problem: Problem, plan: Schedule) -> list[Late]:
    """Those that are late, the latest first."""
    sight = _Sight(problem, plan)
    done = np.zeros(len(problem.jobs), np.int64)
    np.maximum.at(done, problem.job, plan.end)
    late = done - problem.due
    rows = [int(j) for j in np.argsort(-late, kind="stable") if late[j] > 0]
    return [sight.late(j, int(done[j]), int(late[j])) for j in rows]


class _Sight:
    def __init__(self, problem: Problem, plan: Schedule) -> None:
        self.problem, self.plan = problem, plan
        n = len(problem)
        self.machine = problem.machine[plan.mode]
        self.previous = np.full(n, -1)
        for row in turns(problem, plan.mode, plan.start, plan.left):
            self.previous[row[1:]] = row[:-1]
        self.before: list[list[tuple[int, int]]] = [[] for _ in range(n)]
        for a, b, lag in zip(
            problem.before.tolist(), problem.after.tolist(), problem.lag.tolist(), strict=True
        ):
            self.before[b].append((a, lag))

    def late(self, job: int, end: int, late: int) -> Late:
        problem, plan = self.problem, self.plan
        here = max(np.flatnonzero(problem.job == job).tolist(), key=lambda i: int(plan.end[i]))
        last, work = int(here), 0
        waits: Counter[str] = Counter()
        while True:
            work += int(problem.duration[plan.mode[here]])
            pause = int(plan.end[here] - plan.start[here] - problem.duration[plan.mode[here]])
            if pause:
                waits[f"{self._name(here)} closed"] += pause
            ready, other, asked = int(problem.release[job]), -1, 0
            for a, lag in self.before[here]:
                if int(plan.end[a]) + lag >= ready:
                    ready, other, asked = int(plan.end[a]) + lag, a, lag
            self._waits(here, ready, waits)
            work += asked
            if other < 0:
                break
            here = other
        kept = tuple((what, ticks) for what, ticks in waits.most_common() if ticks > 0)
        return Late(job, end, late, work, kept, tuple(self._chain(last)))

    def _name(self, i: int) -> str:
        k = int(self.machine[i])
        return self.problem.machines[k] if k >= 0 else "its place"

    def _waits(self, i: int, ready: int, waits: Counter[str]) -> None:
        """Divide the time from `ready` to the start among what stood in the way."""
        problem, plan = self.problem, self.plan
        start, k = int(plan.start[i]), int(self.machine[i])
        if start <= ready:
            return
        left = start - ready
        before = int(self.previous[i])
        if before >= 0 and plan.left[before] > ready:
            busy = min(left, int(plan.left[before]) - ready)
            waits[f"{self._name(i)} busy, last with {problem.names[before]}"] += busy
            left -= busy
        if k >= 0 and left:
            need = min(left, setup_between(problem, k, before, i))
            if need:
                waits[f"set-up of {self._name(i)}"] += need
                left -= need
        if k >= 0 and left:
            shut = 0
            for a, b in closed_of(problem, k):
                shut += max(0, min(int(b), start) - max(int(a), start - left))
            if shut:
                waits[f"{self._name(i)} closed"] += min(left, shut)
                left -= min(left, shut)
        if left:
            names = [problem.resources[r] for r in np.flatnonzero(problem.demand[plan.mode[i]])]
            waits[f"{' and '.join(names)} not free" if names else "put off by the plan"] += left

    def _chain(self, i: int) -> list[int]:
        """Backwards from an operation, always to one that ends when this begins."""
        problem, plan, chain = self.problem, self.plan, [i]
        while len(chain) < len(problem):
            found = -1
            for a, lag in self.before[i]:
                if int(plan.end[a]) + lag == plan.start[i]:
                    found = a
            before = int(self.previous[i])
            if found < 0 and before >= 0:
                need = setup_between(problem, int(self.machine[i]), before, i)
                if int(plan.left[before]) + need == plan.start[i] and before not in chain:
                    found = before
            if found < 0:
                break
            chain.append(found)
            i = found
        return chain[::-1]

"""A plan that was found, told: rows, reasons, and the chance that its dates hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.core.time import duration_text
from gemel.parts.solvers.scheduling import late_jobs, right_shift, uncovered
from gemel.parts.solvers.scheduling.base import Problem, Schedule
from gemel.twin.planning.plans.making import Task, dues, rows_of
from gemel.twin.planning.plans.version import Row, Version

__all__ = ["Made"]

_TRIED: Final = 40
"""How often a plan is tried with other luck."""


@dataclass(frozen=True)
class Made:
    """Makes versions of what a search finds: what it plans for, what held, who asked and why."""

    task: Task
    sampled: Values | None
    held: Version | None
    by: str
    why: str
    now: int
    assumed: Mapping[str, str]
    down: Sequence[tuple[str, int, int]]

    def version(self, problem: Problem, plan: Schedule, stage: str) -> Version:
        ghosts: dict[str, tuple[str, int]] = {}
        if self.held is not None:
            ghosts = {row.operation: (row.machine, row.start) for row in self.held.rows}
        rows: tuple[Row, ...] = rows_of(self.task, plan, ghosts)
        tick = problem.tick
        late = tuple(
            (problem.jobs[one.job], one.late * tick, _why(one.work * tick, one.waits, tick))
            for one in late_jobs(problem, plan)
        )
        measures = {name: float(value) for name, value in plan.parts.items()}
        return Version(
            0, self.now, self.by, self.why, rows, dues(problem), late, self._on_time(problem, plan),
            measures, float(plan.value), float(plan.bound), dict(self.assumed), tuple(self.down),
            sum(row.ghost is not None for row in rows), stage,
            {o.order: (o.quantity, o.weight) for o in self.task.described.orders},
        )  # fmt: skip

    def _on_time(self, problem: Problem, plan: Schedule) -> dict[str, float]:
        """Chance of each order to be in time: the plan is kept to, and the line has other luck."""
        if self.sampled is None or uncovered(problem):
            return {}
        count = min(len(self.sampled), _TRIED)
        hits = np.zeros(len(problem.jobs))
        for times in self.sampled[:count]:
            duration = np.maximum(1, np.round(times)).astype(np.int64)
            tried = right_shift(replace(problem, duration=duration), plan)
            done = np.zeros(len(problem.jobs), np.int64)
            np.maximum.at(done, problem.job, tried.end)
            hits += done <= problem.due
        known = dues(problem)
        return {
            name: float(hits[j] / count) for j, name in enumerate(problem.jobs) if name in known
        }


def _why(work: int, waits: Sequence[tuple[str, int]], tick: int) -> str:
    told = f"its own work takes {duration_text(work)}"
    if not waits:
        return f"{told}, and it never waits: the date cannot be met"
    shown = "; ".join(f"{duration_text(ticks * tick)}: {what}" for what, ticks in waits[:3])
    return f"{told}; it waits {shown}"

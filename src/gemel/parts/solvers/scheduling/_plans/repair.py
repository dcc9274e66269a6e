"""After something has happened: what has begun is fixed, the rest changes as little as needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gemel.parts.solvers.scheduling._plans.decode import right_shift
from gemel.parts.solvers.scheduling.base import NONE, Problem, Schedule

__all__ = ["frozen", "right_shift", "steady"]


def frozen(
    problem: Problem, old: Schedule, now: int, down: Sequence[tuple[int, int, int]] = ()
) -> Problem:
    """The problem as it is at tick `now`: what has begun by the old plan is fixed where it is.

    `down` has (machine, first tick, tick after the last) of breakdowns: what is at work there goes
    on afterwards. The old plan becomes the reference of what is free.
    """
    machine = problem.machine[old.mode]
    begun = old.start < now
    breakable = problem.breakable.copy()
    for k, first, last in down:
        breakable |= begun & (machine == k) & (old.end > first) & (old.start < last)
    reference = np.stack([machine, old.start], axis=1)
    rows = np.array(list(down), np.int64).reshape(-1, 3)
    return replace(
        problem,
        now=max(now, problem.now),
        fixed_mode=np.where(begun, old.mode, NONE),
        fixed_start=np.where(begun, old.start, NONE),
        breakable=breakable,
        closed=np.concatenate([problem.closed, rows]),
        reference=reference.astype(np.int64),
    )


def steady(problem: Problem, shifted: Schedule, share: float = 0.02) -> Problem:
    """The problem with a price on every operation that is moved: all together `share` of the value
    of the plan that was only put off."""
    free = int((~problem.fixed).sum())
    value = problem.objective.value(shifted.parts | {"moved": 0.0})
    weight = share * max(value, 1.0) / max(1, free)
    return replace(problem, objective=replace(problem.objective, moved=weight))

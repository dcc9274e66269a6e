"""One part of the objective after the other: nothing of an earlier one is given up for a later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.time import SECOND, Clock
from gemel.parts.solvers.scheduling._plans.sheet import PARTS
from gemel.parts.solvers.scheduling.base import (
    Budget,
    Objective,
    Problem,
    Schedule,
    Scheduler,
    Stop,
    Told,
    never,
)

__all__ = ["solve_in_turn"]


def solve_in_turn(
    scheduler: Scheduler,
    problem: Problem,
    first: Sequence[str],
    *,
    seed: int,
    budget: Budget,
    clock: Clock,
    start: Schedule | None = None,
    told: Told | None = None,
    stop: Stop = never,
) -> Schedule:
    """The parts named in `first` one after the other, then the weighted sum.

    What was reached of a part becomes its limit in all later searches, each of which begins with
    the plan before. The budget is divided evenly. The plan's value and bound are those of the
    weighted sum under these limits; with nothing in `first` it is the scheduler's own answer.
    """
    for name in first:
        if name not in PARTS:
            raise ConfigurationError(f"objective: no part '{name}'; {did_you_mean(name, PARTS)}")
    begun, asked, count = clock(), problem, len(first) + 1
    found = start
    for turn, name in enumerate(first):
        alone = Objective(**dict.fromkeys(PARTS, 0.0) | {name: 1.0})
        asked = replace(asked, objective=alone)
        found = scheduler.solve(
            asked, seed=seed, budget=_share(budget, turn, count, (clock() - begun) / SECOND),
            clock=clock, start=_valued(asked, found), stop=stop,
        )  # fmt: skip
        most = min(getattr(asked.at_most, name), found.parts[name])
        asked = replace(asked, at_most=replace(asked.at_most, **{name: most}))
    asked = replace(asked, objective=problem.objective)
    return scheduler.solve(
        asked, seed=seed, budget=_share(budget, count - 1, count, (clock() - begun) / SECOND),
        clock=clock, start=_valued(asked, found), told=told, stop=stop,
    )  # fmt: skip


def _valued(problem: Problem, plan: Schedule | None) -> Schedule | None:
    """A plan under another objective, nothing of which is proved."""
    if plan is None or not plan.parts:
        return plan
    return replace(plan, value=problem.objective.value(plan.parts), bound=0.0, history=())


def _share(budget: Budget, turn: int, count: int, passed: float) -> Budget:
    """What is left of the time divided among the turns that are left; of iterations the same."""
    seconds = iterations = None
    if budget.seconds is not None:
        seconds = max(0.01, (budget.seconds - passed) / (count - turn))
    if budget.iterations is not None:
        iterations = max(1, budget.iterations // count)
    good_enough = budget.good_enough if turn == count - 1 else -float("inf")
    return Budget(seconds, iterations, good_enough)

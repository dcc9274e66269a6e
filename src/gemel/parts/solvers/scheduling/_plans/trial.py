"""A plan tried with durations that are not what they were planned to be.

Operations keep their machines and their turns, and none begins before its planned start: what takes
longer puts off what follows. A plan that leaves time where it matters loses less by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gemel.core.errors import ConfigurationError, Infeasible, Unavailable
from gemel.core.frame import Values
from gemel.core.time import SECOND, Clock
from gemel.parts.solvers.scheduling._plans.costs import MEASURED, measured
from gemel.parts.solvers.scheduling._plans.decode import put_off, right_shift, uncovered
from gemel.parts.solvers.scheduling._plans.in_turn import solve_in_turn
from gemel.parts.solvers.scheduling._plans.quick import passes
from gemel.parts.solvers.scheduling.base import (
    Budget,
    Integers,
    Problem,
    Schedule,
    Scheduler,
    Stop,
    never,
)

__all__ = ["Robust", "Tried", "drawn", "robust", "tried"]

_SAMPLES = 200
_PADS = (0.0, 0.5, 1.0)
"""Time left behind each operation, in standard deviations of its duration."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a plan, over samples of durations.

    value    float64[s]  objective
    parts    float64[s] of each part
    on_time  float64[j]  share of the samples in which a job was over by its due date
    """

    value: Values
    parts: dict[str, Values]
    on_time: Values


@dataclass(frozen=True, slots=True)
class Robust:
    """A plan that was chosen by trial.

    padding   standard deviations that operations were planned longer
    expected  mean objective of the plan of each padding, on the samples that chose
    tried     the plan on other samples
    """

    schedule: Schedule
    padding: float
    expected: dict[float, float]
    tried: Tried


def drawn(problem: Problem, spread: float, samples: int, seed: int) -> Integers:
    """int64[samples, m]: durations, log-normal with the planned mean and this share of it as their
    standard deviation; what works on an operation shares its luck. The same seed, the same luck."""
    if not 0 <= spread <= 3:
        raise ConfigurationError(f"spread is {spread}, must be 0 to 3 (a share of the duration)")
    sigma = np.sqrt(np.log1p(spread**2))
    normal = np.random.default_rng(seed).standard_normal((samples, len(problem)))
    factor = np.exp(sigma * normal - sigma**2 / 2)[:, problem.mode_of]
    found: Integers = np.rint(problem.duration * factor).astype(np.int64)
    found[:, problem.duration > 0] = np.maximum(1, found[:, problem.duration > 0])
    # What has begun has its plan from somebody who knew how long it takes.
    fixed = problem.fixed[problem.mode_of]
    found[:, fixed] = problem.duration[fixed]
    return found


def tried(problem: Problem, plan: Schedule, durations: Integers) -> Tried:
    """A plan with other durations. Raises `ConfigurationError` for rules that look back."""
    if words := uncovered(problem):
        raise ConfigurationError(f"a plan cannot be tried where there are {', '.join(words)}")
    columns = np.zeros((len(durations), len(MEASURED)))
    on_time = np.zeros(len(problem.jobs))
    for row, lengths in enumerate(durations):
        sheet = problem.sheet._replace(duration=np.ascontiguousarray(lengths))
        mode, start, end = put_off(sheet, plan.mode, plan.start)
        columns[row] = measured(sheet, mode, start, end)
        done = np.zeros(len(problem.jobs), np.int64)
        np.maximum.at(done, problem.job, end)
        on_time += done <= problem.due
    parts = dict(zip(MEASURED, columns.T, strict=True))
    value = np.zeros(len(durations))
    for name, weight in problem.objective.weights().items():
        value += weight * parts[name]
    return Tried(value, parts, on_time / max(1, len(durations)))


def robust(
    scheduler: Scheduler,
    problem: Problem,
    spread: float,
    first: Sequence[str] = (),
    *,
    seed: int,
    budget: Budget,
    clock: Clock,
    start: Schedule | None = None,
    stop: Stop = never,
) -> Robust:
    """Of plans with more or less time behind each operation, the one that costs least on average.

    Each is made for durations that are longer by 0, half and one standard deviation, and is a plan
    of the problem itself with that time left free. Chosen on one half of the luck, told on another.
    """
    chosen_on, told_on = (drawn(problem, spread, _SAMPLES, seed + k) for k in (1, 2))
    found: dict[float, Schedule] = {}
    begun = clock()
    for turn, pad in enumerate(_PADS):
        seconds = budget.seconds
        if seconds is not None:
            passed = (clock() - begun) / SECOND
            seconds = max(0.01, (seconds - passed) / (len(_PADS) - turn))
        count = None if budget.iterations is None else max(1, budget.iterations // len(_PADS))
        free = ~problem.fixed[problem.mode_of]
        longer = np.where(
            free, np.rint(problem.duration * (1 + pad * spread)), problem.duration
        ).astype(np.int64)
        asked = replace(problem, duration=longer)
        try:
            plan = solve_in_turn(
                scheduler, asked, first, seed=seed, budget=Budget(seconds, count), clock=clock,
                start=start, stop=stop,
            )  # fmt: skip
        except (Infeasible, Unavailable):
            if pad == 0:
                raise
            continue  # there is not so much time to leave
        kept = plan if pad == 0 else right_shift(problem, plan)
        if passes(problem, kept):
            found[pad] = kept
    expected = {
        pad: float(tried(problem, plan, chosen_on).value.mean()) for pad, plan in found.items()
    }
    best = min(expected, key=lambda pad: expected[pad])
    return Robust(found[best], best, expected, tried(problem, found[best], told_on))

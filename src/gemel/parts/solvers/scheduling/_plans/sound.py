"""Refuses a problem that makes no sense before anybody searches in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError
from gemel.parts.solvers.scheduling._plans.sheet import line_up

if TYPE_CHECKING:
    from gemel.parts.solvers.scheduling.base import Integers, Problem

__all__ = ["demand_sound", "order"]

_LONGEST = 10**12
"""Ticks: 30,000 years of seconds; sums of 200,000 of them stay whole numbers."""


def demand_sound(problem: Problem) -> None:
    """Raises `ConfigurationError` for the first thing that is wrong, by name."""
    from gemel.parts.solvers.scheduling.base import LARGEST, NONE

    n, m, p = len(problem.names), len(problem.mode_of), len(problem.before)
    j, k = len(problem.jobs), len(problem.machines)
    r, f = len(problem.resources), len(problem.families)
    if n > LARGEST:
        raise ConfigurationError(
            f"{n:,} operations are more than {LARGEST:,}; plan a shorter time ahead, or lines apart"
        )
    shapes: Sequence[tuple[str, tuple[int, ...]]] = (
        ("job", (n,)), ("family", (n,)), ("breakable", (n,)), ("fixed_mode", (n,)),
        ("fixed_start", (n,)), ("machine", (m,)), ("duration", (m,)), ("demand", (m, r)),
        ("power", (m,)), ("after", (p,)), ("lag", (p,)), ("no_wait", (p,)), ("release", (j,)),
        ("due", (j,)), ("deadline", (j,)), ("weight", (j,)), ("capacity", (r,)),
        ("renewable", (r,)), ("initial", (k,)), ("buffer", (k,)), ("reference", (n, 2)),
        ("price", problem.price_from.shape), ("closed", (len(problem.closed), 3)),
    )  # fmt: skip
    for name, shape in shapes:
        if getattr(problem, name).shape != shape:
            raise ValueError(f"{name} has shape {getattr(problem, name).shape}, must be {shape}")
    if problem.setup.size and problem.setup.shape != (k, f, f):
        raise ValueError(f"setup has shape {problem.setup.shape}, must be {(k, f, f)}")
    for name in ("standby", "restart"):
        column = getattr(problem, name)
        if column.size and column.shape != (k,):
            raise ValueError(f"{name} has shape {column.shape}, must be {(k,)}")
        if column.size and not (column >= 0).all():  # what is no number, too
            raise ConfigurationError(
                f"machine '{problem.machines[int(np.argmin(column >= 0))]}': {name} is below 0 or "
                "no number"
            )
    if problem.standby.size != problem.restart.size or not np.isfinite(problem.standby).all():
        raise ConfigurationError("standby must be numbers, and come with restart")
    _numbers(problem)
    counts = np.bincount(problem.mode_of, minlength=n)
    _first(counts == 0, problem.names, "operation '{}' cannot be done anywhere: it has no mode")
    if (np.diff(problem.mode_of) < 0).any():
        raise ValueError("modes must be in the order of their operations")
    _first(np.bincount(problem.job, minlength=j) == 0, problem.jobs, "job '{}' has no operations")
    fixed = np.flatnonzero(problem.fixed_start != NONE)
    for i in fixed:
        mode = problem.fixed_mode[i]
        if not (0 <= mode < m and problem.mode_of[mode] == i):
            raise ConfigurationError(
                f"operation '{problem.names[i]}' is fixed, and its mode is not one of its own"
            )
    _first(
        problem.deadline < problem.release,
        problem.jobs,
        "job '{}' must be over before it may begin",
    )
    order(problem)


def _numbers(problem: Problem) -> None:
    names = problem.names
    for column, what in ((problem.duration, "duration"), (problem.lag, "waiting time")):
        bad = (column < 0) | (column > _LONGEST)
        if bad.any():
            place = int(np.flatnonzero(bad)[0])
            owner = names[int((problem.mode_of if what == "duration" else problem.after)[place])]
            raise ConfigurationError(
                f"operation '{owner}': {what} is {column[place]} ticks, must be 0 to {_LONGEST}"
            )
    if problem.setup.any():
        # Of two that take no time at one moment nobody could say which is first.
        at_once = np.zeros(len(problem), np.bool_)
        at_once[problem.mode_of[(problem.duration == 0) & (problem.machine >= 0)]] = True
        _first(
            at_once & (problem.family >= 0), names,
            "operation '{}' takes no time, and its machine would have to be set up for it; leave "
            "out its family",
        )  # fmt: skip
    _first(problem.release < 0, problem.jobs, "job '{}' is released before tick 0")
    _first(
        ~((problem.weight >= 0) & np.isfinite(problem.weight)), problem.jobs,
        "job '{}': weight must be a number, at least 0",
    )  # fmt: skip
    _first(problem.capacity < 0, problem.resources, "resource '{}' has a capacity below 0")
    if (problem.demand < 0).any():
        raise ConfigurationError("a demand of a resource is below 0")
    if problem.setup.size and (problem.setup < 0).any():
        at = np.argwhere(problem.setup < 0)[0]
        raise ConfigurationError(
            f"machine '{problem.machines[at[0]]}': set-up from '{problem.families[at[1]]}' to "
            f"'{problem.families[at[2]]}' is below 0"
        )
    if not (np.isfinite(problem.power).all() and (problem.power >= 0).all()):
        raise ConfigurationError("a power is below 0 or no number")
    k = len(problem.machines)
    bad = (problem.closed[:, 0] < 0) | (problem.closed[:, 0] >= k)
    bad |= problem.closed[:, 1] >= problem.closed[:, 2]
    for machine, first, last in problem.closed[bad].tolist():
        name = problem.machines[machine] if 0 <= machine < k else machine
        raise ConfigurationError(
            f"machine '{name}' is closed from {first} to {last}, which is no time"
        )
    if len(problem.price_from) and (
        problem.price_from[0] > 0 or (np.diff(problem.price_from) <= 0).any()
    ):
        raise ConfigurationError("prices must begin at tick 0 and come in the order of time")


def _first(bad: npt.NDArray[np.bool_], names: Sequence[str], sentence: str) -> None:
    if bad.any():
        raise ConfigurationError(sentence.format(names[int(np.flatnonzero(bad)[0])]))


def order(problem: Problem) -> Integers:
    """int64[n]: operations, each after those that it waits for. Raises for a cycle, by name."""
    n = len(problem.names)
    found: Integers
    found, count = line_up(n, problem.before, problem.after)
    if count < n:
        missing = np.ones(n, np.int64)
        missing[found] = 0
        at, seen = int(np.flatnonzero(missing > 0)[0]), []
        while at not in seen:
            seen.append(at)
            into = problem.before[problem.after == at]
            at = int(next(i for i in into if missing[i] > 0))
        cycle = [problem.names[i] for i in reversed([*seen[seen.index(at) :], at])]
        raise ConfigurationError("operations wait for each other: " + " → ".join(cycle[:12]))
    return found

"""What a plan costs, and how work and closed time come together.

`measure` is the judge's, written for reading; `plan` takes the same numbers from `_plans/costs`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from gemel.core.time import HOUR
from gemel.parts.solvers.scheduling._plans.costs import MEASURED, measured

if TYPE_CHECKING:
    from gemel.parts.solvers.scheduling.base import Integers, Problem, Schedule

__all__ = ["closed_of", "finish", "horizon", "measure", "pieces", "plan", "setup_between", "turns"]


def closed_of(problem: Problem, machine: int) -> Integers:
    """int64[c,2]: when a machine is closed, in order, overlaps joined."""
    rows = problem.closed[problem.closed[:, 0] == machine, 1:]
    joined: list[list[int]] = []
    for first, last in sorted((int(a), int(b)) for a, b in rows):
        if joined and first <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return np.array(joined, np.int64).reshape(-1, 2)


def finish(start: int, duration: int, closed: Integers) -> int:
    """When work that may pause is over; a start in closed time begins at its end."""
    end = start + duration
    for first, last in closed:
        if first >= end:
            break
        if last > start:
            end += last - max(first, start)
    return int(end)


def horizon(problem: Problem) -> int:
    """A tick by which everything can be over: one after another, after all that is closed."""
    longest = np.zeros(len(problem), np.int64)
    np.maximum.at(longest, problem.mode_of, problem.duration)
    total = int(longest.sum()) + int(problem.lag.sum())
    if problem.setup.size:
        total += int(problem.setup.max()) * len(problem)
    starts = [problem.now, int(problem.release.max(initial=0))]
    if len(problem.price) and (
        problem.objective.energy or "energy" in problem.at_most.limits()
    ):  # it may be best to wait for the last price
        starts.append(int(problem.price_from[-1]))
    if len(problem.closed):
        starts.append(int(problem.closed[:, 2].max()))
        # What may pause before all calendars end, and what waits for a gap that is long enough.
    fixed = problem.fixed
    if fixed.any():
        starts.append(int((problem.fixed_start[fixed] + longest[fixed]).max()))
    return max(starts) + total + 1


def setup_between(problem: Problem, machine: int, before: int, after: int) -> int:
    """Ticks from one operation to the next on a machine; before NONE: from its initial family."""
    if not problem.setup.size:
        return 0
    first = problem.initial[machine] if before < 0 else problem.family[before]
    last = problem.family[after]
    return int(problem.setup[machine, first, last]) if first >= 0 and last >= 0 else 0


def turns(problem: Problem, mode: Integers, start: Integers, end: Integers) -> list[Integers]:
    """For each machine its operations in the order of time."""
    machine = problem.machine[mode]
    order = np.lexsort((end, start, machine))
    edges = np.searchsorted(machine[order], np.arange(len(problem.machines) + 1))
    return [order[a:b].astype(np.int64) for a, b in pairwise(edges)]


def pieces(problem: Problem, machine: int, until: int) -> list[tuple[int, int, float]]:
    """Open times of a machine with their price: (first, after the last, per kWh)."""
    closed = closed_of(problem, machine) if machine >= 0 else np.zeros((0, 2), np.int64)
    edges = sorted({0, until, *(int(x) for x in problem.price_from if x < until),
                    *(int(x) for x in closed.ravel() if x < until)})  # fmt: skip
    found = []
    for first, last in pairwise(edges):
        if not any(a <= first < b for a, b in closed):
            at = int(np.searchsorted(problem.price_from, first, side="right")) - 1
            found.append((first, last, float(problem.price[at]) if len(problem.price) else 0.0))
    return found


def measure(problem: Problem, mode: Integers, start: Integers, end: Integers) -> dict[str, float]:
    """The parts of the objective, and `late_jobs`."""
    jobs = len(problem.jobs)
    done = np.zeros(jobs, np.int64)
    np.maximum.at(done, problem.job, end)
    late = np.maximum(0, done - problem.due)
    setup = 0
    if problem.setup.size:
        for machine, row in enumerate(turns(problem, mode, start, end)):
            for before, after in zip([-1, *row], row, strict=False):
                setup += setup_between(problem, machine, int(before), int(after))
    cost, kwh = _energy(problem, mode, start, end)
    idle_cost, idle_kwh = _standby(problem, mode, start, end)
    cost, kwh = cost + idle_cost, kwh + idle_kwh
    has = problem.reference[:, 1] < 2**60
    moved = has & ((problem.reference[:, 0] != problem.machine[mode])
                   | (problem.reference[:, 1] != start))  # fmt: skip
    return {
        "makespan": float(end.max(initial=0)),
        "tardiness": float((problem.weight * late).sum()),
        "late_jobs": float((late > 0).sum()),
        "flow_time": float((problem.weight * (done - problem.release)).sum()),
        "setup": float(setup),
        "energy": cost,
        "moved": float(moved.sum()),
        "kwh": kwh,
    }


def _energy(
    problem: Problem, mode: Integers, start: Integers, end: Integers
) -> tuple[float, float]:
    """Cost and kWh of all work."""
    power = problem.power[mode]
    if not power.any():
        return 0.0, 0.0
    until, total, kwh = max(0, int(end.max(initial=0))) + 1, 0.0, 0.0
    for machine in np.unique(problem.machine[mode]):
        rows = np.flatnonzero((problem.machine[mode] == machine) & (power > 0))
        for first, last, price in pieces(problem, int(machine), until):
            work = np.minimum(end[rows], last) - np.maximum(start[rows], first)
            energy = float((np.maximum(0, work) * power[rows]).sum())
            total += price * energy
            kwh += energy
    return total * problem.tick / HOUR, kwh * problem.tick / HOUR


def _standby(
    problem: Problem, mode: Integers, start: Integers, end: Integers
) -> tuple[float, float]:
    """Cost and kWh between operations: for each gap the cheaper of standing by and of being off."""
    total, kwh = 0.0, 0.0
    if not problem.standby.any():
        return total, kwh
    for k, row in enumerate(turns(problem, mode, start, end)):
        for before, after in pairwise(row.tolist()):
            a, b = max(0, int(end[before])), int(start[after])
            if b <= a or not problem.standby[k]:
                continue
            # No machine of its own: closed times are stood by, too.
            spans = [(max(a, first), last, price) for first, last, price in pieces(problem, -1, b)
                     if last > a]  # fmt: skip
            on = problem.standby[k] * problem.tick / HOUR
            stood = sum(price * (last - first) for first, last, price in spans) * on, on * (b - a)
            at = int(np.searchsorted(problem.price_from, b, side="right")) - 1
            price = float(problem.price[at]) if len(problem.price) else 0.0
            energy = float(problem.restart[k])
            cost, energy = stood if energy == float("inf") else min(stood, (energy * price, energy))
            total += cost
            kwh += energy
    return total, kwh


def plan(
    problem: Problem,
    mode: Integers,
    start: Integers,
    end: Integers,
    left: Integers | None = None,
    bound: float = 0.0,
    history: tuple[tuple[float, int, float], ...] = (),
) -> Schedule:
    """A schedule with its measures."""
    from gemel.parts.solvers.scheduling.base import Schedule

    found = measured(problem.sheet, mode, start, end)
    parts = dict(zip(MEASURED, found.tolist(), strict=True))
    kept = end.copy() if left is None else left.copy()
    value = problem.objective.value(parts)
    return Schedule(
        mode.copy(), start.copy(), end.copy(), kept, value, parts, min(bound, value), history
    )

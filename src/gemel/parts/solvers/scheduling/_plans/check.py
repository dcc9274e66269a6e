"""The judge of every plan: knows the rules and no search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from gemel.parts.solvers.scheduling._plans.measure import (
    closed_of,
    finish,
    measure,
    setup_between,
    turns,
)
from gemel.parts.solvers.scheduling.base import NEVER, NONE, Flags, Integers, Problem, Schedule

__all__ = ["check"]


def check(problem: Problem, schedule: Schedule) -> tuple[str, ...]:
    """Each broken rule in words; empty for a plan that can be carried out.

    What is fixed has happened: it is not asked whether it was allowed, only whether the plan has
    it where it was, and whether what is free gets along with it. The measures are checked too.
    """
    n = len(problem)
    shapes = {len(a) for a in (schedule.mode, schedule.start, schedule.end, schedule.left)}
    if shapes != {n}:
        return (f"the plan has {sorted(shapes)} operations, the problem {n}",)
    wrong = (schedule.mode < 0) | (schedule.mode >= len(problem.mode_of))
    wrong[~wrong] = problem.mode_of[schedule.mode[~wrong]] != np.flatnonzero(~wrong)
    if wrong.any():
        return tuple(f"{_op(problem, i)} has a mode of another one" for i in _where(wrong))
    return tuple(_broken(problem, schedule))


def _broken(problem: Problem, plan: Schedule) -> Iterator[str]:
    for rule in (_fixed, _bounds, _ends, _machines, _waits, _resources, _buffers, _measures):
        yield from rule(problem, plan)


def _where(bad: Flags) -> Iterable[int]:
    return (int(i) for i in np.flatnonzero(bad))


def _op(problem: Problem, i: int) -> str:
    return f"operation '{problem.names[i]}'"


def _fixed(problem: Problem, plan: Schedule) -> Iterator[str]:
    fixed = problem.fixed
    for i in _where(
        fixed & ((plan.start != problem.fixed_start) | (plan.mode != problem.fixed_mode))
    ):
        yield f"{_op(problem, i)} is fixed to begin at {problem.fixed_start[i]}, and was moved"


def _bounds(problem: Problem, plan: Schedule) -> Iterator[str]:
    free = ~problem.fixed
    release = problem.release[problem.job]
    for i in _where(free & (plan.start < release)):
        yield f"{_op(problem, i)} begins at {plan.start[i]}, its job is released at {release[i]}"
    for i in _where(free & (plan.start < problem.now)):
        yield f"{_op(problem, i)} begins at {plan.start[i]}, before now ({problem.now})"
    done = np.full(len(problem.jobs), -NEVER)
    np.maximum.at(done, problem.job, plan.end)
    has_free = np.zeros(len(problem.jobs), bool)
    np.logical_or.at(has_free, problem.job, free)
    for j in _where(has_free & (done > problem.deadline)):
        yield (
            f"job '{problem.jobs[j]}' is over at {done[j]}, after its deadline "
            f"({problem.deadline[j]})"
        )


def _ends(problem: Problem, plan: Schedule) -> Iterator[str]:
    machine, duration = problem.machine[plan.mode], problem.duration[plan.mode]
    plain = np.ones(len(problem), bool)
    for k in np.unique(problem.closed[:, 0]):
        closed = closed_of(problem, int(k))
        for i in _where((machine == k) & (duration > 0)):
            plain[i] = False
            pauses = bool(problem.breakable[i])
            begin = int(plan.start[i])
            wanted = finish(begin, int(duration[i]), closed) if pauses else begin + duration[i]
            if plan.end[i] != wanted:
                yield f"{_op(problem, i)} ends at {plan.end[i]}, its work at {wanted}"
            if problem.fixed[i]:
                continue
            over = (closed[:, 0] < plan.end[i]) & (begin < closed[:, 1])
            if pauses:
                over &= closed[:, 0] <= begin
            if over.any():
                a, b = closed[int(np.flatnonzero(over)[0])]
                what = "begins while" if pauses else "would be interrupted:"
                yield (
                    f"{_op(problem, i)} ({begin} to {plan.end[i]}) {what} machine "
                    f"'{problem.machines[k]}' is closed from {a} to {b}"
                )
    for i in _where(plain & (plan.end != plan.start + duration)):
        yield f"{_op(problem, i)} ends at {plan.end[i]}, its work at {plan.start[i] + duration[i]}"


def _machines(problem: Problem, plan: Schedule) -> Iterator[str]:
    for k, row in enumerate(turns(problem, plan.mode, plan.start, plan.left)):
        for before, after in zip([-1, *row], row, strict=False):
            need = setup_between(problem, k, int(before), int(after))
            gone = int(plan.left[before]) if before >= 0 else NONE
            if problem.fixed[after] and (before < 0 or problem.fixed[before]):
                continue
            if before < 0:
                if need and plan.start[after] < problem.now + need:
                    yield (
                        f"{_op(problem, int(after))} begins at {plan.start[after]}: machine "
                        f"'{problem.machines[k]}' is not set up for it before "
                        f"{problem.now + need}"
                    )
            elif plan.start[after] < gone + need:
                kept = f", and {need} of set-up" if need else ""
                yield (
                    f"machine '{problem.machines[k]}' has {_op(problem, int(after))} at "
                    f"{plan.start[after]}, {_op(problem, int(before))} leaves it at {gone}{kept}"
                )


def _waits(problem: Problem, plan: Schedule) -> Iterator[str]:
    a, b = problem.before, problem.after
    earliest = np.maximum(plan.end[a] + problem.lag, plan.left[a])
    both = problem.fixed[a] & problem.fixed[b]
    for p in _where(~both & (plan.start[b] < earliest)):
        yield (
            f"{_op(problem, int(b[p]))} begins at {plan.start[b[p]]}, before "
            f"{_op(problem, int(a[p]))} is over ({earliest[p]})"
        )
    exact = problem.no_wait & ~both & (plan.start[b] > plan.end[a] + problem.lag)
    for p in _where(exact):
        yield (
            f"{_op(problem, int(b[p]))} may not wait after {_op(problem, int(a[p]))}, and waits "
            f"{plan.start[b[p]] - plan.end[a[p]] - problem.lag[p]}"
        )


def _resources(problem: Problem, plan: Schedule) -> Iterator[str]:
    for r, name in enumerate(problem.resources):
        need, most = problem.demand[plan.mode, r], int(problem.capacity[r])
        if not problem.renewable[r]:
            if need.sum() > most:
                yield f"resource '{name}': {need.sum()} are used up, there are {most}"
            continue
        rows = (need > 0) & (plan.end > plan.start)
        found = _most(plan.start[rows], plan.end[rows], need[rows])
        if found[0] > most and not problem.fixed[rows].all():
            yield f"resource '{name}': {found[0]} are needed at {found[1]}, there are {most}"


def _most(start: Integers, end: Integers, need: Integers) -> tuple[int, int]:
    """The most that is needed at a time, and when."""
    if not len(start):
        return 0, 0
    time = np.concatenate([end, start])  # at one time, what ends makes room first
    change = np.concatenate([-need, need])
    order = np.argsort(time, kind="stable")
    level = np.cumsum(change[order])
    at = int(level.argmax())
    return int(level[at]), int(time[order][at])


def _buffers(problem: Problem, plan: Schedule) -> Iterator[str]:
    machine = problem.machine[plan.mode]
    may = np.zeros(len(problem), bool)
    a, b = problem.before, problem.after
    if not len(problem.machines):
        a = b = b[:0]  # nothing goes from one machine to another
    arc = (problem.job[a] == problem.job[b]) & (machine[a] >= 0) & (machine[b] >= 0)
    into = np.where(machine[b] >= 0, problem.buffer[machine[b]], NONE) if len(b) else b
    arc &= into != NONE
    arc &= machine[a] != machine[b] if len(b) else arc
    may[a[arc]] = True
    for i in _where((plan.left < plan.end) | (~may & (plan.left != plan.end))):
        yield f"{_op(problem, i)} leaves at {plan.left[i]}, its work ends at {plan.end[i]}"
    for k in np.flatnonzero(problem.buffer != NONE):
        rows = arc & (machine[b] == k)
        if not rows.any():
            continue
        leave, begin = plan.left[a[rows]], plan.start[b[rows]]
        stay = begin > leave
        one = np.ones(int(stay.sum()), np.int64)
        most, time = _most(leave[stay], begin[stay], one)
        if most > problem.buffer[k] and not problem.fixed[b[rows]].all():
            yield (
                f"before machine '{problem.machines[k]}' {most} parts wait at {time}, there "
                f"is room for {problem.buffer[k]}"
            )


def _measures(problem: Problem, plan: Schedule) -> Iterator[str]:
    wanted = measure(problem, plan.mode, plan.start, plan.end)
    for name, value in wanted.items():
        if not _near(plan.parts.get(name, float("nan")), value):
            yield f"{name} is said to be {plan.parts.get(name)}, and is {value}"
    if not _near(plan.value, problem.objective.value(wanted)):
        yield f"the objective is said to be {plan.value}, and is {problem.objective.value(wanted)}"
    for name, (found, most) in problem.at_most.over(wanted).items():
        yield f"{name} is {found:g}, at most {most:g} is allowed"
    if plan.bound > plan.value + 1e-6 * max(1.0, abs(plan.value)):
        yield f"the bound {plan.bound} is above the value {plan.value}"


def _near(a: Any, b: float) -> bool:
    return bool(abs(a - b) <= 1e-6 * max(1.0, abs(b)))

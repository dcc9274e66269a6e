"""Permutation flow shops: all jobs pass the same machines in the same order, none overtakes."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numba import njit
from pydantic import Field

from gemel.core.errors import ConfigurationError
from gemel.parts.solvers.scheduling._plans.chance import draw
from gemel.parts.solvers.scheduling._plans.measure import plan
from gemel.parts.solvers.scheduling._plans.warm import measuring
from gemel.parts.solvers.scheduling.base import (
    NEVER,
    NONE,
    Asked,
    Integers,
    Problem,
    Schedule,
    Scheduler,
)

__all__ = ["FlowShop"]


class FlowShop(Scheduler):
    """Iterated greedy for the makespan of permutation flow shops.

    NEH (Nawaz, Enscore and Ham, Omega 11 (1983) 91), then again and again a few jobs are taken out,
    the rest is improved, and they go back where they are best (Ruiz and Stützle, EJOR 177 (2007)
    2033; Dubois-Lacoste, Pagnozzi and Stützle, C&OR 81 (2017) 160). All places of a job are tried
    in one pass (Taillard, EJOR 47 (1990) 65). The bound, of single machines and jobs, also holds
    for plans in which jobs overtake.
    """

    name: ClassVar[str] = "flow_shop"

    out: int = Field(2, ge=1, le=20, description="Jobs taken out at a time")
    temperature: float = Field(
        0.7, ge=0, description="How readily worse orders are taken, in tenths of a mean duration"
    )

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        told = []
        if problem.objective.weights().keys() != {"makespan"}:
            told.append("an objective other than makespan")
        if problem.at_most.limits():
            told.append("limits of parts of the objective")
        if _table(problem) is None:
            told.append("jobs that do not all pass the same machines in the same order")
        if (
            problem.release.any() or problem.now or (problem.deadline < NEVER).any()
            or problem.fixed.any() or len(problem.closed) or (problem.demand > 0).any()
            or problem.lag.any() or problem.no_wait.any() or (problem.buffer != NONE).any()
            or (problem.setup.size and problem.setup.any())
        ):  # fmt: skip
            told.append("releases, deadlines, calendars, resources, set-ups, buffers")
        return tuple(told)

    def ready(self, problem: Problem) -> None:
        _warm()

    def search(self, asked: Asked) -> Schedule:
        problem, budget, start = asked.problem, asked.budget, asked.start
        if (table := _table(problem)) is None:
            raise ConfigurationError(self.refusal(self.uncovered(problem)))
        rows, time = table
        n, k = time.shape
        bound = problem.objective.makespan * _bound(time)
        order = _neh(time)
        if start is not None:
            given = np.argsort(start.start[rows[:, 0]], kind="stable").astype(np.int64)
            order = min((order, given), key=lambda one: int(_makespan(time, one)))
        span = int(_makespan(time, order))
        best, best_order, done = span, order.copy(), 0
        history: list[tuple[float, int, float]] = []
        random = np.random.default_rng(asked.seed).integers(1, 2**62, 1)
        heat = self.temperature * float(time.sum()) / (10 * n * k)
        block = max(1, 20_000_000 // (n * n * k + 1_000))

        def made() -> Schedule:
            mode = problem.first_mode[:-1].copy()
            begin = np.zeros(len(problem), np.int64)
            begin[rows[best_order]] = _starts(time, best_order)
            return plan(
                problem, mode, begin, begin + problem.duration[mode], None, bound, tuple(history)
            )

        while True:
            passed = asked.seconds
            value = problem.objective.makespan * best
            if not history or value < history[-1][2]:
                history.append((passed, done, value))
                asked.tell(made())
            if (
                value <= max(bound, budget.good_enough) or n < 3 or asked.stop()
                or (budget.seconds is not None and passed >= budget.seconds)
                or (budget.iterations is not None and done >= budget.iterations)
            ):  # fmt: skip
                return made()
            count = block if budget.iterations is None else min(block, budget.iterations - done)
            out = min(self.out, n - 1)
            span, best = _greedy(time, order, best_order, span, best, count, out, heat, random)
            done += count


@cache
def _warm() -> None:
    """Compile, or load, what runs without the interpreter."""
    time, order = np.ones((3, 2), np.int64), _neh(np.ones((3, 2), np.int64))
    _greedy(time, order, order.copy(), 4, 4, 1, 1, 1.0, np.ones(1, np.int64))
    _starts(time, order)
    _makespan(time, order)
    measuring()


def _table(problem: Problem) -> tuple[Integers, Integers] | None:
    """Operations and durations int64[jobs, machines] in the order of the line, if it is one."""
    n, jobs = len(problem), len(problem.jobs)
    if not jobs or n % jobs or len(problem.mode_of) != n or (problem.machine < 0).any():
        return None
    k = n // jobs
    rows = np.argsort(problem.job, kind="stable").astype(np.int64).reshape(jobs, k)
    if (problem.job[rows] != np.arange(jobs)[:, None]).any():
        return None
    machines = problem.machine[rows]
    if (machines != machines[0]).any() or len(set(machines[0].tolist())) != k:
        return None
    wanted = {(int(a), int(b)) for row in rows for a, b in pairwise(row)}
    found = set(zip(problem.before.tolist(), problem.after.tolist(), strict=True))
    return (rows, problem.duration[rows]) if wanted == found else None


def _bound(time: Integers) -> int:
    before = np.cumsum(time, axis=1) - time
    after = time.sum(axis=1)[:, None] - before - time
    machine = before.min(axis=0) + time.sum(axis=0) + after.min(axis=0)
    return int(max(machine.max(), time.sum(axis=1).max()))


@njit(nogil=True, cache=True)
def _starts(time: Integers, order: Integers) -> Integers:
    n, k = len(order), time.shape[1]
    start, free = np.zeros((n, k), np.int64), np.zeros(k, np.int64)
    for at in range(n):
        done = 0
        for m in range(k):
            start[at, m] = max(done, free[m])
            done = free[m] = start[at, m] + time[order[at], m]
    return start


@njit(nogil=True, cache=True)
def _makespan(time: Integers, order: Integers) -> int:
    free = np.zeros(time.shape[1], np.int64)
    for job in order:
        done = 0
        for m in range(len(free)):
            done = max(done, free[m]) + time[job, m]
            free[m] = done
    return free[-1]  # type: ignore[no-any-return]  # to numba


@njit(nogil=True, cache=True)
def _best_place(
    time: Integers, order: Integers, length: int, job: int, head: Integers, tail: Integers
) -> tuple[int, int]:
    """Where a job is best in order[:length], and the makespan then. Of equal places that with the
    least idle time before and after it (after Fernandez-Viagas and Framinan, C&OR 45 (2014) 60)."""
    k = time.shape[1]
    for m in range(k + 1):
        head[0, m] = 0
        tail[length, m] = 0
    for at in range(length):
        one = order[at]
        head[at + 1, 0] = 0
        for m in range(k):
            head[at + 1, m + 1] = max(head[at, m + 1], head[at + 1, m]) + time[one, m]
    for at in range(length - 1, -1, -1):
        one = order[at]
        tail[at, k] = 0
        for m in range(k - 1, -1, -1):
            tail[at, m] = max(tail[at + 1, m], tail[at, m + 1]) + time[one, m]
    best, place, least = 2**62, 0, 2**62
    for at in range(length + 1):
        done, span, idle = 0, 0, 0
        for m in range(k):
            begin = max(head[at, m + 1], done)
            idle += begin - head[at, m + 1]
            done = begin + time[job, m]
            span = max(span, done + tail[at, m])
        if span < best or (span == best and idle < least):
            best, place, least = span, at, idle
    return place, best


@njit(nogil=True, cache=True)
def _put(order: Integers, length: int, place: int, job: int) -> None:
    for at in range(length, place, -1):
        order[at] = order[at - 1]
    order[place] = job


@njit(nogil=True, cache=True)
def _drop(order: Integers, length: int, place: int) -> None:
    for at in range(place, length - 1):
        order[at] = order[at + 1]


@njit(nogil=True, cache=True)
def _neh(time: Integers) -> Integers:
    n, k = time.shape
    by = np.argsort(-time.sum(axis=1), kind="mergesort")
    order = np.empty(n, np.int64)
    head, tail = np.zeros((n + 2, k + 1), np.int64), np.zeros((n + 2, k + 1), np.int64)
    for at in range(n):
        place, _ = _best_place(time, order, at, by[at], head, tail)
        _put(order, at, place, by[at])
    return order


@njit(nogil=True, cache=True)
def _improve(
    time: Integers, order: Integers, length: int, span: int, state: Integers, head: Integers,
    tail: Integers, turn: Integers,
) -> int:  # fmt: skip
    """Move single jobs to their best places until none is better; gives the makespan."""
    better = True
    while better:
        better = False
        for at in range(length):
            turn[at] = order[at]
        for at in range(length - 1, 0, -1):
            other = draw(state, at + 1)
            turn[at], turn[other] = turn[other], turn[at]
        for one in range(length):
            job, here = turn[one], 0
            while order[here] != job:
                here += 1
            _drop(order, length, here)
            place, found = _best_place(time, order, length - 1, job, head, tail)
            if found < span:
                span = found
                better = True
            elif found > span:
                place = here
            _put(order, length - 1, place, job)
    return span


@njit(nogil=True, cache=True)
def _greedy(
    time: Integers, order: Integers, best_order: Integers, span: int, best: int, count: int,
    out: int, heat: float, state: Integers,
) -> tuple[int, int]:  # fmt: skip
    """So many turns of taking out and putting back; the makespans of the order and of the best."""
    n, k = time.shape
    head, tail = np.zeros((n + 2, k + 1), np.int64), np.zeros((n + 2, k + 1), np.int64)
    turn, taken, trial = np.empty(n, np.int64), np.empty(out, np.int64), np.empty(n, np.int64)
    for _ in range(count):
        trial[:] = order
        for one in range(out):
            at = draw(state, n - one)
            taken[one] = trial[at]
            _drop(trial, n - one, at)
        length = n - out
        _improve(time, trial, length, _makespan(time, trial[:length]), state, head, tail, turn)
        found = np.int64(0)
        for one in range(out):
            place, found = _best_place(time, trial, length, taken[one], head, tail)
            _put(trial, length, place, taken[one])
            length += 1
        found = _improve(time, trial, n, found, state, head, tail, turn)
        luck = -np.log((draw(state, 1_000_000) + 1) / 1_000_001)
        if found <= span or found - span < heat * luck:
            span = found
            order[:] = trial
            if span < best:
                best = span
                best_order[:] = order
    return span, best

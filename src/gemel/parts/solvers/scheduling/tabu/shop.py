"""A problem as the tabu search sees it: what is free, in columns, and back to a plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from gemel.parts.solvers.scheduling._plans.chance import draw
from gemel.parts.solvers.scheduling._plans.draft import Draft
from gemel.parts.solvers.scheduling._plans.measure import closed_of, finish, plan
from gemel.parts.solvers.scheduling.base import NEVER, NONE, Flags, Integers, Problem, Schedule
from gemel.parts.solvers.scheduling.tabu.bounds import bound_of

__all__ = ["Line", "Shop", "line_up", "no_problem", "shop", "starts", "uncovered"]


@dataclass(slots=True)
class Line:
    """One solution: operations, each behind those that it waits for, and a mode for each."""

    value: float
    order: Integers
    mode: Integers


@dataclass(frozen=True, slots=True)
class Shop:
    """The n free operations of a problem.

    which       int64[n]    their numbers in the problem
    jp, js      int64[n]    the one before and after in the job; -1: none
    first_mode  int64[n+1]  modes of operation i are first_mode[i] to first_mode[i+1] - 1
    mode_which, mode_machine, mode_length, mode_floor  int64[m]  number in the problem, machine,
                            duration, earliest start
    reference   int64[n,2]  machine and start that are to be kept to
    fixed_end   int64[n of the problem]  ends of what is fixed, else 0
    bound       no plan is shorter
    """

    problem: Problem
    which: Integers
    jp: Integers
    js: Integers
    first_mode: Integers
    mode_which: Integers
    mode_machine: Integers
    mode_length: Integers
    mode_floor: Integers
    machines: int
    reference: Integers
    fixed_end: Integers
    bound: int

    def schedule(self, line: Line, history: tuple[tuple[float, int, float], ...] = ()) -> Schedule:
        """The plan in which everything begins as early as the order on its machine allows."""
        problem = self.problem
        begin = starts(
            self.jp, self.mode_machine, self.mode_length, self.mode_floor, self.machines,
            line.order, line.mode,
        )  # fmt: skip
        mode, start = problem.fixed_mode.copy(), problem.fixed_start.copy()
        mode[self.which], start[self.which] = self.mode_which[line.mode], begin
        end = np.where(problem.fixed, self.fixed_end, start + problem.duration[mode])
        bound = problem.objective.makespan * self.bound
        return plan(problem, mode, start, end, bound=bound, history=history)

    def line(self, given: Schedule) -> Line:
        """The order and the modes of a plan of the same problem, which may break rules by now."""
        at = np.full(len(self.problem.mode_of), NONE)
        at[self.mode_which] = np.arange(len(self.mode_which))
        mode = at[given.mode[self.which]]
        chain = np.zeros(len(self.which), np.int64)
        for i in np.flatnonzero(self.jp < 0):
            here, latest = int(i), -NEVER
            while here >= 0:
                latest = max(latest, int(given.start[self.which[here]]))
                chain[here] = latest
                here = int(self.js[here])
        order = np.argsort(chain, kind="stable").astype(np.int64)
        return Line(np.inf, _jobs_in_order(order, self.jp, self.js), mode.astype(np.int64))


def no_problem() -> Problem:
    """One without jobs."""
    return Draft().build()


def uncovered(problem: Problem) -> tuple[str, ...]:
    """What the search cannot do."""
    free = ~problem.fixed
    modes = free[problem.mode_of]
    a, b = problem.before, problem.after
    arcs = free[a] & free[b]
    weights = set(problem.objective.weights())
    told = (
        (not weights <= {"makespan", "moved"} or "makespan" not in weights,
         "an objective other than makespan and operations moved"),
        (bool((problem.machine[modes] < 0).any()), "operations that need no machine"),
        (bool((problem.demand[modes] > 0).any()), "resources"),
        (bool(problem.setup.size and problem.setup.any()), "set-ups"),
        (bool((problem.buffer != NONE).any()), "finite buffers"),
        (bool(problem.lag.any() or problem.no_wait.any()), "waiting times"),
        (bool((problem.deadline < NEVER).any()), "deadlines"),
        (bool(problem.at_most.limits()), "limits of parts of the objective"),
        (bool((np.bincount(a[arcs], minlength=1) > 1).any()
              or (np.bincount(b[arcs], minlength=1) > 1).any()),
         "operations that wait for several others"),
        (bool((free[a] & ~free[b]).any()), "free operations before fixed ones"),
        (_gaps(problem), "machines that are closed between"),
    )  # fmt: skip
    return tuple(words for is_so, words in told if is_so)


def _gaps(problem: Problem) -> bool:
    free = ~problem.fixed
    for k in np.unique(problem.closed[:, 0]):
        if (problem.machine[free[problem.mode_of]] == k).any():
            ready = _ready(problem, int(k))
            if (closed_of(problem, int(k))[:, 1] > ready).any():
                return True
    return False


def _ready(problem: Problem, machine: int) -> int:
    """When a machine can take what is free: after what is fixed, and what it is closed for then."""
    end = _fixed_end(problem)
    rows = problem.fixed.copy()
    rows[rows] = problem.machine[problem.fixed_mode[rows]] == machine
    ready = max(problem.now, int(end[rows].max(initial=0)))
    for first, last in closed_of(problem, machine):
        if first <= ready:
            ready = max(ready, int(last))
    return ready


def _fixed_end(problem: Problem) -> Integers:
    end = np.zeros(len(problem), np.int64)
    rows = np.flatnonzero(problem.fixed)
    mode = problem.fixed_mode[rows]
    end[rows] = problem.fixed_start[rows] + problem.duration[mode]
    machine = problem.machine[mode]
    for k in np.unique(problem.closed[:, 0]):
        closed = closed_of(problem, int(k))
        for i, m in zip(rows[machine == k], mode[machine == k], strict=True):
            if problem.breakable[i]:
                begin = int(problem.fixed_start[i])
                end[i] = finish(begin, int(problem.duration[m]), closed)
    return end


def shop(problem: Problem) -> Shop:
    """The free part of a problem that is covered."""
    free = ~problem.fixed
    which = np.flatnonzero(free).astype(np.int64)
    n = len(which)
    number = np.full(len(problem), NONE)
    number[which] = np.arange(n)
    end = _fixed_end(problem)
    early = np.maximum(problem.release[problem.job], problem.now)
    a, b = problem.before, problem.after
    done = problem.fixed[a]
    np.maximum.at(early, b[done], end[a[done]])
    jp, js = np.full(n, NONE), np.full(n, NONE)
    arcs = free[a] & free[b]
    jp[number[b[arcs]]], js[number[a[arcs]]] = number[a[arcs]], number[b[arcs]]
    modes = np.flatnonzero(free[problem.mode_of]).astype(np.int64)
    machine = problem.machine[modes]
    ready = np.array([_ready(problem, k) for k in range(len(problem.machines))], np.int64)
    floor = np.maximum(early[problem.mode_of[modes]], ready[machine] if n else 0)
    counts = np.bincount(number[problem.mode_of[modes]], minlength=n)
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    length = problem.duration[modes]
    bound = max(int(end.max(initial=0)), bound_of(jp, js, first, machine, length, floor))
    return Shop(
        problem, which, jp, js, first, modes, machine, length, floor.astype(np.int64),
        len(problem.machines), problem.reference[which], end, bound,
    )  # fmt: skip


@njit(nogil=True, cache=True)
def starts(
    jp: Integers, machine: Integers, length: Integers, floor: Integers, machines: int,
    order: Integers, mode: Integers,
) -> Integers:  # fmt: skip
    """Earliest starts for an order and modes."""
    free, start = np.zeros(machines, np.int64), np.zeros(len(order), np.int64)
    for i in order:
        m = mode[i]
        begin = max(floor[m], free[machine[m]])
        if jp[i] >= 0:
            begin = max(begin, start[jp[i]] + length[mode[jp[i]]])
        start[i] = begin
        free[machine[m]] = begin + length[m]
    return start


@njit(nogil=True, cache=True)
def line_up(
    jp: Integers, js: Integers, first_mode: Integers, machine: Integers, length: Integers,
    floor: Integers, machines: int, state: Integers,
) -> tuple[Integers, Integers]:  # fmt: skip
    """A drawn solution: again and again the job that can begin first, with some luck, and of those
    that can at the same time one with much left to do; where it is over first."""
    n = len(jp)
    left = np.zeros(n, np.int64)
    jobs = 0
    upcoming = np.empty(n, np.int64)
    mean = 0.0
    for i in range(n):
        mean += length[first_mode[i]] / n
        if jp[i] < 0:
            upcoming[jobs] = i
            jobs += 1
    for job in range(jobs):
        i, total = upcoming[job], 0
        while i >= 0:
            total += length[first_mode[i]]
            i = js[i]
        i = upcoming[job]
        while i >= 0:
            left[i] = total
            total -= length[first_mode[i]]
            i = js[i]
    free, done = np.zeros(machines, np.int64), np.zeros(n, np.int64)
    order, mode = np.empty(n, np.int64), np.empty(n, np.int64)
    for at in range(n):
        best, chosen, way = np.inf, -1, -1
        for job in range(jobs):
            i = upcoming[job]
            ready = done[jp[i]] if jp[i] >= 0 else 0
            over, m = np.int64(2**62), -1
            for one in range(first_mode[i], first_mode[i + 1]):
                end = max(max(ready, floor[one]), free[machine[one]]) + length[one]
                if end < over or (end == over and draw(state, 2) == 0):
                    over, m = end, one
            score = over - length[m] - 0.05 * left[i] + mean * draw(state, 1000) / 1000
            if score < best:
                best, chosen, way = score, job, m
        i = upcoming[chosen]
        order[at], mode[i] = i, way
        ready = done[jp[i]] if jp[i] >= 0 else 0
        begin = max(max(ready, floor[way]), free[machine[way]])
        done[i] = free[machine[way]] = begin + length[way]
        if js[i] >= 0:
            upcoming[chosen] = js[i]
        else:
            jobs -= 1
            upcoming[chosen] = upcoming[jobs]
    return order, mode


def _jobs_in_order(order: Integers, jp: Integers, js: Integers) -> Integers:
    """The same line-up with operations of one job in the job's order (they tie where one takes no
    time, or where a plan broke the rule)."""
    n = len(order)
    head = np.empty(n, np.int64)
    here: Flags = jp < 0
    head[here] = np.flatnonzero(here)
    for i in np.flatnonzero(here):
        step = int(js[i])
        while step >= 0:
            head[step] = i
            step = int(js[step])
    upcoming = {int(i): int(i) for i in np.flatnonzero(here)}
    told = np.empty(n, np.int64)
    for at, i in enumerate(order):
        job = int(head[i])
        told[at] = upcoming[job]
        upcoming[job] = int(js[upcoming[job]])
    return told

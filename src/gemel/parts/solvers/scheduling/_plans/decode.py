"""From an order of operations to a plan: each as early as what was placed before it allows.

An operation goes behind those that its machine has already; what it waits for must stand before it.
Rules that look back (finite buffers, operations that may not wait, material that is used up) are
not for this way of planning.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gemel.core.frame import Values
from gemel.core.time import HOUR
from gemel.parts.solvers.scheduling._plans.measure import closed_of, finish, pieces, plan
from gemel.parts.solvers.scheduling._plans.sound import order as sound_order
from gemel.parts.solvers.scheduling.base import NONE, Flags, Integers, Problem, Schedule

__all__ = ["Decoder", "price_of", "right_shift", "uncovered"]


def uncovered(problem: Problem) -> tuple[str, ...]:
    """What an order of operations cannot say."""
    told = (
        (bool((problem.buffer != NONE).any()), "finite buffers"),
        (bool(problem.no_wait.any()), "operations that may not wait"),
        (bool((~problem.renewable).any()), "resources that are used up"),
        (bool((~problem.fixed[problem.before] & problem.fixed[problem.after]).any()),
         "free operations before fixed ones"),
    )  # fmt: skip
    return tuple(words for is_so, words in told if is_so)


class Decoder:
    """A problem in the columns that `place` takes."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        k, n = len(problem.machines), len(problem)
        fixed = np.flatnonzero(problem.fixed)
        closed = [closed_of(problem, one) for one in range(k)]
        self.closed_first = _offsets([len(c) for c in closed])
        self.closed = np.concatenate([*closed, np.zeros((0, 2), np.int64)])
        self.start, self.end = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.mode = problem.first_mode[:-1].copy()
        self.free_at = np.full(k, problem.now)
        self.last_family = problem.initial.copy()
        for i in fixed[np.argsort(problem.fixed_start[fixed], kind="stable")]:
            m, begin = int(problem.fixed_mode[i]), int(problem.fixed_start[i])
            at, length = int(problem.machine[m]), int(problem.duration[m])
            pauses = at >= 0 and bool(problem.breakable[i])
            over = finish(begin, length, closed[at]) if pauses else begin + length
            self.start[i], self.end[i], self.mode[i] = begin, over, m
            if at >= 0:
                self.free_at[at] = max(int(self.free_at[at]), over)
                self.last_family[at] = problem.family[i]
        self.fixed = fixed.astype(np.int64)
        self.floor = np.maximum(problem.release[problem.job], problem.now)
        by = np.argsort(problem.after, kind="stable")
        self.before, self.lag = problem.before[by].copy(), problem.lag[by].copy()
        self.before_first = np.searchsorted(problem.after[by], np.arange(n + 1)).astype(np.int64)
        order = sound_order(problem)
        self.topological = order[~problem.fixed[order]]
        self.needs = bool(len(problem.resources) and problem.demand.any())

    def place(self, order: Integers, mode: Integers, wait: Integers) -> tuple[Integers, Integers]:
        """Starts and ends; `wait` int64[n] is before when each may not begin."""
        problem = self.problem
        start, end = self.start.copy(), self.end.copy()
        place(
            order, mode, wait, start, end, self.fixed, self.floor, self.before_first, self.before,
            self.lag, problem.machine, problem.duration, problem.breakable, self.closed_first,
            self.closed, self.free_at, self.last_family, problem.family, problem.setup,
            problem.demand if self.needs else problem.demand[:, :0], problem.capacity,
        )  # fmt: skip
        return start, end

    def schedule(self, order: Integers, mode: Integers, wait: Integers) -> Schedule:
        """The plan that follows from an order."""
        return plan(self.problem, mode, *self.place(order, mode, wait))

    def order_of(self, given: Schedule) -> Integers:
        """Free operations by their start in a plan, each behind those that it waits for."""
        begin = given.start.copy()
        begin[self.problem.fixed] = 0
        _push(self.topological, self.before_first, self.before, begin)
        by = np.argsort(begin[self.topological], kind="stable")
        return self.topological[by].copy()


def right_shift(problem: Problem, old: Schedule) -> Schedule:
    """The old plan, put off as far as it must be: same machines, same order, nothing earlier.

    For problems that `uncovered` says nothing of. What a plan needs once something has happened:
    at once, valid, and near to what everybody knows.
    """
    decoder = Decoder(problem)
    mode = np.where(problem.fixed, problem.fixed_mode, old.mode)
    return decoder.schedule(decoder.order_of(old), mode, old.start)


def price_of(problem: Problem, machine: int, until: int) -> tuple[Integers, Values]:
    """Ticks from which on a machine's energy costs so much per kW and tick; 0 while closed."""
    time, price, last = [], [], 0
    for a, b, value in pieces(problem, machine, until):
        if a > last:
            time.append(last)
            price.append(0.0)
        time.append(a)
        price.append(value * problem.tick / HOUR)
        last = b
    return np.array(time, np.int64), np.array(price)


def _offsets(counts: list[int]) -> Integers:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@njit(nogil=True, cache=True)
def _push(order: Integers, first: Integers, before: Integers, begin: Integers) -> None:
    """A start is never before that of what it waits for, so that sorting keeps the order."""
    for i in order:
        for p in range(first[i], first[i + 1]):
            begin[i] = max(begin[i], begin[before[p]])


@njit(nogil=True, cache=True)
def place(
    order: Integers, mode: Integers, wait: Integers, start: Integers, end: Integers,
    fixed: Integers, floor: Integers, before_first: Integers, before: Integers, lag: Integers,
    machine: Integers, duration: Integers, breakable: Flags, closed_first: Integers,
    closed: Integers, free_at: Integers, last_family: Integers, family: Integers, setup: Integers,
    demand: Integers, capacity: Integers,
) -> None:  # fmt: skip
    """Fill in start and end of the operations in `order`; those that are fixed are there."""
    free, last = free_at.copy(), last_family.copy()
    r = demand.shape[1]
    # Of each resource what is taken from each time on, in the order of time.
    time = np.zeros((r, 2 * (len(order) + len(fixed)) + 2), np.int64)
    level = np.zeros(time.shape, np.int64)
    count = np.ones(r, np.int64)
    if r:
        for i in fixed:
            for one in range(r):
                _take(time[one], level[one], count, one, start[i], end[i], demand[mode[i], one])
    for i in order:
        m = mode[i]
        k, length = machine[m], duration[m]
        begin = max(floor[i], wait[i])
        for p in range(before_first[i], before_first[i + 1]):
            begin = max(begin, end[before[p]] + lag[p])
        if k >= 0:
            need = 0
            if setup.size and last[k] >= 0 and family[i] >= 0:
                need = setup[k, last[k], family[i]]
            begin = max(begin, free[k] + need)
        over = begin
        while True:
            over = begin + length
            if k >= 0 and length > 0:
                for c in range(closed_first[k], closed_first[k + 1]):
                    if closed[c, 0] >= over:
                        break
                    if closed[c, 1] <= begin:
                        continue
                    if not breakable[i] or closed[c, 0] <= begin:
                        begin = closed[c, 1]
                        over = begin + length
                    else:
                        over += closed[c, 1] - closed[c, 0]
            again = False
            if length > 0:
                for one in range(r):
                    if demand[m, one] > 0:
                        later = _room(
                            time[one], level[one], count[one], begin, over,
                            capacity[one] - demand[m, one],
                        )  # fmt: skip
                        if later > begin:
                            begin = later
                            again = True
            if not again:
                break
        start[i], end[i] = begin, over
        if k >= 0:
            free[k] = over
            last[k] = family[i]
        for one in range(r):
            if demand[m, one] > 0 and over > begin:
                _take(time[one], level[one], count, one, begin, over, demand[m, one])


@njit(nogil=True, cache=True)
def _room(time: Integers, level: Integers, count: int, begin: int, over: int, most: int) -> int:
    """`begin`, or when at the earliest it is worth another look."""
    at = max(0, int(np.searchsorted(time[:count], begin, side="right")) - 1)
    while at < count and time[at] < over:
        if level[at] > most:
            after = at + 1
            while after < count and level[after] > most:
                after += 1
            return time[after] if after < count else begin
        at += 1
    return begin


@njit(nogil=True, cache=True)
def _take(
    time: Integers, level: Integers, count: Integers, one: int, begin: int, over: int, need: int
) -> None:
    if need <= 0 or over <= begin:
        return
    for edge in (begin, over):
        at = np.searchsorted(time[: count[one]], edge)
        if at == count[one] or time[at] != edge:
            for later in range(count[one], at, -1):
                time[later], level[later] = time[later - 1], level[later - 1]
            time[at] = edge
            level[at] = level[at - 1] if at > 0 else 0
            count[one] += 1
    at = np.searchsorted(time[: count[one]], begin)
    while time[at] < over:
        level[at] += need
        at += 1

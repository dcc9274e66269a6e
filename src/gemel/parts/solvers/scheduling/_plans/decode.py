"""From an order of operations to a plan: each as early as what was placed before it allows.

An operation goes behind those that its machine has already; what it waits for must stand before it.
Rules that look back (finite buffers, operations that may not wait, material that is used up) are
not for this way of planning.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from gemel.parts.solvers.scheduling._plans.measure import plan
from gemel.parts.solvers.scheduling._plans.sheet import Sheet, pause
from gemel.parts.solvers.scheduling.base import NONE, Integers, Problem, Schedule

__all__ = [
    "Begun", "Decoder", "begun", "fit", "order_of", "place", "put_off", "right_shift", "uncovered",
]  # fmt: skip


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
    """A problem, and where it stands before anything free is planned."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.sheet = problem, problem.sheet
        self.begun = begun(self.sheet)
        order = self.sheet.topological
        self.topological = order[~problem.fixed[order]]

    def place(self, order: Integers, mode: Integers, wait: Integers) -> tuple[Integers, Integers]:
        """Starts and ends; `wait` int64[n] is before when each may not begin."""
        start, end = self.begun.start.copy(), self.begun.end.copy()
        place(self.sheet, self.begun, order, mode, wait, start, end)
        return start, end

    def schedule(self, order: Integers, mode: Integers, wait: Integers) -> Schedule:
        """The plan that follows from an order."""
        return plan(self.problem, mode, *self.place(order, mode, wait))

    def order_of(self, given: Schedule) -> Integers:
        """Free operations by their start in a plan, each behind those that it waits for."""
        found: Integers = order_of(self.sheet, given.start)
        return found


def right_shift(problem: Problem, old: Schedule) -> Schedule:
    """The old plan, put off as far as it must be: same machines, same order, nothing earlier.

    For problems that `uncovered` says nothing of. What a plan needs once something has happened:
    at once, valid, and near to what everybody knows.
    """
    return plan(problem, *put_off(problem.sheet, old.mode, old.start))


class Begun(NamedTuple):
    """What is fixed, and what it leaves behind.

    start, end   int64[n]  of what is fixed; else 0
    mode         int64[n]  of what is fixed; else the first
    fixed        int64[…]  operations, by their start
    free_at      int64[k]  when a machine is free; now, or later
    last_family  int64[k]  and what it is set up for
    last_end     int64[k]  when its last operation ended; NONE where there was none
    """

    start: Integers
    end: Integers
    mode: Integers
    fixed: Integers
    free_at: Integers
    last_family: Integers
    last_end: Integers


@njit(nogil=True, cache=True)
def begun(sheet: Sheet) -> Begun:
    n, k = len(sheet.job), len(sheet.initial)
    start, end, mode = np.zeros(n, np.int64), np.zeros(n, np.int64), sheet.first_mode[:-1].copy()
    free_at, last_family = np.full(k, sheet.now), sheet.initial.copy()
    last_end = np.full(k, -1)
    fixed = np.flatnonzero(sheet.fixed_start != -1)
    fixed = fixed[np.argsort(sheet.fixed_start[fixed], kind="mergesort")]
    for i in fixed:
        m, begin = sheet.fixed_mode[i], sheet.fixed_start[i]
        at, length = sheet.machine[m], sheet.duration[m]
        over = begin + length
        if sheet.breakable[i]:
            over = pause(sheet, at, begin, length)
        start[i], end[i], mode[i] = begin, over, m
        if at >= 0:
            free_at[at] = max(free_at[at], over)
            last_family[at] = sheet.family[i]
            last_end[at] = over
    return Begun(start, end, mode, fixed, free_at, last_family, last_end)


@njit(nogil=True, cache=True)
def order_of(sheet: Sheet, start: Integers) -> Integers:
    """Free operations by the start given, none before one that it waits for."""
    n = len(start)
    at, free = np.zeros(n, np.int64), np.empty(n, np.int64)
    count = 0
    for i in sheet.topological:
        if sheet.fixed_start[i] != -1:
            continue
        # Never before what it waits for, so that sorting keeps the order.
        at[i] = start[i]
        for p in range(sheet.arc_first[i], sheet.arc_first[i + 1]):
            at[i] = max(at[i], at[sheet.before[sheet.arc[p]]])
        free[count] = i
        count += 1
    free = free[:count]
    return free[np.argsort(at[free], kind="mergesort")]


@njit(nogil=True, cache=True)
def put_off(
    sheet: Sheet, old_mode: Integers, old_start: Integers
) -> tuple[Integers, Integers, Integers]:
    """Mode, start and end of each operation: in the old order, none before its old start."""
    before = begun(sheet)
    mode, start, end = old_mode.copy(), before.start.copy(), before.end.copy()
    for i in before.fixed:
        mode[i] = before.mode[i]
    place(sheet, before, order_of(sheet, old_start), mode, old_start, start, end)
    return mode, start, end


@njit(nogil=True, cache=True)
def place(
    sheet: Sheet, before: Begun, order: Integers, mode: Integers, wait: Integers, start: Integers,
    end: Integers,
) -> None:  # fmt: skip
    """Fill in start and end of the operations in `order`; those that are fixed are there."""
    # Columns as names of their own: numba counts references for as long as it computes otherwise.
    job, release, family, machine = sheet.job, sheet.release, sheet.family, sheet.machine
    duration, setup, demand, capacity = sheet.duration, sheet.setup, sheet.demand, sheet.capacity
    arc_first, arcs, earlier, lag = sheet.arc_first, sheet.arc, sheet.before, sheet.lag
    breakable, closed_first, closed = sheet.breakable, sheet.closed_first, sheet.closed
    now = sheet.now
    free, last = before.free_at.copy(), before.last_family.copy()
    r = len(capacity)
    # Of each resource what is taken from each time on, in the order of time.
    time = np.zeros((r, 2 * len(start) + 2), np.int64)
    level = np.zeros(time.shape, np.int64)
    count = np.ones(r, np.int64)
    for one in range(r):
        for i in before.fixed:
            need = demand[mode[i], one]
            _take(time[one], level[one], count, one, start[i], end[i], need)
    for i in order:
        m = mode[i]
        k, length = machine[m], duration[m]
        begin = max(max(release[job[i]], now), wait[i])
        for p in range(arc_first[i], arc_first[i + 1]):
            arc = arcs[p]
            begin = max(begin, end[earlier[arc]] + lag[arc])
        if k >= 0:
            need = 0
            if setup.size and last[k] >= 0 and family[i] >= 0:
                need = setup[k, last[k], family[i]]
            begin = max(begin, free[k] + need)
        over = begin
        while True:
            begin, over = fit(
                closed, closed_first[k], closed_first[k + 1], begin, length, breakable[i]
            )
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


@njit(nogil=True, cache=True, inline="always")
def fit(
    closed: Integers, first_row: int, after_row: int, begin: int, length: int, breakable: bool
) -> tuple[int, int]:
    """Start and end of work that begins at `begin`, or as soon after as rows of closed times
    allow."""
    over = begin + length
    if length > 0:
        for c in range(first_row, after_row):
            first, again_open = closed[c, 0], closed[c, 1]
            if first >= over:
                break
            if again_open <= begin:
                continue
            if not breakable or first <= begin:
                begin = again_open
                over = begin + length
            else:
                over += again_open - first
    return begin, over


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

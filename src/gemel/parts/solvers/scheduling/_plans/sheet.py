"""A problem as compiled code reads it: columns alone, made once and kept with the problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numba import njit

from gemel.core.time import HOUR

if TYPE_CHECKING:
    from gemel.core.frame import Values
    from gemel.parts.solvers.scheduling.base import Flags, Integers, Problem

__all__ = ["PARTS", "Sheet", "line_up", "pause", "sheet_of"]

PARTS: Final = ("makespan", "tardiness", "flow_time", "setup", "energy", "moved")
"""Parts of the objective, in the order of columns."""


class Sheet(NamedTuple):
    """Columns of a problem under its names; more than there are:

    first_mode    int64[n+1]  modes of operation i are first_mode[i] to first_mode[i+1] - 1
    arc_first     int64[n+1]  rows of `arc` that lead to operation i
    arc           int64[p]    numbers of precedences, by the operation that waits
    topological   int64[n]    each operation after those that it waits for
    closed_first  int64[k+2]  rows of `closed` (first tick, tick after the last) of a machine, in
                              order, joined; the last machine, NONE, is never closed
    price_sum     float64[b]  cost of 1 kW from tick 0 to each change of price
    hours         of a tick
    weights, most float64[6]  weight and limit of each part
    """

    job: Integers
    family: Integers
    breakable: Flags
    fixed_mode: Integers
    fixed_start: Integers
    mode_of: Integers
    first_mode: Integers
    machine: Integers
    duration: Integers
    demand: Integers
    power: Values
    before: Integers
    after: Integers
    lag: Integers
    no_wait: Flags
    arc_first: Integers
    arc: Integers
    topological: Integers
    release: Integers
    due: Integers
    deadline: Integers
    weight: Values
    capacity: Integers
    renewable: Flags
    setup: Integers
    initial: Integers
    buffer: Integers
    closed_first: Integers
    closed: Integers
    price_from: Integers
    price: Values
    price_sum: Values
    standby: Values
    restart: Values
    reference: Integers
    now: int
    hours: float
    weights: Values
    most: Values


def sheet_of(problem: Problem) -> Sheet:
    """The columns, contiguous; `Problem.sheet` keeps them."""
    n, k = len(problem.names), len(problem.machines)
    arc = np.argsort(problem.after, kind="stable").astype(np.int64)
    topological, _ = line_up(n, problem.before, problem.after)
    closed_first, closed = join(problem.closed, k)
    hours = problem.tick / HOUR
    spent = np.diff(problem.price_from) * problem.price[:-1] * hours
    columns: dict[str, Any] = {
        name: np.ascontiguousarray(getattr(problem, name)) for name in Sheet._fields
        if isinstance(getattr(problem, name, None), np.ndarray)
    }  # fmt: skip
    nothing = np.zeros(k)
    return Sheet(**columns | {
        "arc_first": np.searchsorted(problem.after[arc], np.arange(n + 1)).astype(np.int64),
        "arc": arc, "topological": topological, "closed_first": closed_first, "closed": closed,
        "price_sum": np.concatenate([[0.0], np.cumsum(spent)])[: len(problem.price)],
        "standby": problem.standby if problem.standby.size else nothing,
        "restart": problem.restart if problem.restart.size else nothing,
        "now": problem.now, "hours": hours,
        "weights": np.array([float(getattr(problem.objective, name)) for name in PARTS]),
        "most": np.array([float(getattr(problem.at_most, name)) for name in PARTS]),
    })  # fmt: skip


@njit(nogil=True, cache=True)
def line_up(n: int, before: Integers, after: Integers) -> tuple[Integers, int]:
    """int64[n]: operations, each after those that it waits for, and how many; fewer than n where
    some wait for each other."""
    missing, first = np.zeros(n, np.int64), np.zeros(n + 1, np.int64)
    for p in range(len(before)):
        missing[after[p]] += 1
        first[before[p] + 1] += 1
    for i in range(n):
        first[i + 1] += first[i]
    at, follower = first[:-1].copy(), np.empty(len(before), np.int64)
    for p in range(len(before)):
        follower[at[before[p]]] = after[p]
        at[before[p]] += 1
    found, ready = np.empty(n, np.int64), np.empty(n, np.int64)
    count, waiting = 0, 0
    for i in range(n - 1, -1, -1):
        if missing[i] == 0:
            ready[waiting] = i
            waiting += 1
    while waiting:
        waiting -= 1
        i = ready[waiting]
        found[count] = i
        count += 1
        for p in range(first[i + 1] - 1, first[i] - 1, -1):
            other = follower[p]
            missing[other] -= 1
            if missing[other] == 0:
                ready[waiting] = other
                waiting += 1
    return found[:count], count


@njit(nogil=True, cache=True)
def join(rows: Integers, machines: int) -> tuple[Integers, Integers]:
    """Closed times of each machine in order, overlaps joined; rows are machine, first, last."""
    first, closed = np.zeros(machines + 2, np.int64), np.empty((len(rows), 2), np.int64)
    by = np.argsort(rows[:, 1])
    count = 0
    for k in range(machines):
        first[k] = count
        for at in by:
            if rows[at, 0] != k:
                continue
            if count > first[k] and rows[at, 1] <= closed[count - 1, 1]:
                closed[count - 1, 1] = max(closed[count - 1, 1], rows[at, 2])
            else:
                closed[count, 0], closed[count, 1] = rows[at, 1], rows[at, 2]
                count += 1
    first[machines] = first[machines + 1] = count
    return first, closed[:count].copy()


@njit(nogil=True, cache=True, inline="always")
def pause(sheet: Sheet, k: int, begin: int, duration: int) -> int:
    """When work that may pause is over; k is NONE where no machine is needed."""
    over = begin + duration
    for c in range(sheet.closed_first[k], sheet.closed_first[k + 1]):
        if sheet.closed[c, 0] >= over:
            break
        if sheet.closed[c, 1] > begin:
            over += sheet.closed[c, 1] - max(sheet.closed[c, 0], begin)
    return over

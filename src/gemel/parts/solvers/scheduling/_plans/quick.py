"""The judge, compiled: the same answers as `check`, without words.

A plan of 1,000 operations is judged in a fraction of a millisecond. Who needs to know what is wrong
asks `check`; that both agree on good and on broken plans is a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from gemel.parts.solvers.scheduling._plans.costs import MEASURED, measured, turns_of
from gemel.parts.solvers.scheduling._plans.sheet import PARTS, Sheet, pause

if TYPE_CHECKING:
    from gemel.core.frame import Values
    from gemel.parts.solvers.scheduling.base import Integers, Problem, Schedule

__all__ = ["ceiling", "obeys", "passes"]

_NEVER: Final = 2**60


def passes(problem: Problem, schedule: Schedule) -> bool:
    """Whether `check` says nothing of a plan."""
    n = len(problem)
    columns = (schedule.mode, schedule.start, schedule.end, schedule.left)
    if any(len(column) != n for column in columns):
        return False
    sheet = problem.sheet
    if not obeys(sheet, *columns):
        return False
    found = measured(sheet, schedule.mode, schedule.start, schedule.end)
    kept = bool((found[: len(PARTS)] <= ceiling(sheet.most)).all())
    return kept and same(problem, schedule, found)


def ceiling(most: Values) -> Values:
    """Limits of the parts, with room for what sums of floating numbers lose."""
    found: Values = most + 1e-6 * np.maximum(1.0, np.abs(most))
    return found


def same(problem: Problem, schedule: Schedule, found: Values) -> bool:
    """Whether a plan says of itself what was measured, and no more than it can prove."""
    wanted = dict(zip(MEASURED, found.tolist(), strict=True))
    said = [(schedule.parts.get(name, float("nan")), number) for name, number in wanted.items()]
    said.append((schedule.value, problem.objective.value(wanted)))
    if not all(abs(a - b) <= 1e-6 * max(1.0, abs(b)) for a, b in said):
        return False
    return schedule.bound <= schedule.value + 1e-6 * max(1.0, abs(schedule.value))


@njit(nogil=True, cache=True)
def _crowded(time: Integers, change: Integers, most: int) -> bool:
    """Whether a sum of changes is ever above; at one time, what ends makes room first."""
    level = 0
    for at in np.argsort(2 * time + (change > 0)):
        level += change[at]
        if level > most:
            return True
    return False


@njit(nogil=True, cache=True)
def obeys(sheet: Sheet, mode: Integers, start: Integers, end: Integers, left: Integers) -> bool:
    """Whether a plan keeps every rule; its measures and limits are not asked for."""
    n = len(mode)
    for i in range(n):
        if mode[i] < 0 or mode[i] >= len(sheet.mode_of) or sheet.mode_of[mode[i]] != i:
            return False
        if sheet.fixed_start[i] != -1 and (
            start[i] != sheet.fixed_start[i] or mode[i] != sheet.fixed_mode[i]
        ):
            return False
    return bool(
        _timely(sheet, mode, start, end)
        and _apart(sheet, mode, start, left)
        and _in_turn(sheet, start, end, left)
        and _supplied(sheet, mode, start, end)
        and _roomy(sheet, mode, start, end, left)
    )


@njit(nogil=True, cache=True)
def _timely(sheet: Sheet, mode: Integers, start: Integers, end: Integers) -> bool:
    jobs = len(sheet.release)
    done, has_free = np.full(jobs, -_NEVER), np.zeros(jobs, np.bool_)
    for i in range(len(mode)):
        j, m, free = sheet.job[i], mode[i], sheet.fixed_start[i] == -1
        done[j] = max(done[j], end[i])
        if free:
            has_free[j] = True
            if start[i] < sheet.release[j] or start[i] < sheet.now:
                return False
        k, length = sheet.machine[m], sheet.duration[m]
        over, pauses = start[i] + length, sheet.breakable[i] and length > 0
        if pauses:
            over = pause(sheet, k, start[i], length)
        if end[i] != over:
            return False
        if not free or length == 0 or k < 0:
            continue
        for c in range(sheet.closed_first[k], sheet.closed_first[k + 1]):
            first, last = sheet.closed[c, 0], sheet.closed[c, 1]
            if first < over and start[i] < last and (not pauses or first <= start[i]):
                return False
    return not (has_free & (done > sheet.deadline)).any()


@njit(nogil=True, cache=True)
def _apart(sheet: Sheet, mode: Integers, start: Integers, left: Integers) -> bool:
    last, last_machine = -1, -1
    for i in turns_of(sheet, mode, start, left):
        k = sheet.machine[mode[i]]
        if k < 0:
            continue
        before = last if k == last_machine else -1
        last, last_machine = i, k
        if sheet.fixed_start[i] != -1 and (before < 0 or sheet.fixed_start[before] != -1):
            continue
        need, first = 0, sheet.initial[k] if before < 0 else sheet.family[before]
        if sheet.setup.size and first >= 0 and sheet.family[i] >= 0:
            need = sheet.setup[k, first, sheet.family[i]]
        if before < 0:
            if need and start[i] < sheet.now + need:
                return False
        elif start[i] < left[before] + need:
            return False
    return True


@njit(nogil=True, cache=True)
def _in_turn(sheet: Sheet, start: Integers, end: Integers, left: Integers) -> bool:
    for p in range(len(sheet.before)):
        a, b = sheet.before[p], sheet.after[p]
        if sheet.fixed_start[a] != -1 and sheet.fixed_start[b] != -1:
            continue
        asked = end[a] + sheet.lag[p]
        if start[b] < max(asked, left[a]) or (sheet.no_wait[p] and start[b] > asked):
            return False
    return True


@njit(nogil=True, cache=True)
def _supplied(sheet: Sheet, mode: Integers, start: Integers, end: Integers) -> bool:
    n = len(mode)
    for r in range(len(sheet.capacity)):
        if not sheet.renewable[r]:
            used = 0
            for i in range(n):
                used += sheet.demand[mode[i], r]
            if used > sheet.capacity[r]:
                return False
            continue
        rows = np.empty(n, np.int64)
        count, all_fixed = 0, True
        for i in range(n):
            if sheet.demand[mode[i], r] > 0 and end[i] > start[i]:
                rows[count] = i
                count += 1
                all_fixed &= sheet.fixed_start[i] != -1
        if all_fixed:
            continue
        rows = rows[:count]
        need = sheet.demand[mode[rows], r]
        if _crowded(
            np.concatenate((end[rows], start[rows])), np.concatenate((-need, need)),
            sheet.capacity[r],
        ):  # fmt: skip
            return False
    return True


@njit(nogil=True, cache=True)
def _roomy(sheet: Sheet, mode: Integers, start: Integers, end: Integers, left: Integers) -> bool:
    n, machines = len(mode), len(sheet.initial)
    may_stay = np.zeros(n, np.bool_)
    into = np.full(len(sheet.before), -1)  # the machine whose buffer a part passes
    for p in range(len(sheet.before)):
        a, b = sheet.before[p], sheet.after[p]
        here, there = sheet.machine[mode[a]], sheet.machine[mode[b]]
        goes = sheet.job[a] == sheet.job[b] and here >= 0 and there >= 0 and here != there
        if goes and sheet.buffer[there] != -1:
            may_stay[a] = True
            into[p] = there
    for i in range(n):
        if left[i] < end[i] or (not may_stay[i] and left[i] != end[i]):
            return False
    for k in range(machines):
        if sheet.buffer[k] == -1:
            continue
        count, all_fixed = 0, True
        rows = np.empty(len(into), np.int64)
        for p in range(len(into)):
            if into[p] == k:
                all_fixed &= sheet.fixed_start[sheet.after[p]] != -1
                if start[sheet.after[p]] > left[sheet.before[p]]:
                    rows[count] = p
                    count += 1
        if all_fixed or not count:
            continue
        rows = rows[:count]
        one = np.ones(count, np.int64)
        time = np.concatenate((start[sheet.after[rows]], left[sheet.before[rows]]))
        if _crowded(time, np.concatenate((-one, one)), sheet.buffer[k]):
            return False
    return True

"""The value of an order, and changes of it at one temperature; numba without the lock."""

from __future__ import annotations

import numpy as np
from numba import njit

from gemel.core.frame import Values
from gemel.parts.solvers.scheduling._plans.chance import draw
from gemel.parts.solvers.scheduling._plans.costs import idle, work
from gemel.parts.solvers.scheduling._plans.decode import Begun, place
from gemel.parts.solvers.scheduling._plans.sheet import Sheet
from gemel.parts.solvers.scheduling.base import NEVER, Integers

__all__ = ["anneal", "value_of"]


@njit(nogil=True, cache=True)
def value_of(
    sheet: Sheet, begun: Begun, order: Integers, mode: Integers, wait: Integers, penalty: Values
) -> float:
    """The objective of an order, with a penalty for deadlines and limits that are not kept.

    penalty  float64[7]  of one unit above the limit of each part, and of a tick after a deadline
    """
    start, end = begun.start.copy(), begun.end.copy()
    place(sheet, begun, order, mode, wait, start, end)
    part, late = np.zeros(6), np.int64(0)
    job, machine, reference = sheet.job, sheet.machine, sheet.reference
    weight, due, release, deadline = sheet.weight, sheet.due, sheet.release, sheet.deadline
    done = np.zeros(len(release), np.int64)
    span, moved = np.int64(0), 0
    for i in range(len(start)):
        done[job[i]] = max(done[job[i]], end[i])
        span = max(span, end[i])
        if reference[i, 1] < NEVER and (
            reference[i, 1] != start[i] or reference[i, 0] != machine[mode[i]]
        ):
            moved += 1
    part[0], part[5] = span, moved
    for j in range(len(done)):
        part[1] += weight[j] * max(0, done[j] - due[j])
        part[2] += weight[j] * (done[j] - release[j])
        late += max(0, done[j] - deadline[j])
    asked_setup = sheet.setup.size and (sheet.weights[3] > 0 or sheet.most[3] < np.inf)
    asked_energy = sheet.weights[4] > 0 or sheet.most[4] < np.inf
    if asked_setup:
        family, setup = sheet.family, sheet.setup
        last = begun.last_family.copy()
        for i in order:
            k = machine[mode[i]]
            if k >= 0:
                if last[k] >= 0 and family[i] >= 0:
                    part[3] += setup[k, last[k], family[i]]
                last[k] = family[i]
    if asked_energy:
        power, standby = sheet.power, sheet.standby
        before = begun.last_end.copy()
        for i in range(len(start)):
            if power[mode[i]] > 0:
                part[4] += work(sheet, mode[i], start[i], end[i])[0]
        for i in order:
            k = machine[mode[i]]
            if k >= 0:
                if before[k] >= 0 and standby[k] > 0:
                    part[4] += idle(sheet, k, before[k], start[i])[0]
                before[k] = end[i]
    total: float = penalty[6] * late
    for one in range(6):
        total += sheet.weights[one] * part[one]
        if part[one] > sheet.most[one]:
            total += penalty[one] * (part[one] - sheet.most[one])
    return total


@njit(nogil=True, cache=True)
def anneal(
    sheet: Sheet, begun: Begun, count: int, temperature: float, now: float, best: float,
    order: Integers, mode: Integers, wait: Integers, best_order: Integers, best_mode: Integers,
    best_wait: Integers, choices: Integers, later: Integers, penalty: Values, state: Integers,
) -> tuple[float, float]:  # fmt: skip
    """So many changes at one temperature; gives the value now and the best."""
    n, first_mode = len(order), sheet.first_mode
    for _ in range(count):
        kind = draw(state, 10)
        i, old, a, b = 0, np.int64(0), 0, 0
        if kind < 3 and len(choices):
            i = choices[draw(state, len(choices))]
            old = mode[i]
            mode[i] = first_mode[i] + draw(state, first_mode[i + 1] - first_mode[i])
            if mode[i] == old:
                continue
            kind = 0
        elif kind >= 8 and len(later):
            i = order[draw(state, n)]
            old = wait[i]
            wait[i] = _later(old, sheet.duration[mode[i]], later, state)
            if wait[i] == old:
                continue
            kind = 1
        else:
            a = draw(state, n)
            reach = n if draw(state, 3) == 0 else min(n, 12)
            b = min(n - 1, max(0, a + draw(state, 2 * reach + 1) - reach))
            b = _shift(sheet, order, a, b)
            if a == b:
                continue
            kind = 2
        value = value_of(sheet, begun, order, mode, wait, penalty)
        luck = -np.log((draw(state, 1_000_000) + 1) / 1_000_001)
        if value <= now + temperature * luck:
            now = value
            if now < best:
                best = now
                best_order[:] = order
                best_mode[:] = mode
                best_wait[:] = wait
        elif kind == 0:
            mode[i] = old
        elif kind == 1:
            wait[i] = old
        else:
            _shift(sheet, order, b, a)
    return now, best


@njit(nogil=True, cache=True)
def _later(old: int, length: int, later: Integers, state: Integers) -> int:
    """A tick before which an operation shall not begin: none; where a price begins; so that it is
    over where one begins; or a little away from what it was."""
    kind = draw(state, 4)
    if kind == 0:
        return 0
    at: int = later[draw(state, len(later))]
    if kind == 1:
        return at
    if kind == 2:
        at -= length
    else:
        reach = max(1, length // 2)
        at = old + draw(state, 2 * reach + 1) - reach
    return max(0, at)


@njit(nogil=True, cache=True)
def _shift(sheet: Sheet, order: Integers, a: int, b: int) -> int:
    """Move what stands at a toward b, until something that must stand behind it (or before it) is
    in the way; gives where it came to stand."""
    i = order[a]
    while a < b:
        other = order[a + 1]
        for p in range(sheet.arc_first[other], sheet.arc_first[other + 1]):
            if sheet.before[sheet.arc[p]] == i:
                return a
        order[a] = other
        a += 1
        order[a] = i
    while a > b:
        other = order[a - 1]
        for p in range(sheet.arc_first[i], sheet.arc_first[i + 1]):
            if sheet.before[sheet.arc[p]] == other:
                return a
        order[a] = other
        a -= 1
        order[a] = i
    return a

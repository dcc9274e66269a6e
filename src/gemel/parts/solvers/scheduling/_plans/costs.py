"""The measures of a plan, compiled: the same as `measure` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from gemel.parts.solvers.scheduling._plans.sheet import PARTS, Sheet

if TYPE_CHECKING:
    from gemel.core.frame import Values
    from gemel.parts.solvers.scheduling.base import Integers

__all__ = ["MEASURED", "idle", "measured", "turns_of", "work"]

MEASURED: Final = (*PARTS, "late_jobs", "kwh")
"""What `measured` gives, in this order."""
_NEVER: Final = 2**60


@njit(nogil=True, cache=True)
def turns_of(sheet: Sheet, mode: Integers, start: Integers, end: Integers) -> Integers:
    """int64[n]: operations by machine, then start, end and number; those of no machine first."""
    n, k = len(mode), len(sheet.initial)
    by = np.argsort(start, kind="mergesort")
    for at in range(1, n):  # of equal starts the earlier end is first
        i, here = by[at], at
        while here > 0 and start[by[here - 1]] == start[i] and (
            end[by[here - 1]] > end[i] or (end[by[here - 1]] == end[i] and by[here - 1] > i)
        ):  # fmt: skip
            by[here] = by[here - 1]
            here -= 1
        by[here] = i
    at_machine = np.zeros(k + 2, np.int64)
    for i in range(n):
        at_machine[sheet.machine[mode[i]] + 2] += 1
    for one in range(k + 1):
        at_machine[one + 1] += at_machine[one]
    found = np.empty(n, np.int64)
    for i in by:
        place = sheet.machine[mode[i]] + 1
        found[at_machine[place]] = i
        at_machine[place] += 1
    return found


@njit(nogil=True, cache=True, inline="always")
def _cost(sheet: Sheet, a: int, b: int) -> float:
    """Of 1 kW from tick a to tick b."""
    total: float = 0.0
    for sign, t in ((1.0, b), (-1.0, a)):
        p = max(0, int(np.searchsorted(sheet.price_from, t, side="right")) - 1)
        since = sheet.price[p] * (t - sheet.price_from[p]) * sheet.hours
        total += sign * (sheet.price_sum[p] + since)
    return total


@njit(nogil=True, cache=True, inline="always")
def work(sheet: Sheet, m: int, a: int, b: int) -> tuple[float, float]:
    """Cost and kWh of an operation; nothing while its machine is closed."""
    k, priced, kilowatt = sheet.machine[m], len(sheet.price) > 0, sheet.power[m]
    a = max(a, 0)  # prices begin at tick 0
    if b <= a:
        return 0.0, 0.0
    cost = _cost(sheet, a, b) if priced else 0.0
    ticks = b - a
    for c in range(sheet.closed_first[k], sheet.closed_first[k + 1]):
        first, last = max(a, sheet.closed[c, 0]), min(b, sheet.closed[c, 1])
        if sheet.closed[c, 0] >= b:
            break
        if last > first:
            ticks -= last - first
            cost -= _cost(sheet, first, last) if priced else 0.0
    return kilowatt * cost, kilowatt * ticks * sheet.hours


@njit(nogil=True, cache=True, inline="always")
def idle(sheet: Sheet, k: int, a: int, b: int) -> tuple[float, float]:
    """Cost and kWh of a machine between operations: on, or off and on again, what is cheaper."""
    a = max(a, 0)
    if b <= a or sheet.standby[k] <= 0:
        return 0.0, 0.0
    cost, off, energy = 0.0, 0.0, sheet.standby[k] * (b - a) * sheet.hours
    if len(sheet.price):
        p = max(0, int(np.searchsorted(sheet.price_from, b, side="right")) - 1)
        cost, off = sheet.standby[k] * _cost(sheet, a, b), sheet.restart[k] * sheet.price[p]
    if sheet.restart[k] == np.inf:
        return cost, energy
    if off < cost or (off == cost and sheet.restart[k] < energy):
        return off, sheet.restart[k]
    return cost, energy


@njit(nogil=True, cache=True)
def measured(sheet: Sheet, mode: Integers, start: Integers, end: Integers) -> Values:
    """The parts of the objective and more, in the order of `MEASURED`."""
    n, found = len(mode), np.zeros(8)
    done = np.zeros(len(sheet.release), np.int64)
    for i in range(n):
        done[sheet.job[i]] = max(done[sheet.job[i]], end[i])
        found[0] = max(found[0], end[i])
        if sheet.reference[i, 1] < _NEVER and (
            sheet.reference[i, 0] != sheet.machine[mode[i]] or sheet.reference[i, 1] != start[i]
        ):
            found[5] += 1
        if sheet.power[mode[i]] > 0:
            cost, energy = work(sheet, mode[i], start[i], end[i])
            found[4] += cost
            found[7] += energy
    for j in range(len(done)):
        late = max(0, done[j] - sheet.due[j])
        found[1] += sheet.weight[j] * late
        found[2] += sheet.weight[j] * (done[j] - sheet.release[j])
        found[6] += late > 0
    idles = (sheet.standby > 0).any()
    if sheet.setup.size or idles:
        last, last_machine = -1, -1
        for i in turns_of(sheet, mode, start, end):
            k = sheet.machine[mode[i]]
            if k < 0:
                continue
            first = sheet.initial[k] if k != last_machine else sheet.family[last]
            if sheet.setup.size and first >= 0 and sheet.family[i] >= 0:
                found[3] += sheet.setup[k, first, sheet.family[i]]
            if k == last_machine and idles:
                cost, energy = idle(sheet, k, end[last], start[i])
                found[4] += cost
                found[7] += energy
            last, last_machine = i, k
    return found

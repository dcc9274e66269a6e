"""Dispatching: whenever a machine is free, the waiting operation of the highest priority begins.

No look ahead, no second thoughts; what plants without a planner do, and where searches begin.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from gemel.parts.solvers.scheduling._plans.decode import Begun, fit
from gemel.parts.solvers.scheduling._plans.sheet import Sheet
from gemel.parts.solvers.scheduling.base import NEVER, Integers

__all__ = ["RULES", "dispatched"]

RULES: Final = ("fifo", "spt", "edd", "mwkr", "atc", "atcs", "family")
"""First come; shortest time; earliest due date; most work remaining; apparent tardiness cost; the
same with set-ups; the family that the machine is set up for, then apparent tardiness cost."""


@njit(nogil=True, cache=True)
def dispatched(sheet: Sheet, begun: Begun, rule: int) -> tuple[Integers, Integers]:
    """Free operations in the order in which they are begun, and a mode for each operation.

    Times here know machines, set-ups and calendars; resources are for whoever places the order.
    """
    n = len(sheet.job)
    mode, free, last = begun.mode.copy(), begun.free_at.copy(), begun.last_family.copy()
    due, rest, near, nearness = _looks(sheet)
    missing, ready_at, end = np.zeros(n, np.int64), np.zeros(n, np.int64), begun.end.copy()
    first, follower = _followers(sheet)
    active, count = np.empty(n, np.int64), 0
    total = 0
    for i in range(n):
        ready_at[i] = max(sheet.release[sheet.job[i]], sheet.now)
        if sheet.fixed_start[i] != -1:
            continue
        total += 1
        for p in range(sheet.arc_first[i], sheet.arc_first[i + 1]):
            arc = sheet.arc[p]
            a = sheet.before[arc]
            if sheet.fixed_start[a] == -1:
                missing[i] += 1
            else:
                ready_at[i] = max(ready_at[i], end[a] + sheet.lag[arc])
        if missing[i] == 0:
            active[count] = i
            count += 1
    order = np.empty(total, np.int64)
    for turn in range(total):
        moment, here = np.int64(NEVER), -1
        for at in range(count):
            i = active[at]
            for m in range(sheet.first_mode[i], sheet.first_mode[i + 1]):
                one = sheet.machine[m]
                begin = ready_at[i] if one < 0 else max(ready_at[i], free[one])
                if begin < moment:
                    moment, here = begin, one
        best, chosen, place = -np.inf, 0, 0
        for at in range(count):
            i = active[at]
            if ready_at[i] > moment:
                continue
            for m in range(sheet.first_mode[i], sheet.first_mode[i + 1]):
                if sheet.machine[m] != here:
                    continue
                need = 0
                if here >= 0 and sheet.setup.size and last[here] >= 0 and sheet.family[i] >= 0:
                    need = sheet.setup[here, last[here], sheet.family[i]]
                length = max(1, sheet.duration[m])
                j = sheet.job[i]
                worth = 0.0
                if rule == 0:
                    worth = -float(ready_at[i])
                elif rule == 1:
                    worth = -float(length)
                elif rule == 2:
                    worth = -float(due[j])
                elif rule == 3:
                    worth = rest[i] + length
                else:
                    slack = max(0.0, float(due[j] - rest[i] - length - moment))
                    # As a logarithm, so that nothing far from its date becomes equal to zero.
                    worth = np.log(max(sheet.weight[j], 1e-9) / length) - slack / near
                    if rule == 5:
                        worth -= need / nearness
                    elif rule == 6 and need == 0:
                        worth += 1e9
                if worth > best:
                    best, chosen, place = worth, m, at
        i = active[place]
        count -= 1
        active[place] = active[count]
        mode[i], order[turn] = chosen, i
        begin, need = moment, 0
        if here >= 0:
            if sheet.setup.size and last[here] >= 0 and sheet.family[i] >= 0:
                need = sheet.setup[here, last[here], sheet.family[i]]
            begin = max(begin, free[here] + need)
        begin, end[i] = fit(
            sheet.closed, sheet.closed_first[here], sheet.closed_first[here + 1], begin,
            sheet.duration[chosen], sheet.breakable[i],
        )  # fmt: skip
        if here >= 0:
            free[here], last[here] = end[i], sheet.family[i]
        for p in range(first[i], first[i + 1]):
            arc = follower[p]
            b = sheet.after[arc]
            if sheet.fixed_start[b] != -1:
                continue
            ready_at[b] = max(ready_at[b], end[i] + sheet.lag[arc])
            missing[b] -= 1
            if missing[b] == 0:
                active[count] = b
                count += 1
    return order, mode


@njit(nogil=True, cache=True)
def _followers(sheet: Sheet) -> tuple[Integers, Integers]:
    """Numbers of precedences by the operation that is waited for, and where each begins."""
    n = len(sheet.job)
    by = np.argsort(sheet.before, kind="mergesort")
    return np.searchsorted(sheet.before[by], np.arange(n + 1)), by


@njit(nogil=True, cache=True)
def _looks(sheet: Sheet) -> tuple[Integers, Integers, float, float]:
    """Due dates; work that comes after each operation; how far ahead apparent tardiness cost looks
    and how much a set-up counts, both in ticks, from the sizes of the problem (Lee, Bhaskaran and
    Pinedo, IIE Transactions 29 (1997) 45)."""
    n, k = len(sheet.job), max(1, len(sheet.initial))
    rest, length = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for at in range(n - 1, -1, -1):
        i = sheet.topological[at]
        length[i] = sheet.duration[sheet.first_mode[i] : sheet.first_mode[i + 1]].min()
        for p in range(sheet.arc_first[i], sheet.arc_first[i + 1]):
            a = sheet.before[sheet.arc[p]]
            rest[a] = max(rest[a], rest[i] + length[i])
    mean = max(1.0, length.mean()) if n else 1.0
    setup = sheet.setup.mean() if sheet.setup.size else 0.0
    share, each = setup / mean, max(1.0, n / k)
    span = max(1.0, (max(0.0, 0.4 + 10 / each**2 - share / 7) * setup + mean) * each)
    due, count, total = np.empty(len(sheet.due), np.int64), 0, 0.0
    least, most = np.int64(NEVER), np.int64(0)
    for j in range(len(due)):
        due[j] = min(sheet.due[j], sheet.deadline[j])
        if due[j] < NEVER:
            count += 1
            total += due[j]
            least, most = min(least, due[j]), max(most, due[j])
        else:
            due[j] = np.int64(sheet.now + span)
    spread = min(1.0, (most - least) / span) if count else 0.0
    tight = min(1.0, max(0.0, 1.0 - total / count / span)) if count else 0.0
    ahead = 4.5 + spread if spread <= 0.5 else 6.0 - 2.0 * spread
    weight = max(0.1, tight) / (2 * np.sqrt(share)) if share > 0 else 1.0
    return due, rest, ahead * mean, max(1e-9, weight * setup) if setup > 0 else 1.0

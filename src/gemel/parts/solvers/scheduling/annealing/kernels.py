"""The value of an order, and changes of it at one temperature; numba without the lock."""

from __future__ import annotations

import numpy as np
from numba import njit

from gemel.core.frame import Values
from gemel.parts.solvers.scheduling._plans.chance import draw
from gemel.parts.solvers.scheduling._plans.decode import place
from gemel.parts.solvers.scheduling.base import NEVER, Flags, Integers

__all__ = ["anneal", "value_of"]

_PENALTY = 1e3
"""Of a tick after a deadline, in ticks of all that counts."""


@njit(nogil=True, cache=True)
def value_of(
    order: Integers, mode: Integers, wait: Integers, start0: Integers, end0: Integers,
    fixed: Integers, floor: Integers, before_first: Integers, before: Integers, lag: Integers,
    machine: Integers, duration: Integers, breakable: Flags, closed_first: Integers,
    closed: Integers, free_at: Integers, last_family: Integers, family: Integers, setup: Integers,
    demand: Integers, capacity: Integers, job: Integers, release: Integers, due: Integers,
    deadline: Integers, weight: Values, initial: Integers, power: Values, price_first: Integers,
    price_time: Integers, price: Values, reference: Integers, weights: Values,
) -> float:  # fmt: skip
    """The objective of an order, with a penalty for deadlines that are not kept."""
    start, end = start0.copy(), end0.copy()
    place(
        order, mode, wait, start, end, fixed, floor, before_first, before, lag, machine, duration,
        breakable, closed_first, closed, free_at, last_family, family, setup, demand, capacity,
    )  # fmt: skip
    done = np.zeros(len(release), np.int64)
    total, span = 0.0, np.int64(0)
    for i in range(len(start)):
        done[job[i]] = max(done[job[i]], end[i])
        span = max(span, end[i])
    total += weights[0] * span
    for j in range(len(done)):
        total += weights[1] * weight[j] * max(0, done[j] - due[j])
        total += weights[2] * weight[j] * (done[j] - release[j])
        total += _PENALTY * weights[:3].sum() * max(0, done[j] - deadline[j])
    if weights[3] > 0 and setup.size:
        last = last_family.copy()
        for i in order:
            k = machine[mode[i]]
            if k >= 0:
                if last[k] >= 0 and family[i] >= 0:
                    total += weights[3] * setup[k, last[k], family[i]]
                last[k] = family[i]
    if weights[4] > 0:
        for i in range(len(start)):
            kilowatt = power[mode[i]]
            if kilowatt <= 0:
                continue
            k = machine[mode[i]]
            row = k if k >= 0 else len(initial)
            for p in range(price_first[row], price_first[row + 1]):
                a = max(start[i], price_time[p])
                b = end[i]
                if p + 1 < price_first[row + 1]:
                    b = min(b, price_time[p + 1])
                if b > a:
                    total += weights[4] * kilowatt * price[p] * (b - a)
    if weights[5] > 0:
        for i in range(len(start)):
            if reference[i, 1] < NEVER and (
                reference[i, 1] != start[i] or reference[i, 0] != machine[mode[i]]
            ):
                total += weights[5]
    return total  # type: ignore[no-any-return]  # an element, to numba


@njit(nogil=True, cache=True)
def anneal(
    count: int, temperature: float, now: float, best: float, order: Integers, mode: Integers,
    wait: Integers, best_order: Integers, best_mode: Integers, best_wait: Integers,
    first_mode: Integers, choices: Integers, later: Integers, state: Integers, start0: Integers,
    end0: Integers, fixed: Integers, floor: Integers, before_first: Integers, before: Integers,
    lag: Integers, machine: Integers, duration: Integers, breakable: Flags,
    closed_first: Integers, closed: Integers, free_at: Integers, last_family: Integers,
    family: Integers, setup: Integers, demand: Integers, capacity: Integers, job: Integers,
    release: Integers, due: Integers, deadline: Integers, weight: Values, initial: Integers,
    power: Values, price_first: Integers, price_time: Integers, price: Values,
    reference: Integers, weights: Values,
) -> tuple[float, float]:  # fmt: skip
    """So many changes at one temperature; gives the value now and the best."""
    n = len(order)
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
        elif kind == 9 and len(later):
            i = order[draw(state, n)]
            old = wait[i]
            wait[i] = 0 if old > 0 else later[draw(state, len(later))]
            kind = 1
        else:
            a = draw(state, n)
            reach = n if draw(state, 3) == 0 else min(n, 12)
            b = min(n - 1, max(0, a + draw(state, 2 * reach + 1) - reach))
            b = _shift(order, a, b, before_first, before)
            if a == b:
                continue
            kind = 2
        value = value_of(
            order, mode, wait, start0, end0, fixed, floor, before_first, before, lag, machine,
            duration, breakable, closed_first, closed, free_at, last_family, family, setup, demand,
            capacity, job, release, due, deadline, weight, initial, power, price_first, price_time,
            price, reference, weights,
        )  # fmt: skip
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
            _shift(order, b, a, before_first, before)
    return now, best


@njit(nogil=True, cache=True)
def _shift(order: Integers, a: int, b: int, before_first: Integers, before: Integers) -> int:
    """Move what stands at a toward b, until something that must stand behind it (or before it) is
    in the way; gives where it came to stand."""
    i = order[a]
    while a < b:
        other = order[a + 1]
        for p in range(before_first[other], before_first[other + 1]):
            if before[p] == i:
                return a
        order[a] = other
        a += 1
        order[a] = i
    while a > b:
        other = order[a - 1]
        for p in range(before_first[i], before_first[i + 1]):
            if before[p] == other:
                return a
        order[a] = other
        a -= 1
        order[a] = i
    return a

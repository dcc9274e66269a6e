"""The tabu search itself, and walks between two solutions; numba without the interpreter's lock."""

from __future__ import annotations

import numpy as np
from numba import njit

from gemel.parts.solvers.scheduling._plans.chance import draw
from gemel.parts.solvers.scheduling.base import Integers
from gemel.parts.solvers.scheduling.tabu.moves import (
    KEYS,
    ahead,
    back,
    cell,
    forward,
    insert,
    settle,
    tails,
)

__all__ = ["apart", "toward", "walk"]


@njit(nogil=True, cache=True)
def walk(
    jp: Integers, js: Integers, first_mode: Integers, mode_machine: Integers,
    mode_length: Integers, mode_floor: Integers, machines: int, order: Integers, mode: Integers,
    reference: Integers, per_tick: float, per_moved: float, iterations: int, stall: int,
    enough: float, state: Integers, halt: Integers,
) -> tuple[float, int]:  # fmt: skip
    """Search from (order, mode), which become the best that was found, sorted by start.

    Ends after `iterations`, after `stall` of them without a better solution, or at a value of
    `enough`. The value is per_tick x makespan + per_moved x operations that stand elsewhere than in
    `reference` int64[n,2] (machine, start). `halt` int64[1] may be set from another thread. Gives
    the value and the iterations that were made.
    """
    n = len(order)
    place, machine = np.empty(n, np.int64), np.empty(n, np.int64)
    length, floor = np.empty(n, np.int64), np.empty(n, np.int64)
    mp, ms = np.full(n, -1), np.full(n, -1)
    first, last = np.full(machines, -1), np.full(machines, -1)
    head, tail = np.zeros(n, np.int64), np.zeros(n, np.int64)
    scratch, path = np.empty(n, np.int64), np.empty(n, np.int64)
    marked = np.zeros(n, np.bool_)
    until = np.zeros(KEYS, np.int64)
    plain = True
    for at in range(n):
        i = order[at]
        place[i] = at
        k = mode_machine[mode[i]]
        machine[i], length[i], floor[i] = k, mode_length[mode[i]], mode_floor[mode[i]]
        plain = plain and floor[i] == 0
        mp[i] = last[k]
        if last[k] >= 0:
            ms[last[k]] = i
        else:
            first[k] = i
        last[k] = i
    choice = len(mode_machine) > n
    ahead(0, order, jp, mp, length, floor, head)
    tails(n - 1, order, js, ms, length, tail)
    best_order, best_mode, best_head = order.copy(), mode.copy(), head.copy()
    best, best_span, since = np.inf, 2**62, 0
    # Tenure as Zhang, Li, Guan and Rao (C&OR 34 (2007) 3229) have it: by jobs and machines.
    jobs = 0
    for i in range(n):
        if jp[i] < 0:
            jobs += 1
    short = 10 + jobs // max(machines, 1)
    spread = max(2, (short * 2) // 5 if jobs <= 2 * machines else short // 2)
    count = 0
    while True:
        span = 0
        for k in range(machines):
            if last[k] >= 0:
                span = max(span, head[last[k]] + length[last[k]])
        value = per_tick * span
        if value < best and per_moved > 0:
            moved = 0
            for i in range(n):
                if reference[i, 0] != machine[i] or reference[i, 1] != head[i]:
                    moved += 1
            value += per_moved * moved
        if value < best:
            best, best_span, since = value, span, 0
            best_order[:] = order
            best_mode[:] = mode
            best_head[:] = head
            if best <= enough:
                break
        since += 1
        if count >= iterations or since > stall or halt[0] != 0:
            break
        count += 1

        # One critical path, drawn.
        found, i = 0, -1
        for at in range(n):
            a = order[at]
            if head[a] + tail[a] == span and head[a] == floor[a]:
                free = (jp[a] < 0 or head[jp[a]] + length[jp[a]] < head[a]) and (
                    mp[a] < 0 or head[mp[a]] + length[mp[a]] < head[a]
                )
                if free or floor[a] > 0 or head[a] == 0:
                    found += 1
                    if found == 1 or draw(state, found) == 0:
                        i = a
        steps = 0
        while i >= 0:
            path[steps] = i
            steps += 1
            done = head[i] + length[i]
            a, b = js[i], ms[i]
            by_job = a >= 0 and head[a] == done and done + tail[a] == span
            by_machine = b >= 0 and head[b] == done and done + tail[b] == span
            if by_job and by_machine:
                i = a if draw(state, 2) == 0 else b
            elif by_job:
                i = a
            elif by_machine:
                i = b
            else:
                i = -1

        least, ties = 2**62, 0  # of moves that are allowed
        any_count = 0
        kind = one = other = to = 0  # chosen: 0 none, 1 forward, 2 back, 3 other machine
        any_kind = any_one = any_other = any_to = 0
        at = 0
        while at < steps:
            end = at
            while end + 1 < steps and ms[path[end]] == path[end + 1]:
                end += 1
            if end > at:
                opening = plain and at == 0
                closing = end == steps - 1
                for side in range(4):
                    if opening and (side == 1 or side == 2):
                        continue
                    if closing and (side == 0 or side == 3):
                        continue
                    if side == 0:
                        low, high = at, end
                    elif side == 1:
                        low, high = at + 1, end + 1
                    else:
                        low, high = at + 1, end
                    for inner in range(low, high):
                        if side == 0:
                            u, v = path[inner], path[end]
                        elif side == 1 or side == 2:
                            u, v = path[at], path[inner]
                        else:
                            u, v = path[inner], path[end]
                        ahead_move = side == 0 or side == 2
                        if side == 1 and inner == at + 1 and not (closing or opening):
                            continue  # neighbours change places: seen as the forward move
                        if ahead_move:
                            # A way from js[u] to v would make its tail at least so long.
                            if js[u] >= 0 and tail[js[u]] >= length[js[u]] + tail[v]:
                                continue
                            guess = forward(
                                u, v, jp, js, mp, ms, length, floor, head, tail, scratch
                            )
                        else:
                            if jp[v] >= 0 and head[jp[v]] >= head[u] + length[u]:
                                continue
                            guess = back(u, v, jp, js, mp, ms, length, floor, head, tail, scratch)
                        any_count += 1
                        if draw(state, any_count) == 0:
                            any_kind = 1 if ahead_move else 2
                            any_one, any_other = u, v
                        if guess > least:
                            continue
                        forbidden = False
                        if guess >= best_span:
                            if ahead_move:
                                x = ms[u]
                                while True:
                                    if until[cell(x, u)] > count:
                                        forbidden = True
                                        break
                                    if x == v:
                                        break
                                    x = ms[x]
                            else:
                                x = u
                                while x != v:
                                    if until[cell(v, x)] > count:
                                        forbidden = True
                                        break
                                    x = ms[x]
                        if forbidden:
                            continue
                        if guess < least:
                            least, ties = guess, 1
                        else:
                            ties += 1
                            if draw(state, ties) != 0:
                                continue
                        kind = 1 if ahead_move else 2
                        one, other = u, v
            at = end + 1

        if choice:
            for at in range(steps):
                u = path[at]
                a, b = jp[u], js[u]
                for m in range(first_mode[u], first_mode[u + 1]):
                    k = mode_machine[m]
                    if k == machine[u]:
                        continue
                    base = mode_floor[m]
                    if a >= 0:
                        base = max(base, head[a] + length[a])
                    rest = tail[b] if b >= 0 else 0
                    x, y = -1, first[k]
                    forbidden_mode = until[cell(n + m, u)] > count
                    while True:
                        begin = base
                        if x >= 0:
                            begin = max(begin, head[x] + length[x])
                        if begin + mode_length[m] + rest > least:
                            break  # further back is only later
                        fits = y < 0 or a < 0 or head[y] + length[y] > head[a]
                        if fits and (x < 0 or b < 0 or head[b] + length[b] > head[x]):
                            onward = max(rest, tail[y]) if y >= 0 else rest
                            guess = begin + mode_length[m] + onward
                            any_count += 1
                            if draw(state, any_count) == 0:
                                any_kind, any_one, any_other, any_to = 3, u, x, m
                            if guess <= least and not (forbidden_mode and guess >= best_span):
                                take = guess < least
                                if take:
                                    least, ties = guess, 1
                                else:
                                    ties += 1
                                    take = draw(state, ties) == 0
                                if take:
                                    kind, one, other, to = 3, u, x, m
                        if y < 0:
                            break
                        x, y = y, ms[y]

        if kind == 0:
            kind, one, other, to = any_kind, any_one, any_other, any_to
            if kind == 0:
                break  # nothing on this path can be moved
        tenure = count + short + draw(state, spread)
        if kind == 1:
            u, x, k = one, other, machine[one]
            y = ms[x]
            w = ms[u]
            while w != y:
                until[cell(u, w)] = tenure
                w = ms[w]
        elif kind == 2:
            u, y, k = other, one, machine[one]
            x = mp[y]
            w = y
            while w != u:
                until[cell(w, u)] = tenure
                w = ms[w]
        else:
            u, x, k = one, other, mode_machine[to]
            y = ms[x] if x >= 0 else first[k]
            until[cell(n + mode[u], u)] = tenure
            mode[u] = to
            length[u], floor[u] = mode_length[to], mode_floor[to]
        # The places of what u leaves are behind u and before it: u's own place bounds them.
        insert(u, x, y, k, first, last, machine, mp, ms)
        low, high = settle(u, order, place, jp, js, mp, ms, marked, scratch)
        ahead(low, order, jp, mp, length, floor, head)
        tails(high, order, js, ms, length, tail)

    mode[:] = best_mode
    # By start; a stable sort, so that what takes no time stays behind what it waits for.
    by = np.argsort(best_head[best_order], kind="mergesort")
    for at in range(n):
        order[at] = best_order[by[at]]
    return best, count


@njit(nogil=True, cache=True)
def apart(
    order: Integers, mode: Integers, goal_order: Integers, goal_mode: Integers,
    mode_machine: Integers, machines: int,
) -> int:  # fmt: skip
    """How far two solutions are apart: pairs in another order on a machine, and other modes."""
    n = len(order)
    place = np.empty(n, np.int64)
    for at in range(n):
        place[goal_order[at]] = at
    first, last = np.full(machines, -1), np.full(machines, -1)
    after = np.full(n, -1)
    for i in order:
        k = mode_machine[mode[i]]
        if last[k] >= 0:
            after[last[k]] = i
        else:
            first[k] = i
        last[k] = i
    far = 0
    for k in range(machines):
        i = first[k]
        while i >= 0:
            if mode[i] != goal_mode[i]:
                far += 1
            b = after[i]
            while b >= 0:
                if place[b] < place[i]:
                    far += 1
                b = after[b]
            i = after[i]
    return far


@njit(nogil=True, cache=True)
def toward(
    order: Integers, mode: Integers, goal_order: Integers, goal_mode: Integers,
    mode_machine: Integers, steps: int, state: Integers,
) -> None:  # fmt: skip
    """Go from (order, mode) so many steps toward the goal, each drawn: a neighbouring pair of the
    line-up is put in the goal's order, or a mode becomes the goal's. A line-up in between two
    line-ups is one, so that no step can make a cycle; only pairs on one machine count."""
    n = len(order)
    place = np.empty(n, np.int64)
    for at in range(n):
        place[goal_order[at]] = at
    other = 0
    for i in range(n):
        if mode[i] != goal_mode[i]:
            other += 1
    made = 0
    while made < steps:
        changed = False
        for at in range(n - 1):
            a, b = order[at], order[at + 1]
            if place[a] > place[b]:
                changed = True
                if draw(state, 2) == 0:
                    order[at], order[at + 1] = b, a
                    if mode_machine[mode[a]] == mode_machine[mode[b]]:
                        made += 1
                        if made >= steps:
                            return
        if other > 0:
            for _ in range(max(1, other // 8)):
                i = draw(state, n)
                if mode[i] != goal_mode[i]:
                    mode[i] = goal_mode[i]
                    other -= 1
                    made += 1
                    changed = True
        if not changed and other == 0:
            return

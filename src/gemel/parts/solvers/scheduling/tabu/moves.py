"""Moves of the tabu search: which there are on a critical path, what they would give, doing one.

A solution is a line-up of all operations (every operation stands behind those that it waits for)
and a mode for each; the order on each machine follows from it. Operations are numbered 0 to n - 1.
In the graph of a solution an operation has at most two before it, in its job (`jp`) and on its
machine (`mp`), and two after it (`js`, `ms`); -1 is none. `head` is the earliest start, `tail` the
longest way from the start of an operation to the end of all, its own duration included.
"""

from __future__ import annotations

from numba import njit

from gemel.parts.solvers.scheduling.base import Flags, Integers

__all__ = ["KEYS", "ahead", "back", "cell", "forward", "insert", "settle", "tails"]

KEYS = 1 << 17
"""Cells of the tabu list. Two arcs in one cell forbid a little too much, which does no harm."""


@njit(nogil=True, cache=True, inline="always")
def cell(a: int, b: int) -> int:
    """Where the tabu list keeps the pair (a, b)."""
    mixed = (a * 2654435761 + b * 40503 * 65537 + 12345) & 0x7FFFFFFFFFFF
    return ((mixed >> 13) ^ mixed) & (KEYS - 1)


@njit(nogil=True, cache=True)
def forward(
    u: int, v: int, jp: Integers, js: Integers, mp: Integers, ms: Integers, length: Integers,
    floor: Integers, head: Integers, tail: Integers, scratch: Integers,
) -> int:  # fmt: skip
    """The longest way through what lies from u to v, if u went right behind v.

    Estimate of Balas and Vazacopoulos (Management Science 44 (1998) 262): exact where the rest of
    the graph does not change what it stands on.
    """
    before = mp[u]
    done = head[before] + length[before] if before >= 0 else 0
    x, count = ms[u], 0
    while True:
        begin = max(done, floor[x])
        if jp[x] >= 0:
            begin = max(begin, head[jp[x]] + length[jp[x]])
        scratch[count] = begin
        count += 1
        done = begin + length[x]
        if x == v:
            break
        x = ms[x]
    begin = max(done, floor[u])
    if jp[u] >= 0:
        begin = max(begin, head[jp[u]] + length[jp[u]])
    rest = 0
    if ms[v] >= 0:
        rest = tail[ms[v]]
    if js[u] >= 0:
        rest = max(rest, tail[js[u]])
    rest += length[u]
    longest = begin + rest
    x = v
    while x != u:
        count -= 1
        if js[x] >= 0:
            rest = max(rest, tail[js[x]])
        rest += length[x]
        longest = max(longest, scratch[count] + rest)
        x = mp[x]
    return longest  # type: ignore[no-any-return]  # to numba


@njit(nogil=True, cache=True)
def back(
    u: int, v: int, jp: Integers, js: Integers, mp: Integers, ms: Integers, length: Integers,
    floor: Integers, head: Integers, tail: Integers, scratch: Integers,
) -> int:  # fmt: skip
    """The longest way through what lies from u to v, if v went right before u."""
    begin = floor[v]
    if mp[u] >= 0:
        begin = max(begin, head[mp[u]] + length[mp[u]])
    if jp[v] >= 0:
        begin = max(begin, head[jp[v]] + length[jp[v]])
    first = begin
    done = begin + length[v]
    x, count = u, 0
    while x != v:
        begin = max(done, floor[x])
        if jp[x] >= 0:
            begin = max(begin, head[jp[x]] + length[jp[x]])
        scratch[count] = begin
        count += 1
        done = begin + length[x]
        x = ms[x]
    rest = tail[ms[v]] if ms[v] >= 0 else 0
    longest = 0
    x = mp[v]
    while True:
        count -= 1
        if js[x] >= 0:
            rest = max(rest, tail[js[x]])
        rest += length[x]
        longest = max(longest, scratch[count] + rest)
        if x == u:
            break
        x = mp[x]
    if js[v] >= 0:
        rest = max(rest, tail[js[v]])
    return max(longest, first + rest + length[v])  # type: ignore[no-any-return]  # to numba


@njit(nogil=True, cache=True)
def insert(
    u: int, x: int, y: int, k: int, first: Integers, last: Integers, machine: Integers,
    mp: Integers, ms: Integers,
) -> None:  # fmt: skip
    """Take u out of its machine's order and put it between x and y (-1: none) on machine k."""
    old, a, b = machine[u], mp[u], ms[u]
    if a >= 0:
        ms[a] = b
    else:
        first[old] = b
    if b >= 0:
        mp[b] = a
    else:
        last[old] = a
    mp[u], ms[u], machine[u] = x, y, k
    if x >= 0:
        ms[x] = u
    else:
        first[k] = u
    if y >= 0:
        mp[y] = u
    else:
        last[k] = u


@njit(nogil=True, cache=True)
def settle(
    u: int, order: Integers, place: Integers, jp: Integers, js: Integers, mp: Integers,
    ms: Integers, marked: Flags, scratch: Integers,
) -> tuple[int, int]:  # fmt: skip
    """Mend the line-up after `insert` of u; gives the range of places that changed.

    Where u now waits for x further back, u and what waits for it in between go behind x, all else
    before it keeps its order; the mirror image where y stands before u.
    """
    low = high = place[u]
    x, y = mp[u], ms[u]
    if x >= 0 and place[x] > place[u]:
        high = place[x]
        put, held = low, 0
        marked[u] = True
        for at in range(low, high + 1):
            i = order[at]
            if i != u and ((jp[i] >= 0 and marked[jp[i]]) or (mp[i] >= 0 and marked[mp[i]])):
                marked[i] = True
            if marked[i]:
                scratch[held] = i
                held += 1
            else:
                order[put] = i
                place[i] = put
                put += 1
        for at in range(held):
            i = scratch[at]
            order[put] = i
            place[i] = put
            put += 1
            marked[i] = False
    elif y >= 0 and place[y] < place[u]:
        low = place[y]
        put, held = high, 0
        marked[u] = True
        for at in range(high, low - 1, -1):
            i = order[at]
            if i != u and ((js[i] >= 0 and marked[js[i]]) or (ms[i] >= 0 and marked[ms[i]])):
                marked[i] = True
            if marked[i]:
                scratch[held] = i
                held += 1
            else:
                order[put] = i
                place[i] = put
                put -= 1
        for at in range(held):
            i = scratch[at]
            order[put] = i
            place[i] = put
            put -= 1
            marked[i] = False
    return low, high


@njit(nogil=True, cache=True)
def ahead(
    low: int, order: Integers, jp: Integers, mp: Integers, length: Integers, floor: Integers,
    head: Integers,
) -> None:  # fmt: skip
    """Heads from this place of the line-up on."""
    for at in range(low, len(order)):
        i = order[at]
        begin = floor[i]
        a = jp[i]
        if a >= 0:
            begin = max(begin, head[a] + length[a])
        a = mp[i]
        if a >= 0:
            begin = max(begin, head[a] + length[a])
        head[i] = begin


@njit(nogil=True, cache=True)
def tails(
    high: int, order: Integers, js: Integers, ms: Integers, length: Integers, tail: Integers
) -> None:
    """Tails from this place of the line-up back to the first."""
    for at in range(high, -1, -1):
        i = order[at]
        rest = 0
        a = js[i]
        if a >= 0:
            rest = tail[a]
        a = ms[i]
        if a >= 0:
            rest = max(rest, tail[a])
        tail[i] = rest + length[i]

"""How short a plan can be at best: what one job, one machine or a set of machines must do."""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import pairwise
from typing import Final

import numpy as np

from gemel.parts.solvers.scheduling.base import Integers

__all__ = ["bound_of"]

_SETS: Final = 300
"""Most sets of machines that are looked at."""


def bound_of(
    jp: Integers, js: Integers, first: Integers, machine: Integers, length: Integers,
    floor: Integers,
) -> int:  # fmt: skip
    """Longest job, and for each machine what only it can do, one after another (Jackson's
    preemptive rule with the earliest starts and shortest rests that jobs alone allow)."""
    n = len(jp)
    if not n:
        return 0
    shortest = np.minimum.reduceat(length, first[:-1])
    early = np.minimum.reduceat(floor, first[:-1])
    head, rest = np.zeros(n, np.int64), np.zeros(n, np.int64)
    longest = 0
    for i in np.flatnonzero(jp < 0):
        row, here, begin = [], int(i), 0
        while here >= 0:
            begin = max(begin, int(early[here]))
            head[here] = begin
            begin += int(shortest[here])
            row.append(here)
            here = int(js[here])
        longest, after = max(longest, begin), 0
        for here in reversed(row):
            rest[here] = after
            after += int(shortest[here])
    single = np.diff(first) == 1
    for k in np.unique(machine):
        rows = np.flatnonzero(single & (machine[first[:-1]] == k))
        longest = max(longest, _jackson(head[rows], shortest[rows], rest[rows]))
    return max(longest, _shared(first, machine, shortest, head, rest))


def _shared(
    first: Integers, machine: Integers, shortest: Integers, head: Integers, rest: Integers
) -> int:
    """Work that only a set of machines can do, divided evenly among them, after the earliest start
    and before the shortest rest of it; for the sets that operations choose from, and for all."""
    own = [sum(1 << int(k) for k in set(machine[a:b].tolist())) for a, b in pairwise(first)]
    counts = Counter(own)
    sets = {
        *(one for one, _ in counts.most_common(_SETS)),
        sum(1 << k for k in set(machine.tolist())),
    }
    longest = 0
    for group in sets:
        inside = np.array([one & ~group == 0 for one in own])
        even = -(-int(shortest[inside].sum()) // group.bit_count())
        longest = max(longest, int(head[inside].min()) + even + int(rest[inside].min()))
    return longest


def _jackson(head: Integers, length: Integers, rest: Integers) -> int:
    by = np.argsort(head, kind="stable")
    waiting: list[list[int]] = []
    time, at, longest = 0, 0, 0
    while at < len(by) or waiting:
        if not waiting:
            time = max(time, int(head[by[at]]))
        while at < len(by) and head[by[at]] <= time:
            heapq.heappush(waiting, [-int(rest[by[at]]), int(length[by[at]])])
            at += 1
        top = waiting[0]
        step = top[1] if at >= len(by) else min(top[1], int(head[by[at]]) - time)
        time += step
        top[1] -= step
        if top[1] == 0:
            heapq.heappop(waiting)
            longest = max(longest, time - top[0])
    return longest

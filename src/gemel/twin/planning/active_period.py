"""Which machine limits when: the active period method.

A machine is active while it works, is set up or repaired, and inactive while it is starved or
blocked. What is active longest without a break limits at that moment; where the period of one
bottleneck overlaps that of the next, it shifts (C. Roser, M. Nakano and M. Tanaka, Proceedings of
the Winter Simulation Conference 2002, 1079).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["Momentary", "Period", "momentary", "periods"]

_EQUAL: Final = 1e-9
"""Share by which two periods differ at least, if one of them is the longer."""


@dataclass(frozen=True, slots=True)
class Period:
    """A machine, active from `begin` to `end` without a break, s."""

    machine: int
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Momentary:
    """The bottleneck over time: at edges[i] to edges[i + 1] it is machine `which[i]` (−1: nothing
    is active), and it shifts where `shifting[i]`; the machines to and from which it does so are
    `holds[i]`, bool[m]. Where `equal[i]`, several are active for exactly as long: each of them
    holds, and `which` is the first."""

    edges: Values
    which: npt.NDArray[np.int64]
    shifting: npt.NDArray[np.bool_]
    holds: npt.NDArray[np.bool_]
    equal: npt.NDArray[np.bool_]

    def shares(self, start: float = -np.inf, end: float = np.inf) -> tuple[Values, Values]:
        """Share of the time from `start` to `end` in which each machine is the only bottleneck, and
        in which it is one of those between which it shifts, float64[m] each."""
        begins = np.clip(self.edges[:-1], start, end)
        lengths = np.clip(self.edges[1:], start, end) - begins
        whole = float(lengths.sum())
        if whole <= 0:
            nothing = np.zeros(self.holds.shape[1])
            return nothing, nothing
        sole = ((self.holds & ~self.shifting[:, None]) * lengths[:, None]).sum(axis=0) / whole
        shift = ((self.holds & self.shifting[:, None]) * lengths[:, None]).sum(axis=0) / whole
        return sole, shift


def periods(begin: Values, end: Values, gap: float = 1e-9) -> tuple[Values, Values]:
    """Active periods of one machine from the times of its parts, in any order, float64[n] each:
    what touches or overlaps is one. Raises `DataError` for an end before its begin."""
    known = np.isfinite(begin) & np.isfinite(end)
    begin, end = begin[known], end[known]
    if (end < begin).any():
        i = int(np.argmax(end < begin))
        raise DataError(f"a part ends at {end[i]:g} s, before it begins at {begin[i]:g} s")
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], np.maximum.accumulate(end[order])
    if not len(begin):
        return begin, end
    breaks = begin[1:] > end[:-1] + gap
    first = np.concatenate([[True], breaks])
    last = np.concatenate([breaks, [True]])
    return begin[first], end[last]


def momentary(of_machines: Sequence[tuple[Values, Values]]) -> Momentary:
    """The bottleneck at every moment, from the active periods of each machine (begins and ends,
    rising). The longest counts; equal ones share it."""
    m = len(of_machines)
    edges = np.unique(np.concatenate([np.concatenate(p) for p in of_machines]))
    if len(edges) < 2:
        raise DataError("nothing was ever active")
    middle = (edges[:-1] + edges[1:]) / 2
    number = np.full((m, len(middle)), -1, np.int64)
    length = np.zeros((m, len(middle)))
    for i, (begin, end) in enumerate(of_machines):
        if not len(begin):
            continue
        at = np.searchsorted(begin, middle) - 1
        inside = (at >= 0) & (middle < end[np.maximum(at, 0)])
        number[i, inside] = at[inside]
        length[i, inside] = (end - begin)[at[inside]]
    most = length.max(axis=0)
    which = np.where(most > 0, length.argmax(axis=0), -1)
    longest = (length >= most * (1 - _EQUAL)) & (most > 0)
    # A period that is the longest at some moment is a bottleneck for all its time; where two of
    # them overlap, one hands over to the other.
    holds = np.zeros((len(middle), m), np.bool_)
    for i, (begin, _) in enumerate(of_machines):
        chosen = np.zeros(len(begin), np.bool_)
        chosen[number[i, longest[i]]] = True
        active = number[i] >= 0
        holds[active, i] = chosen[number[i, active]]
    return Momentary(edges, which, holds.sum(axis=1) > 1, holds, longest.sum(axis=0) > 1)

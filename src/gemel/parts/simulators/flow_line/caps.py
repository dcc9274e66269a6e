"""Caps as the recursion knows them: the k-th part that a stretch lets in waits until the one so
many before it has left the last station. That is so where parts leave in the order of entering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gemel.core.line import Line
from gemel.core.line.caps import stretch

__all__ = ["Gates", "ends", "gates", "unordered"]

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gates:
    """Caps by the station at which their parts enter, stations in order of the flow.

    start  int64[m + 1]  of each station its gates
    last   int64[g]      station from which parts leave the stretch
    which  int64[g]      number of the cap
    """

    start: Numbers
    last: Numbers
    which: Numbers

    def columns(self, caps: Numbers, parts: int) -> Numbers:
        """By gate and scenario, int64[g, L], how many parts may stand between one that enters and
        the one for which it waits, which is as with places: one less than the cap; −1 = no limit.
        More than all parts are no limit. `caps` is int64[L, c]."""
        if not len(self.which):
            return np.zeros((0, len(caps)), np.int64)
        return np.ascontiguousarray(np.where(caps < 0, -1, np.minimum(caps - 1, parts)).T)[
            self.which
        ]


def unordered(line: Line) -> list[str]:
    """Caps under which parts may leave in another order than they entered, a sentence each."""
    found = []
    for name in line.caps:
        held = set(stretch(line, name))
        entries = [s for s in line.names if s in held and not held & set(line.feeders(s))]
        if len(entries) > 1:
            stations = ", ".join(f"'{s}'" for s in entries)
            found.append(f"cap '{name}' lets parts in at several stations ({stations})")
            continue
        for station in (s for s in line.names if s in held):
            followers = line.followers(station)
            inside = [f for f in followers if f in held]
            if inside and len(followers) > 1:
                found.append(f"under cap '{name}' parts go several ways behind '{station}'")
            elif inside and line.stations[station].scrap:
                found.append(f"under cap '{name}' '{station}' throws parts away before the last")
    return found


def ends(line: Line, name: str) -> tuple[str, str]:
    """First and last station of a cap that is not `unordered`."""
    held = set(stretch(line, name))
    first = next(s for s in held if not held & set(line.feeders(s)))
    return first, next(s for s in held if not held & set(line.followers(s)))


def gates(line: Line, order: Sequence[str]) -> Gates:
    """Of a line without `unordered` caps."""
    none = np.zeros(0, np.int64)
    if not line.caps:
        return Gates(np.zeros(len(order) + 1, np.int64), none, none)
    found = sorted((*map(order.index, ends(line, name)), i) for i, name in enumerate(line.caps))
    first, last, which = np.array(found, np.int64).T.copy()
    return Gates(np.searchsorted(first, np.arange(len(order) + 1)).astype(np.int64), last, which)

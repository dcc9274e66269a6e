"""Parts that are in the line when it begins, as the recursion counts them: those furthest down are
the first, so that at every station they come in the order in which they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.core.line import Draws, Line, Snapshot
from gemel.core.line.luck import families
from gemel.core.line.underway import repair_left, work_left
from gemel.core.time import SECOND

__all__ = ["NOTHING", "Underway", "underway"]

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Underway:
    """w parts in a line of m stations.

    entry    int64[w]    station at which each stands, in order of the flow
    born     float64[w]  when it came into the line, at most 0
    kind     int64[w]    number of its product
    hold     float64[m]  until then a station is repaired
    at_work  bool[m]     whether a station has begun with its first part
    work     nominal seconds of work at the part that a station has begun with
    family   what a station is set up for, where it matters
    """

    entry: Numbers
    born: Values
    kind: Numbers
    hold: Values
    at_work: npt.NDArray[np.bool_]
    work: dict[str, float] = field(default_factory=dict)
    family: dict[str, str] = field(default_factory=dict)


NOTHING: Final = Underway(
    np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_)
)  # fmt: skip


def underway(
    line: Line, start: Snapshot, order: Sequence[str], draws: Draws, replication: int
) -> Underway:
    """Of a line without assemblies, whose stations have one server each."""
    names, family = list(line.products), families(line)
    entry: list[int] = []
    born: list[float] = []
    kind: list[int] = []
    hold = np.zeros(len(order))
    work: dict[str, float] = {}
    set_up: dict[str, str] = {}
    for i in reversed(range(len(order))):
        name, now = order[i], start.of(order[i])
        if now.family:
            set_up[name] = now.family
        for busy in now.busy:
            hold[i] = repair_left(line, name, busy, draws, replication, 0)
            if busy.count:
                work[name] = work_left(line, name, busy, draws, replication, 0)
                if family:
                    set_up[name] = family[names.index(busy.product)]
        for lot in (*now.busy, *now.waiting):
            entry += [i] * lot.count
            born += [-lot.age / SECOND] * lot.count
            kind += [names.index(lot.product) if names and lot.count else 0] * lot.count
    return Underway(
        np.array(entry, np.int64), np.array(born, np.float64), np.array(kind, np.int64), hold,
        np.array([name in work for name in order]), work, set_up,
    )  # fmt: skip

"""When each station worked on each part: a serial line, told part by part instead of in sums.

It is the recursion of `serial` with all that it knows written down, for those who look into a run:
what was active when, and what limited at which time.
"""

# ruff: noqa: FURB136 - `max` is compiled to something slower

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.line import Draws, Line
from gemel.parts.simulators.base import Scenarios
from gemel.parts.simulators.flow_line.caps import gates, unordered
from gemel.parts.simulators.flow_line.sheet import sheet

__all__ = ["Timeline", "timeline", "untold"]


@dataclass(frozen=True, slots=True)
class Timeline:
    """By station in order of the flow and by part, float64[m, n], seconds; NaN for parts that were
    thrown away before.

    begin  the station takes the part up
    done   it has done with it, repairs and set-up included
    left   the part leaves it; later than `done` where it is blocked
    work   seconds of work alone
    """

    stations: tuple[str, ...]
    begin: Values
    done: Values
    left: Values
    work: Values


def untold(line: Line) -> tuple[str, ...]:
    """Reasons why a line has no timeline here, a sentence each."""
    reasons = []
    for i, (name, s) in enumerate(line.stations.items()):
        said = {
            "is not fed by the one before it alone": line.feeders(name)
            != line.names[max(i - 1, 0) : i],
            "is more than one machine": s.servers > 1 or s.batch is not None,
            "has a calendar, or fails by it": bool(s.calendar)
            or any(f.counted_in == "calendar" for f in s.failures.values()),
            "sends parts back": s.rework is not None,
            "shares people or vehicles": s.needs is not None or s.travel is not None
            or any(f.crew for f in s.failures.values())
            or (s.setup is not None and bool(s.setup.crew)),
            "chooses among parts": s.dispatch != "fifo",
            "turns arrivals away": s.arrivals is not None and s.places is not None,
        }  # fmt: skip
        reasons += [f"'{name}' {what}" for what, there in said.items() if there]
    if any(p.route for p in line.products.values()):
        reasons.append("products have routes of their own")
    return (*reasons, *unordered(line))


def timeline(line: Line, parts: int, seed: int = 0, replication: int = 0) -> Timeline:
    """Play so many parts on the same luck as every simulator, from an empty line on. Raises
    `ConfigurationError` for a line that has none."""
    reasons = untold(line)
    if reasons:
        raise ConfigurationError(f"no timeline of this line: {'; '.join(reasons)}")
    m = len(line.stations)
    ones = np.ones(m)
    drawn = sheet(line, Draws(seed), replication, parts, ones, ones)
    places = np.array([-1 if s.places is None else s.places for s in line.stations.values()])
    leaves = np.zeros(parts, np.int64)  # number of the station behind which a part leaves
    way: npt.NDArray[np.int16] = drawn.way
    leaves[:] = m - 1 if len(way) == 1 else np.argmax(way == -1, axis=1)
    gate, caps = gates(line, line.names), Scenarios.same(line).caps
    begin, done, left, work = np.full((4, m, parts), np.nan)
    _play(
        leaves, drawn.arrivals[0] if drawn.has_arrivals[0] else np.zeros(0), drawn.before,
        drawn.work, drawn.setup, drawn.failure_from, drawn.failure_at, drawn.repair,
        places.astype(np.int64), gate.start, gate.last, gate.columns(caps, parts)[:, 0],
        np.zeros((m, parts)), begin, done, left, work,
    )  # fmt: skip
    return Timeline(line.names, begin, done, left, work)


@njit(nogil=True, cache=True)
def _play(
    leaves: Any, arrivals: Any, before: Any, work: Any, setup: Any, failure_from: Any,
    failure_at: Any, repair: Any, places: Any, gate_from: Any, gate_last: Any, gate: Any,
    history: Any, begin: Any, done: Any, left: Any, worked_on: Any,
) -> None:  # fmt: skip
    m, n = begin.shape
    last, worked = np.zeros(m), np.zeros(m)
    count = np.zeros(m, np.int64)
    failed = failure_from[:-1].copy()
    for k in range(n):
        came = arrivals[k] if len(arrivals) > 0 else 0.0
        for i in range(leaves[k] + 1):
            c = count[i]
            start = came if came > last[i] else last[i]
            for g in range(gate_from[i], gate_from[i + 1]):
                ahead = count[gate_last[g]] - gate[g] - 1
                if gate[g] >= 0 and ahead >= 0 and history[gate_last[g], ahead] > start:
                    start = history[gate_last[g], ahead]
            room = 0.0
            if i < leaves[k]:
                behind = count[i + 1] - places[i + 1] - 1
                if places[i + 1] >= 0 and behind >= 0:
                    room = history[i + 1, behind]
            if before[i] and room > start:
                start = room
            worked[i] += work[i, c]
            spent = work[i, c]
            if setup.shape[1] > 0:
                spent += setup[i, c]
            rest = 0.0
            while failed[i] < failure_from[i + 1] and worked[i] >= failure_at[failed[i]]:
                rest += repair[failed[i]]
                failed[i] += 1
            if rest > 0.0:
                spent += rest
            end = start + spent
            came = end if end > room else room
            begin[i, k], done[i, k], left[i, k] = start, end, came
            worked_on[i, k] = work[i, c]
            history[i, c] = came
            last[i] = came
            count[i] = c + 1

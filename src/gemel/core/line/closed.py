"""Time in which a station does not work whatever comes: outside its shifts, and repairs of failures
that come by the calendar.

Closed time is held as three columns: when each stretch begins, when it ends, and how much was
closed before it. Work that meets a closed stretch rests and goes on after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np
from numba import njit

from gemel.core.frame import Values
from gemel.core.line.draws import Draws
from gemel.core.line.luck import refuse_many
from gemel.core.line.settings import Line
from gemel.core.plant import Shift

__all__ = [
    "DAYS", "WEEK", "Closed", "clock_seconds", "closed_times", "completed", "open_until", "weekly",
]  # fmt: skip

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Closed:
    """begin, end, before: float64[n], seconds; stretches in order, apart from each other. `before`
    is how much was closed before each."""

    begin: Values
    end: Values
    before: Values

    @classmethod
    def of(cls, begin: Values, end: Values) -> Closed:
        """From stretches in any order, which may touch or overlap."""
        order = np.argsort(begin, kind="stable")
        begins: list[float] = []
        ends: list[float] = []
        for b, e in zip(begin[order].tolist(), end[order].tolist(), strict=True):
            if e <= b:
                continue
            if ends and b <= ends[-1]:
                ends[-1] = max(ends[-1], e)
            else:
                begins.append(b)
                ends.append(e)
        starts, stops = np.array(begins, np.float64), np.array(ends, np.float64)
        before = np.concatenate([[0.0], np.cumsum(stops - starts)[:-1]]) if begins else starts
        return cls(starts, stops, before)

    def __len__(self) -> int:
        return len(self.begin)

    def within(self, start: float, end: float) -> float:
        """Seconds of [start, end) that are closed."""
        return float(np.maximum(np.minimum(self.end, end) - np.maximum(self.begin, start), 0).sum())


@njit(nogil=True, cache=True)
def open_until(t: float, begin: Any, end: Any, before: Any) -> float:
    """Seconds before `t` in which it was not closed."""
    j = np.searchsorted(begin, t, side="right") - 1
    if j < 0:
        return t
    passed: float = before[j] + min(t, end[j]) - begin[j]
    return t - passed


@njit(nogil=True, cache=True)
def completed(start: float, amount: float, begin: Any, end: Any, before: Any) -> float:
    """When work of `amount` seconds is done that begins at `start`."""
    wanted: float = open_until(start, begin, end, before) + amount
    low, high = 0, len(begin)
    while low < high:  # the stretches that begin before so much was worked
        middle = (low + high) // 2
        if begin[middle] - before[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return max(start, wanted)
    passed: float = before[low - 1] + end[low - 1] - begin[low - 1]
    return max(start, wanted + passed)


def weekly(shifts: tuple[Shift, ...], begins: str, until: float) -> tuple[Values, Values]:
    """Stretches outside the shifts from 0 to at least `until`; time 0 is `begins`, such
    as 'mon 06:00'. Weeks have no change of clocks."""
    day, clock = begins.split()
    zero = DAYS.index(day) * 86_400.0 + clock_seconds(clock)
    open_begin, open_end = [], []
    for shift in shifts:
        start, stop = clock_seconds(shift.start), clock_seconds(shift.end)
        length = stop - start if stop > start else stop - start + 86_400.0
        for name in shift.days:
            at = (DAYS.index(name) * 86_400.0 + start - zero) % WEEK
            open_begin.append(at)
            open_end.append(at + length)
    weeks = int(until // WEEK) + 2
    first = np.array(open_begin)[None, :] + WEEK * np.arange(-1, weeks)[:, None]
    last = np.array(open_end)[None, :] + WEEK * np.arange(-1, weeks)[:, None]
    at_work = Closed.of(first.ravel(), last.ravel())
    begin = np.concatenate([[-inf], at_work.end])
    end = np.concatenate([at_work.begin, [WEEK * weeks]])
    kept = end > 0
    return np.maximum(begin[kept], 0.0), end[kept]


def clock_seconds(clock: str) -> float:
    """Seconds since midnight of e.g. '06:30' or '06:30:15'."""
    hour, minute, *second = clock.split(":")
    return 3_600.0 * int(hour) + 60.0 * int(minute) + sum(int(s) for s in second)


def closed_times(
    line: Line, name: str, draws: Draws, replication: int, until: float
) -> tuple[Closed, Closed]:
    """When a station is off, and when it is off or being repaired, at least to `until` seconds.

    Failures by the calendar come at the k-th time after the repair of the one before.
    """
    station = line.stations[name]
    begin, end = [np.zeros(0)], [np.zeros(0)]
    if station.calendar:
        b, e = weekly(line.calendars[station.calendar], line.begins, until)
        begin.append(b)
        end.append(e)
    off = Closed.of(np.concatenate(begin), np.concatenate(end))
    for cause, failure in station.failures.items():
        if failure.counted_in != "calendar":
            continue
        between = failure.every.mean_s + failure.repair.mean_s
        count = 8 + int(1.2 * until / between)
        while True:
            refuse_many(name, cause, count)
            up = draws.times(replication, (name, cause, "every"), count, failure.every)
            down = draws.times(replication, (name, cause, "repair"), count, failure.repair)
            back = np.cumsum(up + down)
            if back[-1] > until:
                break
            count *= 2
        begin.append(back - down)
        end.append(back)
    return off, Closed.of(np.concatenate(begin), np.concatenate(end))

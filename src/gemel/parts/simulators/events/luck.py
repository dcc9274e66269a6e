"""Draws of one replication, one at a time: the k-th time of a station is asked for when its k-th
part begins. They are made in stretches that double, and are those of every other simulator."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.core.line import Distribution, Draws, Line, Snapshot, Station
from gemel.core.line.closed import Closed, closed_times, completed, open_until, weekly
from gemel.core.line.luck import failures_by_cause, products
from gemel.core.line.underway import first_products

__all__ = ["Clock", "CrewClock", "Failures", "Stream", "kinds"]


class Stream:
    """Numbers by count; `make(n)` gives the first n."""

    def __init__(self, make: Callable[[int], Values]) -> None:
        self._make = make
        self._known: list[float] = []

    def __getitem__(self, k: int) -> float:
        if k >= len(self._known):
            self._known = self._make(max(64, 2 * (k + 1))).tolist()
        return self._known[k]

    @classmethod
    def uniforms(cls, draws: Draws, replication: int, *names: str) -> Stream:
        return cls(lambda n: draws.uniforms(replication, names, n))

    @classmethod
    def times(
        cls, draws: Draws, replication: int, distribution: Distribution, *names: str
    ) -> Stream:
        return cls(lambda n: draws.times(replication, names, n, distribution))


def kinds(line: Line, draws: Draws, replication: int, start: Snapshot | None = None) -> Stream:
    """Number of the product of the k-th part that comes; what is ordered comes first."""
    ordered = np.zeros(0, np.int64) if start is None else first_products(line, start)

    def make(n: int) -> Values:
        usual = products(line, draws, replication, n)
        return np.concatenate([ordered, usual])[:n].astype(np.float64)

    return Stream(make)


class Failures:
    """When a station fails from work, counted in nominal work as the recursion counts it."""

    def __init__(
        self, station: Station, name: str, draws: Draws, replication: int, time: float,
        between: float, mend: float,
    ) -> None:  # fmt: skip
        self._make: Callable[[float], tuple[Values, Values, npt.NDArray[np.int64]]] = lambda work: (
            failures_by_cause(station, name, draws, replication, work)
        )
        self._there = any(f.counted_in == "operation" for f in station.failures.values())
        self._time, self._between, self._mend = time, between, mend
        self._at: list[float] = []
        self._repair: list[float] = []
        self._cause: list[int] = []
        self._until = 0.0
        self._next = 0
        self.worked = 0.0

    def during(self, work: float) -> list[tuple[float, float, int]]:
        """Failures in the next `work` seconds of nominal work: after how much of it, how long the
        repair takes, and the number of the cause."""
        if not self._there:
            return []
        before = self.worked
        self.worked = before + work
        reach = self.worked * self._time / self._between
        while reach >= self._until:
            self._until = 2 * max(self._until, reach, 1.0)
            columns = self._make(self._until)
            self._at, self._repair, self._cause = (column.tolist() for column in columns)
        found = []
        while self.worked >= (at_work := self._at[self._next] * self._between / self._time):
            i = self._next
            found.append((at_work - before, self._mend * self._repair[i], self._cause[i]))
            self._next += 1
        return found


class Clock:
    """Time of a station: when work is done that rests in closed time."""

    def __init__(self, line: Line, name: str, draws: Draws, replication: int) -> None:
        station = line.stations[name]
        self.always = not station.calendar and not any(
            f.counted_in == "calendar" for f in station.failures.values()
        )
        self._make: Callable[[float], tuple[Closed, Closed]] = lambda until: closed_times(
            line, name, draws, replication, until
        )
        self._until = 0.0
        self._off = self._closed = Closed(*np.zeros((3, 0)))

    def _reach(self, time: float) -> None:
        while time > self._until:
            self._until = 2 * max(self._until, time, 1.0)
            self._off, self._closed = self._make(self._until)

    def completed(self, start: float, amount: float) -> float:
        if self.always:
            return start + amount
        self._reach(start + amount)
        while True:
            c = self._closed
            done: float = completed(start, amount, c.begin, c.end, c.before)
            if done <= self._until:
                return done
            self._reach(done)

    def open_between(self, start: float, end: float) -> float:
        """Seconds that are not closed."""
        if self.always:
            return end - start
        self._reach(end)
        c = self._closed
        to_end: float = open_until(end, c.begin, c.end, c.before)
        to_start: float = open_until(start, c.begin, c.end, c.before)
        return to_end - to_start

    def off_and_down(self, start: float, end: float) -> tuple[float, float]:
        """Seconds outside shifts, and of repairs by the calendar inside them."""
        if self.always:
            return 0.0, 0.0
        self._reach(end)
        off = self._off.within(start, end)
        return off, self._closed.within(start, end) - off


class CrewClock:
    """When a crew is there."""

    def __init__(self, line: Line, crew: str) -> None:
        calendar = line.crews[crew].calendar
        self._shifts = line.calendars[calendar] if calendar else ()
        self._begins = line.begins
        self._until = -1.0
        self._begin: list[float] = []
        self._end: list[float] = []

    def back(self, time: float) -> float:
        """`time` if the crew is there, else when it comes."""
        if not self._shifts:
            return time
        if time >= self._until:
            self._until = 2 * max(time, 604_800.0)
            begin, end = weekly(self._shifts, self._begins, self._until)
            order = Closed.of(begin, end)
            self._begin, self._end = order.begin.tolist(), order.end.tolist()
        i = bisect_right(self._begin, time) - 1
        return self._end[i] if i >= 0 and time < self._end[i] else time


def shares(values: list[float]) -> list[float]:
    """Cumulated shares, the last of them 1."""
    sums = list(accumulate(values))
    return [s / sums[-1] for s in sums]

"""The account of one machine: rows become sums, either as they come or a whole window at once.

`Account` adds up live, chunk by chunk, and closes a window at each end of a shift. `summed` does a
window of history in one step. Both read rows in one way (`read`), and must come to the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.expression import Column
from gemel.twin.mirror.columns import Rows
from gemel.twin.operations.calendar import Calendar, Span, Window
from gemel.twin.operations.counters import increments
from gemel.twin.operations.machine import Machine
from gemel.twin.operations.times import TimeClass, Totals, tally

__all__ = ["Account", "Last", "Reading", "blanked", "read", "summed"]

_WINDOWS_KEPT: Final = 6
_NAN: Final = float("nan")


@dataclass(frozen=True, slots=True)
class Last:
    """What holds after the last row: the class, the order, and the last known counts."""

    state: int = int(TimeClass.UNKNOWN)
    ordered: bool = False
    count: float = _NAN
    reject: float = _NAN

    @property
    def marks(self) -> int:
        """As in `Reading`."""
        return int(self.ordered) | 2 * bool(np.isnan(self.count))


@dataclass(frozen=True, slots=True)
class Reading:
    """Rows of one machine, all of shape (n,).

    time      int64    ns UTC
    state     int64    `TimeClass` from then on
    marks     int64    bit 0: there is a job order; bit 1: the counter was never seen
    produced  float64  pieces since the row before, rejects included; `rejected` of these
    reset     bool     a counter began again
    orders, products   texts, None where unknown; only for the machine that owns the order
    lots               texts of the lot signal, None where unknown
    """

    time: npt.NDArray[np.int64]
    state: npt.NDArray[np.int64]
    marks: npt.NDArray[np.int64]
    produced: npt.NDArray[np.float64]
    rejected: npt.NDArray[np.float64]
    reset: npt.NDArray[np.bool_]
    orders: list[str | None]
    products: list[str | None]
    lots: list[str | None]


def read(machine: Machine, rows: Rows, last: Last) -> tuple[Reading, Last]:
    """What rows say, given what held before them."""
    time, columns = rows
    n = len(time)
    state = machine.classify(columns)
    produced, reset, count = _counted(machine, columns, "count", last.count)
    rejected, again, reject = _counted(machine, columns, "reject", last.reject)
    if not machine.count_includes_rejects:
        produced = produced + rejected
    orders, products = _texts(columns.get("order"), n), _texts(columns.get("product"), n)
    marks = np.zeros(n, np.int64)
    now = last.ordered
    for row, order in enumerate(orders):
        now = now if order is None else bool(order)
        marks[row] = now
    counts = machine.counts(columns, "count")
    if np.isnan(last.count):
        seen = np.zeros(n, np.bool_) if counts is None else ~np.isnan(counts)
        marks |= np.where(np.logical_or.accumulate(seen), 0, 2)
    lots = _texts(columns.get("lot"), n)
    reading = Reading(time, state, marks, produced, rejected, reset | again, orders, products, lots)
    return reading, Last(int(state[-1]) if n else last.state, now, count, reject)


def summed(
    machine: Machine,
    rows: Rows | None,
    before: Last,
    start: int,
    end: int,
    planned: Sequence[Span],
    unknown: Sequence[Span] = (),
) -> Totals:
    """Totals of the window [start, end) at once; `before` held when it began.

    In the spans `unknown` nothing arrived, whatever was held.
    """
    reading, last = _nothing(), before
    if rows is not None:
        reading, last = read(machine, rows, before)
    time = np.concatenate([[start], reading.time])
    state = np.concatenate([[before.state], reading.state])
    marks = np.concatenate([[before.marks], reading.marks])
    time, state, marks = blanked(time, state, marks, unknown)
    inside = _inside(reading.time, planned)
    return _totals(machine, reading, inside, last, state_from=before.state).plus(
        tally(time, state, start, end, planned), tally(time, marks, start, end, planned, 4)
    )


@dataclass(slots=True)
class _Sums:
    """Totals without times, to which tallies are added."""

    totals: Totals

    def plus(self, times: npt.NDArray[np.int64], marks: npt.NDArray[np.int64]) -> Totals:
        inside, outside = times
        return self.totals + Totals(
            planned=int(inside.sum()),
            times=tuple(int(t) for t in inside),
            overtime=int(outside[TimeClass.PRODUCTION]),
            ordered=int(marks[0][1] + marks[0][3]),
            uncounted=int(marks[0][2] + marks[0][3]),
        )


def _totals(
    machine: Machine, reading: Reading, inside: npt.NDArray[np.bool_], last: Last, state_from: int
) -> _Sums:
    before = np.concatenate([[state_from], reading.state])[:-1]
    # What was unknown may have failed at any time: only a failure that was seen to begin counts.
    seen = (before != TimeClass.FAULT) & (before != TimeClass.UNKNOWN)
    began = (reading.state == TimeClass.FAULT) & seen
    pieces = machine.pieces
    return _Sums(
        Totals(
            produced=float(reading.produced[inside].sum()) * pieces,
            rejected=float(reading.rejected[inside].sum()) * pieces,
            extra=float(reading.produced[~inside].sum()) * pieces,
            resets=int(np.count_nonzero(reading.reset)),
            failures=int(np.count_nonzero(began & inside)),
            counted=not np.isnan(last.count),
            judged=not np.isnan(last.reject),
            booked="order" in machine.inputs,
        )
    )


class Account:
    """Sums of the present window, and of the last few. Used under the lock of `Operations`."""

    def __init__(self, machine: Machine, calendar: Calendar) -> None:
        self.machine = machine
        self.last = Last()
        self.since = 0
        """When the present class began."""
        self.until: int | None = None
        """Time of the last row; None before the first."""
        self.window = Window("", 0, 0)
        self.closed: deque[tuple[Window, Totals]] = deque(maxlen=_WINDOWS_KEPT)
        self._calendar = calendar
        self._planned: list[Span] = []
        self._sums = Totals()

    def feed(self, rows: Rows) -> list[Reading]:
        """Take rows in, which must not be older than the last; what they say, by window."""
        first = int(rows[0][0])
        if self.until is None:
            self._open(self._calendar.window_at(first))
            self.until = self.since = self.window.start
        found: list[Reading] = []
        begin, n = 0, len(rows[0])
        while begin < n:
            end = int(np.searchsorted(rows[0], self.window.end, side="left"))
            if end > begin:
                found.append(self._take(_cut(rows, begin, end)))
            if end < n:
                self._close()
            begin = end
        return found

    def totals(self, now: int) -> Totals:
        """Sums of the present window up to `now`, or up to its last row where that is later."""
        end = min(max(now, self.until or now), self.window.end)
        if self.until is None:
            return Totals()
        return self._sums + self._held(self.until, end)

    def close_until(self, now: int) -> None:
        """Close windows that have ended, so that a silent machine has shifts too."""
        while self.until is not None and now >= self.window.end:
            self._close()

    def inside(self, time: int) -> bool:
        """Whether work is planned at a time."""
        if not self.window.start <= time < self.window.end:
            return bool(self._calendar.planned(time, time + 1))
        return any(a <= time < b for a, b in self._planned)

    def state(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "last": [self.last.state, self.last.ordered, _plain(self.last.count),
                     _plain(self.last.reject)],
            "since": self.since,
            "until": self.until,
            "window": list(asdict(self.window).values()),
            "sums": _saved(self._sums),
            "closed": [[list(asdict(w).values()), _saved(t)] for w, t in self.closed],
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on; what happened since the state was taken is unknown until the next row."""
        _, ordered, count, reject = state["last"]
        self.last = Last(int(TimeClass.UNKNOWN), ordered, _number(count), _number(reject))
        self.since = self.until = state["until"]
        if self.until is not None:
            self._open(Window(*state["window"]))
        self._sums = _loaded(state["sums"])
        self.closed.extend((Window(*w), _loaded(t)) for w, t in state["closed"])

    def _take(self, rows: Rows) -> Reading:
        assert self.until is not None  # noqa: S101 - set by the first row
        before = self.last
        reading, self.last = read(self.machine, rows, before)
        end = int(reading.time[-1])
        time = np.concatenate([[self.until], reading.time])
        states = np.concatenate([[before.state], reading.state])
        marks = np.concatenate([[before.marks], reading.marks])
        inside = _inside(reading.time, self._planned)
        self._sums += _totals(self.machine, reading, inside, self.last, before.state).plus(
            tally(time, states, self.until, end, self._planned),
            tally(time, marks, self.until, end, self._planned, 4),
        )
        self.until = end
        changed = np.flatnonzero(np.diff(states))
        if len(changed):
            self.since = int(reading.time[changed[-1]])
        return reading

    def _held(self, start: int, end: int) -> Totals:
        """Totals of a span in which nothing new came."""
        last, time = self.last, np.array([start], np.int64)
        return _totals(self.machine, _nothing(), np.zeros(0, np.bool_), last, last.state).plus(
            tally(time, np.array([last.state]), start, end, self._planned),
            tally(time, np.array([last.marks]), start, end, self._planned, 4),
        )

    def _close(self) -> None:
        assert self.until is not None  # noqa: S101 - only an open window is closed
        end = self.window.end
        self._sums += self._held(self.until, end)
        self.closed.append((self.window, self._sums))
        self.until = end
        self._open(self._calendar.window_at(end))
        self._sums = Totals()

    def _open(self, window: Window) -> None:
        self.window = window
        self._planned = self._calendar.planned(window.start, window.end)


def _counted(
    machine: Machine, columns: Mapping[str, Column], name: str, before: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], float]:
    values = machine.counts(columns, name)
    if values is None:
        rows = len(next(iter(columns.values())).value) if columns else 0
        return np.zeros(rows), np.zeros(rows, np.bool_), before
    return increments(values, before, machine.counter_top)


def _texts(column: Column | None, n: int) -> list[str | None]:
    if column is None:
        return [None] * n
    found: list[str | None] = []
    for value, quality in zip(column.value.tolist(), column.quality.tolist(), strict=True):
        known = quality >= 0 and value == value and 0 <= int(value) < len(column.texts)
        found.append(column.texts[int(value)] if known else None)
    return found


def _inside(time: npt.NDArray[np.int64], planned: Sequence[Span]) -> npt.NDArray[np.bool_]:
    bounds = np.array([edge for span in planned for edge in span], np.int64)
    inside: npt.NDArray[np.bool_] = np.searchsorted(bounds, time, side="right") % 2 == 1
    return inside


def blanked(time: Any, state: Any, marks: Any, unknown: Sequence[Span]) -> tuple[Any, Any, Any]:
    """Unknown from the beginning of each span to its end, or to the next row where that is later:
    nobody knows what was held before the next row came."""
    for start, end in unknown:
        held = int(np.searchsorted(time, start, side="right")) - 1
        after = int(np.searchsorted(time, end, side="left"))
        keep = marks[held] if held >= 0 else 0
        time = np.concatenate([time[: held + 1], [start], time[after:]])
        state = np.concatenate([state[: held + 1], [int(TimeClass.UNKNOWN)], state[after:]])
        marks = np.concatenate([marks[: held + 1], [keep], marks[after:]])
    return time, state, marks


def _cut(rows: Rows, begin: int, end: int) -> Rows:
    if begin == 0 and end == len(rows[0]):
        return rows
    cut = slice(begin, end)
    return rows[0][cut], {
        name: Column(c.value[cut], c.quality[cut], None, c.texts) for name, c in rows[1].items()
    }


def _nothing() -> Reading:
    none = np.zeros(0, np.int64)
    return Reading(none, none, none, np.zeros(0), np.zeros(0), np.zeros(0, np.bool_), [], [], [])


def _plain(value: float) -> float | None:
    return None if value != value else value


def _number(value: float | None) -> float:
    return _NAN if value is None else value


def _saved(totals: Totals) -> dict[str, Any]:
    return asdict(totals)


def _loaded(saved: Mapping[str, Any]) -> Totals:
    return Totals(**{**saved, "times": tuple(saved["times"])})

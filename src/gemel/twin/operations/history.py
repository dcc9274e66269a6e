"""The same sums and indicators from history, for any asset and any window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.catalogue import Catalogue
from gemel.core.frame import Frame
from gemel.core.time import DAY
from gemel.parts.historians.base import Query, Store
from gemel.twin.mirror.columns import ColumnFeed, Rows
from gemel.twin.mirror.mirror import NEVER, Snapshot
from gemel.twin.operations.account import Last, blanked, read, summed
from gemel.twin.operations.calendar import Calendar, Span
from gemel.twin.operations.gaps import gaps, missing
from gemel.twin.operations.kpis import Kpi, measure
from gemel.twin.operations.machine import Machine
from gemel.twin.operations.settings import OperationsSettings
from gemel.twin.operations.stops import Stopped, StopTracker
from gemel.twin.operations.times import TimeClass, Totals

__all__ = ["Course", "course", "kpis", "stops", "totals"]

_LOOK_BACK: Final = DAY
"""How far back the last known value is looked for where the last one before the window is bad."""


def kpis(
    store: Store,
    machine: Machine,
    calendar: Calendar,
    start: int,
    end: int,
    settings: OperationsSettings | None = None,
    as_of: int | None = None,
) -> dict[str, Kpi]:
    """All indicators of a machine over [start, end), ns UTC. Reads the store: not for the event
    loop."""
    return measure(
        totals(store, machine, calendar, start, end, as_of),
        start,
        end,
        ideal_rate=machine.ideal_rate,
        most_missing=(settings or OperationsSettings()).most_missing,
    )


def totals(
    store: Store,
    machine: Machine,
    calendar: Calendar,
    start: int,
    end: int,
    as_of: int | None = None,
) -> Totals:
    """Sums over [start, end), ns UTC; with `as_of`, of what the twin knew then."""
    rows, before = _rows(store, machine, start, end, as_of)
    planned = calendar.planned(start, end)
    dark = _gaps(store, machine, start, end, as_of)
    return summed(machine, rows, before, start, end, planned, dark)


def stops(
    store: Store, machine: Machine, calendar: Calendar, start: int, end: int
) -> list[Stopped]:
    """Stops that began in [start, end), found anew; those that were told live are Events. The last
    one may last."""
    rows, before = _rows(store, machine, start, end, None)
    tracker = StopTracker()
    tracker.rows([start], [before.state], lambda _: True)
    if rows is None:
        return []
    reading, _ = read(machine, rows, before)
    planned = calendar.planned(start, end)
    found = tracker.rows(
        reading.time.tolist(),
        reading.state.tolist(),
        lambda time: any(a <= time < b for a, b in planned),
    )
    if tracker.open is not None:
        found.append(tracker.open)
    latest = {stop.start: stop for stop in found}
    return [latest[at] for at in sorted(latest)]


@dataclass(frozen=True, slots=True)
class Course:
    """What a machine did: from `time` on, int64[n] ns UTC, it is in `state` (`TimeClass`), for the
    `reason` of a stop, int64[n] by its signal, −1 where none is told; it has made `produced` pieces
    by then, float64[n], as its counter counts them."""

    time: npt.NDArray[np.int64]
    state: npt.NDArray[np.int64]
    reason: npt.NDArray[np.int64]
    produced: npt.NDArray[np.float64]

    @property
    def known_from(self) -> int | None:
        """When it was first known what the machine does, ns UTC; None if it never was."""
        known = np.flatnonzero(self.state != TimeClass.UNKNOWN)
        return int(self.time[known[0]]) if len(known) else None

    def since(self, start: int) -> Course:
        """The same from `start` on, which is not before the first row."""
        first = max(int(np.searchsorted(self.time, start, side="right")) - 1, 0)
        time = np.maximum(self.time[first:], start)
        return Course(time, self.state[first:], self.reason[first:], self.produced[first:])


def course(store: Store, machine: Machine, start: int, end: int) -> Course:
    """What a machine did in [start, end), ns UTC. Where its samples are missing it is unknown.

    Some machines forget whether they were starved or blocked as soon as they come back from it
    (PackML `Unsuspending`): what waits without saying for whom, waits on for the same.
    """
    rows, before = _rows(store, machine, start, end, None)
    nothing = np.array([-1], np.int64)
    time, state, reason, made = (
        np.array([start]), np.array([before.state]), nothing, np.zeros(1),
    )  # fmt: skip
    if rows is not None:
        reading, _ = read(machine, rows, before)
        time = np.concatenate([time, reading.time])
        waits = np.concatenate([[False], machine.waits(rows[1])])
        state = _waiting_on(np.concatenate([state, reading.state]), waits)
        reason = np.concatenate([nothing, _reasons(rows, len(reading.time))])
        made = np.concatenate([made, np.cumsum(reading.produced)])
    place = np.arange(len(time))
    times, states, places = blanked(time, state, place, _gaps(store, machine, start, end))
    stopped = (states == TimeClass.FAULT) | (states == TimeClass.STOPPED)
    return Course(times, states, np.where(stopped, reason[places], -1), made[places])


def _waiting_on(
    state: npt.NDArray[np.int64], waits: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    vague = waits & (state == TimeClass.STOPPED)
    last = np.maximum.accumulate(np.where(vague, 0, np.arange(len(state))))
    held = state[last]
    known = (held == TimeClass.STARVED) | (held == TimeClass.BLOCKED)
    return np.where(vague & known, held, state)


def _reasons(rows: Rows, n: int) -> npt.NDArray[np.int64]:
    column = rows[1].get("reason")
    if column is None:
        return np.full(n, -1, np.int64)
    known = (column.quality >= 0) & np.isfinite(column.value)
    return np.where(known, column.value, -1).astype(np.int64)


def _rows(
    store: Store, machine: Machine, start: int, end: int, as_of: int | None
) -> tuple[Rows | None, Last]:
    """Rows of the window, and what held before it."""
    catalogue = store.catalogue
    inputs = {name: catalogue.number(path) for name, path in machine.counted.items()}
    numbers = np.array(sorted(set(inputs.values())), np.int32)
    held = _frame(store.at(numbers, start - 1, as_of))
    feed = ColumnFeed(inputs, catalogue, _empty(catalogue))
    before = Last()
    missing = np.setdiff1d(numbers, held.signal[held.quality >= 0])
    if len(missing):
        # A bad value hides the last known one, from which a counter goes on.
        older = store.query(Query(missing, start - _LOOK_BACK, start, as_of=as_of))
        old_rows = feed.feed(_frame(older))
        if old_rows is not None:
            before = read(machine, old_rows, before)[1]
    rows = feed.feed(held)
    if rows is not None:
        before = read(machine, rows, before)[1]
    found = store.query(Query(numbers, start, end, as_of=as_of))
    return feed.feed(_frame(found)), before


def _gaps(
    store: Store, machine: Machine, start: int, end: int, as_of: int | None = None
) -> list[Span]:
    """Spans in which samples of what says the class are missing, and were not fetched again."""
    judge = next((n for n in ("state", "run", "speed") if n in machine.inputs), None)
    if judge is None:
        return []
    number = store.catalogue.number(machine.inputs[judge])
    return missing(gaps(store, start, end), number, machine.connector, start, end, as_of)


def _frame(table: Any) -> Frame:
    columns = [table.column(i).to_numpy() for i in range(4)]
    order = np.argsort(columns[1], kind="stable")
    return Frame.of(*(column[order] for column in columns))


def _empty(catalogue: Catalogue) -> Snapshot:
    n = len(catalogue)
    return Snapshot(
        0,
        np.full(n, NEVER),
        np.full(n, np.nan),
        np.full(n, np.iinfo(np.int16).min, np.int16),
        np.full(n, NEVER),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
    )

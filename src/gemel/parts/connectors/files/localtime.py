"""Times of a file's rows: decoded, put into their zone, counted from a start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gemel.core.time import DAY, MINUTE
from gemel.parts.connectors.base import Counters
from gemel.parts.connectors.files.timeplan import TimePlan
from gemel.parts.connectors.files.times import LINEAR, cells_of, decode

__all__ = ["LocalTime", "RowTimes"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_QUARTER: Final = 15 * MINUTE
_NAIVE: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - local times have no zone
_NEVER: Final = -(2**63)


class LocalTime:
    """Naive local times → UTC, in file order.

    An hour that a clock change repeats is read as its first pass until the times step back by a
    quarter of an hour or more within it (or repeat, in a table of half hours or hours); from there
    on it is the second pass.
    """

    def __init__(self, zone: tzinfo, counters: Counters) -> None:
        self.is_utc = str(zone) == "UTC"
        self._zone = zone
        self._counters = counters
        self._offsets: dict[int, tuple[int, int]] = {}
        self._before = [_NEVER, _NEVER]
        self._second = False
        self._local = np.zeros(0, np.int64)
        self._is_second = np.zeros(0, np.bool_)

    def state(self, row: int) -> list[int]:
        """What must be known to go on behind `row` of the last call."""
        times = [*self._before, *self._local[max(row - 1, 0) : row + 1].tolist()]
        return [*times[-2:], int(self._is_second[row])] if row >= 0 else [*times[:2], 0]

    def restore(self, state: list[int]) -> None:
        """Go on from a `state`."""
        self._local = np.array(state[:2], np.int64)
        self._is_second = np.array([False, bool(state[2])])

    def to_utc(self, local: Ints) -> Ints:
        """UTC of local times, both ns; remembers where it is in a repeated hour."""
        if self.is_utc or not len(local):
            return local
        if len(self._local):
            self._before = [self._before[1], *self._local[-2:].tolist()][-2:]
            self._second = bool(self._is_second[-1])
        quarter = local // _QUARTER
        distinct, where = np.unique(quarter, return_inverse=True)
        pairs = np.array([self._offset(q) for q in distinct.tolist()], np.int64)
        first, second = pairs[where, 0], pairs[where, 1]
        result: Ints = local - first
        is_second = np.zeros(len(local), np.bool_)
        repeated = np.flatnonzero(first > second)  # skipped times have first < second: as PEP 495
        if len(repeated):
            self._counters.note("times in an hour that a clock change repeats", len(repeated))
        for row in repeated.tolist():
            now = int(local[row])
            older, before = [*self._before, *local[max(row - 2, 0) : row].tolist()][-2:]
            was_second = bool(is_second[row - 1]) if row else self._second
            pair = self._offset(before // _QUARTER) if before != _NEVER else (0, 0)
            is_within = pair[0] > pair[1] and abs(now - before) < pair[0] - pair[1]
            back = before - now
            repeats = back == 0 and older != _NEVER and before - older >= 2 * _QUARTER
            is_second[row] = is_within and (was_second or back >= _QUARTER or repeats)
            if is_second[row]:
                result[row] = now - second[row]
        self._local, self._is_second = local, is_second
        return result

    def _offset(self, quarter: int) -> tuple[int, int]:
        """Offsets from UTC of a local quarter of an hour, first and second pass."""
        known = self._offsets.get(quarter)
        if known is None:
            moment = _NAIVE + timedelta(minutes=15 * quarter)
            pair = []
            for fold in (0, 1):
                offset = moment.replace(tzinfo=self._zone, fold=fold).utcoffset() or timedelta()
                pair.append((offset.days * 86_400 + offset.seconds) * 1_000_000_000)
            known = self._offsets[quarter] = (pair[0], pair[1])
        return known


@dataclass(slots=True)
class RowTimes:
    """The times of the rows of one file, table after table."""

    plan: TimePlan
    local: LocalTime
    start: int
    step: int
    _day: int = 0
    _last: int = _NEVER
    _rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    _clock: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    _days: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def state(self, row: int) -> list[int]:
        """What must be known to go on behind `row` of the last table; empty if that is nothing."""
        if self.plan.format == "clock":
            at = int(np.searchsorted(self._rows, row, "right")) - 1
            return [int(self._clock[at]), int(self._days[at])] if at >= 0 else []
        if self.local.is_utc or self.plan.is_utc or not len(self._rows):
            return []
        return self.local.state(int(np.searchsorted(self._rows, row, "right")) - 1)

    def restore(self, state: list[int]) -> None:
        """Go on from a `state`."""
        if len(state) == 2:
            self._last, self._day = state
        elif len(state) == 3:
            self.local.restore(state)

    def of(self, columns: dict[int, Any], numbers: Ints) -> tuple[Ints, Bools, Bools]:
        """Times of the rows, which are understood, and which are there at all."""
        plan = self.plan
        n = len(numbers)
        if not plan.columns:
            yes = np.ones(n, np.bool_)
            return self.start + (numbers - 1) * self.step, yes, yes
        first = columns[plan.columns[0]]
        if not (pa.types.is_string(first.type) or pa.types.is_large_string(first.type)):
            return self._typed(first)
        if len(plan.columns) > 2:
            first = _joined([columns[c] for c in plan.columns])
        cells = cells_of(first)
        there = cells.length > 0
        decoded = decode(cells, plan.format)
        time, ok, local = decoded
        if len(plan.columns) == 2:
            clock = decode(cells_of(columns[plan.columns[1]]), plan.clock)
            time, ok = time + clock.time, ok & clock.ok
        return self._placed(time, ok, local), ok, there

    def _placed(self, time: Ints, ok: Bools, local: Bools) -> Ints:
        if self.plan.format == "clock":
            return self._of_day(time, ok)
        if self.plan.format in LINEAR:
            return time + self.start if LINEAR[self.plan.format].origin is None else time
        naive = np.flatnonzero(ok & local)
        self._rows = naive
        if len(naive) and not self.plan.is_utc:
            time = time.copy()
            time[naive] = self.local.to_utc(time[naive])
        return time

    def _of_day(self, clock: Ints, ok: Bools) -> Ints:
        """A time of day that steps back by more than half a day is of the next day."""
        rows = np.flatnonzero(ok)
        if not len(rows):
            return clock + self.start
        good = clock[rows]
        before = np.concatenate([[self._last if self._last != _NEVER else good[0]], good[:-1]])
        days = self._day + np.cumsum(before - good > DAY // 2)
        self._rows, self._clock, self._days = rows, good, days
        self._day, self._last = int(days[-1]), int(good[-1])
        result = clock + self.start
        result[rows] += days * DAY
        return result

    def _typed(self, column: Any) -> tuple[Ints, Bools, Bools]:
        """A column of Parquet that is a time or a number."""
        there = np.asarray(column.is_valid())
        kind = column.type
        if pa.types.is_timestamp(kind):
            unit = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}[kind.unit]
            ticks = np.asarray(column.cast(pa.int64()).fill_null(0))
            ok = there & (np.abs(ticks.astype(np.float64) * unit) < 9.2e18)
            time = np.where(ok, ticks, 0) * unit
            if kind.tz is None:
                return self._placed(time, ok, ok.copy()), ok, there
            return time, ok, there
        if pa.types.is_date(kind):
            days = np.asarray(column.cast(pa.date32()).cast(pa.int32()).fill_null(0))
            time = days.astype(np.int64) * DAY
            return self._placed(time, there, there.copy()), there, there
        if pa.types.is_time(kind):
            ticks = np.asarray(column.cast(pa.time64("ns")).cast(pa.int64()).fill_null(0))
            return self._of_day(ticks, there), there, there
        linear = LINEAR.get(self.plan.format, LINEAR["elapsed_s"])
        origin = linear.origin or 0
        if pa.types.is_integer(kind):
            whole = np.asarray(column.cast(pa.int64(), safe=False).fill_null(0)) - origin
            part = np.zeros(len(whole))
        else:
            values = np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan))
            there = there & ~np.isnan(values)
            values = np.where(np.isfinite(values) & (np.abs(values) < 9e18), values, 0.0)
            floor = np.floor(values)
            whole, part = floor.astype(np.int64) - origin, values - floor
        ok = there & (np.abs(whole.astype(np.float64)) * linear.scale < 9.2e18)
        time = whole * linear.scale + np.rint(part * linear.scale).astype(np.int64)
        if linear.grain > 1:
            time = (time + linear.grain // 2) // linear.grain * linear.grain
        if linear.origin is None:
            time = time + self.start
        return time, ok, there


def _joined(parts: list[Any]) -> Any:
    """Year, month, day … as one text."""
    texts = [
        pc.replace_substring_regex(p.cast(pa.string()), r"^\s*(\d+)(\.0*)?\s*$", r"\1")
        for p in parts
    ]
    date = pc.binary_join_element_wise(*texts[:3], "-")
    if len(texts) == 3:
        return date
    clock = [*texts[3:], pa.array(["0"] * len(date)), pa.array(["0"] * len(date))][:3]
    return pc.binary_join_element_wise(date, pc.binary_join_element_wise(*clock, ":"), " ")

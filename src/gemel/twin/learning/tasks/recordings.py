"""From a table to recordings on a grid, and which of their rows are normal operation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Times, Values
from gemel.core.settings import Settings
from gemel.core.table import Table
from gemel.core.time import DAY, HOUR, MINUTE, SECOND, parse_duration, parse_time
from gemel.parts.detectors.base import Window
from gemel.twin.learning.evaluation.splits import Indices

__all__ = [
    "UNITS",
    "Budget",
    "Flags",
    "Normal",
    "Recording",
    "TimeUnit",
    "budget_rate",
    "flags_of",
    "joined",
    "normal_rows",
    "recordings",
    "stamps",
]

Flags: TypeAlias = npt.NDArray[np.bool_]
TimeUnit: TypeAlias = Literal["ms", "s", "min", "h", "d"]
Moment: TypeAlias = float | str
Period: TypeAlias = tuple[Moment, Moment]

UNITS: Final = {"ms": SECOND // 1000, "s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}
_BUDGET: Final = re.compile(r"(\d+(?:\.\d+)?) per (hour|day|week|month|(\d+) rows)")
_SPANS: Final = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 30 * DAY}
_FIRST_ROWS: Final = re.compile(r"(\d+) rows?")
_MOST: Final = 20
_PAUSE: Final = 1_000
"""Steps between recordings that are learned from together: more than any detector takes for one."""


def _budget(text: str) -> str:
    if _BUDGET.fullmatch(text) is None:
        raise ValueError(f"'{text}' is no budget; write e.g. '1 per 1000 rows' or '2 per day'")
    return text


Budget: TypeAlias = Annotated[str, AfterValidator(_budget)]


class Normal(Settings):
    """Which rows are normal operation: all that is said must hold. Nothing said: every row."""

    column: str | None = Field(None, description="Column that is 1 in normal rows, 0 in others")
    periods: tuple[Period, ...] = Field((), description="Normal from, and to, as in `time`")
    first: str | None = Field(
        None, description="Only the beginning of each unit, e.g. '400 rows' or '2 h'"
    )
    but_columns: tuple[str, ...] = Field(
        (), description="Columns that are 1 in rows that never count: maintenance, changeover"
    )
    but_periods: tuple[Period, ...] = Field((), description="Never count from, and to")


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The rows of one unit, in order of time.

    name   of the unit
    rows   int64[n]: which rows of the table; repeated time stamps are left out
    time   int64[n]: ns, strictly rising
    """

    name: str
    rows: Indices
    time: Times

    def window(
        self, value: Values, names: tuple[str, ...], step: int, hold: int, chosen: Flags
    ) -> tuple[Window, Indices]:
        """The chosen rows of float64[rows of the table, k], with held rows in gaps of up to `hold`
        steps, and which row of the window each chosen row of the recording is, -1 for others."""
        place = np.full(len(self.rows), -1)
        kept = np.flatnonzero(chosen[self.rows])
        if not len(kept):
            return Window(np.zeros(0, np.int64), np.zeros((0, len(names))), names), place
        apart = np.diff(self.time[kept], append=self.time[kept[-1]])
        following = np.append(np.diff(kept) == 1, False)  # a row between that is not chosen: a gap
        steps = np.round(apart / step).astype(np.int64)
        copies = np.where(following & (steps > 1) & (steps <= hold), steps, 1)
        if copies.sum() > _MOST * len(kept) + 100_000:  # seldom recorded rows: nothing is a gap
            copies = np.where(copies <= _MOST, copies, 1)
        begins = np.cumsum(copies) - copies
        place[kept] = begins
        held = np.arange(int(copies.sum())) - np.repeat(begins, copies)
        length = np.repeat(apart // np.maximum(copies, 1), copies)
        time = np.repeat(self.time[kept], copies) + held * np.where(held > 0, length, 0)
        return Window(time, np.repeat(value[self.rows[kept]], copies, axis=0), names), place


def recordings(
    table: Table, unit: str | None, time: str | None, time_unit: TimeUnit
) -> tuple[list[Recording], int, Flags]:
    """The recordings of a table, the usual step (ns; 1 s without times), and the rows whose time
    stamp their unit had before. Raises `DataError` where a time is missing."""
    every = np.arange(table.rows)
    stamp = every * SECOND if time is None else stamps(table, time, time_unit)
    codes, names = table.codes(unit) if unit else (np.zeros(table.rows, np.int64), ("",))
    repeated = np.zeros(table.rows, np.bool_)
    found, gaps = [], []
    for number, name in enumerate(names):
        mine = every[codes == number]
        mine = mine[np.argsort(stamp[mine], kind="stable")]
        again = np.diff(stamp[mine], prepend=stamp[mine[0]] - 1) == 0
        repeated[mine[again]] = True
        mine = mine[~again]
        gaps.append(np.diff(stamp[mine]))
        found.append(Recording(name, mine, stamp[mine]))
    between = np.concatenate(gaps)
    step = int(np.median(between)) if len(between) else SECOND
    return found, step, repeated


def joined(parts: list[Window], step: int) -> Window:
    """Windows after each other, a long pause apart, so that each begins anew."""
    time, reached = [], 0
    for part in parts:
        if len(part):
            time.append(part.time - part.time[0] + reached)
            reached = int(time[-1][-1]) + _PAUSE * step
    value = np.concatenate([part.value for part in parts])
    return Window(np.concatenate([*time, np.zeros(0, np.int64)]), value, parts[0].names)


def normal_rows(
    normal: Normal, table: Table, found: list[Recording], time: str | None, time_unit: TimeUnit
) -> Flags:
    """bool[rows of the table]: which are normal operation."""
    chosen = np.zeros(table.rows, np.bool_)
    for recording in found:
        chosen[recording.rows] = _beginning(normal.first, recording, timed=time is not None)
    if normal.column is not None:
        chosen &= flags_of(table, normal.column)
    if normal.periods:
        chosen &= _within(normal.periods, table, time, time_unit, "normal.periods")
    for name in normal.but_columns:
        column = table.numbers(name)
        chosen &= ~flags_of(table, name) & np.isfinite(column)  # not known to be in operation
    if normal.but_periods:
        chosen &= ~_within(normal.but_periods, table, time, time_unit, "normal.but_periods")
    return chosen


def flags_of(table: Table, name: str) -> Flags:
    """A column of 0 and 1; unknown is 0. Raises `ConfigurationError` for anything else."""
    column = table.numbers(name)
    odd = np.flatnonzero(np.isfinite(column) & (column != 0) & (column != 1))
    if len(odd):
        raise ConfigurationError(
            f"column '{name}' of {table.where} must be 0 or 1 (false or true), found "
            f"{column[odd[0]]:g} in row {odd[0] + 1}"
        )
    return np.asarray(column == 1, np.bool_)


def budget_rate(budget: str, step: int, *, timed: bool) -> float:
    """The share of normal rows that may alarm, so that no more than `budget` alarms begin.

    Rows above the limit are at least as many as alarms that begin: it is on the safe side.
    """
    match = _BUDGET.fullmatch(budget)
    if match is None:
        raise ConfigurationError(f"false_alarms: '{budget}' is no budget")
    number = float(match[1])
    if match[3]:
        rate = number / max(int(match[3]), 1)
    elif not timed:
        raise ConfigurationError(
            f"false_alarms: '{budget}' needs to know how long a row is; name the `time` column, or "
            "write e.g. '1 per 1000 rows'"
        )
    else:
        rate = number * step / _SPANS[match[2]]
    if not 0 < rate < 0.5:
        raise ConfigurationError(
            f"false_alarms: '{budget}' is {rate:g} of all rows, must be above 0 and below 0.5"
        )
    return rate


def stamps(table: Table, name: str, unit: TimeUnit) -> Times:
    """int64[n], ns: a column of times or of numbers in `unit`. Raises `DataError` if one is
    missing."""
    column = table[name]
    if column.dtype.kind != "f":
        missing = np.flatnonzero(column == "")
        if not len(missing):
            return np.array([_moment(text, unit, f"column '{name}'") for text in column], np.int64)
    else:
        missing = np.flatnonzero(~np.isfinite(column))
        if not len(missing):
            if unit != "s" and np.abs(column).max(initial=0) * (UNITS[unit] / SECOND) > 1e10:
                raise ConfigurationError(
                    f"time_unit: '{unit}', but column '{name}' of {table.where} holds dates, whose "
                    "numbers are seconds; leave it out"
                )
            whole = np.floor(column)
            rest = np.round((column - whole) * UNITS[unit])
            return whole.astype(np.int64) * UNITS[unit] + rest.astype(np.int64)
    raise DataError(f"{table.where}: '{name}' is not known in row {missing[0] + 1}")


def _moment(value: Moment, unit: TimeUnit, where: str) -> int:
    if isinstance(value, float):
        return round(value * UNITS[unit])
    try:
        return parse_time(str(value))
    except ConfigurationError as error:
        raise error.at(where) from None


def _within(
    periods: tuple[Period, ...], table: Table, time: str | None, unit: TimeUnit, where: str
) -> Flags:
    if time is None:
        raise ConfigurationError(f"{where}: name the `time` column that these are times of")
    stamp = stamps(table, time, unit)
    inside = np.zeros(len(stamp), np.bool_)
    for start, end in periods:
        low, high = _moment(start, unit, where), _moment(end, unit, where)
        if low >= high:
            raise ConfigurationError(f"{where}: {start} to {end} ends before it begins")
        inside |= (stamp >= low) & (stamp < high)
    return inside


def _beginning(first: str | None, recording: Recording, *, timed: bool) -> Flags:
    if first is None:
        return np.ones(len(recording.rows), np.bool_)
    match = _FIRST_ROWS.fullmatch(first)
    if match is not None:
        return np.arange(len(recording.rows)) < int(match[1])
    try:
        length = parse_duration(first)
    except ConfigurationError:
        raise ConfigurationError(
            f"normal.first: '{first}' is neither rows nor a duration; write e.g. '400 rows', '2 h'"
        ) from None
    if not timed:
        raise ConfigurationError(f"normal.first: '{first}' needs a `time` column; or give rows")
    return np.asarray(recording.time < recording.time[0] + length, np.bool_)

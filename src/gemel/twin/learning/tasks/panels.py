"""From a table to series on one regular grid, as forecasters want them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Times, Values
from gemel.core.table import Table
from gemel.core.time import DAY, HOUR, MINUTE, SECOND, duration_text, isoformat, parse_duration
from gemel.parts.forecasters.base import Panel
from gemel.twin.learning.evaluation.splits import Indices
from gemel.twin.learning.tasks.recordings import UNITS, TimeUnit, stamps

__all__ = ["Gather", "Grid", "Series", "seasons_of", "series_of"]

Gather: TypeAlias = Literal["mean", "sum", "last"]

_MONTH: Final = 30 * DAY + 10 * HOUR + 30 * MINUTE
"""Months as rows of one length: a grid in ns has no other."""
_DATES: Final = 1e8
"""Seconds above this are dates since 1970, not the time since something began."""
_MOST: Final = 50
"""A grid may have so many times the rows of the table, and no more."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where rows stand: `begin` and `step` in ns, or months since year 0."""

    begin: int
    step: int
    form: Literal["month", "time", "number"]
    unit: int = 1
    """Of a column of plain numbers, ns."""

    def time(self, rows: Indices) -> Times:
        """int64[n], ns: of a panel."""
        if self.form == "month":
            return np.asarray(rows * _MONTH, np.int64)
        return np.asarray(self.begin + rows * self.step, np.int64)

    def label(self, rows: Indices) -> np.ndarray[Any, Any]:
        """As people write them: months, times, or numbers as the table has them."""
        if self.form == "month":
            months = (self.begin + rows).tolist()
            return np.array([f"{m // 12:04d}-{m % 12 + 1:02d}" for m in months])
        times = self.begin + rows * self.step
        if self.form == "number":
            return np.asarray(times / self.unit)
        return np.array([isoformat(int(time)) for time in times])


@dataclass(frozen=True, slots=True)
class Series:
    """What is known until the last row of any series, and covariates until later."""

    panel: Panel
    grid: Grid
    doubled: int
    """Rows that fell on a place of the grid that had one already."""

    def at(self, time: Times) -> Values:
        """What the first one was at steps, ns UTC, in the shape of `time`; NaN where unknown."""
        panel = self.panel
        place = np.minimum(np.searchsorted(panel.time, time), len(panel) - 1)
        return np.where(panel.time[place] == time, panel.value[0, place], np.nan)

    def ahead(self, horizon: int) -> np.ndarray[Any, Any]:
        """Labels of the rows after the last."""
        return self.grid.label(len(self.panel) + np.arange(horizon))


def series_of(
    table: Table, target: str, *, unit: str | None, time: str | None, time_unit: TimeUnit,
    step: str, gather: Gather, known: tuple[str, ...],
) -> Series:  # fmt: skip
    """The series of a table, one for each value of the column `unit`.

    Rows after the last known target are what is planned: only their `known` columns are used.
    Raises `ConfigurationError` or `DataError` that says which column or row is wrong.
    """
    value = table.numbers(target)
    if np.isinf(value).any():
        raise DataError(f"{table.where}: '{target}' is infinite in row {_first(np.isinf(value))}")
    place, grid = _placed(table, unit, time, time_unit, step)
    codes, names = table.codes(unit) if unit else (np.zeros(table.rows, np.int64), (target,))
    told = np.isfinite(value)
    if not told.any():
        raise DataError(f"{table.where}: column '{target}' has no value")
    rows, end = int(place.max()) + 1, int(place[told].max()) + 1
    if rows * len(names) > _MOST * table.rows + 10_000:
        raise DataError(
            f"{table.where}: {table.rows} rows for {rows:,} steps of {len(names)} series; is "
            f"`step` right? it is {_words(grid)}"
        )
    found, doubled = _gathered(value, codes, place, (len(names), rows), gather)
    covariates = [
        _gathered(table.numbers(name), codes * 0, place, (1, rows), "last")[0][0] for name in known
    ]
    panel = Panel(
        names, grid.time(np.arange(end)), found[:, :end],
        np.array(covariates).reshape(len(known), rows if known else 0), known,
    )  # fmt: skip
    return Series(panel, grid, doubled)


def seasons_of(grid: Grid, rows: int) -> tuple[int, ...]:
    """Seasons that the calendar gives, in rows, the shortest first: those seen three times."""
    if grid.form == "month":
        likely = [12]
    elif grid.form == "number" or grid.step < 30 * SECOND:
        likely = []
    else:
        likely = [span // grid.step for span in (DAY, 7 * DAY) if span % grid.step == 0]
        likely += [52] if grid.step == 7 * DAY else []
    return tuple(season for season in likely if 1 < season <= rows // 3)


def _placed(
    table: Table, unit: str | None, time: str | None, time_unit: TimeUnit, step: str
) -> tuple[Indices, Grid]:
    if time is None:
        if unit is not None:
            raise ConfigurationError("time: several series need a `time` column to stand together")
        if step:
            raise ConfigurationError(f"step: '{step}' needs a `time` column")
        return np.arange(table.rows), Grid(0, SECOND, "number", SECOND)
    stamp = stamps(table, time, time_unit)
    column = table[time]
    dates = column.dtype.kind != "f" or (time_unit == "s" and bool((column > _DATES).all()))
    apart = np.diff(np.unique(stamp))
    if not len(apart):
        raise DataError(f"{table.where}: all rows have one time, '{time}' does not tell them apart")
    usual = int(np.median(apart))
    if dates and (step == "month" or (not step and 27.5 * DAY < usual < 31.5 * DAY)):
        months = np.array([_month(t) for t in stamp.tolist()])
        return months - months.min(), Grid(int(months.min()), 1, "month")
    length = parse_duration(step) if step else usual
    if length <= 0:
        raise ConfigurationError(f"step: '{step}' must be longer than nothing")
    form: Literal["time", "number"] = "time" if dates else "number"
    per = 1 if dates else UNITS[time_unit]
    if length > 1.5 * usual:  # several rows in a step: what was measured in it belongs to it
        begin = int(stamp.min()) // length * length
        return (stamp - begin) // length, Grid(begin, length, form, per)
    # One row in a step: a clock that is a little early or late belongs to the nearest.
    begin = int(stamp.min())
    return np.round((stamp - begin) / length).astype(np.int64), Grid(begin, length, form, per)


def _gathered(
    value: Values, codes: Indices, place: Indices, shape: tuple[int, int], gather: Gather
) -> tuple[Values, int]:
    """float64[series,rows] of the known values, and how many met another one at their place."""
    told = np.flatnonzero(np.isfinite(value))
    at = codes[told] * shape[1] + place[told]
    count = np.bincount(at, minlength=shape[0] * shape[1])
    found = np.full(shape[0] * shape[1], np.nan)
    if gather == "last":
        found[at] = value[told]
    else:
        total = np.bincount(at, weights=value[told], minlength=len(found))
        some = count > 0
        found[some] = total[some] / (count[some] if gather == "mean" else 1)
    return found.reshape(shape), int(np.maximum(count - 1, 0).sum())


def _month(time: int) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)
    return moment.year * 12 + moment.month - 1


def _words(grid: Grid) -> str:
    return "a month" if grid.form == "month" else duration_text(grid.step)


def _first(wrong: Any) -> int:
    return int(np.flatnonzero(wrong)[0]) + 1

"""Logs of parts: a row for each part at each station, with the times of its begin and end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError, did_you_mean
from gemel.core.frame import Values
from gemel.core.table import Table
from gemel.runtime.tables import read_table
from gemel.twin.planning.side_by_side import Watched

__all__ = ["PartLog", "read_part_log"]

_COLUMNS = {
    "part": ("part", "part_id", "serial", "case", "case id", "case_id", "order", "unit"),
    "station": ("station", "machine", "resource", "activity", "work_center"),
    "begin": ("begin", "start", "started", "start_time", "start timestamp", "time_start"),
    "end": ("end", "done", "finished", "complete", "end_time", "complete timestamp", "time_end"),
}
_TOLERANCE_S = 1e-6
_WHOLE = 0.5


@dataclass(frozen=True, slots=True)
class PartLog:
    """A serial line, as it was logged.

    watched  times of the parts that passed all stations in their order, in the order of the last
    places   int64[m] that stand for the places: the most parts that were seen to wait
    left_out parts that did not pass all stations, or not in their order
    """

    watched: Watched
    places: npt.NDArray[np.int64]
    left_out: int


def read_part_log(path: Path) -> PartLog:
    """Columns `part`, `station`, `start` and `end`, or what is usual for them; times in seconds or
    ISO 8601. The stations are put in the order in which parts come to them.

    Raises `DataError` where they are not there, or where parts have ways of their own.
    """
    table = read_table(path)
    part, station = (_text(table, what) for what in ("part", "station"))
    begin, end = (table.numbers(_named(table, what)) for what in ("begin", "end"))
    known = np.isfinite(begin) & np.isfinite(end) & (part != "") & (station != "")
    part, station, begin, end = part[known], station[known], begin[known], end[known]
    if not len(begin):
        raise DataError(f"{path}: no row has a part, a station, a begin and an end")
    if (end < begin).any():
        i = int(np.argmax(end < begin))
        raise DataError(f"{path}: part '{part[i]}' ends at '{station[i]}' before it begins")
    names, at = np.unique(station, return_inverse=True)
    parts, which = np.unique(part, return_inverse=True)
    m, n = len(names), len(parts)
    times = np.full((2, m, n), np.nan)
    times[:, at, which] = begin, end
    order = np.argsort([_rank(times[0], i) for i in range(m)], kind="stable")
    begins, ends = times[0][order], times[1][order]
    good = np.isfinite(begins).all(axis=0) & np.isfinite(ends).all(axis=0)
    good &= (begins[1:] >= ends[:-1] - _TOLERANCE_S).all(axis=0)
    twice = len(begin) - int(np.isfinite(times[0]).sum())
    if good.mean() < _WHOLE or twice > len(begin) * (1 - _WHOLE):
        raise DataError(
            f"{path}: {int(good.sum()):,} of {n:,} parts pass the {m} stations once each and in "
            "one order; only logs of serial lines are replayed"
        )
    begins, ends = begins[:, good], ends[:, good]
    line_up = np.argsort(begins[0], kind="stable")
    begins, ends = begins[:, line_up] - begins[0].min(), ends[:, line_up] - begins[0].min()
    stations = tuple(str(names[i]) for i in order)
    left = _left(begins, ends)
    watched = Watched(stations, begins, ends, left)
    return PartLog(watched, _places(begins, ends), n - int(good.sum()))


def _named(table: Table, what: str) -> str:
    by_lower = {name.lower().strip(): name for name in table.columns}
    for name in _COLUMNS[what]:
        if name in by_lower:
            return by_lower[name]
    hint = did_you_mean(what, table.columns)
    raise DataError(
        f"{table.where} has no column for the {what}; name it '{_COLUMNS[what][0]}' ({hint})"
    )


def _text(table: Table, what: str) -> npt.NDArray[np.str_]:
    column = table[_named(table, what)]
    if column.dtype.kind != "f":
        return column
    return np.array([f"{v:g}" if np.isfinite(v) else "" for v in column.tolist()], np.str_)


def _rank(begins: Values, station: int) -> float:
    """Mean place of a station in the way of the parts."""
    seen = np.isfinite(begins[station])
    with np.errstate(invalid="ignore"):
        before = (begins[:, seen] < begins[station, seen]).sum(axis=0)
    return float(before.mean())


def _left(begins: Values, ends: Values) -> Values:
    """When each part left its station. A log does not say so: where the next part was there and was
    not taken up, the station was blocked until then."""
    m, _ = begins.shape
    left = ends.copy()
    for i in range(m):
        there = ends[i - 1, 1:] if i else np.full(begins.shape[1] - 1, -np.inf)
        free = np.maximum(ends[i, :-1], there)
        held = begins[i, 1:] > free + _TOLERANCE_S
        left[i, :-1][held] = begins[i, 1:][held]
        if i + 1 < m:
            left[i] = np.minimum(left[i], np.maximum(begins[i + 1], ends[i]))
    left[-1] = ends[-1]
    return left


def _places(begins: Values, ends: Values) -> npt.NDArray[np.int64]:
    """The most parts between two stations, that on the first one left out if it was blocked."""
    m, n = begins.shape
    found = np.full(m, -1, np.int64)
    for i in range(1, m):
        came = np.sort(ends[i - 1])
        gone = np.sort(begins[i])
        # Of those done before, when each is taken up: how many wait still, itself left out.
        waiting = np.searchsorted(came, gone + _TOLERANCE_S, side="right") - np.arange(n) - 1
        found[i] = max(int(waiting.max(initial=0)), 0)
    return found

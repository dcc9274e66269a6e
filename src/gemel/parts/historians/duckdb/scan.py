"""Rows out of logs: those that a question is about, and the marks that they leave.

One pass of compiled code over whole pieces of the file; commits without rows in the asked span of
time are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from gemel.parts.historians.base import Numbers
from gemel.parts.historians.duckdb.lanes import Last
from gemel.parts.historians.duckdb.log import COMMIT, HEADER, Commits, Log, columns_of

__all__ = ["SCHEMA", "choose", "latest", "marks", "warm_up"]

SCHEMA: Final = pa.schema(
    [
        ("signal", pa.int32()),
        ("time", pa.int64()),
        ("value", pa.float64()),
        ("quality", pa.int16()),
        ("commit", pa.int32()),
        ("late", pa.int32()),
    ]
)

Views = tuple[
    npt.NDArray[np.int32], npt.NDArray[np.int16], npt.NDArray[np.int64], npt.NDArray[np.float64]
]
"""The bytes of a piece, read as the numbers of each column."""


def choose(
    log: Log, commits: Commits, signals: Numbers | None, low: int, high: int
) -> Iterator[pa.RecordBatch]:
    """Rows of these commits with low <= time < high, of some signals or all; in the order in which
    they came, those of the late lane numbered within their commit, from 1."""
    wanted = np.zeros(0, np.bool_)
    if signals is not None:
        wanted = np.zeros(int(signals.max()) + 1 if len(signals) else 1, np.bool_)
        wanted[signals] = True
    for piece, data in log.pieces(_touched(commits, low, high)):
        found = _columns(int(piece["ordered"].sum() + piece["late"].sum()))
        count = _choose(_views(data), _places(piece), piece, wanted, low, high, *found)
        if count:
            columns = [pa.array(column[:count]) for column in found]
            yield pa.record_batch(columns, schema=SCHEMA)


def latest(
    log: Log, commits: Commits, signals: Numbers, low: int, high: int
) -> Iterator[pa.RecordBatch]:
    """Of the rows that `choose` gives, the one with the greatest time of each signal, and of these
    the one that came last."""
    size = int(signals.max()) + 1 if len(signals) else 0
    found = _columns(size)
    wanted = np.zeros(size, np.bool_)
    wanted[signals] = True
    has = np.zeros(size, np.bool_)
    for piece, data in log.pieces(_touched(commits, low, high)):
        _latest(_views(data), _places(piece), piece, wanted, low, high, has, *found)
    if has.any():
        columns = [pa.array(column[has]) for column in found]
        yield pa.record_batch(columns, schema=SCHEMA)


def marks(log: Log, commits: Commits, last: Last) -> None:
    """Move the marks by these commits, as they were moved when the rows came."""
    for piece, data in log.pieces(commits):
        _mark(_views(data), _places(piece), piece, last.time, last.value, last.quality)


def _touched(commits: Commits, low: int, high: int) -> Commits:
    return commits[(commits["low"] < high) & (commits["high"] >= low)]


def _columns(rows: int) -> list[npt.NDArray[Any]]:
    return [np.empty(rows, field.type.to_pandas_dtype()) for field in SCHEMA]


def _views(data: bytes) -> Views:
    return (
        np.frombuffer(data, np.int32), np.frombuffer(data, np.int16),
        np.frombuffer(data, np.int64), np.frombuffer(data, np.float64),
    )  # fmt: skip


def _places(commits: Commits) -> npt.NDArray[np.int64]:
    """int64[commits, 4]: index of the first signal, quality, time and value in its view."""
    columns = columns_of(commits["ordered"] + commits["late"])[:4]
    body = commits["offset"] + HEADER.size
    places = [(body + start) // size for start, size in zip(columns, (4, 2, 8, 8), strict=True)]
    return np.stack(places, axis=1)


@njit(nogil=True, cache=True)
def _choose(
    views: Any, places: Any, commits: Any, wanted: Any, low: int, high: int,
    signal: Any, time: Any, value: Any, quality: Any, commit: Any, late: Any,
) -> int:  # fmt: skip
    """Fill the columns; gives how many rows there are."""
    signals, qualities, times, values = views
    count = 0
    for c in range(len(commits)):
        a, b, d, e = places[c]
        ordered = commits[c].ordered
        for row in range(ordered + commits[c].late):
            s = signals[a + row]
            if len(wanted) and (s >= len(wanted) or not wanted[s]):
                continue
            t = times[d + row]
            if low <= t < high:
                signal[count] = s
                time[count] = t
                value[count] = values[e + row]
                quality[count] = qualities[b + row]
                commit[count] = commits[c].number
                late[count] = row - ordered + 1 if row >= ordered else 0
                count += 1
    return count


@njit(nogil=True, cache=True)
def _latest(
    views: Any, places: Any, commits: Any, wanted: Any, low: int, high: int, has: Any,
    signal: Any, time: Any, value: Any, quality: Any, commit: Any, late: Any,
) -> None:  # fmt: skip
    """Fill the columns, by signal number; `has` says which are filled."""
    signals, qualities, times, values = views
    for c in range(len(commits)):
        a, b, d, e = places[c]
        ordered = commits[c].ordered
        for row in range(ordered + commits[c].late):
            s = signals[a + row]
            if s >= len(wanted) or not wanted[s]:
                continue
            t = times[d + row]
            if low <= t < high and (not has[s] or t >= time[s]):
                has[s] = True
                signal[s] = s
                time[s] = t
                value[s] = values[e + row]
                quality[s] = qualities[b + row]
                commit[s] = commits[c].number
                late[s] = row - ordered + 1 if row >= ordered else 0


@njit(nogil=True, cache=True)
def _mark(
    views: Any, places: Any, commits: Any, last_time: Any, last_value: Any, last_quality: Any
) -> None:
    signals, qualities, times, values = views
    for c in range(len(commits)):
        a, b, d, e = places[c]
        ordered = commits[c].ordered
        for row in range(ordered + commits[c].late):
            s = signals[a + row]
            # A late row moves no mark; one of the mark's own time corrects what it shows.
            if row < ordered or times[d + row] == last_time[s]:
                last_time[s] = times[d + row]
                last_value[s] = values[e + row]
                last_quality[s] = qualities[b + row]


def warm_up() -> None:
    """Compile the kernels before the first question comes."""
    commits, none = np.zeros(1, COMMIT), np.zeros(0, np.bool_)
    views, places, columns = _views(bytes(HEADER.size)), _places(commits), _columns(1)
    _choose(views, places, commits, none, 0, 1, *columns)
    _latest(views, places, commits, none, 0, 1, none, *columns)
    _mark(views, places, commits, columns[1], columns[2], columns[3])

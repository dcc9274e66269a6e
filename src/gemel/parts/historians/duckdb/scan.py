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
from gemel.parts.historians.duckdb.log import COLUMNS, COMMIT, HEADER, Commits, Log, columns_of

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

_EACH: Final = np.zeros(0, np.bool_)
"""Not the last of each signal, but every row."""
Views = tuple[npt.NDArray[Any], ...]
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
        count = _choose(_views(data), _places(piece), piece, wanted, low, high, _EACH, *found)
        if count:
            columns = [pa.array(column[:count]) for column in found]
            yield pa.record_batch(columns, schema=SCHEMA)


def latest(
    log: Log, commits: Commits, signals: Numbers, low: int, high: int
) -> Iterator[pa.RecordBatch]:
    """Of the rows that `choose` gives, the one with the greatest time of each signal, and of these
    the one that came last."""
    if not len(signals):
        return
    size = int(signals.max()) + 1
    found = _columns(size)
    wanted = np.zeros(size, np.bool_)
    wanted[signals] = True
    has = np.zeros(size, np.bool_)
    for piece, data in log.pieces(_touched(commits, low, high)):
        _choose(_views(data), _places(piece), piece, wanted, low, high, has, *found)
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
    return tuple(np.frombuffer(data, kind) for kind in COLUMNS.values())


def _places(commits: Commits) -> npt.NDArray[np.int64]:
    """int64[commits, 4]: index of the first signal, quality, time and value in its view."""
    starts = columns_of(commits["ordered"] + commits["late"])
    body = commits["offset"] + HEADER.size
    kinds = COLUMNS.values()
    return np.stack([(body + s) // k.itemsize for s, k in zip(starts, kinds, strict=False)], axis=1)


@njit(nogil=True, cache=True)
def _choose(
    views: Any, places: Any, commits: Any, wanted: Any, low: int, high: int, has: Any,
    signal: Any, time: Any, value: Any, quality: Any, commit: Any, late: Any,
) -> int:  # fmt: skip
    """Fill the columns, and give how many rows there are: each row the next place; or, if there is
    a `has`, which says what is filled, the last of each signal the place of its number."""
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
            if not low <= t < high:
                continue
            place = count
            if len(has):
                if has[s] and t < time[s]:
                    continue
                has[s] = True
                place = s
            signal[place] = s
            time[place] = t
            value[place] = values[e + row]
            quality[place] = qualities[b + row]
            commit[place] = commits[c].number
            late[place] = row - ordered + 1 if row >= ordered else 0
            count += 1
    return count


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
    commits, none = np.zeros(1, COMMIT), _EACH
    views, places, columns = _views(bytes(HEADER.size)), _places(commits), _columns(1)
    _choose(views, places, commits, none, 0, 1, none, *columns)
    _mark(views, places, commits, columns[1], columns[2], columns[3])

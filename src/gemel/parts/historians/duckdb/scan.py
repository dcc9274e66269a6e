"""Rows out of logs: those that a question is about, and the marks that they leave.

One pass of compiled code over whole pieces of the file, 100 million rows a second; commits without
rows in the asked span of time are not read.
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
from gemel.parts.historians.duckdb.log import COMMIT, HEADER, Commits, Log

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
_HEADER_WORDS: Final = HEADER.size // 8
_ROW_WORDS: Final = 3


def choose(
    log: Log, commits: Commits, signals: Numbers | None, low: int, high: int
) -> Iterator[pa.RecordBatch]:
    """Rows of these commits with low <= time < high, of some signals or all; in the order in which
    they came, those of the late lane numbered within their commit, from 1."""
    wanted = np.zeros(0, np.bool_)
    if signals is not None:
        wanted = np.zeros(int(signals.max()) + 1 if len(signals) else 1, np.bool_)
        wanted[signals] = True
    for piece, words in log.pieces(_touched(commits, low, high)):
        found = _columns(int(piece["ordered"].sum() + piece["late"].sum()))
        count = _choose(words, words.view(np.float64), piece, wanted, low, high, *found)
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
    for piece, words in log.pieces(_touched(commits, low, high)):
        _latest(words, words.view(np.float64), piece, wanted, low, high, has, *found)
    if has.any():
        columns = [pa.array(column[has]) for column in found]
        yield pa.record_batch(columns, schema=SCHEMA)


def marks(log: Log, commits: Commits, last: Last) -> None:
    """Move the marks by these commits, as they were moved when the rows came."""
    for piece, words in log.pieces(commits):
        _mark(words, words.view(np.float64), piece, last.time, last.value, last.quality)


def _touched(commits: Commits, low: int, high: int) -> Commits:
    return commits[(commits["low"] < high) & (commits["high"] >= low)]


def _columns(rows: int) -> list[npt.NDArray[Any]]:
    return [np.empty(rows, field.type.to_pandas_dtype()) for field in SCHEMA]


@njit(nogil=True, cache=True)
def _choose(
    words: Any, floats: Any, commits: Any, wanted: Any, low: int, high: int,
    signal: Any, time: Any, value: Any, quality: Any, commit: Any, late: Any,
) -> int:  # fmt: skip
    """Fill the columns; gives how many rows there are."""
    count = 0
    for c in range(len(commits)):
        place = commits[c].offset // 8 + _HEADER_WORDS
        ordered = commits[c].ordered
        for row in range(ordered + commits[c].late):
            s = np.int32(words[place] & 0xFFFFFFFF)
            t = words[place + 1]
            if low <= t < high and (len(wanted) == 0 or (s < len(wanted) and wanted[s])):
                signal[count] = s
                time[count] = t
                value[count] = floats[place + 2]
                quality[count] = np.int16((words[place] >> 32) & 0xFFFF)
                commit[count] = commits[c].number
                late[count] = row - ordered + 1 if row >= ordered else 0
                count += 1
            place += _ROW_WORDS
    return count


@njit(nogil=True, cache=True)
def _latest(
    words: Any, floats: Any, commits: Any, wanted: Any, low: int, high: int, has: Any,
    signal: Any, time: Any, value: Any, quality: Any, commit: Any, late: Any,
) -> None:  # fmt: skip
    """Fill the columns, by signal number; `has` says which are filled."""
    for c in range(len(commits)):
        place = commits[c].offset // 8 + _HEADER_WORDS
        ordered = commits[c].ordered
        for row in range(ordered + commits[c].late):
            s = np.int32(words[place] & 0xFFFFFFFF)
            t = words[place + 1]
            if low <= t < high and s < len(wanted) and wanted[s] and (not has[s] or t >= time[s]):
                has[s] = True
                signal[s] = s
                time[s] = t
                value[s] = floats[place + 2]
                quality[s] = np.int16((words[place] >> 32) & 0xFFFF)
                commit[s] = commits[c].number
                late[s] = row - ordered + 1 if row >= ordered else 0
            place += _ROW_WORDS


@njit(nogil=True, cache=True)
def _mark(
    words: Any, floats: Any, commits: Any, last_time: Any, last_value: Any, last_quality: Any
) -> None:
    for c in range(len(commits)):
        place = commits[c].offset // 8 + _HEADER_WORDS
        ordered = commits[c].ordered
        for row in range(ordered + commits[c].late):
            s = np.int32(words[place] & 0xFFFFFFFF)
            # A late row moves no mark; one of the mark's own time corrects what it shows.
            if row < ordered or words[place + 1] == last_time[s]:
                last_time[s] = words[place + 1]
                last_value[s] = floats[place + 2]
                last_quality[s] = np.int16((words[place] >> 32) & 0xFFFF)
            place += _ROW_WORDS


def warm_up() -> None:
    """Compile the kernels before the first question comes."""
    commits = np.zeros(1, COMMIT)
    words, none = np.zeros(_HEADER_WORDS, np.int64), np.zeros(0, np.bool_)
    columns = _columns(1)
    _choose(words, words.view(np.float64), commits, none, 0, 1, *columns)
    _latest(words, words.view(np.float64), commits, none, 0, 1, none, *columns)
    _mark(words, words.view(np.float64), commits, columns[1], columns[2], columns[3])

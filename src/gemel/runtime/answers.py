"""Questions to history as people write them, and answers as people read them.

The command line and the API ask through this one page, so that both give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

import numpy as np
import pyarrow as pa

from gemel.core.errors import ConfigurationError
from gemel.core.time import parse_duration, parse_time
from gemel.parts.historians.base import Query, Store

__all__ = ["Question", "answer", "readable"]

_FIRST: Final = int(np.iinfo(np.int64).min) + 1
_LAST: Final = int(np.iinfo(np.int64).max) - 1


@dataclass(frozen=True, slots=True)
class Question:
    """What `gemel query` and GET /api/history take; times and durations as text."""

    signals: tuple[str, ...]
    start: str | None = None
    end: str | None = None
    every: str | None = None
    at: str | None = None
    as_of: str | None = None
    limit: int | None = None


def answer(store: Store, question: Question, now: int, naive: tzinfo) -> pa.Table:
    """Columns signal (path), time (ns), value or aggregates, quality, text, unit.

    `as_of` alone gives the values that were valid then, by what was known then. Raises
    `ConfigurationError` for what cannot be read, or a signal that does not exist.
    """
    q = question
    found = [store.catalogue.find(pattern) for pattern in q.signals]
    signals = np.unique(np.concatenate(found)).astype(np.int32)
    known = None if q.as_of is None else parse_time(q.as_of, naive, now)
    at = q.at if q.at or q.start or q.end or q.every else q.as_of
    if at is not None:
        return readable(store.at(signals, parse_time(at, naive, now), known), store)
    step = None if q.every is None else parse_duration(q.every)
    if step is not None and step <= 0:
        raise ConfigurationError(f"a step of {q.every} is too short")
    start = _FIRST if q.start is None else parse_time(q.start, naive, now)
    end = _LAST if q.end is None else parse_time(q.end, naive, now)
    if start > end:
        raise ConfigurationError(f"start {q.start} is after end {q.end}")
    return readable(store.query(Query(signals, start, end, step, known, q.limit)), store)


def readable(table: pa.Table, store: Store) -> pa.Table:
    """Numbers of signals become paths and units; codes become words in a column `text`."""
    catalogue = store.catalogue
    numbers = table.column("signal").to_numpy()
    distinct = np.unique(numbers)
    index = np.searchsorted(distinct, numbers)
    paths = pa.DictionaryArray.from_arrays(
        pa.array(index.astype(np.int32)), pa.array([catalogue[int(n)].path for n in distinct])
    )
    units = pa.DictionaryArray.from_arrays(
        pa.array(index.astype(np.int32)), pa.array([catalogue[int(n)].unit for n in distinct])
    )
    position = table.schema.get_field_index("signal")
    table = table.set_column(position, "signal", paths)
    if "value" in table.schema.names:
        coded = [int(n) for n in distinct if catalogue[int(n)].type != "number"]
        if coded:
            values = table.column("value").to_numpy()
            words: list[str | None] = [None] * len(values)
            for row in np.flatnonzero(np.isin(numbers, coded)):
                shown = catalogue.show(int(numbers[row]), float(values[row]))
                if shown is not None:
                    words[row] = str(shown).lower() if isinstance(shown, bool) else str(shown)
            table = table.append_column("text", pa.array(words, pa.string()))
    return table.append_column("unit", units)

"""Questions to all segments at once, closed and attached; each has a cursor of its own."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from gemel.parts.historians.base import Numbers, Query
from gemel.parts.historians.duckdb import questions
from gemel.parts.historians.duckdb.archive import Archive
from gemel.parts.historians.duckdb.attached import Attached
from gemel.parts.historians.duckdb.lanes import NO_MARK
from gemel.parts.historians.duckdb.questions import Source
from gemel.parts.historians.duckdb.sealing import Files

__all__ = ["Reader"]

LATEST: Final = int(np.iinfo(np.int64).max)


class Reader:
    """Answers questions; any thread may ask."""

    def __init__(self, files: Files, attached: Attached, archive: Archive) -> None:
        self._files = files
        self._attached = attached
        self._archive = archive

    def sources(self, start: int | None, end: int | None, as_of: int | None) -> list[Source]:
        """Where rows of start <= time < end, known by `as_of`, may lie.

        Asked within the gate, or while writing: or else a segment may be closed meanwhile.
        """
        low = NO_MARK if start is None else start
        high = LATEST if end is None else end
        return self._archive.sources(low, high, as_of) + self._attached.sources(as_of)

    def query(self, query: Query) -> pa.Table:
        """See `Store.query`."""
        with self._attached.gate.read():
            sources = self.sources(query.start, query.end, query.as_of)
            rows = questions.rows(sources, query.signals, query.start, query.end)
            if query.every is None:
                return self._ask(questions.raw(rows, query.limit), query.signals)
            any_late = any(s.late for s in sources)
            sql = questions.aggregate(rows, query.every, any_late)
            return self._ask(sql, query.signals).rename_columns({"step": "time"})

    def at(self, signals: Numbers, time: int, as_of: int | None) -> pa.Table:
        """See `Store.at`."""
        with self._attached.gate.read():
            start, head = self._begin(time, as_of)
            sources = [s for s in self.sources(None, time + 1, as_of) if s.segment >= start]
            rows = questions.rows(sources, signals, None, time + 1)
            if head:
                chosen = questions.chosen(signals)
                rows = (
                    f"(select * from {rows} union all "
                    f"select *, -1 as commit, 0 as late from {head} where {chosen})"
                )
            return self._ask(questions.latest(rows), signals)

    def sketch(self, signal: int, start: int, end: int, points: int) -> pa.Table:
        """See `Store.sketch`."""
        with self._attached.gate.read():
            sources = self.sources(start, end, None)
            numbers = np.array([signal], np.int32)
            rows = questions.rows(sources, numbers, start, end)
            any_late = any(s.late for s in sources)
            first = self._ask(questions.raw(rows, points + 1))
            if first.num_rows <= points:
                return first.drop_columns(["signal"])
            return self._ask(questions.sketch(rows, start, end, points, any_late))

    def _begin(self, time: int, as_of: int | None) -> tuple[int, str]:
        """The newest segment whose opening state is entirely valid at `time`: everything older is
        summed up in that state. Gives its number, and the table of the state."""
        for live in reversed(self._attached.segments):
            if live.head_last <= time and (as_of is None or live.opened <= as_of):
                return live.id, f"{live.alias}.head"
        for s in reversed(self._archive.segments):
            opened = int(s.known[0]) if len(s.known) else s.closed
            if s.head_last <= time and (as_of is None or opened <= as_of):
                return s.id, f"read_parquet('{self._files.head(s.id)}')"
        return 0, ""

    def _ask(self, sql: str, signals: Numbers | None = None) -> pa.Table:
        cursor = self._attached.engine.cursor()
        try:
            if signals is not None and len(signals) > questions.INLINE:
                cursor.register("wanted", pa.table({"signal": np.unique(signals)}))
            return cursor.sql(sql).to_arrow_table()
        finally:
            cursor.close()

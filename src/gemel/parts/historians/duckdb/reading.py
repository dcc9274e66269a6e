"""Questions to all segments at once: those in logs, and the closed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gemel.core.frame import Frame
from gemel.core.wire import to_batch
from gemel.parts.historians.base import Numbers, Query
from gemel.parts.historians.duckdb import questions
from gemel.parts.historians.duckdb.archive import Archive
from gemel.parts.historians.duckdb.engine import Engine
from gemel.parts.historians.duckdb.live import EVER
from gemel.parts.historians.duckdb.logs import Logs
from gemel.parts.historians.duckdb.questions import Source
from gemel.parts.historians.duckdb.sealing import Files

__all__ = ["Reader"]


class Reader:
    """Answers questions; any thread may ask."""

    def __init__(self, files: Files, engine: Engine, logs: Logs, archive: Archive) -> None:
        self._files = files
        self._engine = engine
        self._logs = logs
        self._archive = archive

    def query(self, query: Query) -> pa.Table:
        """See `Store.query`."""
        with self._logs.gate.read():
            scope = _Scope(query.signals, query.start, query.end, query.as_of)
            sources = self._sources(scope)
            rows = questions.rows(sources, scope.signals, scope.start, scope.end)
            if query.every is None:
                return self._ask(questions.raw(rows, query.limit), scope)
            any_late = any(s.late for s in sources)
            sql = questions.aggregate(rows, query.every, any_late)
            return self._ask(sql, scope).rename_columns({"step": "time"})

    def at(self, signals: Numbers, time: int, as_of: int | None) -> pa.Table:
        """See `Store.at`."""
        with self._logs.gate.read():
            scope = _Scope(signals, None, time + 1, as_of)
            start, head, tables = self._begin(time, as_of)
            sources = [s for s in self._sources(scope) if s.segment >= start]
            rows = questions.rows(sources, signals, None, time + 1)
            if head:
                chosen = questions.chosen(signals)
                rows = (
                    f"(select * from {rows} union all "
                    f"select *, -1 as commit, 0 as late from {head} where {chosen})"
                )
            for live in self._logs.segments:
                tables[live.name] = live.latest(signals, scope.low, scope.high, as_of)
            return self._ask(questions.latest(rows), scope, **tables)

    def sketch(self, signal: int, start: int, end: int, points: int) -> pa.Table:
        """See `Store.sketch`."""
        with self._logs.gate.read():
            scope = _Scope(np.array([signal], np.int32), start, end, None)
            sources = self._sources(scope)
            rows = questions.rows(sources, scope.signals, start, end)
            any_late = any(s.late for s in sources)
            first = self._ask(questions.raw(rows, points + 1), scope)
            if first.num_rows <= points:
                return first.drop_columns(["signal"])
            return self._ask(questions.sketch(rows, start, end, points, any_late), scope)

    def unknown(self, late: Frame, ordered: Sequence[Frame]) -> npt.NDArray[np.int64]:
        """Places of the rows of `late` that are equal to no stored row, to none of `ordered`, and
        to none before them. For who writes: no gate is needed."""
        low, high = int(late.time.min()), int(late.time.max())
        scope = _Scope(np.unique(late.signal), low, high + 1, None)
        place = pa.array(np.arange(len(late)))
        tables: dict[str, Any] = {
            "late_in": pa.Table.from_batches([to_batch(late)]).append_column("place", place)
        }
        stored = questions.rows(self._sources(scope), scope.signals, low, high + 1)
        if ordered:
            tables["ordered_in"] = pa.Table.from_batches([to_batch(f) for f in ordered])
            stored = (
                f"(select signal, time, value, quality from {stored} union all "
                "select * from ordered_in)"
            )
        same = (
            "s.signal = l.signal and s.time = l.time and s.quality = l.quality "
            "and s.value is not distinct from l.value"
        )
        sql = (
            "select min(place) as place from late_in l "
            f"where not exists (select 1 from {stored} s where {same}) "
            "group by signal, time, value, quality order by place"
        )
        return np.asarray(self._ask(sql, scope, **tables).column("place").to_numpy(), np.int64)

    def _sources(self, scope: _Scope) -> list[Source]:
        """Asked within the gate, or while writing: or else a segment may be closed meanwhile."""
        closed = self._archive.sources(scope.low, scope.high, scope.as_of)
        return closed + self._logs.sources(scope.as_of)

    def _begin(self, time: int, as_of: int | None) -> tuple[int, str, dict[str, pa.Table]]:
        """The newest segment whose opening state is entirely valid at `time`: everything older is
        summed up in that state. Gives its number, where the state is, and the table if it has to be
        given to the question."""
        for live in reversed(self._logs.segments):
            if live.head_last <= time and (as_of is None or live.opened <= as_of):
                return live.id, "head_in", {"head_in": live.head()}
        for s in reversed(self._archive.segments):
            opened = int(s.known[0]) if len(s.known) else s.closed
            if s.head_last <= time and (as_of is None or opened <= as_of):
                return s.id, f"read_parquet('{self._files.head(s.id)}')", {}
        return 0, "", {}

    def _ask(self, sql: str, scope: _Scope, **tables: Any) -> pa.Table:
        """Ask DuckDB, with the tables that the question names."""
        for live in self._logs.segments:
            if live.name not in tables:
                tables[live.name] = live.read(scope.signals, scope.low, scope.high, scope.as_of)
        if len(scope.signals) > questions.INLINE:
            tables["wanted"] = pa.table({"signal": np.unique(scope.signals)})
        return self._engine.ask(sql, tables)


class _Scope:
    """Which rows a question is about: start <= time < end of some signals, known at `as_of`."""

    def __init__(
        self, signals: Numbers, start: int | None, end: int | None, as_of: int | None
    ) -> None:
        self.signals, self.start, self.end, self.as_of = signals, start, end, as_of
        self.low = EVER[0] if start is None else start
        self.high = EVER[1] if end is None else end

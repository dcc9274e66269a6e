"""Commits: rows into the open segment, each in its lane, in one step with the positions."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError
from gemel.core.frame import Frame, Times, concatenate
from gemel.core.time import Clock
from gemel.core.wire import to_batch
from gemel.parts.historians.base import Receipt
from gemel.parts.historians.duckdb import questions
from gemel.parts.historians.duckdb.attached import Attached
from gemel.parts.historians.duckdb.lanes import NO_MARK, Last, sort
from gemel.parts.historians.duckdb.ledger import Sealed
from gemel.parts.historians.duckdb.reading import Reader
from gemel.parts.historians.duckdb.sealing import Files
from gemel.parts.historians.duckdb.segments import Live

__all__ = ["Writer"]


class Writer:
    """Writes commits and keeps the marks. Who calls it holds `Attached.writing`."""

    def __init__(
        self, catalogue: Catalogue, clock: Clock, attached: Attached, reader: Reader
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._attached = attached
        self._reader = reader
        self.last = Last()
        """The last row in order of every signal."""

    def recover(self, files: Files, closed: Sequence[Sealed]) -> None:
        """Read the marks from the newest segment, so that they cannot disagree with the disk."""
        engine, attached = self._attached.engine, self._attached.segments
        if attached:
            alias = attached[-1].alias
            self.last = engine.recover(f"{alias}.head", f"{alias}.sample", f"{alias}.late")
        elif closed:
            number = closed[-1].id
            rows = f"read_parquet('{files.rows(number)}')"
            self.last = engine.recover(
                f"read_parquet('{files.head(number)}')",
                f"(select * from {rows} where late = 0)",
                f"(select * from {rows} where late > 0)",
            )
        else:
            self.last = Last()
        self.last.grow(len(self._catalogue))

    def marks(self) -> Times:
        """See `Store.marks`."""
        self.last.grow(len(self._catalogue))
        return self.last.time[: len(self._catalogue)].copy()

    def commit(self, frames: Sequence[Frame]) -> Receipt:
        """See `Store.commit`; after an error of DuckDB the segments must be attached anew."""
        signals = len(self._catalogue)
        for frame in frames:
            if len(frame) and not 0 <= frame.signal.min() <= frame.signal.max() < signals:
                raise ConfigurationError("a frame has a signal number the catalogue never gave")
        live = self._attached.open
        number = live.next_commit
        known = max(self._clock(), live.known[-1] if live.known else NO_MARK)
        positions = {f.source: f.position for f in frames if f.position is not None}
        self.last.grow(signals)
        lanes = sort(frames, self.last)
        writer = self._attached.engine.writer
        writer.execute("begin")
        if lanes.in_order:
            self._attached.engine.insert(live, lanes.in_order)
        late = concatenate(lanes.late)
        stored_late = self._store_late(late, live, number) if len(late) else 0
        writer.execute(
            f"insert into {live.alias}.commits values ({number}, {known}, {live.rows}, ?)",
            (json.dumps(positions) if positions else None,),
        )
        writer.execute("commit")
        accepted = sum(len(batch) for batch in lanes.in_order)
        live.known.append(known)
        live.first_rows.append(live.rows)
        live.positions.update(positions)
        live.rows += accepted
        live.late += stored_late
        for frame in frames:
            if len(frame):
                live.widen(int(frame.time.min()), int(frame.time.max()))
        return Receipt(accepted, stored_late, lanes.repeated + len(late) - stored_late, positions)

    def _store_late(self, late: Frame, live: Live, number: int) -> int:
        """Store the late rows that are not equal to a stored one; gives how many."""
        low, high = int(late.time.min()), int(late.time.max())
        order = pa.array(np.arange(1, len(late) + 1, dtype=np.int32))
        table = pa.Table.from_batches([to_batch(late)]).append_column("late", order)
        signals = np.unique(late.signal)
        many = len(signals) > questions.INLINE
        writer = self._attached.engine.writer
        writer.register("late_in", table)
        if many:
            writer.register("wanted", pa.table({"signal": signals}))
        stored = questions.rows(self._reader.sources(low, high + 1, None), signals, low, high + 1)
        same = (
            "s.signal = l.signal and s.time = l.time and s.quality = l.quality "
            "and s.value is not distinct from l.value"
        )
        writer.execute(
            f"insert into {live.alias}.late "
            f"select signal, time, value, quality, {number}, min(late) as late from late_in l "
            f"where not exists (select 1 from {stored} s where {same}) "
            "group by signal, time, value, quality order by late"
        )
        kept = writer.sql(
            f"select signal, time, value, quality from {live.alias}.late "
            f"where commit = {number} order by late"
        ).to_arrow_table()
        writer.unregister("late_in")
        if many:
            writer.unregister("wanted")
        signal, time, value, quality = (kept.column(i).to_numpy() for i in range(4))
        corrects = self.last.time[signal] == time
        self.last.value[signal[corrects]] = value[corrects]
        self.last.quality[signal[corrects]] = quality[corrects]
        return int(kept.num_rows)

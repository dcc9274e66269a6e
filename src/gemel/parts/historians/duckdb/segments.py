"""The DuckDB side of a data folder: attached segments, one connection that writes.

An attached segment is a DuckDB file with these tables:

    info      opened, first_commit, head_last, positions     one row, written last: it is complete
    head      signal, time, value, quality                   state of every signal when it was made
    sample    signal, time, value, quality                   rows in order, in order of arrival
    late      signal, time, value, quality, commit, late     rows of the late lane
    commits   number, known, first_row, positions            one row a commit

Which commit a row of `sample` belongs to follows from its position in the table: `first_row` is the
position of the commit's first row. So every row has its time of knowing, at no cost per row.
"""

from __future__ import annotations

import contextlib
import json
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gemel.core.frame import Frame
from gemel.core.wire import to_batch
from gemel.parts.historians.duckdb.lanes import NO_MARK, Last
from gemel.parts.historians.duckdb.questions import Source

__all__ = ["Engine", "Gate", "Live", "log_of"]

_TABLES = (
    "create table {s}.info(opened bigint, first_commit int, head_last bigint, positions varchar)",
    "create table {s}.head(signal int, time bigint, value double, quality smallint)",
    # Not compressed: finding the best compression costs more than writing the rows, and Parquet
    # packs them better when the segment is closed. Three times the bytes, for an hour.
    "create table {s}.sample(signal int using compression uncompressed, "
    "time bigint using compression uncompressed, value double using compression uncompressed, "
    "quality smallint using compression uncompressed)",
    "create table {s}.late(signal int, time bigint, value double, quality smallint, "
    "commit int, late int)",
    "create table {s}.commits(number int, known bigint, first_row bigint, positions varchar)",
)


@dataclass(slots=True)
class Live:
    """An attached segment: the open one, or one that waits to be closed."""

    id: int
    path: Path
    opened: int
    first_commit: int
    head_last: int
    positions: dict[str, str] = field(default_factory=dict)
    """Last position of each connector, up to the last commit."""
    rows: int = 0
    late: int = 0
    first_time: int = int(np.iinfo(np.int64).max)
    last_time: int = NO_MARK
    known: list[int] = field(default_factory=list)
    first_rows: list[int] = field(default_factory=list)

    @property
    def alias(self) -> str:
        """Its name in SQL."""
        return f"s{self.id}"

    @property
    def next_commit(self) -> int:
        """Number of the next commit."""
        return self.first_commit + len(self.known)

    def size(self) -> int:
        """Bytes on disk, its log included."""
        files = self.path, log_of(self.path)
        return sum(p.stat().st_size for p in files if p.exists())

    def widen(self, low: int, high: int) -> None:
        """Include source times from `low` to `high`."""
        self.first_time = min(self.first_time, low)
        self.last_time = max(self.last_time, high)

    def source(self, as_of: int | None) -> Source | None:
        """Its rows for a question; None if none of them was known at `as_of`."""
        late = self.late > 0
        if as_of is None or not self.known or self.known[-1] <= as_of:
            return Source(self.id, self.alias, first_commit=self.first_commit, late=late)
        count = bisect_right(self.known, as_of)
        if count == 0:
            return None
        return Source(
            self.id,
            self.alias,
            first_commit=self.first_commit,
            upto=self.first_commit + count - 1,
            upto_row=self.first_rows[count],
            late=late,
        )

    def commits_of(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Commit numbers of rows of `sample`, by their position in the table."""
        place = np.searchsorted(np.array(self.first_rows, np.int64), positions, side="right")
        return (self.first_commit + place - 1).astype(np.int32)


class Gate:
    """Many readers, or one that detaches."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0

    @contextlib.contextmanager
    def read(self) -> Iterator[None]:
        """While reading; several threads may."""
        with self._condition:
            self._readers += 1
        try:
            yield
        finally:
            with self._condition:
                self._readers -= 1
                self._condition.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody reads."""
        with self._condition:
            self._condition.wait_for(lambda: self._readers == 0)
            yield


class Engine:
    """One DuckDB instance; `writer` is used by one thread at a time, each reader has a cursor."""

    def __init__(self, folder: Path, memory: str, *, read_only: bool) -> None:
        self._read_only = read_only
        self._instance = duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "memory_limit": memory,
                "temp_directory": str(folder / "tmp"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": True,
            },
        )
        self.writer = self._instance.cursor()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection for one question."""
        return self._instance.cursor()

    def close(self) -> None:
        """Close the instance; what was committed is on disk already."""
        self.writer.close()
        self._instance.close()

    def attach(self, path: Path) -> Live | None:
        """Attach a segment. None if it was never completed; raises `duckdb.Error` if damaged."""
        number = int(path.stem)
        alias = f"s{number}"
        option = " (read_only)" if self._read_only else ""
        self.writer.execute(f"attach '{_quoted(path)}' as {alias}{option}")
        try:
            info = self.writer.execute(f"select * from {alias}.info").fetchone()
        except duckdb.CatalogException:
            info = None
        if info is None:
            self.writer.execute(f"detach {alias}")
            return None
        opened, first_commit, head_last, positions = info
        live = Live(number, path, opened, first_commit, head_last, json.loads(positions))
        counted = self.writer.execute(
            f"select count(*), min(time), max(time) from {alias}.sample "
            f"union all select count(*), min(time), max(time) from {alias}.late"
        ).fetchall()
        live.rows, live.late = counted[0][0], counted[1][0]
        for _, low, high in counted:
            if low is not None:
                live.widen(low, high)
        commits = self.writer.execute(
            f"select known, first_row, positions from {alias}.commits order by number"
        ).fetchall()
        for known, first_row, told in commits:
            live.known.append(known)
            live.first_rows.append(first_row)
            live.positions.update(json.loads(told) if told else {})
        return live

    def create(self, live: Live, last: Last) -> None:
        """Make the file of a new segment, complete or not at all."""
        signals = last.known()
        columns = last.time[signals], last.value[signals], last.quality[signals]
        head = to_batch(Frame.of(signals, *columns))
        writer = self.writer
        writer.execute(f"attach '{_quoted(live.path)}' as {live.alias}")
        writer.execute("begin")
        for table in _TABLES:
            writer.execute(table.format(s=live.alias))
        writer.register("head_rows", pa.Table.from_batches([head]))
        writer.execute(f"insert into {live.alias}.head select * from head_rows")
        writer.execute(
            f"insert into {live.alias}.info values (?, ?, ?, ?)",
            (live.opened, live.first_commit, live.head_last, json.dumps(live.positions)),
        )
        writer.execute("commit")
        writer.unregister("head_rows")

    def detach(self, live: Live) -> None:
        """Let go of a segment's file."""
        self.writer.execute(f"detach {live.alias}")

    def insert(self, live: Live, batches: Sequence[pa.RecordBatch]) -> None:
        """Append rows in order, within the writer's transaction."""
        self.writer.register("rows_in", pa.Table.from_batches(batches))
        self.writer.execute(f"insert into {live.alias}.sample select * from rows_in")
        self.writer.unregister("rows_in")

    def recover(self, head: str, ordered: str, late: str) -> Last:
        """The marks out of the rows themselves, so that they cannot disagree with the disk."""
        columns = "signal, time, value, quality"
        marks = f"select {columns} from {head} union all select {columns} from {ordered}"
        # Rows in order never share a time, so the latest is unique; a correction at the same time
        # came through the late lane, with a higher commit, and replaces the value.
        sql = (
            f"with mark as (select signal, max(time) as time from ({marks}) group by signal), "
            f"candidate as (select *, 0 as commit, 0 as late from ({marks}) "
            f"union all select {columns}, commit, late from {late}) "
            "select signal, time, max_by(value, {'a': commit, 'b': late}), "
            "max_by(quality, {'a': commit, 'b': late}) "
            "from candidate semi join mark using (signal, time) group by signal, time"
        )
        last = Last()
        table = self.writer.sql(sql).to_arrow_table()
        if table.num_rows:
            last.put(*(table.column(i).to_numpy() for i in range(4)))
        return last


def log_of(path: Path) -> Path:
    """Where DuckDB keeps the write-ahead log of a file."""
    return path.with_name(path.name + ".wal")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

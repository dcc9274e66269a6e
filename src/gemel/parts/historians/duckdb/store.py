"""The store: commits, rotation, recovery and questions over one data folder.

One DuckDB instance holds the open segment, and for a moment the one being closed, as attached
databases; one connection writes, each question has a cursor of its own. Whatever happens in
between, the folder on disk is always one that `__init__` can open: recovery is the normal start.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import duckdb
import numpy as np
import pyarrow as pa

from gemel.core.errors import ConfigurationError, Damaged, StorageFull, Unavailable
from gemel.core.event import Event
from gemel.core.frame import Frame, Times, concatenate
from gemel.core.time import SECOND, Clock
from gemel.core.wire import SCHEMA, to_batch
from gemel.parts.historians.base import Numbers, Query, Receipt
from gemel.parts.historians.duckdb import questions
from gemel.parts.historians.duckdb.lanes import IN_ORDER, LATE, NO_MARK, Last, split, warm_up
from gemel.parts.historians.duckdb.ledger import Ledger, Sealed
from gemel.parts.historians.duckdb.questions import Source
from gemel.parts.historians.duckdb.sealing import (
    SEALED_SCHEMA,
    blocks_of,
    damaged_blocks,
    salvage,
    sync_folder,
    write_parquet,
)

if TYPE_CHECKING:
    from gemel.parts.historians.duckdb import DuckDB

__all__ = ["DuckDBStore"]

log = logging.getLogger("gemel.history")

AHEAD = 5 * SECOND
"""A source time further ahead of its arrival than this never moves a mark."""

_TABLES = (
    "create table {s}.info(opened bigint, first_commit bigint, head_last bigint)",
    "create table {s}.head(signal int, time bigint, value double, quality smallint)",
    "create table {s}.sample(signal int, time bigint, value double, quality smallint, commit int)",
    "create table {s}.late(signal int, time bigint, value double, quality smallint, "
    "commit int, late int)",
    "create table {s}.commits(number int, known bigint)",
    "create table {s}.position(connector varchar primary key, token varchar)",
)


@dataclass(slots=True)
class Live:
    """An attached segment: the open one, or one that waits to be closed."""

    id: int
    path: Path
    opened: int
    first_commit: int
    head_last: int
    rows: int = 0
    late: int = 0
    first_time: int = int(np.iinfo(np.int64).max)
    last_time: int = NO_MARK
    known: list[int] = field(default_factory=list)

    @property
    def alias(self) -> str:
        return f"s{self.id}"

    @property
    def next_commit(self) -> int:
        return self.first_commit + len(self.known)

    def size(self) -> int:
        """Bytes on disk, its log included."""
        log = self.path.with_name(self.path.name + ".wal")
        return sum(p.stat().st_size for p in (self.path, log) if p.exists())

    def widen(self, low: int, high: int) -> None:
        """Include source times from `low` to `high`."""
        self.first_time = min(self.first_time, low)
        self.last_time = max(self.last_time, high)


class _Gate:
    """Many readers, or one that detaches."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0

    @contextlib.contextmanager
    def read(self) -> Iterator[None]:
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
        with self._condition:
            self._condition.wait_for(lambda: self._readers == 0)
            yield


class DuckDBStore:
    """See `gemel.parts.historians.base.Store`."""

    def __init__(self, settings: DuckDB, folder: Path, clock: Clock, *, read_only: bool) -> None:
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._read_only = read_only
        self._segments = folder / "segments"
        self._reserve = folder / "reserve"
        self._lock_file: IO[str] | None = None
        self._write = threading.RLock()
        self._gate = _Gate()
        self._sealer = ThreadPoolExecutor(1, "gemel.seal")
        self._sealing: list[Future[None]] = []
        self._live: list[Live] = []
        self._sealed: list[Sealed] = []
        self._verified: set[int] = set()
        self._last = Last()
        self._stopping = False

    # Life

    def __enter__(self) -> DuckDBStore:
        if self._read_only and not (self._folder / "ledger.sqlite").exists():
            raise ConfigurationError(
                f"{self._folder} has no history; give the folder of `gemel run --data` or "
                "`gemel replay --data`"
            )
        if not self._read_only:
            self._segments.mkdir(parents=True, exist_ok=True)
        self._lock()
        try:
            self._ledger = Ledger(
                self._folder / "ledger.sqlite", self._reserve, read_only=self._read_only
            )
            self.catalogue = self._ledger.catalogue()
            if not self._read_only:
                warm_up()
                self._hold_reserve()
            self._start_engine()
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._sealer.shutdown(wait=True, cancel_futures=True)
        with self._write:
            if not self._read_only:
                self._store_catalogue()
            self._stop_engine()
            self._ledger.close()
        self._unlock()

    def _lock(self) -> None:
        path = self._folder / "lock"
        if self._read_only and not os.access(self._folder, os.W_OK):
            return  # a read-only medium: nobody can be writing
        self._lock_file = path.open("a+")
        mode = fcntl.LOCK_SH if self._read_only else fcntl.LOCK_EX
        try:
            fcntl.flock(self._lock_file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.close()
            self._lock_file = None
            raise Unavailable(
                f"{self._folder} is in use by another Gemel process; stop it, or ask it through "
                "its address in run.json"
            ) from None

    def _unlock(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()

    def _hold_reserve(self) -> None:
        size = self._settings.reserve
        if self._reserve.exists() or self._free() < self._settings.keep_free + size:
            return
        with self._reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, size))

    def _free(self) -> int:
        return shutil.disk_usage(self._folder).free

    # Recovery

    def _start_engine(self) -> None:
        self._engine = duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "memory_limit": self._settings.memory,
                "temp_directory": str(self._folder / "tmp"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": True,
            },
        )
        self._writer = self._engine.cursor()
        self._live = []
        self._sealed = self._ledger.segments()
        self._check_sealed()
        sealed = {s.id for s in self._sealed}
        for path in sorted(self._segments.glob("*.duckdb")):
            number = int(path.stem)
            if number in sealed:
                self._unlink(path)
            elif (live := self._attach(path)) is not None:
                self._live.append(live)
        if self._read_only:
            return
        for leftover in self._segments.glob("*.tmp"):
            leftover.unlink()
        self._recover_last()
        if not self._live:
            self._create()
        for live in self._live[:-1]:
            self._seal_later(live)

    def _stop_engine(self) -> None:
        with self._gate.alone():
            with contextlib.suppress(duckdb.Error):
                for live in self._live:
                    self._writer.execute(f"detach {live.alias}")
            self._writer.close()
            self._engine.close()

    def _unlink(self, path: Path) -> None:
        if not self._read_only:
            path.unlink(missing_ok=True)
            path.with_name(path.name + ".wal").unlink(missing_ok=True)

    def _attach(self, path: Path) -> Live | None:
        """Attach a segment; None if it held nothing yet, or could not be read and was set aside."""
        number = int(path.stem)
        alias = f"s{number}"
        option = " (read_only)" if self._read_only else ""
        quoted = str(path).replace("'", "''")
        try:
            self._writer.execute(f"attach '{quoted}' as {alias}{option}")
        except duckdb.Error as error:
            return self._without_log(path, error)
        try:
            info = self._writer.execute(f"select * from {alias}.info").fetchone()
            if info is None:
                raise duckdb.CatalogException("no info")
        except duckdb.CatalogException:
            # Killed while it was made: it never held a row.
            self._writer.execute(f"detach {alias}")
            self._unlink(path)
            return None
        live = Live(number, path, *info)
        counted = self._writer.execute(
            f"select count(*), min(time), max(time) from {alias}.sample "
            f"union all select count(*), min(time), max(time) from {alias}.late"
        ).fetchall()
        live.rows, live.late = counted[0][0], counted[1][0]
        for _, low, high in counted:
            if low is not None:
                live.widen(low, high)
        known = self._writer.execute(
            f"select known from {alias}.commits order by number"
        ).fetchall()
        live.known = [row[0] for row in known]
        return live

    def _without_log(self, path: Path, error: duckdb.Error) -> Live | None:
        """A segment that cannot be attached: try without its damaged log, else set it aside."""
        if self._read_only:
            raise Damaged(f"{path} cannot be read: {error}") from None
        quarantine = self._folder / "quarantine"
        quarantine.mkdir(exist_ok=True)
        wal = path.with_name(path.name + ".wal")
        first = str(error).splitlines()[0]
        if wal.exists():
            wal.rename(quarantine / wal.name)
            self._damage(path.stem, f"its log is damaged and was set aside: {first}")
            return self._attach(path)
        path.rename(quarantine / path.name)
        self._damage(path.stem, f"it is damaged and was set aside: {first}")
        return None

    def _damage(self, segment: str, what: str) -> None:
        log.error("segment %s: %s", segment, what)
        now = self._clock()
        event = Event("damage", f"segment/{segment}", now, "historian", now, payload={"what": what})
        self._ledger.record([event])

    def _check_sealed(self) -> None:
        """Closed segments whose file is missing or shorter than it was are dealt with at once;
        the checksums are compared when a segment is first asked."""
        for segment in tuple(self._sealed):
            path = self._parquet(segment.id)
            size = path.stat().st_size if path.exists() else -1
            if size != segment.size and not self._read_only:
                self._repair(segment)

    def _recover_last(self) -> None:
        """The marks, from the rows themselves: they cannot disagree with what is on disk."""
        self._last = Last()
        self._last.grow(len(self.catalogue))
        if self._live:
            live = self._live[-1]
            head, ordered = f"{live.alias}.head", f"{live.alias}.sample"
            late = f"{live.alias}.late"
        elif self._sealed:
            id = self._sealed[-1].id
            head = f"read_parquet('{self._head(id)}')"
            whole = f"read_parquet('{self._parquet(id)}')"
            ordered, late = (
                f"(select * from {whole} where late = 0)",
                f"(select * from {whole} where late > 0)",
            )
        else:
            return
        columns = "signal, time, value, quality"
        marks = (
            f"select {columns}, -1 as commit, 0 as late from {head} "
            f"union all select {columns}, commit, 0 from {ordered}"
        )
        # Rows in order never share a time, so the latest is unique; a correction at the same time
        # came through the late lane and replaces the value.
        sql = (
            f"with mark as (select signal, max(time) as time from ({marks}) group by signal), "
            f"candidate as ({marks} union all select {columns}, commit, late from {late}) "
            "select signal, time, max_by(value, {'a': commit, 'b': late}), "
            "max_by(quality, {'a': commit, 'b': late}) "
            "from candidate semi join mark using (signal, time) group by signal, time"
        )
        table = self._writer.sql(sql).to_arrow_table()
        if table.num_rows:
            self._last.put(*(table.column(i).to_numpy() for i in range(4)))

    # Segments

    def _parquet(self, id: int) -> Path:
        return self._segments / f"{id:06d}.parquet"

    def _head(self, id: int) -> Path:
        return self._segments / f"{id:06d}.head.parquet"

    def _create(self) -> Live:
        """A new open segment that begins with the state of every signal."""
        ids = [s.id for s in self._sealed] + [live.id for live in self._live]
        number = max(ids, default=0) + 1
        if self._live:
            first_commit = self._live[-1].next_commit
        elif self._sealed:
            first_commit = self._sealed[-1].first_commit + len(self._sealed[-1].known)
        else:
            first_commit = 1
        path = self._segments / f"{number:06d}.duckdb"
        alias = f"s{number}"
        signals = self._last.known()
        head_last = int(self._last.time[signals].max()) if len(signals) else NO_MARK
        live = Live(number, path, self._clock(), first_commit, head_last)
        head = to_batch(
            Frame.of(
                signals,
                self._last.time[signals],
                self._last.value[signals],
                self._last.quality[signals],
            )
        )
        quoted = str(path).replace("'", "''")
        self._writer.execute(f"attach '{quoted}' as {alias}")
        self._writer.execute("begin")
        for table in _TABLES:
            self._writer.execute(table.format(s=alias))
        self._writer.register("head_rows", pa.Table.from_batches([head]))
        self._writer.execute(f"insert into {alias}.head select * from head_rows")
        if self._live:
            old = self._live[-1].alias
            self._writer.execute(f"insert into {alias}.position select * from {old}.position")
        self._writer.execute(
            f"insert into {alias}.info values (?, ?, ?)",
            (live.opened, first_commit, head_last),
        )
        self._writer.execute("commit")
        self._writer.unregister("head_rows")
        sync_folder(self._segments)
        self._live.append(live)
        return live

    def _rotate_if_due(self) -> None:
        live = self._live[-1]
        settings = self._settings
        rows = live.rows + live.late
        if rows and (
            rows >= settings.segment_rows
            or self._clock() - live.opened >= settings.segment_age
            or (len(live.known) % 64 == 0 and live.size() >= settings.segment_bytes)
        ):
            self._rotate()

    def _rotate(self) -> None:
        old = self._live[-1]
        self._create()
        self._seal_later(old)

    def _seal_later(self, live: Live) -> None:
        self._sealing = [f for f in self._sealing if not f.done()]
        self._sealing.append(self._sealer.submit(self._seal, live))

    def seal(self) -> None:
        """Close the open segment now, and wait until everything closed is on disk as Parquet."""
        with self._write:
            if self._live[-1].rows + self._live[-1].late:
                self._rotate()
        for future in tuple(self._sealing):
            future.result()

    def _seal(self, live: Live) -> None:
        try:
            sealed = self._write_sealed(live)
        except (duckdb.Error, OSError, StorageFull) as error:
            if not self._stopping:
                log.warning("segment %06d stays open: %s", live.id, str(error).splitlines()[0])
            return
        with self._write, self._gate.alone():
            self._sealed.append(sealed)
            self._sealed.sort(key=lambda s: s.id)
            self._verified.add(sealed.id)
            self._live.remove(live)
            self._writer.execute(f"detach {live.alias}")
        self._unlink(live.path)
        self._expire()

    def _write_sealed(self, live: Live) -> Sealed:
        cursor = self._engine.cursor()
        try:
            head = cursor.sql(f"select * from {live.alias}.head order by signal")
            write_parquet(
                self._head(live.id), SCHEMA, head.to_arrow_table().cast(SCHEMA).to_batches()
            )
            source = questions.rows([Source(alias=live.alias)], None, None, None)
            ordered = cursor.sql(f"select * from {source} order by signal, time, commit, late")
            reader = ordered.to_arrow_reader(262_144)
            write_parquet(
                self._parquet(live.id),
                SEALED_SCHEMA,
                (b.cast(SEALED_SCHEMA) for b in self._unless_stopping(reader)),
            )
        finally:
            cursor.close()
        path = self._parquet(live.id)
        blocks, footer = blocks_of(path)
        empty = live.rows + live.late == 0
        sealed = Sealed(
            id=live.id,
            rows=live.rows + live.late,
            late=live.late,
            size=path.stat().st_size,
            first_time=None if empty else live.first_time,
            last_time=None if empty else live.last_time,
            head_last=live.head_last,
            first_commit=live.first_commit,
            known=np.array(live.known, np.int64),
            blocks=blocks,
            footer=footer,
            closed=self._clock(),
        )
        self._ledger.add_segment(sealed)
        return sealed

    def _unless_stopping(self, reader: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in reader:
            if self._stopping:
                raise StorageFull("stopping; it is closed at the next start")
            yield batch

    def _expire(self) -> None:
        """Remove closed segments by age and by size, oldest first."""
        settings = self._settings
        oldest_kept = self._clock() - settings.keep_age if settings.keep_age else None
        total = sum(s.size for s in self._sealed)
        while self._sealed:
            first = self._sealed[0]
            old = oldest_kept is not None and (first.last_time or first.closed) < oldest_kept
            large = settings.keep_bytes is not None and total > settings.keep_bytes
            if not old and not large:
                return
            self._ledger.remove_segment(first.id)
            with self._gate.alone():
                self._sealed.pop(0)
            total -= first.size
            self._parquet(first.id).unlink(missing_ok=True)
            self._head(first.id).unlink(missing_ok=True)

    # Damage

    def _repair(self, segment: Sealed) -> None:
        """Set a damaged closed segment aside and keep its sound row groups."""
        path = self._parquet(segment.id)
        quarantine = self._folder / "quarantine"
        sound: pa.Table | None = None
        lost = segment.rows
        if path.exists():
            bad = damaged_blocks(path, segment.blocks, segment.footer)
            if bad is None:
                return
            with contextlib.suppress(Damaged):
                sound = salvage(path, quarantine, segment.blocks, segment.footer, bad)
            lost -= 0 if sound is None else sound.num_rows
        what = f"{lost} of {segment.rows} rows failed their check and were set aside"
        self._damage(f"{segment.id:06d}", what)
        table = sound if sound is not None else SEALED_SCHEMA.empty_table()
        write_parquet(path, SEALED_SCHEMA, table.cast(SEALED_SCHEMA).to_batches())
        blocks, footer = blocks_of(path)
        repaired = Sealed(
            id=segment.id,
            rows=table.num_rows,
            late=segment.late,
            size=path.stat().st_size,
            first_time=segment.first_time,
            last_time=segment.last_time,
            head_last=segment.head_last,
            first_commit=segment.first_commit,
            known=segment.known,
            blocks=blocks,
            footer=footer,
            closed=segment.closed,
            damaged=what,
        )
        self._ledger.add_segment(repaired)
        self._sealed[self._sealed.index(segment)] = repaired

    def _verify(self, segment: Sealed) -> Sealed:
        """Compare the checksums of a closed segment, once in the life of the store."""
        if segment.id in self._verified:
            return segment
        path = self._parquet(segment.id)
        bad = damaged_blocks(path, segment.blocks, segment.footer) if path.exists() else []
        if bad is not None:
            if self._read_only:
                raise Damaged(f"{path} fails its check; start Gemel on {self._folder} to mend it")
            with self._write:
                self._repair(segment)
            segment = next(s for s in self._sealed if s.id == segment.id)
        self._verified.add(segment.id)
        return segment

    # Writing

    def commit(self, frames: Sequence[Frame]) -> Receipt:
        """See `Store.commit`."""
        with self._write:
            frame = concatenate(frames)
            positions = {f.source: f.position for f in frames if f.position is not None}
            if len(frame) and self._free() < self._settings.keep_free:
                raise StorageFull(
                    f"less than {self._settings.keep_free // 1024**2} MiB free in "
                    f"{self._folder}; samples are not stored until there is room"
                )
            try:
                receipt = self._commit(frames, frame, positions)
                self._rotate_if_due()
            except (duckdb.Error, OSError) as error:
                raise self._reopened(error) from None
            return receipt

    def _reopened(self, error: Exception) -> Exception:
        """After a failed write DuckDB answers nothing until it is opened again."""
        self._stop_engine()
        self._start_engine()
        text = str(error).splitlines()[0]
        if "space" in text.lower() or getattr(error, "errno", None) == 28:
            return StorageFull(f"no room in {self._folder}: {text}")
        return Unavailable(f"history could not be written: {text}")

    def _commit(self, frames: Sequence[Frame], frame: Frame, positions: dict[str, str]) -> Receipt:
        n = len(frame)
        self._store_catalogue()
        if n and (int(frame.signal.max()) >= len(self.catalogue) or int(frame.signal.min()) < 0):
            raise ConfigurationError("a frame has a signal number that the catalogue never gave")
        live = self._live[-1]
        number = live.next_commit
        known = max(self._clock(), live.known[-1] if live.known else NO_MARK)
        lane = np.empty(n, np.uint8)
        self._last.grow(len(self.catalogue))
        last = self._last
        # A frame without arrival time (0) comes from a file: nothing in it is 'from the future'.
        limits = [f.received + AHEAD if f.received else np.iinfo(np.int64).max for f in frames]
        horizon = np.repeat(np.array(limits, np.int64), [len(f) for f in frames])
        columns = (frame.signal, frame.time, frame.value, frame.quality)
        in_order, late, repeated = split(
            *columns, horizon, last.time, last.value, last.quality, lane
        )
        batch = to_batch(frame)
        writer = self._writer
        writer.execute("begin")
        if in_order:
            table = batch if in_order == n else batch.filter(pa.array(lane == IN_ORDER))
            writer.register("rows_in", pa.Table.from_batches([table]))
            writer.execute(f"insert into {live.alias}.sample select *, {number} from rows_in")
            writer.unregister("rows_in")
        stored_late = 0
        if late:
            stored_late = self._store_late(frame[lane == LATE], live, number)
        for connector, token in positions.items():
            writer.execute(
                f"insert or replace into {live.alias}.position values (?, ?)",
                (connector, token),
            )
        writer.execute(f"insert into {live.alias}.commits values ({number}, {known})")
        writer.execute("commit")
        live.known.append(known)
        live.rows += in_order
        live.late += stored_late
        if n:
            live.widen(int(frame.time.min()), int(frame.time.max()))
        return Receipt(in_order, stored_late, repeated + late - stored_late, positions)

    def _store_late(self, late: Frame, live: Live, number: int) -> int:
        """Store the late rows that are not equal to a stored one; gives how many."""
        low, high = int(late.time.min()), int(late.time.max())
        table = pa.Table.from_batches([to_batch(late)]).append_column(
            "late", pa.array(np.arange(1, len(late) + 1, dtype=np.int32))
        )
        signals = np.unique(late.signal)
        sources = self._sources(low, high + 1, None)
        writer = self._writer
        writer.register("late_in", table)
        if len(signals) > questions.INLINE:
            writer.register("wanted", pa.table({"signal": signals}))
        stored = questions.rows(sources, signals, low, high + 1)
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
        if len(signals) > questions.INLINE:
            writer.unregister("wanted")
        signal, time, value, quality = (kept.column(i).to_numpy() for i in range(4))
        corrects = self._last.time[signal] == time
        self._last.value[signal[corrects]] = value[corrects]
        self._last.quality[signal[corrects]] = quality[corrects]
        return int(kept.num_rows)

    def _store_catalogue(self) -> None:
        changes = self.catalogue.take_changes()
        if changes:
            try:
                self._ledger.store_catalogue(changes)
            except BaseException:
                self.catalogue.put_back(changes)
                raise

    # Reading

    def marks(self) -> Times:
        """See `Store.marks`."""
        with self._write:
            self._last.grow(len(self.catalogue))
            return self._last.time[: len(self.catalogue)].copy()

    def position(self, connector: str) -> str | None:
        """See `Store.position`."""
        with self._write:
            live = self._live[-1]
            row = self._writer.execute(
                f"select token from {live.alias}.position where connector = ?",
                (connector,),
            ).fetchone()
        return None if row is None else str(row[0])

    def _sources(self, start: int | None, end: int | None, as_of: int | None) -> list[Source]:
        """Where rows of start <= time < end, known by `as_of`, may lie."""
        low = NO_MARK if start is None else start
        high = int(np.iinfo(np.int64).max) if end is None else end
        found = []
        for segment in tuple(self._sealed):
            upto = _upto(segment.first_commit, segment.known, as_of)
            if segment.overlaps(low, high) and upto != segment.first_commit - 1:
                checked = self._verify(segment)
                found.append(
                    Source(file=str(self._parquet(checked.id)), upto=upto, late=checked.late > 0)
                )
        for live in tuple(self._live):
            upto = _upto(live.first_commit, live.known, as_of)
            if upto != live.first_commit - 1:
                found.append(Source(alias=live.alias, upto=upto, late=live.late > 0))
        return found

    def _ask(self, sql: str, signals: Numbers | None = None) -> pa.Table:
        cursor = self._engine.cursor()
        try:
            if signals is not None and len(signals) > questions.INLINE:
                cursor.register("wanted", pa.table({"signal": np.unique(signals)}))
            return cursor.sql(sql).to_arrow_table()
        finally:
            cursor.close()

    def query(self, query: Query) -> pa.Table:
        """See `Store.query`."""
        with self._gate.read():
            sources = self._sources(query.start, query.end, query.as_of)
            rows = questions.rows(sources, query.signals, query.start, query.end)
            if query.every is None:
                return self._ask(questions.raw(rows, query.limit), query.signals)
            any_late = any(s.late for s in sources)
            sql = questions.aggregate(rows, query.every, any_late)
            return self._ask(sql, query.signals).rename_columns({"step": "time"})

    def at(self, signals: Numbers, time: int, as_of: int | None = None) -> pa.Table:
        """See `Store.at`."""
        with self._gate.read():
            start, head = self._begin(time, as_of)
            sources = [s for s in self._sources(None, time + 1, as_of) if _number(s) >= start]
            rows = questions.rows(sources, signals, None, time + 1)
            if head:
                chosen = questions.chosen(signals)
                rows = (
                    f"(select * from {rows} union all "
                    f"select *, -1 as commit, 0 as late from {head} where {chosen})"
                )
            return self._ask(questions.latest(rows), signals)

    def _begin(self, time: int, as_of: int | None) -> tuple[int, str]:
        """The newest segment whose opening state is entirely valid at `time`: everything older is
        summed up in that state. Gives its number, and the table of the state."""
        for live in reversed(self._live):
            if live.head_last <= time and (as_of is None or live.opened <= as_of):
                return live.id, f"{live.alias}.head"
        for s in reversed(self._sealed):
            opened = int(s.known[0]) if len(s.known) else s.closed
            if s.head_last <= time and (as_of is None or opened <= as_of):
                return s.id, f"read_parquet('{self._head(s.id)}')"
        return 0, ""

    def sketch(self, signal: int, start: int, end: int, points: int) -> pa.Table:
        """See `Store.sketch`."""
        with self._gate.read():
            sources = self._sources(start, end, None)
            numbers = np.array([signal], np.int32)
            rows = questions.rows(sources, numbers, start, end)
            any_late = any(s.late for s in sources)
            first = self._ask(questions.raw(rows, points + 1))
            if first.num_rows <= points:
                return first.drop_columns(["signal"])
            return self._ask(questions.sketch(rows, start, end, points, any_late))

    # Events and states

    def record(self, events: Iterable[Event]) -> None:
        """See `Store.record`."""
        self._ledger.record(events)

    def events(
        self,
        kind: str | None = None,
        subject: str | None = None,
        start: int | None = None,
        end: int | None = None,
        limit: int = 1_000,
        order: Literal["newest", "oldest"] = "newest",
    ) -> list[Event]:
        """See `Store.events`."""
        return self._ledger.events(kind, subject, start, end, limit, order)

    def keep(self, name: str, state: dict[str, Any]) -> None:
        """See `Store.keep`."""
        self._ledger.keep(name, state)

    def kept(self, name: str) -> dict[str, Any] | None:
        """See `Store.kept`."""
        return self._ledger.kept(name)

    def report(self) -> dict[str, Any]:
        """See `Store.report`."""
        live, sealed = tuple(self._live), tuple(self._sealed)
        return {
            "signals": len(self.catalogue),
            "rows": sum(s.rows for s in sealed) + sum(s.rows + s.late for s in live),
            "late": sum(s.late for s in sealed) + sum(s.late for s in live),
            "segments": {"closed": len(sealed), "open": len(live)},
            "bytes": sum(s.size for s in sealed)
            + sum(s.size() for s in live),
            "damaged": [{"segment": s.id, "what": s.damaged} for s in sealed if s.damaged],
            "free": self._free(),
        }


def _upto(first_commit: int, known: Sequence[int] | Times, as_of: int | None) -> int | None:
    """The last commit that was known at `as_of`; None when all were."""
    if as_of is None or not len(known) or known[-1] <= as_of:
        return None
    if isinstance(known, list):
        return first_commit + bisect_right(known, as_of) - 1
    return first_commit + int(np.searchsorted(known, as_of, side="right")) - 1


def _number(source: Source) -> int:
    return int(source.alias[1:]) if source.alias else int(Path(source.file).stem)

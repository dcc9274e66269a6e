"""The store: commits, rotation, recovery and questions over one data folder.

One DuckDB instance holds the open segment, and for a moment the one being closed, as attached
databases; one connection writes, each question has a cursor of its own. Whatever happens in
between, the folder on disk is always one that `__init__` can open: recovery is the normal start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal

import duckdb
import numpy as np
import pyarrow as pa

from gemel.core.errors import ConfigurationError, Damaged, StorageFull, Unavailable
from gemel.core.event import Event
from gemel.core.frame import Frame, Times, concatenate
from gemel.core.time import Clock
from gemel.core.wire import to_batch
from gemel.parts.historians.base import Numbers, Query, Receipt
from gemel.parts.historians.duckdb import questions
from gemel.parts.historians.duckdb.lanes import NO_MARK, Last, sort, warm_up
from gemel.parts.historians.duckdb.ledger import Ledger, Sealed
from gemel.parts.historians.duckdb.questions import Source
from gemel.parts.historians.duckdb.sealing import Files, damaged_blocks, repair, seal, sync_folder
from gemel.parts.historians.duckdb.segments import Engine, Gate, Live

if TYPE_CHECKING:
    from gemel.parts.historians.duckdb import DuckDB

__all__ = ["DuckDBStore"]

log = logging.getLogger("gemel.history")

LATEST: Final = int(np.iinfo(np.int64).max)

MOST_WAITING: Final = 4
"""Segments that may wait to be closed; then commits wait, since open ones take three times the
room, and the disk would fill before it is told."""


class DuckDBStore:
    """See `gemel.parts.historians.base.Store`."""

    def __init__(self, settings: DuckDB, folder: Path, clock: Clock, *, read_only: bool) -> None:
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._read_only = read_only
        self._files = Files(folder)
        self._reserve = folder / "reserve"
        self._lock_file: IO[str] | None = None
        self._write = threading.RLock()
        self._gate = Gate()
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
            (self._folder / "segments").mkdir(parents=True, exist_ok=True)
        self._lock()
        try:
            self._ledger = Ledger(
                self._folder / "ledger.sqlite", self._reserve, read_only=self._read_only
            )
            self.catalogue = self._ledger.catalogue()
            if not self._read_only:
                warm_up()
                self._hold_reserve()
            self._start()
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
            self._stop()
            self._ledger.close()
        self._unlock()

    def _lock(self) -> None:
        if self._read_only and not os.access(self._folder, os.W_OK):
            return  # a read-only medium: nobody can be writing
        self._lock_file = (self._folder / "lock").open("a+")
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

    # Recovery: the normal start

    def _start(self) -> None:
        self._engine = Engine(self._folder, self._settings.memory, read_only=self._read_only)
        self._live = []
        self._sealed = self._ledger.segments()
        self._check_sizes()
        sealed = {s.id for s in self._sealed}
        for path in sorted((self._folder / "segments").glob("*.duckdb")):
            if int(path.stem) in sealed:
                self._unlink(path)  # killed between the manifest and this
            elif (live := self._attach(path)) is not None:
                self._live.append(live)
        if self._read_only:
            return
        for leftover in (self._folder / "segments").glob("*.tmp"):
            leftover.unlink()
        self._last = self._recover()
        self._last.grow(len(self.catalogue))
        if not self._live:
            self._create()
        for live in self._live[:-1]:
            self._seal_later(live)

    def _stop(self) -> None:
        with self._gate.alone():
            with contextlib.suppress(duckdb.Error):
                for live in self._live:
                    self._engine.detach(live)
            self._engine.close()

    def _unlink(self, path: Path) -> None:
        if not self._read_only:
            path.unlink(missing_ok=True)
            path.with_name(path.name + ".wal").unlink(missing_ok=True)

    def _attach(self, path: Path) -> Live | None:
        """Attach a segment; None if it held nothing yet, or could not be read and was set aside."""
        try:
            live = self._engine.attach(path)
        except duckdb.Error as error:
            return self._set_aside(path, error)
        if live is None:
            self._unlink(path)
        return live

    def _set_aside(self, path: Path, error: duckdb.Error) -> Live | None:
        """A segment that cannot be attached: try without its damaged log, else give it up."""
        if self._read_only:
            raise Damaged(f"{path} cannot be read: {error}") from None
        self._files.quarantine.mkdir(exist_ok=True)
        wal = path.with_name(path.name + ".wal")
        first = str(error).splitlines()[0]
        if wal.exists():
            wal.rename(self._files.quarantine / wal.name)
            self._damage(path.stem, f"its log is damaged and was set aside: {first}")
            return self._attach(path)
        path.rename(self._files.quarantine / path.name)
        self._damage(path.stem, f"it is damaged and was set aside: {first}")
        return None

    def _damage(self, segment: str, what: str) -> None:
        log.error("segment %s: %s", segment, what)
        now = self._clock()
        event = Event("damage", f"segment/{segment}", now, "historian", now, payload={"what": what})
        self._ledger.record([event])

    def _recover(self) -> Last:
        if self._live:
            alias = self._live[-1].alias
            return self._engine.recover(f"{alias}.head", f"{alias}.sample", f"{alias}.late")
        if self._sealed:
            number = self._sealed[-1].id
            rows = f"read_parquet('{self._files.rows(number)}')"
            return self._engine.recover(
                f"read_parquet('{self._files.head(number)}')",
                f"(select * from {rows} where late = 0)",
                f"(select * from {rows} where late > 0)",
            )
        return Last()

    # Segments

    def _create(self) -> None:
        """A new open segment that begins with the state of every signal."""
        ids = [s.id for s in self._sealed] + [live.id for live in self._live]
        number = max(ids, default=0) + 1
        first_commit, positions = 1, {}
        if self._live:
            first_commit = self._live[-1].next_commit
            positions = dict(self._live[-1].positions)
        elif self._sealed:
            first_commit = self._sealed[-1].first_commit + len(self._sealed[-1].known)
        known = self._last.time[self._last.known()]
        head_last = int(known.max()) if len(known) else NO_MARK
        path = self._folder / "segments" / f"{number:06d}.duckdb"
        live = Live(number, path, self._clock(), first_commit, head_last, positions)
        self._engine.create(live, self._last)
        sync_folder(path.parent)
        self._live.append(live)

    def _rotate_if_due(self) -> None:
        live, settings = self._live[-1], self._settings
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
        cursor = self._engine.cursor()
        try:
            sealed = seal(cursor, live, self._files, self._clock(), lambda: not self._stopping)
        except (duckdb.Error, OSError) as error:
            log.warning("segment %06d stays open: %s", live.id, str(error).splitlines()[0])
            return
        finally:
            cursor.close()
        if sealed is None:
            return
        self._ledger.add_segment(sealed)
        with self._write, self._gate.alone():
            self._sealed = sorted([*self._sealed, sealed], key=lambda s: s.id)
            self._verified.add(sealed.id)
            self._live = [other for other in self._live if other.id != live.id]
            self._engine.detach(live)
        self._unlink(live.path)
        self._expire()

    def _expire(self) -> None:
        """Remove closed segments by age and by size, oldest first."""
        settings = self._settings
        oldest_kept = self._clock() - settings.keep_age if settings.keep_age else None
        total = sum(s.size for s in self._sealed)
        while self._sealed:
            first = self._sealed[0]
            # By when it was closed: what was back-filled is old, and has only just come.
            old = oldest_kept is not None and first.closed < oldest_kept
            large = settings.keep_bytes is not None and total > settings.keep_bytes
            if not old and not large:
                return
            self._ledger.remove_segment(first.id)
            with self._gate.alone():
                self._sealed = self._sealed[1:]
            total -= first.size
            self._files.rows(first.id).unlink(missing_ok=True)
            self._files.head(first.id).unlink(missing_ok=True)

    # Damage

    def _check_sizes(self) -> None:
        """A closed segment whose file is missing or shorter than it was is mended at once; the
        checksums are compared when a segment is first asked."""
        for segment in tuple(self._sealed):
            path = self._files.rows(segment.id)
            size = path.stat().st_size if path.exists() else -1
            if size != segment.size and not self._read_only:
                self._repair(segment)

    def _repair(self, segment: Sealed) -> Sealed:
        mended = repair(segment, self._files)
        if mended is None:
            return segment
        self._damage(f"{segment.id:06d}", mended.damaged)
        self._ledger.add_segment(mended)
        self._sealed = [mended if s.id == segment.id else s for s in self._sealed]
        return mended

    def _verify(self, segment: Sealed) -> Sealed:
        """Compare the checksums of a closed segment, once in the life of the store."""
        if segment.id in self._verified:
            return segment
        path = self._files.rows(segment.id)
        if not path.exists() or damaged_blocks(path, segment) is not None:
            if self._read_only:
                raise Damaged(f"{path} fails its check; start Gemel on {self._folder} to mend it")
            with self._write:
                segment = self._repair(segment)
        self._verified.add(segment.id)
        return segment

    # Writing

    def commit(self, frames: Sequence[Frame]) -> Receipt:
        """See `Store.commit`."""
        self._wait_for_sealing()
        with self._write:
            if any(map(len, frames)) and self._free() < self._settings.keep_free:
                raise StorageFull(
                    f"less than {self._settings.keep_free // 1024**2} MiB free in "
                    f"{self._folder}; samples are not stored until there is room"
                )
            try:
                receipt = self._commit(frames)
                self._rotate_if_due()
            except (duckdb.Error, OSError) as error:
                raise self._reopened(error) from None
            return receipt

    def _wait_for_sealing(self) -> None:
        pending = [future for future in tuple(self._sealing) if not future.done()]
        if len(pending) > MOST_WAITING:
            wait(pending, return_when=FIRST_COMPLETED)

    def _reopened(self, error: Exception) -> Exception:
        """After a failed write DuckDB answers nothing until it is opened again."""
        self._stop()
        self._start()
        text = str(error).splitlines()[0]
        if "space" in text.lower() or getattr(error, "errno", None) == 28:
            return StorageFull(f"no room in {self._folder}: {text}")
        return Unavailable(f"history could not be written: {text}")

    def _commit(self, frames: Sequence[Frame]) -> Receipt:
        self._store_catalogue()
        signals = len(self.catalogue)
        for frame in frames:
            if len(frame) and not 0 <= frame.signal.min() <= frame.signal.max() < signals:
                raise ConfigurationError("a frame has a signal number the catalogue never gave")
        live = self._live[-1]
        number = live.next_commit
        known = max(self._clock(), live.known[-1] if live.known else NO_MARK)
        positions = {f.source: f.position for f in frames if f.position is not None}
        self._last.grow(signals)
        lanes = sort(frames, self._last)
        writer = self._engine.writer
        writer.execute("begin")
        if lanes.in_order:
            self._engine.insert(live, lanes.in_order)
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
        writer = self._engine.writer
        writer.register("late_in", table)
        if many:
            writer.register("wanted", pa.table({"signal": signals}))
        stored = questions.rows(self._sources(low, high + 1, None), signals, low, high + 1)
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
            return self._live[-1].positions.get(connector) if self._live else None

    def _sources(self, start: int | None, end: int | None, as_of: int | None) -> list[Source]:
        """Where rows of start <= time < end, known by `as_of`, may lie."""
        low = NO_MARK if start is None else start
        high = LATEST if end is None else end
        found = []
        for segment in tuple(self._sealed):
            upto = _upto(segment, as_of)
            if segment.overlaps(low, high) and upto != segment.first_commit - 1:
                checked = self._verify(segment)
                path = str(self._files.rows(checked.id))
                found.append(Source(file=path, upto=upto, late=checked.late > 0))
        attached = (live.source(as_of) for live in tuple(self._live))
        return found + [source for source in attached if source is not None]

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
                return s.id, f"read_parquet('{self._files.head(s.id)}')"
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
            "bytes": sum(s.size for s in sealed) + sum(s.size() for s in live),
            "damaged": [{"segment": s.id, "what": s.damaged} for s in sealed if s.damaged],
            "free": self._free(),
        }


def _upto(segment: Sealed, as_of: int | None) -> int | None:
    """The last commit of a closed segment that was known at `as_of`; None when all were."""
    if as_of is None or not len(segment.known) or segment.known[-1] <= as_of:
        return None
    return segment.first_commit + int(np.searchsorted(segment.known, as_of, side="right")) - 1


def _number(source: Source) -> int:
    return int(source.alias[1:]) if source.alias else int(Path(source.file).stem)

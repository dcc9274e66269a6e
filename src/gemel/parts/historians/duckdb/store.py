"""The store: what a data folder remembers, opened by one process.

    hold      the folder's lock and its free space
    ledger    catalogue, manifest, events and kept states, in SQLite
    engine    DuckDB, which answers and sorts
    logs      segments in logs: the open one, and those that wait to be closed
    archive   closed segments, in Parquet
    rotation  begins segments, closes them, removes the oldest
    writer    puts commits into the open segment
    reader    answers questions over all segments

Whatever happens in between, the folder on disk is always one that `__enter__` can open: recovery is
the normal start.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import pyarrow as pa

from gemel.core.errors import StorageFull, Unavailable
from gemel.core.event import Event
from gemel.core.frame import Frame, Times
from gemel.core.time import Clock
from gemel.parts.historians.base import Numbers, Query, Receipt
from gemel.parts.historians.duckdb import lanes
from gemel.parts.historians.duckdb.archive import Archive
from gemel.parts.historians.duckdb.damage import Damage
from gemel.parts.historians.duckdb.engine import Engine
from gemel.parts.historians.duckdb.hold import Hold
from gemel.parts.historians.duckdb.ledger import Ledger
from gemel.parts.historians.duckdb.logs import Logs
from gemel.parts.historians.duckdb.reading import Reader
from gemel.parts.historians.duckdb.rotation import Rotation
from gemel.parts.historians.duckdb.sealing import Files
from gemel.parts.historians.duckdb.writing import Writer

if TYPE_CHECKING:
    from gemel.parts.historians.duckdb import DuckDB

__all__ = ["DuckDBStore"]


class DuckDBStore:
    """See `gemel.parts.historians.base.Store`."""

    def __init__(self, settings: DuckDB, folder: Path, clock: Clock, *, read_only: bool) -> None:
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._read_only = read_only
        self._files = Files(folder)
        self._hold = Hold(folder, read_only=read_only)
        self._opened = ExitStack()

    # Life

    def __enter__(self) -> DuckDBStore:
        settings, files, read_only = self._settings, self._files, self._read_only
        with ExitStack() as opened:
            opened.enter_context(self._hold)
            self._ledger = opened.enter_context(
                closing(Ledger(self._hold.ledger, self._hold.reserve, read_only=read_only))
            )
            self.catalogue = self._ledger.catalogue()
            if not read_only:
                lanes.warm_up()
                self._hold.hold_back(settings.reserve, settings.keep_free)
            damage = Damage(files, self._ledger, self._clock)
            self._archive = Archive(files, self._ledger, damage, read_only=read_only)
            engine = opened.enter_context(closing(Engine(self._folder, settings.memory)))
            self._logs = opened.enter_context(closing(Logs(files, damage, read_only=read_only)))
            self._reader = Reader(files, engine, self._logs, self._archive)
            self._writer = Writer(self.catalogue, self._clock, self._logs, self._reader)
            self._rotation = Rotation(
                settings, files, self._clock, engine, self._logs, self._archive
            )
            opened.callback(self._rotation.stop)
            self._start(engine)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._opened:
            self._rotation.stop()
            if not self._read_only:
                with self._logs.writing:
                    self._store_catalogue()

    def _start(self, engine: Engine) -> None:
        """Recover what is on disk."""
        self._archive.load()
        self._logs.start({s.id for s in self._archive.segments})
        if not self._read_only:
            self._writer.recover(lambda: self._archive.marks(engine))
            self._rotation.start(self._writer.last)

    # Writing

    def commit(self, frames: Sequence[Frame]) -> Receipt:
        """See `Store.commit`."""
        self._rotation.wait_for_room()
        with self._logs.writing:
            if any(map(len, frames)) and self._hold.free() < self._settings.keep_free:
                raise StorageFull(
                    f"less than {self._settings.keep_free // 1024**2} MiB free in "
                    f"{self._folder}; samples are not stored until there is room"
                )
            try:
                self._store_catalogue()
                receipt = self._writer.commit(frames)
                self._rotation.turn_if_due(self._writer.last)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise StorageFull(f"no room in {self._folder}: {error}") from None
                raise Unavailable(f"history could not be written: {error}") from None
            except duckdb.Error as error:
                text = str(error).splitlines()[0]
                raise Unavailable(f"history could not be compared: {text}") from None
            return receipt

    def seal(self) -> None:
        """Close the open segment now, and wait until everything closed is on disk as Parquet."""
        with self._logs.writing:
            self._rotation.turn(self._writer.last)
        self._rotation.wait_for_all()

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
        with self._logs.writing:
            return self._writer.marks()

    def position(self, connector: str) -> str | None:
        """See `Store.position`."""
        with self._logs.writing:
            segments = self._logs.segments
            return segments[-1].positions.get(connector) if segments else None

    def query(self, query: Query) -> pa.Table:
        """See `Store.query`."""
        return self._reader.query(query)

    def at(self, signals: Numbers, time: int, as_of: int | None = None) -> pa.Table:
        """See `Store.at`."""
        return self._reader.at(signals, time, as_of)

    def sketch(self, signal: int, start: int, end: int, points: int) -> pa.Table:
        """See `Store.sketch`."""
        return self._reader.sketch(signal, start, end, points)

    def report(self) -> dict[str, Any]:
        """See `Store.report`."""
        live, sealed = self._logs.segments, self._archive.segments
        return {
            "signals": len(self.catalogue),
            "rows": sum(s.rows for s in sealed) + sum(s.rows + s.late for s in live),
            "late": sum(s.late for s in sealed) + sum(s.late for s in live),
            "segments": {"closed": len(sealed), "open": len(live)},
            "bytes": sum(s.size for s in sealed) + sum(s.log.end for s in live),
            "damaged": [{"segment": s.id, "what": s.damaged} for s in sealed if s.damaged],
            "free": self._hold.free(),
        }

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

"""The ledger of a data folder: catalogue, manifest of closed segments, events and kept states.

SQLite with a write-ahead log and ``synchronous=FULL``: what a method has returned from is on disk.
When the disk is full the ledger gets the reserved space, so that alarms and the journal outlive
telemetry.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from gemel.core.catalogue import Catalogue, Change, Entry
from gemel.core.errors import ConfigurationError, StorageFull
from gemel.core.event import Event
from gemel.core.frame import Times

__all__ = ["FORMAT", "Ledger", "Sealed"]

FORMAT: Final = 1

_SCHEMA: Final = """
create table if not exists meta(key text primary key, value text not null);
create table if not exists signal(
    number integer not null, path text not null, type text not null, unit text not null,
    labels text not null, valid_from integer not null);
create table if not exists text(
    signal integer not null, code integer not null, value text not null,
    primary key (signal, code)) without rowid;
create table if not exists segment(
    id integer primary key, rows integer not null, late integer not null, bytes integer not null,
    first_time integer, last_time integer, head_last integer not null,
    first_commit integer not null, commits blob not null, blocks text not null,
    footer blob not null, closed integer not null, damaged text not null default '');
create table if not exists event(
    id text primary key, kind text not null, subject text not null, time integer not null,
    end integer, known integer not null, source text not null, sequence integer not null,
    cause text, supersedes text, payload text not null) without rowid;
create index if not exists event_by_kind on event(kind, time);
create index if not exists event_by_subject on event(subject, time);
create index if not exists event_superseded on event(supersedes) where supersedes is not null;
create table if not exists kept(name text primary key, state text not null) without rowid;
"""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A closed segment, as the manifest knows it.

    first_commit, known   commit numbers are first_commit + i, each known at known[i] (ns UTC)
    head_last             latest time in the state with which it begins
    blocks                (offset, length, crc32) of each row group in the file
    footer                the end of the file; with it a file whose end is lost can be read
    """

    id: int
    rows: int
    late: int
    size: int
    first_time: int | None
    last_time: int | None
    head_last: int
    first_commit: int
    known: Times
    blocks: tuple[tuple[int, int, int], ...]
    footer: bytes = field(repr=False)
    closed: int
    damaged: str = ""

    def overlaps(self, start: int, end: int) -> bool:
        """Whether a sample with start <= time < end may be in it."""
        return (
            self.first_time is not None
            and self.last_time is not None
            and self.first_time < end
            and self.last_time >= start
        )


class Ledger:
    """The SQLite side of a data folder. All methods may be called from any thread."""

    def __init__(self, path: Path, reserve: Path, *, read_only: bool) -> None:
        self._reserve = reserve
        self._lock = threading.RLock()
        uri = f"file:{path}?mode=ro" if read_only else f"file:{path}"
        self._db = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma busy_timeout=5000")
        if not read_only:
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=full")
            self._db.executescript(_SCHEMA)
            self._db.execute("insert or ignore into meta values ('format', ?)", (str(FORMAT),))
        found = int(self._db.execute("select value from meta where key='format'").fetchone()[0])
        if found > FORMAT:
            raise ConfigurationError(
                f"{path} has format {found}, this Gemel reads up to {FORMAT}; install a newer one"
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def _write(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """Run `work` in a transaction; give up the reserved space if that is what it takes."""
        try:
            with self._transaction() as db:
                return work(db)
        except sqlite3.OperationalError as error:
            if "full" not in str(error) and "disk I/O" not in str(error):
                raise
            self._reserve.unlink(missing_ok=True)
        try:
            with self._transaction() as db:
                return work(db)
        except sqlite3.OperationalError as error:
            raise StorageFull(f"the ledger cannot be written: {error}") from None

    # Catalogue

    def catalogue(self) -> Catalogue:
        """The catalogue as stored."""
        with self._lock:
            rows = self._db.execute(
                "select number, path, type, unit, labels, valid_from from signal order by rowid"
            ).fetchall()
            texts = self._db.execute("select signal, code, value from text").fetchall()
        entries = (
            Entry(number, path, kind, unit, tuple((int(k), v) for k, v in json.loads(labels)), at)
            for number, path, kind, unit, labels, at in rows
        )
        return Catalogue(entries, texts)

    def store_catalogue(self, changes: list[Change]) -> None:
        """Add what is new in the catalogue."""
        signals = [
            (e.number, e.path, e.type, e.unit, json.dumps(e.labels), e.valid_from)
            for change in changes
            if (e := change.entry) is not None
        ]
        texts = [change.text for change in changes if change.text is not None]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("insert into signal values (?, ?, ?, ?, ?, ?)", signals)
            db.executemany("insert or ignore into text values (?, ?, ?)", texts)

        self._write(work)

    # Manifest

    def segments(self) -> list[Sealed]:
        """Closed segments, oldest first."""
        with self._lock:
            rows = self._db.execute("select * from segment order by id").fetchall()
        return [_sealed(row) for row in rows]

    def add_segment(self, s: Sealed) -> None:
        """Enter a closed segment, or replace its entry."""
        steps = np.diff(s.known, prepend=0).astype(np.int64)
        row = (
            s.id, s.rows, s.late, s.size, s.first_time, s.last_time, s.head_last,
            s.first_commit, zlib.compress(steps.tobytes(), 6), json.dumps(s.blocks),
            zlib.compress(s.footer, 6), s.closed, s.damaged,
        )  # fmt: skip
        marks = ", ".join("?" * len(row))
        self._write(lambda db: db.execute(f"insert or replace into segment values ({marks})", row))

    def remove_segment(self, id: int) -> None:
        """Take a segment out of the manifest."""
        self._write(lambda db: db.execute("delete from segment where id=?", (id,)))

    # Events

    def record(self, events: Iterable[Event]) -> None:
        """Store events; the same event again changes nothing."""
        rows = [
            (e.id, e.kind, e.subject, e.time, e.end, e.known, e.source, e.sequence, e.cause,
             e.supersedes, json.dumps(dict(e.payload), separators=(",", ":")))
            for e in events
        ]  # fmt: skip
        if rows:
            marks = ", ".join("?" * 11)
            sql = f"insert or ignore into event values ({marks})"
            self._write(lambda db: db.executemany(sql, rows))

    def events(
        self,
        kind: str | None,
        subject: str | None,
        start: int | None,
        end: int | None,
        limit: int,
        order: str,
    ) -> list[Event]:
        """Events that touch [start, end) and are not superseded."""
        where, values = ["not exists (select 1 from event s where s.supersedes = e.id)"], []
        for condition, value in (
            ("e.kind = ?", kind),
            ("(e.subject = ? or e.subject glob ? || '/*')", subject),
            ("coalesce(e.end, e.time) >= ?", start),
            ("e.time < ?", end),
        ):
            if value is not None:
                where.append(condition)
                values += [value] * condition.count("?")
        direction = "desc" if order == "newest" else "asc"
        sql = (
            "select kind, subject, time, source, known, end, payload, cause, supersedes, sequence "
            f"from event e where {' and '.join(where)} "
            f"order by time {direction}, known {direction} limit ?"
        )
        with self._lock:
            rows = self._db.execute(sql, (*values, limit)).fetchall()
        return [
            Event(kind, subject, time, source, known, end, json.loads(payload), cause, sup, number)
            for kind, subject, time, source, known, end, payload, cause, sup, number in rows
        ]

    # Kept states

    def keep(self, name: str, state: dict[str, Any]) -> None:
        """Keep a state under a name."""
        text = json.dumps(state, separators=(",", ":"))
        self._write(
            lambda db: db.execute("insert or replace into kept values (?, ?)", (name, text))
        )

    def kept(self, name: str) -> dict[str, Any] | None:
        """The state under a name."""
        with self._lock:
            row = self._db.execute("select state from kept where name=?", (name,)).fetchone()
        if row is None:
            return None
        state: dict[str, Any] = json.loads(row[0])
        return state


def _sealed(row: tuple[Any, ...]) -> Sealed:
    """A row of the manifest as a value."""
    id, rows, late, size, first_time, last_time, head_last, first_commit, *rest = row
    commits, blocks, footer, closed, damaged = rest
    return Sealed(
        id=id,
        rows=rows,
        late=late,
        size=size,
        first_time=first_time,
        last_time=last_time,
        head_last=head_last,
        first_commit=first_commit,
        known=np.cumsum(np.frombuffer(zlib.decompress(commits), np.int64)),
        blocks=tuple((a, b, c) for a, b, c in json.loads(blocks)),
        footer=zlib.decompress(footer),
        closed=closed,
        damaged=damaged,
    )

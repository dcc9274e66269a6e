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
    cause text, supersedes text, payload text not null);
create index if not exists event_by_kind on event(kind, time);
create index if not exists event_by_subject on event(subject, time);
create index if not exists event_superseded on event(supersedes) where supersedes is not null;
create index if not exists event_by_time on event(time);
create index if not exists event_by_end on event(end) where end is not null;
create index if not exists event_by_length on event(end - time) where end is not null;
create table if not exists lasting(id text primary key) without rowid;
create table if not exists kept(name text primary key, state text not null) without rowid;
"""

_BEGUN: Final = "e.time >= ?"
_REACHING: Final = """+e.time < ? and e.end >= ? and e.end < ? +
    (select max(end - time) from event where end is not null)"""
"""What began before a time and ended at or after it. Nothing reaches further than the longest one
did, and so only the ends of so long a span are looked at. The plus keeps SQLite to the ends."""
_LASTING: Final = "e.time < ? and e.id in (select id from lasting)"

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
        elif not self._db.execute("select 1 from sqlite_master where name='lasting'").fetchone():
            # Of a version that did not tell what lasts from what has no extent.
            self._db.execute("create temp table lasting(id text primary key)")
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
        with self._lock, self._db:  # which commits, or else rolls back
            self._db.execute("begin immediate")
            yield self._db

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
        rows, lasting, ended = [], [], []
        for e in events:
            rows.append(
                (e.id, e.kind, e.subject, e.time, e.end, e.known, e.source, e.sequence, e.cause,
                 e.supersedes, json.dumps(dict(e.payload), separators=(",", ":")))
            )  # fmt: skip
            if e.lasts:
                lasting.append((e.id, e.id))
            if e.supersedes is not None:
                ended.append((e.supersedes,))

        def work(db: sqlite3.Connection) -> None:
            marks = ", ".join("?" * 11)
            db.executemany(f"insert or ignore into event values ({marks})", rows)
            db.executemany(
                "insert or ignore into lasting select ? where not exists "
                "(select 1 from event where supersedes = ?)",
                lasting,
            )
            db.executemany("delete from lasting where id = ?", ended)

        if rows:
            self._write(work)

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
        common, given = ["not exists (select 1 from event s where s.supersedes = e.id)"], []
        for condition, value in (
            ("{plus}e.kind = ?", kind),
            ("(e.subject = ? or e.subject glob ? || '/*')", subject),
            ("{plus}e.time < ?", end),
        ):
            if value is not None:
                common.append(condition)
                given += [value] * condition.count("?")
        order_by = "order by time {0}, known {0}".format("desc" if order == "newest" else "asc")
        parts, values = [], []
        for touching in ("true",) if start is None else (_BEGUN, _REACHING, _LASTING):
            plus = "+" if touching in (_REACHING, _LASTING) else ""
            where = " and ".join([*common, touching]).format(plus=plus)
            parts.append(f"select * from (select * from event e where {where} {order_by} limit ?)")
            values += [*given, *[start] * touching.count("?"), limit]
        sql = (
            "select kind, subject, time, source, known, end, payload, cause, supersedes, sequence, "
            f"id in (select id from lasting) from ({' union all '.join(parts)}) {order_by} limit ?"
        )
        with self._lock:
            rows = self._db.execute(sql, (*values, limit)).fetchall()
        return [_event(row) for row in rows]

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


def _event(row: tuple[Any, ...]) -> Event:
    """A row of the events as a value."""
    kind, subject, time, source, known, end, payload, cause, supersedes, sequence, lasts = row
    return Event(
        kind, subject, time, source, known, end, json.loads(payload), cause, supersedes, sequence,
        bool(lasts),
    )  # fmt: skip


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

"""Which pictures there are, what was said of them, and which files were taken: on disk.

One file (SQLite, WAL, ``synchronous=FULL``). It is the queue of what waits as well, so that what
was accepted is looked at whatever happens in between.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

from gemel.core.errors import StorageFull, Unavailable, Unknown

__all__ = ["Ledger", "Picture", "Seen"]

Seen: TypeAlias = tuple[int, int]
"""Size and time of change of a file, ns: another pair under the same name is another picture."""

_SCHEMA: Final = """
create table if not exists picture (
    id integer primary key autoincrement, task text not null, source text not null,
    name text not null, time integer not null, received integer not null, hash text not null,
    media text not null, bytes integer not null, state text not null, width integer not null,
    height integer not null, score real, bound real, over real, model text not null,
    note text not null, finding text not null, view text not null, heat text not null,
    told integer not null
) strict;
create index if not exists picture_of on picture (task, state, id);
create index if not exists picture_task on picture (task, id, bytes);
create index if not exists picture_hash on picture (hash, task);
create index if not exists picture_view on picture (view);
create index if not exists picture_heat on picture (heat);
drop index if exists picture_same;
create table if not exists file (
    task text not null, name text not null, size integer not null, changed integer not null,
    primary key (task, name)
) strict, without rowid;
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a task.

    source   ``folder`` or ``api``
    time     when it was taken; `received`: when the twin had it; ns UTC
    state    ``waiting``, ``good``, ``rejected``, or ``failed``: it could not be looked at
    bound    the limit of its score; `over`: the score in units of it
    note     what is odd about it, or why it failed
    view, heat   hashes of the small picture and of what is to be laid over it
    """

    id: int
    task: str
    source: str
    name: str
    time: int
    received: int
    hash: str
    media: str
    bytes: int
    state: str = "waiting"
    width: int = 0
    height: int = 0
    score: float | None = None
    bound: float | None = None
    over: float | None = None
    model: str = ""
    note: str = ""
    finding: str = ""
    view: str = ""
    heat: str = ""
    told: int = 0


_HASH: Final = 64
_COLUMNS: Final = tuple(field.name for field in fields(Picture))
_ALL: Final = f"select {', '.join(_COLUMNS)} from picture"


class Ledger:
    """Any thread may call; each call may wait for the disk."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._disk = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._disk.execute("pragma journal_mode = wal")
            self._disk.execute("pragma synchronous = full")
            self._disk.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._disk.close()
            raise Unavailable(f"{path} cannot be read: {error}; move it away") from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._disk.close()

    # What comes

    def add(
        self, new: Picture, file: Seen | None = None, *, timed: bool = True
    ) -> tuple[int, bool]:
        """Keep a picture that waits, its `id` left aside; its number, and whether it is new. One
        that was sent with the same content, and, if `timed`, for the same time, is the one that is
        there already; of a `file` every change is another. One that was away for a while, and is
        as it was, is the one that was taken then."""
        with self._writing() as disk:
            if file is None:
                found = disk.execute(
                    "select id from picture where task = ? and hash = ? and source = ?"
                    + (" and time = ?" if timed else "") + " order by id limit 1",
                    (new.task, new.hash, new.source, *((new.time,) if timed else ())),
                ).fetchone()  # fmt: skip
                if found is not None:
                    return int(found[0]), False
            else:
                known = disk.execute(
                    "select size, changed from file where task = ? and name = ?",
                    (new.task, new.name),
                ).fetchone()
                if known == file:
                    return 0, False
                whole = "insert or replace into file values (?, ?, ?, ?)"
                disk.execute(whole, (new.task, new.name, *file))
                if known is None:
                    found = disk.execute(
                        "select id from picture where task = ? and hash = ? and source = ? and "
                        "name = ? and time = min(?, received) limit 1",
                        (new.task, new.hash, new.source, new.name, file[1]),
                    ).fetchone()  # fmt: skip
                    if found is not None:
                        return int(found[0]), False
            names = _COLUMNS[1:]
            row = disk.execute(
                f"insert into picture ({', '.join(names)}) values ({', '.join('?' * len(names))})",
                [getattr(new, name) for name in names],
            )
            return int(row.lastrowid or 0), True

    def files(self, task: str) -> dict[str, Seen]:
        """The files that were taken, by name."""
        rows = self._read("select name, size, changed from file where task = ?", (task,))
        return {name: (size, changed) for name, size, changed in rows}

    def gone(self, task: str, names: Iterable[str]) -> None:
        """These files are not in the folder any more, and need not be remembered."""
        with self._writing() as disk:
            disk.executemany(
                "delete from file where task = ? and name = ?", [(task, n) for n in names]
            )

    # What is looked at

    def again(self, task: str) -> None:
        """Let wait what was looked at and is not in history: it may be told twice."""
        with self._writing() as disk:
            disk.execute(
                "update picture set state = 'waiting', finding = '', score = null, bound = null, "
                "over = null where task = ? and told = 0",
                (task,),
            )

    def next(self, task: str) -> Picture | None:
        """The one that waits longest."""
        rows = self._pictures("where task = ? and state = 'waiting' order by id limit 1", (task,))
        return rows[0] if rows else None

    def judged(self, picture: Picture) -> None:
        """Keep what was said of a picture."""
        names = _COLUMNS[8:]
        with self._writing() as disk:
            disk.execute(
                f"update picture set {', '.join(f'{n} = ?' for n in names)} where id = ?",
                [*(getattr(picture, name) for name in names), picture.id],
            )

    def told(self, ids: Iterable[int]) -> None:
        """What was said of these is in history."""
        with self._writing() as disk:
            disk.executemany("update picture set told = 1 where id = ?", [(i,) for i in ids])

    def count(self, task: str, state: str) -> int:
        """How many pictures of a task are in a state."""
        return int(
            self._read("select count(*) from picture where task = ? and state = ?", (task, state))[
                0
            ][0]
        )

    # What is asked

    def get(self, task: str, id: int | str) -> Picture:
        """By its number, or the newest of a hash. Raises `Unknown`."""
        if len(str(id)) == _HASH:
            newest = "where task = ? and hash = ? order by id desc limit 1"
            rows = self._pictures(newest, (task, id))
        else:
            rows = self._pictures("where task = ? and id = ?", (task, int(id)))
        if not rows:
            raise Unknown(
                f"task '{task}' has no picture {str(id)[:16]}; it may be too old to be kept"
            )
        return rows[0]

    def listed(
        self, task: str, limit: int, before: int | None = None, state: str = "", finding: str = ""
    ) -> list[Picture]:
        """The newest first; `before` is the number of one, for the page after it."""
        where, values = "where task = ?", [task]
        given: list[tuple[str, Any]] = [
            ("id < ?", before), ("state = ?", state), ("finding = ?", finding),
        ]  # fmt: skip
        for word, value in given:
            if value:
                where, values = f"{where} and {word}", [*values, value]
        return self._pictures(f"{where} order by id desc limit {int(limit)}", values)

    # What is kept

    def tasks(self) -> list[str]:
        """All that have pictures."""
        return [name for (name,) in self._read("select distinct task from picture", ())]

    def old(self, task: str, before: int, most_bytes: int, limit: int = 500) -> list[Picture]:
        """Pictures that have been looked at, the oldest first: those received `before`, and those
        by which a task has more than `most_bytes`."""
        over = self.size(task)[1] - most_bytes
        found = []
        where = "where task = ? and state != 'waiting' and told = 1 order by id limit ?"
        for one in self._pictures(where, (task, limit)):
            if one.received >= before and over <= 0:
                break
            found.append(one)
            over -= one.bytes
        return found

    def remove(self, pictures: Collection[Picture]) -> set[str]:
        """Forget pictures; the hashes that nobody names any more."""
        gone = {h for one in pictures for h in (one.hash, one.view, one.heat) if h}
        with self._writing() as disk:
            disk.executemany("delete from picture where id = ?", [(one.id,) for one in pictures])
            # An `or` of columns uses their indexes, `? in (hash, view, heat)` would use none.
            used = "select 1 from picture where hash = ?1 or view = ?1 or heat = ?1 limit 1"
            return {name for name in gone if disk.execute(used, (name,)).fetchone() is None}

    def hashes(self) -> set[str]:
        """All that are named."""
        rows = self._read("select hash, view, heat from picture", ())
        return {name for row in rows for name in row if name}

    def size(self, task: str) -> tuple[int, int]:
        """Pictures of a task that are kept, and their bytes."""
        every = "select count(*), coalesce(sum(bytes), 0) from picture where task = ?"
        ((count, size),) = self._read(every, (task,))
        return int(count), int(size)

    # SQL

    def _pictures(self, rest: str, values: Collection[Any]) -> list[Picture]:
        return [Picture(*row) for row in self._read(f"{_ALL} {rest}", values)]

    def _read(self, query: str, values: Collection[Any]) -> list[Any]:
        with self._lock:
            try:
                return self._disk.execute(query, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise Unavailable(f"the list of pictures cannot be read: {error}") from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, on disk at the end."""
        with self._lock:
            try:
                self._disk.execute("begin immediate")
                yield self._disk
                self._disk.execute("commit")
            except sqlite3.Error as error:
                kind = StorageFull if "full" in str(error) else Unavailable
                raise kind(f"the list of pictures is not written: {error}") from None
            finally:
                with contextlib.suppress(sqlite3.Error):
                    if self._disk.in_transaction:
                        self._disk.execute("rollback")

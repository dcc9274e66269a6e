"""The journal: who decided what and why, in a file of its own that only grows.

Every entry carries the hash of the one before it, so that an altered, missing or reordered entry is
found and named by `verify`. The chain cannot know what was cut off its end: for that, the `head` is
written down elsewhere (every Event of a command carries it) and given to `verify`.

`append` returns when the entries are on disk (SQLite, WAL, ``synchronous=FULL``), several of one
call together or not at all. An altered journal opens as any other and goes on; `verify` says what
is wrong. A file that SQLite cannot read is set aside, and `set_aside` says so.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gemel.core.errors import Damaged, DataError, StorageFull, Unavailable

__all__ = ["Draft", "Entry", "Fault", "Head", "Journal"]

_SCHEMA: Final = """
create table if not exists entry (
    sequence integer primary key,
    time integer not null,
    actor text not null,
    kind text not null,
    subject text not null,
    command_id text not null,
    payload text not null,
    previous blob not null,
    hash blob not null
) strict;
create index if not exists entry_command on entry (command_id, sequence);
create index if not exists entry_subject on entry (subject, sequence);
create trigger if not exists entry_update before update on entry
    begin select raise(abort, 'the journal only grows'); end;
create trigger if not exists entry_delete before delete on entry
    begin select raise(abort, 'the journal only grows'); end;
"""
_COLUMNS: Final = "sequence, time, actor, kind, subject, command_id, payload, previous, hash"
_BEGINNING: Final = bytes(32)
_PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written down.

    time        ns UTC
    actor       who: a person, a reasoner, or 'gemel' itself
    kind        what: a state of a command, 'killed', 'released' …
    subject     path of the command or asset
    command_id  of the command that it is about, if it is about one
    payload     JSON
    """

    time: int
    actor: str
    kind: str
    subject: str
    command_id: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a journal: what is exported so that a cut tail can be found."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head that `str` wrote. Raises `DataError`."""
        sequence, _, digest = text.partition(":")
        if not sequence.isdigit() or len(digest) != 2 * len(_BEGINNING):
            raise DataError(f"'{text}' is not the head of a journal, such as '12:9f…'")
        return cls(int(sequence), digest)


@dataclass(frozen=True, slots=True)
class Entry:
    """What was written down; `draft` as it was given."""

    sequence: int
    draft: Draft
    previous: bytes
    hash: bytes

    @property
    def head(self) -> Head:
        """The journal's head when this was its last entry."""
        return Head(self.sequence, self.hash.hex())


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with the journal, at an entry."""

    sequence: int
    what: str

    def __str__(self) -> str:
        return self.what


class Journal:
    """The journal of one file. Any thread may call; each call may wait for the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_aside: Path | None = None
        """Where an unreadable file of this name was moved when this one was opened."""
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._head: Head | None = None
        try:
            self._writer, self._reader = self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise Unavailable(f"the journal {path} cannot be opened: {error}") from None
            self._move_aside()
            self._writer, self._reader = self._open()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
        self._reader.close()

    def append(self, *drafts: Draft) -> list[Entry]:
        """Write down, all or nothing; return when it is on disk.

        Raises `Unavailable` (`StorageFull` if there is no room) when it is not known to be there:
        then nothing may be done that it stands for.
        """
        with self._writing:
            try:
                self._writer.execute("begin immediate")
                head = self._head or self._read_head(self._writer)
                entries = []
                for draft in drafts:
                    entry = _chained(draft, head)
                    head = entry.head
                    entries.append(entry)
                self._writer.executemany(
                    f"insert into entry ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [_row(entry) for entry in entries],
                )
                self._writer.execute("commit")
            except sqlite3.Error as error:
                self._roll_back()
                kind = StorageFull if "full" in str(error) else Unavailable
                raise kind(f"the journal is not written: {error}") from None
            except BaseException:
                self._roll_back()
                raise
            self._head = head
            return entries

    def head(self) -> Head:
        """The last entry's number and hash, number 0 while there is none. Raises `Damaged`."""
        with self._reading:
            try:
                return self._read_head(self._reader)
            except sqlite3.Error as error:
                raise Damaged(f"the journal {self.path} cannot be read: {error}") from None

    def entries(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        subject: str = "",
        command_id: str = "",
        kind: str = "",
        newest_first: bool = False,
        limit: int = 100,
    ) -> list[Entry]:
        """Entries with a number between `after` and `before`, at most `limit`; for the next page
        give the last one's number. `subject` finds what lies below that path, too.

        Raises `Damaged` where the file cannot be read.
        """
        where: list[str] = ["sequence > ?"]
        wanted: list[Any] = [after]
        if before is not None:
            where.append("sequence < ?")
            wanted.append(before)
        if subject:
            where.append("(subject = ? or substr(subject, 1, ?) = ?)")
            wanted += [subject, len(subject) + 1, f"{subject}/"]
        if command_id:
            where.append("command_id = ?")
            wanted.append(command_id)
        if kind:
            where.append("kind = ?")
            wanted.append(kind)
        order = "desc" if newest_first else "asc"
        found = self._ask(
            f"select {_COLUMNS} from entry where {' and '.join(where)} "
            f"order by sequence {order} limit ?",
            (*wanted, limit),
        )
        return [_entry(row) for row in found]

    def commands(self) -> list[str]:
        """Ids of all commands. Raises `Damaged` where the file cannot be read."""
        found = self._ask("select distinct command_id from entry where command_id != ''", ())
        return [str(row[0]) for row in found]

    def open_commands(self, final: Sequence[str], side: Sequence[str]) -> list[str]:
        """Ids of the commands whose last entry, `side` kinds aside, is not of a `final` kind."""
        final_marks, side_marks = ",".join("?" * len(final)), ",".join("?" * len(side))
        found = self._ask(
            "select e.command_id from entry e join (select max(sequence) as last from entry "
            f"where command_id != '' and kind not in ({side_marks}) group by command_id) "
            f"on e.sequence = last where e.kind not in ({final_marks}) order by e.sequence",
            (*side, *final),
        )
        return [str(row[0]) for row in found]

    def times(self, kind: str, since: int) -> dict[str, list[int]]:
        """Times of the entries of a kind by subject: those from `since` on, and always the last."""
        last = self._ask(
            "select subject, max(time) from entry where kind = ? group by subject", (kind,)
        )
        recent: dict[str, list[int]] = {}
        for subject, time in self._ask(
            "select subject, time from entry where kind = ? and time >= ? order by time",
            (kind, since),
        ):
            recent.setdefault(str(subject), []).append(int(time))
        return {str(subject): recent.get(subject, [int(time)]) for subject, time in last}

    def verify(self, head: Head | None = None) -> list[Fault]:
        """Everything that is wrong with the chain; empty if nothing is.

        With an exported `head`, the entry of that number must be the one it was then: so a tail
        that was cut off, and a journal that was written anew, are found as well. Reads the whole
        file beside writers, and holds none of them up.
        """
        try:
            return list(self._faults(head))
        except Damaged as error:
            return [Fault(0, str(error))]

    def _faults(self, head: Head | None) -> Iterator[Fault]:
        expected = 1
        last: bytes | None = _BEGINNING  # None where it is not known what should come before
        known = False
        for row in self._all():
            sequence, previous, digest = row[0], row[7], row[8]
            if sequence > expected:
                yield Fault(expected, _missing(expected, sequence - 1))
            moved = False
            if digest != _digest(*row[:8]):
                place = self._place(row)
                if place is None:
                    yield Fault(sequence, f"entry {sequence} was altered")
                else:
                    moved = True
                    yield Fault(sequence, f"entry {sequence} is out of order: it was entry {place}")
            elif sequence == expected and last is not None and previous != last:
                yield Fault(
                    sequence,
                    f"entry {sequence} does not follow the entry before it: "
                    f"entry {sequence - 1} was replaced",
                )
            if head is not None and sequence == head.sequence:
                known = True
                if digest.hex() != head.hash:
                    yield Fault(sequence, f"entry {sequence} is not the one that was exported")
            expected, last = sequence + 1, None if moved else digest
        if head is not None and not known and head.sequence >= expected:
            yield Fault(expected, f"{_missing(expected, head.sequence)} from the end")

    def _all(self) -> Iterator[tuple[Any, ...]]:
        """Every row, in pages, so that a long journal does not have to fit into memory."""
        last = -(2**63)
        while page := self._ask(
            f"select {_COLUMNS} from entry where sequence > ? order by sequence limit ?",
            (last, _PAGE),
        ):
            yield from page
            last = page[-1][0]

    def _place(self, row: tuple[Any, ...]) -> int | None:
        """The number that an entry had when its hash was made, if it was only moved."""
        before = self._ask("select sequence from entry where hash = ?", (row[7],))
        numbers: set[int] = {1, *(found[0] + offset for found in before for offset in (0, 1, 2))}
        numbers |= {row[0] + offset for offset in range(-8, 9)}
        for number in sorted(numbers):
            if number >= 1 and _digest(number, *row[1:8]) == row[8]:
                return number
        return None

    def _ask(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._reading:
            try:
                return self._reader.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise Damaged(f"the journal {self.path} cannot be read: {error}") from None

    def _open(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        self.path.touch(mode=0o600)
        writer = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        try:
            writer.execute("pragma journal_mode = wal")
            writer.execute("pragma synchronous = full")
            writer.executescript(_SCHEMA)
            self._read_head(writer)
            reader = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        except sqlite3.DatabaseError:
            writer.close()
            raise
        return writer, reader

    def _move_aside(self) -> None:
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.unreadable-{number}")).exists():
            number += 1
        self.path.rename(aside)
        for tail in ("-wal", "-shm"):
            beside = self.path.with_name(self.path.name + tail)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + tail))
        self.set_aside = aside

    def _roll_back(self) -> None:
        self._head = None  # what is on disk is asked again
        try:
            if self._writer.in_transaction:
                self._writer.execute("rollback")
        except sqlite3.Error:
            pass  # the transaction is gone with the error that ended it

    @staticmethod
    def _read_head(connection: sqlite3.Connection) -> Head:
        row = connection.execute(
            "select sequence, hash from entry order by sequence desc limit 1"
        ).fetchone()
        return Head(row[0], row[1].hex()) if row else Head(0, _BEGINNING.hex())


def _chained(draft: Draft, head: Head) -> Entry:
    sequence, previous = head.sequence + 1, bytes.fromhex(head.hash)
    entry = Entry(sequence, draft, previous, b"")
    return Entry(sequence, draft, previous, _digest(*_row(entry)[:8]))


def _row(entry: Entry) -> tuple[Any, ...]:
    draft = entry.draft
    return (
        entry.sequence, draft.time, draft.actor, draft.kind, draft.subject, draft.command_id,
        _canonical(draft.payload), entry.previous, entry.hash,
    )  # fmt: skip


def _entry(row: tuple[Any, ...]) -> Entry:
    try:
        payload = json.loads(row[6])
    except ValueError:
        payload = {"unreadable": row[6]}  # altered: it is shown as it is, and `verify` names it
    _, time, actor, kind, subject, command_id, _, previous, digest = row
    draft = Draft(time, actor, kind, subject, command_id, payload)
    return Entry(row[0], draft, previous, digest)


def _canonical(value: Any) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _digest(
    sequence: int,
    time: int,
    actor: str,
    kind: str,
    subject: str,
    command_id: str,
    payload: str,
    previous: bytes,
) -> bytes:
    """BLAKE2b-256 over the canonical JSON array of all columns: no two rows read the same."""
    whole = _canonical([sequence, time, actor, kind, subject, command_id, payload, previous.hex()])
    return hashlib.blake2b(whole.encode(errors="surrogatepass"), digest_size=32).digest()


def _missing(first: int, last: int) -> str:
    return (
        f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
    )

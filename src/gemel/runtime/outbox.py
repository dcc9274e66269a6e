"""The outbox of job orders: what is to be sent, and what peers have told, on disk.

One file for all schedules and ways (SQLite, WAL, ``synchronous=FULL``). It is read once, at the
start; from then on memory has the same, and `put` returns when the disk has it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from gemel.core.errors import StorageFull, Unavailable
from gemel.core.job import JobResponse
from gemel.twin.planning.plans.jobs import Posted

__all__ = ["Outbox"]

_SCHEMA: Final = """
create table if not exists posted (
    schedule text not null, way text not null, job text not null, content text not null,
    primary key (schedule, way, job)
) strict;
create table if not exists response (
    schedule text not null, job text not null, content text not null,
    primary key (schedule, job)
) strict;
"""


class Outbox:
    """Entries and responses. Any thread may call; each call may wait for the disk."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._disk = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"the outbox {path} cannot be opened: {error}") from None
        try:
            self._disk.execute("pragma journal_mode = wal")
            self._disk.execute("pragma synchronous = full")
            self._disk.executescript(_SCHEMA)
            read = self._disk.execute
            self.posted: dict[tuple[str, str, str], Posted] = {}
            for (content,) in read("select content from posted"):
                entry = Posted.of(json.loads(content))
                self.posted[entry.key] = entry
            self.responses: dict[tuple[str, str], JobResponse] = {
                (schedule, job): JobResponse.of(json.loads(content))
                for schedule, job, content in read("select schedule, job, content from response")
            }
        except sqlite3.DatabaseError as error:
            self._disk.close()
            raise Unavailable(f"the outbox {path} cannot be read: {error}; move it away") from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._disk.close()

    def put(
        self, entries: Iterable[Posted] = (), dropped: Iterable[Posted] = (),
        responses: Iterable[tuple[str, JobResponse]] = (),
        untold: Iterable[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        """All of it or nothing, on disk when it returns; `untold` are (schedule, job order) whose
        response is forgotten. Raises `Unavailable`."""
        entries, dropped = list(entries), list(dropped)
        responses, untold = list(responses), list(untold)
        with self._lock:
            try:
                self._disk.execute("begin immediate")
                self._disk.executemany(
                    "insert or replace into posted values (?, ?, ?, ?)",
                    [(*one.key, json.dumps(one.record())) for one in entries],
                )
                self._disk.executemany(
                    "delete from posted where schedule = ? and way = ? and job = ?",
                    [one.key for one in dropped],
                )
                self._disk.executemany(
                    "insert or replace into response values (?, ?, ?)",
                    [(name, one.job, json.dumps(asdict(one))) for name, one in responses],
                )
                self._disk.executemany(
                    "delete from response where schedule = ? and job = ?", untold
                )
                self._disk.execute("commit")
            except sqlite3.Error as error:
                if self._disk.in_transaction:
                    self._disk.execute("rollback")
                kind = StorageFull if "full" in str(error) else Unavailable
                raise kind(f"the outbox is not written: {error}") from None
        for entry in entries:
            self.posted[entry.key] = entry
        for entry in dropped:
            self.posted.pop(entry.key, None)
        for name, response in responses:
            self.responses[name, response.job] = response
        for key in untold:
            self.responses.pop(key, None)

    def of(self, schedule: str, way: str | None = None) -> list[Posted]:
        """Entries of a schedule, of one way or all."""
        return [
            one for one in list(self.posted.values())
            if one.schedule == schedule and way in (None, one.way)
        ]  # fmt: skip

    def responses_of(self, schedule: str) -> dict[str, JobResponse]:
        """Responses of a schedule by job order."""
        return {job: one for (name, job), one in list(self.responses.items()) if name == schedule}

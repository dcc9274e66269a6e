"""A segment whose rows are still in its log: the open one, or one that waits to be closed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from gemel.core.frame import Frame, Times
from gemel.core.wire import SCHEMA
from gemel.parts.historians.base import Numbers
from gemel.parts.historians.duckdb import scan
from gemel.parts.historians.duckdb.lanes import NO_MARK, Last
from gemel.parts.historians.duckdb.log import Commits, Log
from gemel.parts.historians.duckdb.questions import Source

__all__ = ["EVER", "Gate", "Live"]

EVER: Final = (NO_MARK, int(np.iinfo(np.int64).max))
"""From the first to the last time that there can be."""


class Live:
    """One such segment.

    id            its number
    opened        when it was made, ns UTC
    first_commit  number of its first commit
    head_last     latest time in the state with which it begins
    positions     last position of each connector, up to the last commit
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self.id = int(log.path.stem)
        self.opened = int(log.head["known"][0])
        self.first_commit = int(log.told["first_commit"])
        self.head_last = int(log.told["head_last"])
        self.positions: dict[str, str] = log.told["positions"]
        self.rows = int(log.commits["ordered"].sum())
        self.late = int(log.commits["late"].sum())

    @classmethod
    def create(
        cls, path: Path, last: Last, opened: int, first_commit: int, positions: Mapping[str, str]
    ) -> Live:
        """Make a segment that begins with the state of every signal, complete or not at all."""
        signals = last.known()
        head = Frame.of(signals, last.time[signals], last.value[signals], last.quality[signals])
        head_last = int(head.time.max()) if len(head) else NO_MARK
        told = {"first_commit": first_commit, "head_last": head_last, "positions": positions}
        return cls(Log.create(path, head, opened, told))

    @property
    def name(self) -> str:
        """Its name in SQL."""
        return f"live{self.id}"

    @property
    def last_known(self) -> int:
        """When its last commit was known."""
        commits = self.log.commits
        return int(commits["known"][-1]) if len(commits) else NO_MARK

    @property
    def next_commit(self) -> int:
        """Number of the next commit."""
        commits = self.log.commits
        return int(commits["number"][-1]) + 1 if len(commits) else self.first_commit

    def append(
        self, known: int, ordered: Sequence[Frame], late: Frame, positions: Mapping[str, str]
    ) -> None:
        """Append a commit, on disk when it returns. Raises `OSError`: then nothing was stored."""
        told = {"positions": positions} if positions else None
        self.log.append(self.next_commit, known, ordered, late, told)
        self.positions.update(positions)
        self.rows += sum(map(len, ordered))
        self.late += len(late)

    def upto(self, as_of: int | None) -> Commits:
        """The commits that were known at `as_of`."""
        commits = self.log.commits
        if as_of is None:
            return commits
        return commits[: int(np.searchsorted(commits["known"], as_of, side="right"))]

    def source(self, as_of: int | None) -> Source | None:
        """Its rows for a question; None if none of them was known at `as_of`."""
        commits = self.upto(as_of)
        if not len(commits):
            return None
        return Source(self.id, self.name, late=bool(commits["late"].any()))

    def read(
        self, signals: Numbers | None, low: int, high: int, as_of: int | None = None
    ) -> pa.RecordBatchReader:
        """Rows of low <= time < high, with the columns of `scan.SCHEMA`."""
        batches = scan.choose(self.log, self.upto(as_of), signals, low, high)
        return pa.RecordBatchReader.from_batches(scan.SCHEMA, batches)

    def latest(self, signals: Numbers, low: int, high: int, as_of: int | None) -> pa.Table:
        """Of these rows, the one with the greatest time of each signal."""
        batches = scan.latest(self.log, self.upto(as_of), signals, low, high)
        return pa.Table.from_batches(batches, scan.SCHEMA)

    def head(self) -> pa.Table:
        """The state with which it begins, in order of signal."""
        batches = scan.choose(self.log, self.log.head, None, *EVER)
        return pa.Table.from_batches(batches, scan.SCHEMA).select(SCHEMA.names)

    def marks(self, signals: int) -> Last:
        """The last row in order of so many signals: its head, and then its rows."""
        last = Last()
        last.grow(signals)
        scan.marks(self.log, self.log.head, last)
        scan.marks(self.log, self.log.commits, last)
        return last

    def times(self) -> tuple[int, int] | None:
        """Least and greatest source time of its rows; None if it has none."""
        filled = self.log.commits[self.log.commits["low"] <= self.log.commits["high"]]
        return (int(filled["low"].min()), int(filled["high"].max())) if len(filled) else None

    def known(self) -> Times:
        """When each commit was known, from the first on; one that cannot be read, with the one
        before it."""
        commits = self.log.commits
        numbers = np.arange(self.first_commit, self.next_commit)
        place = np.searchsorted(commits["number"], numbers, side="right") - 1
        return np.asarray(commits["known"][np.maximum(place, 0)], np.int64)


class Gate:
    """Many readers, or one that takes a segment away."""

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

"""The interface of historians: they remember.

A historian is settings; `open` gives a `Store` over a data folder. One thread writes (`commit`),
any thread reads. What `commit` has returned is on disk: after a kill, a power cut or a full disk it
is there once, and nothing has to be repaired by hand.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gemel.core.catalogue import Catalogue
from gemel.core.event import Event
from gemel.core.frame import Frame, Times
from gemel.core.kind import Part
from gemel.core.time import Clock

__all__ = ["Historian", "Query", "Receipt", "Store"]

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the rows of one commit; they add up to what was handed in."""

    accepted: int = 0
    """Stored in order."""
    late: int = 0
    """Stored too, at or before a time that was already stored."""
    repeated: int = 0
    """Equal to what is stored; not stored again."""
    positions: dict[str, str] = field(default_factory=dict)
    """Last position on disk per connector, to be acknowledged."""

    @property
    def rows(self) -> int:
        """All rows of the commit."""
        return self.accepted + self.late + self.repeated


@dataclass(frozen=True, slots=True)
class Query:
    """A question to history.

    Without `every`: every value with start <= time < end, all values of one time in the order in
    which they arrived. With `every`: one row per signal and step that has a sample, with the
    columns average, minimum, maximum, first, last, count, good (share of good samples); bad and
    NaN samples take no part.
    """

    signals: Numbers
    start: int
    end: int
    every: int | None = None
    as_of: int | None = None
    """Only what the twin knew then, ns UTC."""
    limit: int | None = None
    """At most this many rows, from the start (raw queries)."""


class Store(Protocol):
    """An open historian."""

    catalogue: Catalogue

    def commit(self, frames: Sequence[Frame]) -> Receipt:
        """Store the samples, and the connectors' positions, in one step; return when on disk.

        Raises `StorageFull` when there is no room; the store stays readable, and a later commit
        works once there is room again.
        """
        ...

    def marks(self) -> Times:
        """Last stored source time per signal number; the smallest int64 where there is none."""
        ...

    def position(self, connector: str) -> str | None:
        """Last committed position of a connector."""
        ...

    def query(self, query: Query) -> pa.Table:
        """Columns signal, time, value, quality; or the aggregates of `Query.every`."""
        ...

    def at(self, signals: Numbers, time: int, as_of: int | None = None) -> pa.Table:
        """The value valid at `time`, per signal that has one: signal, time, value, quality."""
        ...

    def sketch(self, signal: int, start: int, end: int, points: int) -> pa.Table:
        """A signal for a chart: about `points` rows that keep every extreme, in order of time."""
        ...

    def record(self, events: Iterable[Event]) -> None:
        """Store events; one that is stored already is left as it is."""
        ...

    def events(
        self,
        kind: str | None = None,
        subject: str | None = None,
        start: int | None = None,
        end: int | None = None,
        limit: int = 1_000,
        order: Literal["newest", "oldest"] = "newest",
    ) -> list[Event]:
        """Events that touch [start, end), superseded ones left out.

        One that began before `start` touches it if it ended at or after it, or lasts.
        """
        ...

    def keep(self, name: str, state: dict[str, Any]) -> None:
        """Keep a state (of a detector, alarm …) under a name, on disk when it returns."""
        ...

    def kept(self, name: str) -> dict[str, Any] | None:
        """The state last kept under a name."""
        ...

    def report(self) -> dict[str, Any]:
        """Segments, rows, bytes, damage and free space, for health and status."""
        ...


class Historian(Part):
    """Settings of a historian."""

    api: ClassVar[int] = 1

    @abstractmethod
    def open(
        self, folder: Path, clock: Clock, *, read_only: bool = False
    ) -> AbstractContextManager[Store]:
        """Open, or make, the history in `folder`. Raises `Unavailable` if a process has it open,
        `ConfigurationError` if it is of a newer format."""

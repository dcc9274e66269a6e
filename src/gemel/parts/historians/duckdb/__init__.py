"""History in segments: the open one a log, closed ones sorted Parquet, a ledger in SQLite; DuckDB
answers.

Layout of a data folder (format 1), described in docs/design/history.md:

    ledger.sqlite            catalogue, manifest, events, kept states
    segments/000001.parquet  closed: sorted by signal and time, page checksums
    segments/000001.head.parquet   state of every signal when it was opened
    segments/000002.log      open (and, for a moment after a rotation, the one being closed)
    quarantine/              what failed its check, never read again
    reserve                  space given up to the ledger when the disk is full
    lock                     held by the one process that writes
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import Field

from gemel.core.time import HOUR, Clock, Duration
from gemel.parts.historians.base import Historian, Store

__all__ = ["DuckDB"]


class DuckDB(Historian):
    """The default historian: one process, no server, files that any engine can read."""

    segment_age: Duration = Field(HOUR, gt=0, description="A segment is closed at this age")
    segment_rows: int = Field(64_000_000, gt=0, description="… or at this many rows")
    segment_bytes: int = Field(1_000_000_000, gt=0, description="… or at this size on disk")
    keep_free: int = Field(
        256 * 1024 * 1024,
        ge=0,
        description="Telemetry is refused when the disk has less than this many bytes free",
    )
    reserve: int = Field(
        16 * 1024 * 1024,
        ge=0,
        description="Bytes held back for catalogue, alarms and journal when the disk is full",
    )
    memory: str = Field("2GB", pattern=r"^\d+(MB|GB)$", description="Most memory for queries")
    keep_age: Duration | None = Field(
        None, gt=0, description="Closed segments older than this are removed"
    )
    keep_bytes: int | None = Field(
        None, gt=0, description="Oldest closed segments are removed above this size"
    )

    def open(
        self, folder: Path, clock: Clock, *, read_only: bool = False
    ) -> AbstractContextManager[Store]:
        """See `Historian.open`."""
        from gemel.parts.historians.duckdb.store import DuckDBStore

        return DuckDBStore(self, folder, clock, read_only=read_only)

"""Rotation: when a segment is closed and another begun, and when old ones go.

Closing takes long and happens in a thread of its own. Whatever stops it half-way, the segment stays
a log, and is closed after the next start.
"""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

import duckdb

from gemel.core.errors import Damaged
from gemel.core.time import Clock
from gemel.parts.historians.duckdb import scan
from gemel.parts.historians.duckdb.archive import Archive
from gemel.parts.historians.duckdb.engine import Engine
from gemel.parts.historians.duckdb.lanes import Last
from gemel.parts.historians.duckdb.ledger import Sealed
from gemel.parts.historians.duckdb.live import Live
from gemel.parts.historians.duckdb.logs import Logs
from gemel.parts.historians.duckdb.sealing import Files, seal

if TYPE_CHECKING:
    from gemel.parts.historians.duckdb import DuckDB

__all__ = ["MOST_WAITING", "Rotation"]

log = logging.getLogger("gemel.history")

MOST_WAITING: Final = 4
"""Segments that may wait to be closed; then commits wait, since open ones take three times the
room, and the disk would fill before it is told."""


class Rotation:
    """Begins segments, closes them and removes the oldest. Who begins or turns holds `writing`."""

    def __init__(
        self, settings: DuckDB, files: Files, clock: Clock, engine: Engine, logs: Logs,
        archive: Archive,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._files = files
        self._clock = clock
        self._engine = engine
        self._logs = logs
        self._archive = archive
        self._thread = ThreadPoolExecutor(1, "gemel.seal")
        self._closing: list[Future[None]] = []
        self._stopping = False

    def start(self, last: Last) -> None:
        """See that a segment is open, and close the others."""
        if not self._logs.segments:
            self._begin(last)
        for live in self._logs.segments[:-1]:
            self._close_later(live)
        # Nobody can ask before the start is over, and samples need not wait for it.
        self._thread.submit(scan.warm_up)

    def stop(self) -> None:
        """End the thread; what is not closed is closed after the next start."""
        self._stopping = True
        self._thread.shutdown(wait=True, cancel_futures=True)

    def turn_if_due(self, last: Last) -> None:
        """Close the open segment if it is old or large enough."""
        live, settings = self._logs.open, self._settings
        rows = live.rows + live.late
        if rows and (
            rows >= settings.segment_rows
            or self._clock() - live.opened >= settings.segment_age
            or live.log.end >= settings.segment_bytes
        ):
            self.turn(last)

    def turn(self, last: Last) -> None:
        """Begin a segment, and close the one that was open, unless it is empty."""
        old = self._logs.open
        if old.rows + old.late:
            self._begin(last)
            self._close_later(old)

    def wait_for_room(self) -> None:
        """Wait while too many segments wait to be closed."""
        pending = [future for future in tuple(self._closing) if not future.done()]
        if len(pending) > MOST_WAITING:
            wait(pending, return_when=FIRST_COMPLETED)

    def wait_for_all(self) -> None:
        """Wait until everything that was to be closed is on disk as Parquet."""
        for future in tuple(self._closing):
            future.result()

    def _begin(self, last: Last) -> None:
        """A new open segment that begins with the state of every signal."""
        sealed, live = self._archive.segments, self._logs.segments
        number = 1 + max([s.id for s in sealed] + [s.id for s in live], default=0)
        first_commit, positions = 1, {}
        if live:
            first_commit = live[-1].next_commit
            positions = live[-1].positions
        elif sealed:
            first_commit = sealed[-1].first_commit + len(sealed[-1].known)
        path = self._files.log(number)
        self._logs.add(Live.create(path, last, self._clock(), first_commit, positions))

    def _close_later(self, live: Live) -> None:
        self._closing = [f for f in self._closing if not f.done()]
        self._closing.append(self._thread.submit(self._close, live))

    def _close(self, live: Live) -> None:
        going_on = lambda: not self._stopping  # noqa: E731 - one name, two meanings
        try:
            sealed = seal(self._engine, live, self._files, self._clock(), going_on)
        except (duckdb.Error, Damaged, OSError) as error:
            log.warning("segment %06d stays open: %s", live.id, str(error).splitlines()[0])
            return
        if sealed is None:
            return
        self._archive.enter(sealed)
        with self._logs.writing, self._logs.gate.alone():
            self._archive.show(sealed)
            self._logs.remove(live)
        for old in self._expired():
            with self._logs.writing, self._logs.gate.alone():
                self._archive.remove(old)

    def _expired(self) -> list[Sealed]:
        """Closed segments that are too old or too many bytes, oldest first."""
        settings, expired = self._settings, []
        oldest_kept = self._clock() - settings.keep_age if settings.keep_age else None
        total = sum(s.size for s in self._archive.segments)
        for segment in self._archive.segments:
            # By when it was closed: what was back-filled is old, and has only just come.
            old = oldest_kept is not None and segment.closed < oldest_kept
            large = settings.keep_bytes is not None and total > settings.keep_bytes
            if not old and not large:
                break
            expired.append(segment)
            total -= segment.size
        return expired

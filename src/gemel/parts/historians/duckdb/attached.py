"""The attached segments: those whose rows are still in DuckDB.

Starting is recovering: whatever a kill has left, what can be attached is attached, what was closed
already is removed, and what cannot be read is set aside.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Container, Sequence
from pathlib import Path

import duckdb

from gemel.core.errors import Damaged
from gemel.parts.historians.duckdb.damage import Damage
from gemel.parts.historians.duckdb.lanes import Last
from gemel.parts.historians.duckdb.questions import Source
from gemel.parts.historians.duckdb.sealing import Files, sync_folder
from gemel.parts.historians.duckdb.segments import Engine, Gate, Live, log_of

__all__ = ["Attached"]


class Attached:
    """The attached segments of a data folder: the open one is the last, those before it wait to be
    closed. One DuckDB instance has them all.

    writing  held by who writes, or changes which segments there are; taken before the gate
    gate     who asks goes through it, and who detaches waits until all are out
    """

    def __init__(self, files: Files, memory: str, damage: Damage, *, read_only: bool) -> None:
        self.writing = threading.RLock()
        self.gate = Gate()
        self._files = files
        self._memory = memory
        self._damage = damage
        self._read_only = read_only
        self._live: list[Live] = []
        self.engine = self._engine()

    @property
    def segments(self) -> Sequence[Live]:
        """The segments as they are now, oldest first."""
        return tuple(self._live)

    @property
    def open(self) -> Live:
        """The one that takes rows."""
        return self._live[-1]

    def start(self, closed: Container[int]) -> None:
        """Attach every segment on disk that is not `closed`."""
        self._live = []
        for path in sorted(self._files.segments.glob("*.duckdb")):
            if int(path.stem) in closed:
                self._unlink(path)  # killed between the manifest and this
            elif (live := self._attach(path)) is not None:
                self._live.append(live)

    def reopen(self) -> None:
        """Another DuckDB instance, without segments until `start`."""
        self.close()
        self.engine = self._engine()

    def close(self) -> None:
        """Let go of all files; what was committed is on disk already."""
        with self.writing, self.gate.alone():
            with contextlib.suppress(duckdb.Error):
                for live in self._live:
                    self.engine.detach(live)
            self.engine.close()

    def add(self, live: Live, last: Last) -> None:
        """Make a new segment that begins with the state of every signal; it is the open one."""
        self.engine.create(live, last)
        sync_folder(live.path.parent)
        self._live.append(live)

    def detach(self, live: Live) -> None:
        """Let go of a segment; nobody may be writing or reading."""
        self._live = [other for other in self._live if other.id != live.id]
        self.engine.detach(live)

    def remove(self, live: Live) -> None:
        """Remove the file of a segment that was detached."""
        self._unlink(live.path)

    def sources(self, as_of: int | None) -> list[Source]:
        """Where rows known by `as_of` lie."""
        found = (live.source(as_of) for live in self.segments)
        return [source for source in found if source is not None]

    def _engine(self) -> Engine:
        return Engine(self._files.folder, self._memory, read_only=self._read_only)

    def _attach(self, path: Path) -> Live | None:
        """Attach a segment; None if it held nothing yet, or could not be read and was set aside."""
        try:
            live = self.engine.attach(path)
        except duckdb.Error as error:
            return self._set_aside(path, error)
        if live is None:
            self._unlink(path)
        return live

    def _set_aside(self, path: Path, error: duckdb.Error) -> Live | None:
        """A segment that cannot be attached: try without its damaged log, else give it up."""
        if self._read_only:
            raise Damaged(f"{path} cannot be read: {error}") from None
        number, first = int(path.stem), str(error).splitlines()[0]
        log = log_of(path)
        if log.exists():
            what = f"its log is damaged and was set aside: {first}"
            self._damage.set_aside(log, number, what)
            return self._attach(path)
        self._damage.set_aside(path, number, f"it is damaged and was set aside: {first}")
        return None

    def _unlink(self, path: Path) -> None:
        if not self._read_only:
            path.unlink(missing_ok=True)
            log_of(path).unlink(missing_ok=True)

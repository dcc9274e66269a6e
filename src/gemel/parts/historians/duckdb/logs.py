"""The segments whose rows are still in logs: the open one, and those that wait to be closed.

Starting is recovering: whatever a kill has left, every log that has a head is taken up, what was
closed already is removed, and what cannot be read is set aside and told.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Sequence
from pathlib import Path

from gemel.core.errors import ConfigurationError, Damaged
from gemel.parts.historians.duckdb.damage import Damage
from gemel.parts.historians.duckdb.live import Gate, Live
from gemel.parts.historians.duckdb.log import Log
from gemel.parts.historians.duckdb.questions import Source
from gemel.parts.historians.duckdb.sealing import Files

__all__ = ["Logs"]


class Logs:
    """The open segment is the last one, those before it wait to be closed.

    writing  held by who writes, or changes which segments there are; taken before the gate
    gate     who asks goes through it, and who takes a segment away waits until all are out
    """

    def __init__(self, files: Files, damage: Damage, *, read_only: bool) -> None:
        self.writing = threading.RLock()
        self.gate = Gate()
        self._files = files
        self._damage = damage
        self._read_only = read_only
        self._live: tuple[Live, ...] = ()

    @property
    def segments(self) -> Sequence[Live]:
        """The segments as they are now, oldest first."""
        return self._live

    @property
    def open(self) -> Live:
        """The one that takes rows."""
        return self._live[-1]

    def start(self, closed: Container[int]) -> None:
        """Take up every log on disk that is not of a `closed` segment."""
        if old := sorted(self._files.segments.glob("*.duckdb")):
            raise ConfigurationError(
                f"{old[0]} has a form from before the first release, which is no longer read"
            )
        for path in sorted(self._files.segments.glob("*.log")):
            if int(path.stem) in closed:
                if not self._read_only:
                    path.unlink()  # killed between the manifest and this
            else:
                self._take_up(path)

    def close(self) -> None:
        """Let go of all files; what was committed is on disk already."""
        with self.writing, self.gate.alone():
            for live in self._live:
                live.log.close()
            self._live = ()

    def add(self, live: Live) -> None:
        """A new segment: it is the open one."""
        self._live = (*self._live, live)

    def remove(self, live: Live) -> None:
        """Remove a segment that was closed; nobody may be writing or reading."""
        self._live = tuple(other for other in self._live if other.id != live.id)
        live.log.close()
        live.log.path.unlink()

    def sources(self, as_of: int | None) -> list[Source]:
        """Where rows known by `as_of` lie."""
        found = (live.source(as_of) for live in self._live)
        return [source for source in found if source is not None]

    def _take_up(self, path: Path) -> None:
        number = int(path.stem)
        try:
            log = Log(path, writable=not self._read_only)
        except Damaged as error:
            if self._read_only:
                raise
            self._damage.set_aside(path, number, f"{error}; it was set aside")
            return
        if log.damage and not self._read_only:
            self._damage.tell(number, "; ".join(log.damage))
        self.add(Live(log))

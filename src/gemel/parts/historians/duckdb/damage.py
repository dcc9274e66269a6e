"""What cannot be read: moved to `quarantine/`, and told in the log and as an Event."""

from __future__ import annotations

import logging
from pathlib import Path

from gemel.core.event import Event
from gemel.core.time import Clock
from gemel.parts.historians.duckdb.ledger import Ledger
from gemel.parts.historians.duckdb.sealing import Files

__all__ = ["Damage"]

log = logging.getLogger("gemel.history")


class Damage:
    """Damage to the segments of a folder. It never prevents the start."""

    def __init__(self, files: Files, ledger: Ledger, clock: Clock) -> None:
        self._files = files
        self._ledger = ledger
        self._clock = clock

    def tell(self, segment: int, what: str) -> None:
        """Say what became of a segment."""
        log.error("segment %06d: %s", segment, what)
        now = self._clock()
        subject = f"segment/{segment:06d}"
        event = Event("damage", subject, now, "historian", now, payload={"what": what})
        self._ledger.record([event])

    def set_aside(self, path: Path, segment: int, what: str) -> None:
        """Move a file of a segment out of the way, and say so."""
        self._files.quarantine.mkdir(exist_ok=True)
        path.rename(self._files.quarantine / path.name)
        self.tell(segment, what)

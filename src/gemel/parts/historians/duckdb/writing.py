"""Commits: rows into the open segment, each in its lane, in one step with the positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError
from gemel.core.frame import Frame, Times, concatenate
from gemel.core.time import Clock
from gemel.parts.historians.base import Receipt
from gemel.parts.historians.duckdb.lanes import Last, sort
from gemel.parts.historians.duckdb.logs import Logs
from gemel.parts.historians.duckdb.reading import Reader

__all__ = ["Writer"]


class Writer:
    """Writes commits and keeps the marks. Who calls it holds `Logs.writing`."""

    def __init__(self, catalogue: Catalogue, clock: Clock, logs: Logs, reader: Reader) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._logs = logs
        self._reader = reader
        self.last = Last()
        """The last row in order of every signal."""

    def recover(self, closed: Callable[[], Last]) -> None:
        """Read the marks from the newest segment, so that they cannot disagree with the disk;
        `closed` gives those of the closed ones."""
        signals = len(self._catalogue)
        self.last = self._logs.open.marks(signals) if self._logs.segments else closed()
        self.last.grow(signals)

    def marks(self) -> Times:
        """See `Store.marks`."""
        self.last.grow(len(self._catalogue))
        return self.last.time[: len(self._catalogue)].copy()

    def commit(self, frames: Sequence[Frame]) -> Receipt:
        """See `Store.commit`; raises `OSError` when nothing was stored."""
        signals = len(self._catalogue)
        for frame in frames:
            if len(frame) and not 0 <= frame.signal.min() <= frame.signal.max() < signals:
                raise ConfigurationError("a frame has a signal number the catalogue never gave")
        live = self._logs.open
        positions = {f.source: f.position for f in frames if f.position is not None}
        self.last.grow(signals)
        before = self.last.copy()
        try:
            lanes = sort(frames, self.last)
            late = concatenate(lanes.late)
            new = late[self._reader.unknown(late, lanes.in_order)] if len(late) else late
            live.append(max(self._clock(), live.last_known), lanes.in_order, new, positions)
        except BaseException:
            self.last = before
            raise
        corrects = self.last.time[new.signal] == new.time
        self.last.value[new.signal[corrects]] = new.value[corrects]
        self.last.quality[new.signal[corrects]] = new.quality[corrects]
        accepted = sum(map(len, lanes.in_order))
        return Receipt(accepted, len(new), lanes.repeated + len(late) - len(new), positions)

"""The closed segments: the manifest in memory, checked when it is read and when it is asked.

Sizes are compared at every start, checksums when a segment is first asked; what fails is mended
from its sound row groups, so that damage costs its block and never the start.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from gemel.core.errors import Damaged
from gemel.parts.historians.duckdb.damage import Damage
from gemel.parts.historians.duckdb.engine import Engine
from gemel.parts.historians.duckdb.lanes import Last
from gemel.parts.historians.duckdb.ledger import Ledger, Sealed
from gemel.parts.historians.duckdb.questions import Source
from gemel.parts.historians.duckdb.sealing import Files, damaged_blocks, repair

__all__ = ["Archive"]


class Archive:
    """The closed segments of a data folder, oldest first. Any thread may ask."""

    def __init__(self, files: Files, ledger: Ledger, damage: Damage, *, read_only: bool) -> None:
        self._files = files
        self._ledger = ledger
        self._damage = damage
        self._read_only = read_only
        self._changing = threading.Lock()
        self._sealed: tuple[Sealed, ...] = ()
        self._verified: set[int] = set()

    @property
    def segments(self) -> Sequence[Sealed]:
        """The segments as they are now."""
        return self._sealed

    def load(self) -> None:
        """Read the manifest, and mend each file that is missing or shorter than it was."""
        self._sealed = tuple(self._ledger.segments())
        if self._read_only:
            return
        for leftover in self._files.segments.glob("*.tmp"):
            leftover.unlink()
        for segment in self._sealed:
            path = self._files.rows(segment.id)
            size = path.stat().st_size if path.exists() else -1
            if size != segment.size:
                with self._changing:
                    self._mend(segment)

    def enter(self, sealed: Sealed) -> None:
        """Write a segment that was just closed into the manifest."""
        self._ledger.add_segment(sealed)

    def show(self, sealed: Sealed) -> None:
        """From now on questions find it here."""
        with self._changing:
            self._sealed = tuple(sorted((*self._sealed, sealed), key=lambda s: s.id))
            self._verified.add(sealed.id)

    def remove(self, segment: Sealed) -> None:
        """Take a segment out of the manifest and off the disk; nobody may be reading."""
        self._ledger.remove_segment(segment.id)
        with self._changing:
            self._sealed = tuple(s for s in self._sealed if s.id != segment.id)
        self._files.rows(segment.id).unlink(missing_ok=True)
        self._files.head(segment.id).unlink(missing_ok=True)

    def sources(self, low: int, high: int, as_of: int | None) -> list[Source]:
        """Where rows of low <= time < high, known by `as_of`, may lie."""
        found = []
        for segment in self._sealed:
            upto = _upto(segment, as_of)
            if segment.overlaps(low, high) and upto != segment.first_commit - 1:
                checked = self._verify(segment)
                path = str(self._files.rows(checked.id))
                found.append(Source(checked.id, file=path, upto=upto, late=checked.late > 0))
        return found

    def marks(self, engine: Engine) -> Last:
        """The last row in order of every signal: the state with which the newest segment begins,
        and its rows. Rows in order never share a time, so the latest is unique; a correction at the
        same time came through the late lane, and replaces the value."""
        last = Last()
        if not self._sealed:
            return last
        number = self._sealed[-1].id
        rows, head = self._files.rows(number), self._files.head(number)
        columns = "signal, time, value, quality"
        ordered = (
            f"select {columns} from read_parquet('{head}') "
            f"union all select {columns} from read_parquet('{rows}') where late = 0"
        )
        found = engine.ask(
            f"with mark as (select signal, max(time) as time from ({ordered}) group by signal), "
            f"candidate as (select *, 0 as commit, 0 as late from ({ordered}) "
            f"union all select {columns}, commit, late from read_parquet('{rows}') where late > 0) "
            "select signal, time, max_by(value, {'a': commit, 'b': late}), "
            "max_by(quality, {'a': commit, 'b': late}) "
            "from candidate semi join mark using (signal, time) group by signal, time",
            {},
        )
        if found.num_rows:
            last.put(*(found.column(i).to_numpy() for i in range(4)))
        return last

    def _verify(self, segment: Sealed) -> Sealed:
        """Compare the checksums of a closed segment, once in the life of the store."""
        if segment.id in self._verified:
            return segment
        path = self._files.rows(segment.id)
        if not path.exists() or damaged_blocks(path, segment) is not None:
            if self._read_only:
                raise Damaged(
                    f"{path} fails its check; start Gemel on {self._files.folder} to mend it"
                )
            with self._changing:
                if segment.id in self._verified:  # another question was faster
                    return next((s for s in self._sealed if s.id == segment.id), segment)
                segment = self._mend(segment)
                self._verified.add(segment.id)
                return segment
        self._verified.add(segment.id)
        return segment

    def _mend(self, segment: Sealed) -> Sealed:
        mended = repair(segment, self._files)
        if mended is None:
            return segment
        self._damage.tell(segment.id, mended.damaged)
        self._ledger.add_segment(mended)
        self._sealed = tuple(mended if s.id == segment.id else s for s in self._sealed)
        return mended


def _upto(segment: Sealed, as_of: int | None) -> int | None:
    """The last commit of a closed segment that was known at `as_of`; None when all were."""
    if as_of is None or not len(segment.known) or segment.known[-1] <= as_of:
        return None
    return segment.first_commit + int(np.searchsorted(segment.known, as_of, side="right")) - 1

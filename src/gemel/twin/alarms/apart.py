"""A condition that runs on its own: it has memory, or looks at several signals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gemel.core.catalogue import Catalogue
from gemel.twin.alarms.compiling import Compiled
from gemel.twin.alarms.levels import levels
from gemel.twin.mirror.columns import ColumnFeed, Rows
from gemel.twin.mirror.mirror import Snapshot

__all__ = ["Single"]


class Single:
    """A condition with a feed of its own."""

    def __init__(
        self, compiled: Compiled, inputs: dict[str, int], catalogue: Catalogue, snapshot: Snapshot
    ) -> None:
        self.numbers = sorted(set(inputs.values()))
        self._compiled = compiled
        self._catalogue = catalogue
        self._snapshot: Snapshot | None = snapshot
        self._inputs = inputs
        self.feed = ColumnFeed(inputs, catalogue, snapshot)
        self._when = compiled.when.start()
        self._clear = compiled.clear.start() if compiled.clear else None

    def run(self, rows: Rows) -> npt.NDArray[np.int8]:
        time, columns = rows
        when = self._when.step(time, {n: columns[n] for n in self._compiled.when.inputs})
        clear = None
        if self._clear is not None:
            clear = self._clear.step(
                time, {n: columns[n] for n in self._clear.program.inputs}
            ).value
        qualities = [column.quality for column in columns.values()]
        return levels(when.value, clear, np.stack(qualities, axis=1))

    def explain(self, on: bool) -> tuple[str, ...]:
        if not on and self._clear is not None:
            return self._clear.explain()
        return self._when.explain()

    def state(self) -> dict[str, Any]:
        return {
            "last": self.feed.last,
            "when": self._when.state(),
            "clear": self._clear.state() if self._clear is not None else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        try:
            when = self._compiled.when.start(state["when"])
            clear = self._compiled.clear.start(state["clear"]) if self._compiled.clear else None
        except (ValueError, TypeError, AttributeError, KeyError):
            return
        self._when, self._clear = when, clear
        assert self._snapshot is not None  # noqa: S101 - only asked before the first sample
        self.feed = ColumnFeed(
            self._inputs, self._catalogue, self._snapshot, since=int(state["last"])
        )

"""Aligned windows of normal operation, the same from history and from live samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gemel.core.expression import Boolean, Program, compile_expression
from gemel.core.frame import EMPTY, Frame
from gemel.core.plant import PlantSignal
from gemel.parts.detectors.base import Window
from gemel.parts.historians.base import Query, Store
from gemel.parts.operators.resample import Aligner
from gemel.twin.mirror.columns import ColumnFeed
from gemel.twin.mirror.mirror import Mirror
from gemel.twin.mirror.names import Resolver

__all__ = ["Normal", "NormalRows", "recorded"]


@dataclass(frozen=True, slots=True)
class Normal:
    """Which rows of which signals count as normal operation.

    numbers, names   the signals, in the order of the columns
    step, lateness   of the grid, ns
    condition        rows at which it is not known to be true are not normal; None: all are
    inputs           number of the signal behind each name of the condition
    """

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    step: int
    lateness: int
    condition: Program | None = None
    inputs: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(
        cls,
        paths: Iterable[str],
        numbers: dict[str, int],
        step: int,
        lateness: int,
        condition: str,
        signals: Iterable[PlantSignal],
        asset: str,
    ) -> Normal:
        """Compile `condition` with names relative to `asset`. Raises `ConfigurationError`."""
        names = tuple(paths)
        chosen = tuple(numbers[n] for n in names)
        if not condition:
            return cls(chosen, names, step, lateness)
        resolver = Resolver(signals, asset)
        program = compile_expression(condition, resolver, known=resolver.known, expect=Boolean)
        inputs = tuple((name, numbers[resolver.path(name)]) for name in program.inputs)
        return cls(chosen, names, step, lateness, program, inputs)


class NormalRows:
    """A running window: Frames in, closed rows of normal operation out."""

    def __init__(self, normal: Normal, store: Store) -> None:
        self._normal = normal
        self.aligner = Aligner(normal.numbers, normal.names, normal.step, normal.lateness)
        self._feed: ColumnFeed | None = None
        if normal.condition is not None:
            empty = Mirror(len(store.catalogue)).snapshot(0)
            self._feed = ColumnFeed(dict(normal.inputs), store.catalogue, empty)
            self._running = normal.condition.start()
        self._times: list[npt.NDArray[np.int64]] = []
        self._true: list[npt.NDArray[np.bool_]] = []

    def push(self, frame: Frame) -> Window:
        """The rows that these samples close and that are normal."""
        self._note(frame)
        return self._chosen(self.aligner.push(frame))

    def flush(self) -> Window:
        """The rows up to the newest sample."""
        return self._chosen(self.aligner.flush())

    def _note(self, frame: Frame) -> None:
        if self._feed is None:
            return
        rows = self._feed.feed(frame)
        if rows is not None:
            result = self._running.step(*rows)
            self._times.append(rows[0])
            self._true.append((result.value == 1) & (result.quality >= 0))

    def _chosen(self, window: Window) -> Window:
        """Rows at which the condition, held from its last instant, is true."""
        if self._feed is None or not len(window):
            return window
        if not self._times:
            return window.rows(slice(0, 0))
        times, true = np.concatenate(self._times), np.concatenate(self._true)
        place = np.searchsorted(times, window.time, side="right") - 1
        normal = (place >= 0) & true[np.maximum(place, 0)]
        # What lies before the last closed row is not asked again, but for the instant in force.
        keep = max(0, int(place[-1]))
        self._times, self._true = [times[keep:]], [true[keep:]]
        return window.rows(normal)


def recorded(normal: Normal, store: Store, start: int, end: int) -> Window:
    """Rows of normal operation in history, start <= time < end."""
    wanted = sorted({*normal.numbers, *(number for _, number in normal.inputs)})
    table = store.query(Query(np.array(wanted, np.int32), start, end))
    columns: list[Any] = [table.column(i).to_numpy() for i in range(4)]
    order = np.argsort(columns[1], kind="stable")
    frame = Frame.of(*(column[order] for column in columns)) if len(order) else EMPTY
    rows = NormalRows(normal, store)
    parts = [rows.push(piece) for piece in frame.pieces(65_536)]
    parts.append(rows.flush())
    return Window(
        np.concatenate([p.time for p in parts]),
        np.concatenate([p.value for p in parts]),
        normal.names,
    )

"""Aligned windows of normal operation, the same from history and from live samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gemel.core import quality as q
from gemel.core.expression import Boolean, Column, Program, compile_expression
from gemel.core.frame import EMPTY, Frame
from gemel.core.plant import PlantSignal
from gemel.parts.detectors.base import Window
from gemel.parts.historians.base import Query, Store
from gemel.parts.operators.resample import Aligner
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
    """A running window: Frames in, closed rows of normal operation out.

    What the condition looks at is aligned with the signals, so that it is asked on every row of
    the grid: a state that changed an hour ago is as much in force as one that changes now.
    """

    def __init__(self, normal: Normal, store: Store) -> None:
        self._normal = normal
        self._catalogue = store.catalogue
        inputs = dict(normal.inputs)
        extra = [n for n in dict.fromkeys(inputs.values()) if n not in normal.numbers]
        numbers = (*normal.numbers, *extra)
        names = (*normal.names, *(f"condition {n}" for n in extra))
        self._places = {name: numbers.index(number) for name, number in inputs.items()}
        self.aligner = Aligner(numbers, names, normal.step, normal.lateness)
        self._running = None if normal.condition is None else normal.condition.start()

    def push(self, frame: Frame) -> Window:
        """The rows that these samples close and that are normal."""
        return self._chosen(self.aligner.push(frame))

    def flush(self) -> Window:
        """The rows up to the newest sample."""
        return self._chosen(self.aligner.flush())

    def _chosen(self, window: Window) -> Window:
        k = len(self._normal.names)
        signals = Window(window.time, window.value[:, :k], self._normal.names)
        if self._running is None or not len(window):
            return signals
        columns = {
            name: Column(
                window.value[:, place],
                np.where(np.isnan(window.value[:, place]), q.BAD, q.GOOD).astype(np.int16),
                texts=self._catalogue.texts(self.aligner.numbers[place]),
            )
            for name, place in self._places.items()
        }
        result = self._running.step(window.time, columns)
        return signals.rows((result.value == 1) & (result.quality >= 0))


def recorded(normal: Normal, store: Store, start: int, end: int) -> Window:
    """Rows of normal operation in history, start <= time < end; gaps are left out."""
    wanted = sorted({*normal.numbers, *(number for _, number in normal.inputs)})
    table = store.query(Query(np.array(wanted, np.int32), start, end))
    columns: list[Any] = [table.column(i).to_numpy() for i in range(4)]
    order = np.argsort(columns[1], kind="stable")
    frame = Frame.of(*(column[order] for column in columns)) if len(order) else EMPTY
    rows = NormalRows(normal, store)
    parts = [rows.push(piece) for piece in frame.pieces(65_536)]
    parts.append(rows.flush())
    window = Window(
        np.concatenate([p.time for p in parts]),
        np.concatenate([p.value for p in parts]),
        normal.names,
    )
    known = np.ones(len(window), np.bool_)
    for gap in store.events("gap", start=start, end=end):
        # Over a gap the last value is held, which would teach that nothing ever moves.
        if not gap.payload.get("refilled"):
            known &= (window.time < gap.time) | (window.time > (gap.end or end))
    return window.rows(known)

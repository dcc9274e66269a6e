"""Aligned windows of what is mirrored, the same from history and from live samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core import quality as q
from gemel.core.catalogue import Catalogue
from gemel.core.expression import Boolean, Column, Program, compile_expression
from gemel.core.frame import EMPTY, Frame
from gemel.core.plant import PlantSignal
from gemel.parts.detectors.base import Window
from gemel.parts.historians.base import Query, Store
from gemel.parts.operators.resample import Aligner
from gemel.twin.mirror.names import Resolver

__all__ = [
    "AlignedRows",
    "Condition",
    "Normal",
    "NormalRows",
    "Told",
    "history",
    "last_known",
    "recorded",
]

_PIECE: Final = 65_536
_SLICE: Final = 6 * 3_600 * 1_000_000_000
"""So much time is read from history at once, ns: a month of raw samples need not fit in memory."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression that is asked of every row; `inputs` says which signal each name of it is."""

    program: Program
    inputs: tuple[tuple[str, int], ...]

    @classmethod
    def of(
        cls, text: str, signals: Iterable[PlantSignal], numbers: Mapping[str, int], asset: str
    ) -> Condition:
        """Compile `text` with names relative to `asset`. Raises `ConfigurationError`."""
        resolver = Resolver(signals, asset)
        program = compile_expression(text, resolver, known=resolver.known, expect=Boolean)
        inputs = tuple((name, numbers[resolver.path(name)]) for name in program.inputs)
        return cls(program, inputs)


@dataclass(frozen=True, slots=True)
class Told:
    """Closed rows, and what each condition says of them: known to be true or not, bool[n,c]."""

    window: Window
    true: npt.NDArray[np.bool_]


class AlignedRows:
    """A running window: Frames in, closed rows out, with the conditions asked on each.

    What a condition looks at is aligned with the signals, so that it is asked on every row of the
    grid: a state that changed an hour ago is as much in force as one that changes now.
    """

    def __init__(
        self,
        numbers: Sequence[int],
        names: Sequence[str],
        step: int,
        lateness: int,
        conditions: Sequence[Condition],
        catalogue: Catalogue,
    ) -> None:
        self.names = tuple(names)
        self._catalogue = catalogue
        inputs = dict.fromkeys(number for c in conditions for _, number in c.inputs)
        extra = [number for number in inputs if number not in numbers]
        every = (*numbers, *extra)
        self._places = [
            {name: every.index(number) for name, number in c.inputs} for c in conditions
        ]
        self._running = [c.program.start() for c in conditions]
        titles = (*names, *(f"condition {number}" for number in extra))
        self.aligner = Aligner(every, titles, step, lateness)

    def push(self, frame: Frame) -> Told:
        """The rows that these samples close."""
        return self._told(self.aligner.push(frame))

    def flush(self) -> Told:
        """The rows up to the newest sample."""
        return self._told(self.aligner.flush())

    def _told(self, window: Window) -> Told:
        true = np.zeros((len(window), len(self._running)), np.bool_)
        if len(window):
            for i, (running, places) in enumerate(zip(self._running, self._places, strict=True)):
                columns = {name: self._column(window, place) for name, place in places.items()}
                result = running.step(window.time, columns)
                true[:, i] = (result.value == 1) & (result.quality >= 0)
        signals = Window(window.time, window.value[:, : len(self.names)], self.names)
        return Told(signals, true)

    def _column(self, window: Window, place: int) -> Column:
        value = window.value[:, place]
        quality = np.where(np.isnan(value), q.BAD, q.GOOD).astype(np.int16)
        return Column(value, quality, texts=self._catalogue.texts(self.aligner.numbers[place]))


@dataclass(frozen=True, slots=True)
class Normal:
    """Which rows of which signals count as normal operation.

    numbers, names   the signals, in the order of the columns
    step, lateness   of the grid, ns
    condition        rows at which it is not known to be true are not normal; None: all are
    """

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    step: int
    lateness: int
    condition: Condition | None = None

    @classmethod
    def of(
        cls,
        paths: Iterable[str],
        numbers: Mapping[str, int],
        step: int,
        lateness: int,
        condition: str,
        signals: Iterable[PlantSignal],
        asset: str,
    ) -> Normal:
        """Compile `condition` with names relative to `asset`. Raises `ConfigurationError`."""
        names = tuple(paths)
        chosen = tuple(numbers[n] for n in names)
        found = Condition.of(condition, signals, numbers, asset) if condition else None
        return cls(chosen, names, step, lateness, found)

    @property
    def inputs(self) -> tuple[tuple[str, int], ...]:
        """Number of the signal behind each name of the condition."""
        return self.condition.inputs if self.condition is not None else ()


class NormalRows:
    """A running window that gives the rows of normal operation."""

    def __init__(self, normal: Normal, store: Store) -> None:
        conditions = [normal.condition] if normal.condition is not None else []
        self._rows = AlignedRows(
            normal.numbers, normal.names, normal.step, normal.lateness, conditions, store.catalogue
        )
        self.aligner = self._rows.aligner

    def push(self, frame: Frame) -> Window:
        """The rows that these samples close and that are normal."""
        return _normal(self._rows.push(frame))

    def flush(self) -> Window:
        """The rows up to the newest sample."""
        return _normal(self._rows.flush())


def _normal(told: Told) -> Window:
    return told.window.rows(told.true.all(axis=1))


def recorded(normal: Normal, store: Store, start: int, end: int) -> Window:
    """Rows of normal operation in history, start <= time < end; gaps are left out."""
    conditions = [normal.condition] if normal.condition is not None else []
    rows = AlignedRows(
        normal.numbers, normal.names, normal.step, normal.lateness, conditions, store.catalogue
    )
    return _normal(history(rows, store, start, end))


def history(rows: AlignedRows, store: Store, start: int, end: int) -> Told:
    """What `rows` gives for the samples of history, start <= time < end; gaps are left out."""
    parts = [rows.push(piece) for piece in _samples(store, rows.aligner.numbers, start, end)]
    parts.append(rows.flush())
    window = Window(
        np.concatenate([p.window.time for p in parts]),
        np.concatenate([p.window.value for p in parts]),
        rows.names,
    )
    true = np.concatenate([p.true for p in parts])
    known = np.ones(len(window), np.bool_)
    for gap in store.events("gap", start=start, end=end):
        # Over a gap the last value is held, which would teach that nothing ever moves.
        if not gap.payload.get("refilled"):
            known &= (window.time < gap.time) | (window.time > (gap.end or end))
    return Told(window.rows(known), true[known])


def last_known(store: Store, numbers: Iterable[int]) -> Frame:
    """What history knows last of signals, as if all had been sent with the newest of them."""
    known = store.at(np.array(sorted(numbers), np.int32), np.iinfo(np.int64).max - 1)
    if not known.num_rows:
        return EMPTY
    signal, time, value, quality = (known.column(i).to_numpy() for i in range(4))
    return Frame.of(signal, np.full(len(signal), time.max()), value, quality)


def _samples(store: Store, numbers: Iterable[int], start: int, end: int) -> Iterator[Frame]:
    """Samples of history in order of time, in pieces, after what was valid at `start`: a state that
    has not changed since is in force nevertheless."""
    wanted = np.array(sorted(numbers), np.int32)
    before = store.at(wanted, start - 1)
    if before.num_rows:
        signal, _, value, quality = (before.column(i).to_numpy() for i in range(4))
        yield Frame.of(signal, np.full(len(signal), start - 1), value, quality)
    while start < end:
        stop = min(start + _SLICE, end)
        table = store.query(Query(wanted, start, stop))
        columns: list[Any] = [table.column(i).to_numpy() for i in range(4)]
        order = np.argsort(columns[1], kind="stable")
        if len(order):
            yield from Frame.of(*(column[order] for column in columns)).pieces(_PIECE)
        start = stop

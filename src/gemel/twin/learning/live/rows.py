"""The rows of a task: aligned signals that count, and which unit each belongs to.

One way from samples to rows for fitting and for asking, so that a model is asked about what it was
fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gemel.core.catalogue import Catalogue
from gemel.core.errors import ConfigurationError, did_you_mean
from gemel.core.frame import Frame, Times, Values
from gemel.core.plant import PlantSignal
from gemel.parts.historians.base import Store
from gemel.twin.learning.chosen import chosen_signals
from gemel.twin.learning.live.casebook import Casebook
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.windows import AlignedRows, Condition, Told, history, last_known

__all__ = ["LiveRows", "Rows", "Source", "Units"]

_ROLES = ("when", "failed", "renewed")


@dataclass(frozen=True, slots=True)
class Source:
    """What a task looks at, compiled.

    paths, names, numbers   of the signals; a name is the path below the asset, or the whole path
    conditions              by role: when, failed, renewed; those that were written down
    """

    paths: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[int, ...]
    step: int
    lateness: int
    conditions: tuple[tuple[str, Condition], ...]

    @classmethod
    def of(
        cls,
        use: TaskUse,
        needed: Sequence[str],
        signals: Sequence[PlantSignal],
        numbers: Mapping[str, int],
    ) -> Source:
        """Resolve names. `needed` are columns that the task names itself. Raises
        `ConfigurationError`."""
        paths = chosen_signals(use, signals)
        known = {planned.path for planned in signals}
        for name in needed:
            path = next((p for p in (f"{use.asset}/{name}", name) if p in known), None)
            if path is None:
                own = [_short(p, use.asset) for p in known if p.startswith(use.asset + "/")]
                raise ConfigurationError(f"no signal '{name}'; {did_you_mean(name, own)}")
            if path not in paths:
                paths.append(path)
        conditions = tuple(
            (role, Condition.of(text, signals, numbers, use.asset))
            for role in _ROLES
            if (text := getattr(use, role))
        )
        return cls(
            tuple(paths), tuple(_short(p, use.asset) for p in paths),
            tuple(numbers[p] for p in paths), use.step, use.lateness, conditions,
        )  # fmt: skip

    @property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the signals that conditions look at."""
        return tuple(number for _, c in self.conditions for _, number in c.inputs)

    def read(self, target: str, numbers: Mapping[str, int]) -> dict[str, Any]:
        """Paths of what it looks at, by what for, as a `ModelStep` has them. `target` is a column;
        `numbers` is what `of` was given."""
        asked = set(self.inputs)
        return {
            "columns": self.paths,
            "target": dict(zip(self.names, self.paths, strict=True)).get(target, ""),
            "conditions": tuple(path for path, number in numbers.items() if number in asked),
        }

    def aligned(self, catalogue: Catalogue) -> AlignedRows:
        """A running window of all that is looked at."""
        conditions = [condition for _, condition in self.conditions]
        return AlignedRows(
            self.numbers, self.names, self.step, self.lateness, conditions, catalogue
        )


def _short(path: str, asset: str) -> str:
    return path.removeprefix(asset + "/")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that count.

    time    int64[n]    ns UTC
    value   float64[n,k]
    unit    int64[n]    which unit a row belongs to, counted from the first that was seen
    age     float64[n]  how long the unit was in use, ns: rows that count, times the step
    failed  numbers of the units that have failed after their last row
    book    what people have said of them by now, where a task learns from that
    """

    names: tuple[str, ...]
    time: Times
    value: Values
    unit: npt.NDArray[np.int64]
    age: Values
    failed: frozenset[int] = frozenset()
    book: Casebook | None = None

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def empty(cls, names: tuple[str, ...]) -> Rows:
        """None yet."""
        none = np.zeros(0, np.int64)
        return cls(names, none, np.zeros((0, len(names))), none, np.zeros(0))

    def take(self, chosen: Any) -> Rows:
        """The chosen rows (slice, mask or numbers)."""
        return Rows(
            self.names, self.time[chosen], self.value[chosen], self.unit[chosen], self.age[chosen],
            self.failed, self.book,
        )  # fmt: skip

    def upto(self, end: int) -> Rows:
        """The first `end` rows. Units that go on after them have not failed."""
        first = self.take(slice(0, end))
        return replace(first, failed=self.failed - set(self.unit[end:].tolist()))

    def of_last_unit(self) -> Rows:
        """The rows of the unit that is in use; none if the last one has failed."""
        last = self.unit[-1:]
        mine = np.isin(self.unit, last[~np.isin(last, list(self.failed))])
        return replace(self.take(mine), failed=frozenset())

    def then(self, later: Rows) -> Rows:
        """These, and what came after them."""
        if not len(self) and not self.failed:
            return later
        return Rows(
            self.names,
            np.concatenate([self.time, later.time]),
            np.concatenate([self.value, later.value]),
            np.concatenate([self.unit, later.unit]),
            np.concatenate([self.age, later.age]),
            self.failed | later.failed,
            later.book,
        )


class Units:
    """Counts units and their age over rows as they come.

    A unit fails in the row where `failed` becomes true: that row is its last. The next one begins
    when it is false again, or when `renewed` becomes true: the one before was then taken out whole.
    """

    def __init__(self, source: Source) -> None:
        self._place = {role: i for i, (role, _) in enumerate(source.conditions)}
        self._step = source.step
        self._unit, self._age = 0, 0
        self._failed = self._renewed = False

    def take(self, told: Told) -> Rows:
        """The rows that count."""
        n = len(told.window)
        names = told.window.names
        if not n:
            return Rows.empty(names)
        when = self._said(told, "when", default=True)
        failed = self._said(told, "failed", default=False)
        renewed = self._said(told, "renewed", default=False)
        before = np.append(self._failed, failed[:-1])
        ends = failed & ~before
        begins = (~failed & before) | (renewed & ~np.append(self._renewed, renewed[:-1]))
        unit = self._unit + np.cumsum(begins)
        counts = (when & ~failed) | ends
        counted = np.cumsum(counts)
        base = np.maximum.accumulate(np.where(begins, counted - counts, 0))
        age = counted - base + np.where(unit == self._unit, self._age, 0)
        self._unit, self._age = int(unit[-1]), int(age[-1])
        self._failed, self._renewed = bool(failed[-1]), bool(renewed[-1])
        window = told.window
        return Rows(
            names, window.time[counts], window.value[counts], unit[counts].astype(np.int64),
            age[counts] * float(self._step), frozenset(unit[ends].tolist()),
        )  # fmt: skip

    def _said(self, told: Told, role: str, *, default: bool) -> npt.NDArray[np.bool_]:
        place = self._place.get(role)
        return np.full(len(told.window), default) if place is None else told.true[:, place]


class LiveRows:
    """Rows as they close: first those of history, then those of samples, without a seam.

    `past` may run in another thread, once, while samples come in; `begin` takes what it gave.
    """

    def __init__(self, source: Source, store: Store) -> None:
        self._source = source
        self._store = store
        self._aligned = source.aligned(store.catalogue)
        self.signals = frozenset(self._aligned.aligner.numbers)
        # A state that is not sent again after a start is in force nevertheless.
        self._aligned.push(last_known(store, self.signals))
        self._units: Units | None = None
        self._waiting: list[Told] = []

    def past(self, start: int, end: int) -> tuple[Rows, Units]:
        """Rows of history, and what counts those after them."""
        units = Units(self._source)
        told = history(self._source.aligned(self._store.catalogue), self._store, start, end)
        return units.take(told), units

    def begin(self, past: Rows, units: Units) -> Rows:
        """Go on after `past`; gives the rows that came while it was read."""
        newest = int(past.time[-1]) if len(past) else np.iinfo(np.int64).min
        self._units = units
        fresh = Rows.empty(self._source.names)
        for told in self._waiting:
            new = told.window.time > newest
            fresh = fresh.then(units.take(Told(told.window.rows(new), told.true[new])))
        self._waiting.clear()
        return fresh

    def push(self, frame: Frame) -> Rows:
        """The rows that these samples close; none before `begin`."""
        told = self._aligned.push(frame)
        if self._units is None:
            if len(told.window):
                self._waiting.append(told)
            return Rows.empty(self._source.names)
        return self._units.take(told)

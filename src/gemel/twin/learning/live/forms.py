"""What a task needs in the live twin beyond what it does with a table.

A form says which signals a task gives, makes a table of rows, reads what was told off it, and knows
when the truth is known and how far off the model was.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.plant import PlantSignal, Signal
from gemel.core.table import Table
from gemel.core.time import DAY, HOUR, MINUTE, SECOND
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.tasks import Fitted, Task, read_task
from gemel.twin.learning.tasks.quality import QualityTask
from gemel.twin.learning.tasks.remaining_life import RemainingLifeTask

__all__ = ["FORMS", "SIDES", "Follow", "Form", "LifeForm", "QualityForm", "form_of"]

Follow: TypeAlias = Callable[[Rows], Values]
"""Rows that follow those of the last call, of one unit, to float64[n,3]."""

_UNITS: Final = {"s": SECOND, "min": MINUTE, "h": HOUR, "d": DAY}
SIDES: Final = ("", "_low", "_high")
"""What follows the name of a task in the paths of its signals: value, and ends of the interval."""


@dataclass(frozen=True, slots=True)
class Form(ABC):
    """A task with how it is used."""

    name: str
    use: TaskUse
    task: Task

    judged: ClassVar[bool]
    """Whether the truth of a row is known soon, so that models can be compared in operation."""
    whole: ClassVar[bool]
    """Whether a row is told by all rows of its unit before it, or by itself."""

    @classmethod
    @abstractmethod
    def read(cls, name: str, use: TaskUse, own: dict[str, Any]) -> Form:
        """From an entry of `tasks:`. Raises `ConfigurationError`."""

    @property
    @abstractmethod
    def needed(self) -> tuple[str, ...]:
        """Columns that the task names itself."""

    @property
    def target(self) -> str:
        """The column that is to be told; empty where it is none of them."""
        return ""

    @abstractmethod
    def unit(self, signals: Mapping[str, PlantSignal]) -> str:
        """Unit of what is told."""

    @abstractmethod
    def table(self, rows: Rows) -> Table:
        """Rows as the task wants them."""

    @abstractmethod
    def told(self, fitted: Fitted, rows: Rows) -> Values:
        """float64[n,3]: what the model says of each row, and its interval."""

    def follow(self, fitted: Fitted) -> Follow:
        """Ask about rows as they come, each by all of its unit before it."""
        return lambda rows: self.told(fitted, rows)

    @abstractmethod
    def losses(self, rows: Rows, told: Values) -> Values:
        """float64[n]: how far off it was; NaN where the truth is not known."""

    def outputs(self, signals: Sequence[PlantSignal]) -> tuple[PlantSignal, ...]:
        """The signals that the task gives: the value, and the ends of its interval."""
        known = {planned.path: planned for planned in signals}
        title = self.use.title or self.name.replace("_", " ")
        unit = self.unit(known)
        found = []
        for side, words in zip(SIDES, ("", ", lower end", ", upper end"), strict=True):
            path = f"{self.use.asset}/{self.name}{side}"
            if path in known:
                raise ConfigurationError(f"'{path}' is a signal already; name the task otherwise")
            signal = Signal(title=title + words, unit=unit, note=f"told by task '{self.name}'")
            found.append(PlantSignal(path, self.use.asset, "", path, signal, self.name))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class QualityForm(Form):
    """A soft sensor: the target is another signal, measured now and then, or always."""

    task: QualityTask

    judged = True
    whole = False

    @classmethod
    def read(cls, name: str, use: TaskUse, own: dict[str, Any]) -> QualityForm:
        for field in ("failed", "renewed"):
            if getattr(use, field):
                raise ConfigurationError(f"{field}: is for remaining_life, this task is quality")
        own = {"time": "time", "kind": "number", **own}
        if own["time"] != "time":
            raise ConfigurationError("time: rows of the twin have their own; leave it out")
        if own["kind"] != "number":
            raise ConfigurationError("kind: a task of the twin tells numbers so far, not classes")
        task = read_task(own)
        if not isinstance(task, QualityTask):
            raise TypeError(f"{task} is not a quality task")
        return cls(name, use, task)

    @property
    def needed(self) -> tuple[str, ...]:
        return (self.task.target,)

    @property
    def target(self) -> str:
        return self.task.target

    def unit(self, signals: Mapping[str, PlantSignal]) -> str:
        for path in (f"{self.use.asset}/{self.task.target}", self.task.target):
            if path in signals:
                return signals[path].signal.unit
        return ""

    def table(self, rows: Rows) -> Table:
        columns = {name: rows.value[:, i] for i, name in enumerate(rows.names)}
        columns["time"] = (rows.time - rows.time[:1].sum()) / SECOND
        columns[self.task.target] = self._measured(rows)
        return Table(columns, _digest(rows), f"history of {self.use.asset}")

    def told(self, fitted: Fitted, rows: Rows) -> Values:
        found = self.task.score(fitted, self.table(rows))
        return np.stack([found[name] for name in (self.task.target, "low", "high")], axis=1)

    def losses(self, rows: Rows, told: Values) -> Values:
        return np.abs(self._measured(rows) - told[:, 0])

    def _measured(self, rows: Rows) -> Values:
        """The target where it was measured anew; a value that is only held is no news."""
        value = rows.value[:, rows.names.index(self.task.target)]
        return np.where(np.append(True, np.diff(value) != 0), value, np.nan)


@dataclass(frozen=True, slots=True)
class LifeForm(Form):
    """Remaining life of the unit that is in the asset now, in hours of use."""

    task: RemainingLifeTask

    judged = False
    whole = True

    @classmethod
    def read(cls, name: str, use: TaskUse, own: dict[str, Any]) -> LifeForm:
        given = {"unit": "unit", "time": "age", "ended": "ended", "life_unit": "h"}
        for field in ("unit", "time", "ended"):
            if field in own:
                raise ConfigurationError(
                    f"{field}: units and their age are counted by the twin; say with `failed` and "
                    "`renewed` when one ends"
                )
        own = {**given, **own}
        if own["life_unit"] not in _UNITS:
            raise ConfigurationError(
                f"life_unit: '{own['life_unit']}' is not one of {', '.join(_UNITS)}"
            )
        task = read_task(own)
        if not isinstance(task, RemainingLifeTask):
            raise TypeError(f"{task} is not a task of remaining life")
        return cls(name, use, task)

    @property
    def needed(self) -> tuple[str, ...]:
        return self.task.conditions

    def unit(self, signals: Mapping[str, PlantSignal]) -> str:
        return self.task.life_unit

    def table(self, rows: Rows) -> Table:
        columns: dict[str, Any] = {name: rows.value[:, i] for i, name in enumerate(rows.names)}
        columns["unit"] = rows.unit.astype(np.float64)
        columns["age"] = rows.age / _UNITS[self.task.life_unit]
        columns["ended"] = np.isin(rows.unit, list(rows.failed)).astype(np.float64)
        return Table(columns, _digest(rows), f"history of {self.use.asset}")

    def told(self, fitted: Fitted, rows: Rows) -> Values:
        found = self.task.score(fitted, self.table(rows))
        return np.stack([found[name] for name in ("remaining", "low", "high")], axis=1)

    def follow(self, fitted: Fitted) -> Follow:
        model = self.task.model_of(fitted)
        prognosis = model.start()

        def ask(rows: Rows) -> Values:
            places = [rows.names.index(name) for name in model.names]
            life = prognosis(rows.age / _UNITS[self.task.life_unit], rows.value[:, places])
            return np.stack([life.value, life.low, life.high], axis=1)

        return ask

    def losses(self, rows: Rows, told: Values) -> Values:
        """The truth of a unit is known at its end."""
        truth = np.full(len(rows), np.nan)
        for unit in rows.failed:
            mine = rows.unit == unit
            if mine.any():
                truth[mine] = (rows.age[mine].max() - rows.age[mine]) / _UNITS[self.task.life_unit]
        cap = np.inf if self.task.cap is None else self.task.cap
        return np.asarray(np.abs(np.minimum(truth, cap) - told[:, 0]))


FORMS: Final[Mapping[str, type[Form]]] = {"quality": QualityForm, "remaining_life": LifeForm}


def form_of(name: str, settings: dict[str, Any]) -> Form:
    """An entry of `tasks:`. Raises `ConfigurationError` that says what would work."""
    mine, own = TaskUse.split(settings)
    use = TaskUse.read(mine)
    if "task" in own and own["task"] not in FORMS:
        read_task(own)  # says what is wrong, if it is not a task at all
        raise ConfigurationError(
            f"task '{own['task']}' works on files so far; in a plant file: {', '.join(FORMS)}"
        )
    if "task" not in own:
        raise ConfigurationError(f"`task` is missing; one of: {', '.join(FORMS)}")
    return FORMS[own["task"]].read(name, use, own)


def _digest(rows: Rows) -> str:
    told = hashlib.sha256(rows.time.tobytes())
    told.update(np.ascontiguousarray(rows.value).tobytes())
    return told.hexdigest()

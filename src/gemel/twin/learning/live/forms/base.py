"""What a task needs in the live twin beyond what it does with a table.

A form says which signals a task gives, makes a table of rows, asks a model about rows as they come,
and knows when the truth is known and how far off the model was.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Times, Values
from gemel.core.plant import PlantSignal, Signal
from gemel.core.table import Table
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.tasks import Fitted, Task
from gemel.twin.learning.tasks.base import Explained

__all__ = ["SIDES", "Ahead", "Follow", "Followed", "Form", "digest"]

SIDES: Final = ("", "_low", "_high")
"""What follows the name of a task in the paths of its signals: value, and ends of the interval."""
_WORDS: Final = ("", ", lower end", ", upper end")


def _no_times() -> Times:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is expected after the newest row.

    time  int64[h]    ns UTC
    told  float64[h,3]  value and interval
    """

    time: Times
    told: Values

    def plain(self) -> dict[str, Any]:
        """JSON-able: columns of `time`, `value`, `low` and `high`."""
        sides = zip(("value", "low", "high"), self.told.T.tolist(), strict=True)
        return {"time": self.time.tolist(), **dict(sides)}


@dataclass(frozen=True, slots=True)
class Followed:
    """What a model said of n rows, and how far off it was where the truth is known by now.

    told    float64[n,3]  value and interval of each row; NaN where nothing is told
    time    int64[m]      ns UTC: when each truth was known
    losses  float64[m]    NaN where it stays unknown
    """

    told: Values
    time: Times = field(default_factory=_no_times)
    losses: Values = field(default_factory=lambda: np.zeros(0))
    ahead: Ahead | None = None


class Follow(Protocol):
    """Asks one model about rows of one unit as they come; each call goes on after the last."""

    def begin(self, rows: Rows) -> None:
        """Take up what was before, of which nothing has to be told; at most once, and first."""
        ...

    def __call__(self, rows: Rows) -> Followed: ...


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

    continues: ClassVar[bool] = False
    """Whether it tells how its first signal goes on."""

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
        """The column that is to be told; empty where it is none of them, or its own past tells."""
        return ""

    @abstractmethod
    def unit(self, signals: Mapping[str, PlantSignal]) -> str:
        """Unit of what is told."""

    @abstractmethod
    def table(self, rows: Rows) -> Table:
        """Rows as the task wants them."""

    @abstractmethod
    def follow(self, fitted: Fitted) -> Follow:
        """Ask a model about rows as they come."""

    def ended(self, fitted: Fitted, rows: Rows) -> Values:
        """float64[n]: how far off a model was in rows of units that have ended, where the truth is
        known only then."""
        return np.zeros(0)

    def explain(self, fitted: Fitted, rows: Rows) -> Explained:
        """Why the newest row is told so."""
        return self.task.explain(fitted, self.table(rows), len(rows) - 1)

    @property
    def title(self) -> str:
        """For people: what is told."""
        return self.use.title or self.name.replace("_", " ")

    def outputs(self, signals: Sequence[PlantSignal]) -> tuple[PlantSignal, ...]:
        """The signals that the task gives: the value, and the ends of its interval."""
        known = {planned.path: planned for planned in signals}
        unit = self.unit(known)
        found = []
        for side, words in zip(SIDES, _WORDS, strict=True):
            path = f"{self.use.asset}/{self.name}{side}"
            if path in known:
                raise ConfigurationError(f"'{path}' is a signal already; name the task otherwise")
            signal = Signal(title=self.title + words, unit=unit, note=f"told by task '{self.name}'")
            found.append(PlantSignal(path, self.use.asset, "", path, signal, self.name))
        return tuple(found)


def digest(rows: Rows) -> str:
    """Hash of what a table was made of."""
    told = hashlib.sha256(rows.time.tobytes())
    told.update(np.ascontiguousarray(rows.value).tobytes())
    return told.hexdigest()

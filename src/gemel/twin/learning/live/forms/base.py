"""What a task needs in the live twin beyond what it does with a table.

A form says which signals a task gives, makes a table of rows, asks a model about rows as they come,
and knows when the truth is known and how far off the model was.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError
from gemel.core.event import Event
from gemel.core.frame import Times, Values
from gemel.core.plant import PlantSignal, Signal
from gemel.core.table import Table
from gemel.core.time import Clock
from gemel.parts.historians.base import Store
from gemel.twin.learning.live.rows import Rows
from gemel.twin.learning.live.settings import TaskUse
from gemel.twin.learning.renewal.band import AdaptiveBand
from gemel.twin.learning.tasks import Fitted, Task
from gemel.twin.learning.tasks.base import Explained

__all__ = ["SIDES", "Ahead", "Follow", "Followed", "Form", "digest", "told_signals"]

SIDES: Final = ("", "_low", "_high")
"""What follows the name of a task in the paths of its signals: value, and ends of the interval."""
_SHOWN: Final = 8
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

    told    float64[n,k]  of each row what each signal of the form tells; NaN where nothing is told
    time    int64[m]      ns UTC: when each truth was known, never falling
    losses  float64[m]    NaN where it stays unknown
    band    how often the last intervals held what came, where they adapt to it
    of      int64[m]      ns UTC: the row that each is of, where several may be known at once
    events  bool[m]       which are of what is rare, and must be among rows that models are compared
                          on; none where nothing is
    """

    told: Values
    time: Times = field(default_factory=_no_times)
    losses: Values = field(default_factory=lambda: np.zeros(0))
    ahead: Ahead | None = None
    of: Times | None = None
    events: npt.NDArray[np.bool_] | None = None
    band: Mapping[str, Any] | None = None

    @property
    def keys(self) -> Times:
        """int64[m]: rising, the same for each model that is asked about the same."""
        return self.time if self.of is None else self.of

    @property
    def marks(self) -> npt.NDArray[np.bool_]:
        """bool[m]."""
        return np.zeros(len(self.losses), np.bool_) if self.events is None else self.events


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
    events: ClassVar[int] = 0
    """So many events must be among the rows on which two models are compared."""
    forgets: ClassVar[bool] = True
    """Whether only rows after a change of its errors are learned from."""
    idle: ClassVar[frozenset[str]] = frozenset({"title", "every", "renewal"})
    """Settings of use of which models do not depend."""

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
    def follow(self, fitted: Fitted, band: AdaptiveBand | None = None) -> Follow:
        """Ask a model about rows as they come; intervals that adapt go on with `band`."""

    def ended(self, fitted: Fitted, rows: Rows) -> Values:
        """float64[n]: how far off a model was in rows of units that have ended, where the truth is
        known only then."""
        return np.zeros(0)

    def recall(
        self, past: Callable[[int, int], Rows], store: Store, start: int, end: int,
        champion: Fitted | None,
    ) -> Rows:  # fmt: skip
        """Rows to learn from: `past` gives those of any stretch of history. May wait for the
        disk, as the next two may."""
        return past(start, end)

    def informed(self, rows: Rows, store: Store, now: int) -> Rows:
        """Rows with what people have said of them by now, where the task learns from that."""
        return rows

    def heard(self, store: Store, now: int) -> str:
        """Changes when people have said something to learn from; empty where nothing is."""
        return ""

    def evidence(self, rows: Rows, fitted: Fitted) -> dict[str, Any]:
        """JSON-able: what else is to be kept with a model that was fitted on `rows`."""
        return {}

    def gains(self, champion: Fitted, candidate: Fitted) -> str:
        """What a candidate can say and the champion cannot, in words: then it need not be better,
        only not worse. Empty where there is nothing."""
        return ""

    def words(self, fitted: Fitted) -> tuple[str, ...]:
        """What the numbers of the first signal mean, where it is told as text; else nothing."""
        return ()

    def notices(self, store: Store, clock: Clock) -> Any:
        """What makes findings of what is told, with a method `end`; None where there are none."""
        return None

    def noticed(
        self, notices: Any, model: str, fitted: Fitted, rows: Rows, said: Values
    ) -> list[Event]:
        """Give rows to `notices`, with what the champion `model` said of them, float64[n,k]."""
        return []

    def band(self) -> AdaptiveBand:
        """For intervals whose truth is measured; of a rate of 0 where they are not to adapt."""
        return AdaptiveBand() if self.use.adapt else AdaptiveBand(rate=0.0)

    def lacks(self, rows: Rows) -> str:
        """What rows do not hold that is needed to learn, in words; empty if nothing."""
        return ""

    def plain(self, told: Values) -> dict[str, Any]:
        """JSON-able: what was told of one row, float64[k]."""
        value, low, high = told.tolist()
        return {"value": value, "low": low, "high": high}

    def explain(self, fitted: Fitted, rows: Rows) -> Explained:
        """Why the newest row is told so."""
        return self.task.explain(fitted, self.table(rows), len(rows) - 1)

    def why(self, fitted: Fitted, rows: Rows) -> dict[str, Any]:
        """The same, JSON-able, for pages."""
        explained = self.explain(fitted, rows)
        return {
            "answer": explained.answer,
            "mean": explained.mean,
            "unit": explained.unit,
            "shares": [
                {"name": name, "share": share, "value": value}
                for name, share, value in explained.shares[:_SHOWN]
            ],
        }

    @property
    def title(self) -> str:
        """For people: what is told."""
        return self.use.title or self.name.replace("_", " ")

    def tells(self, signals: Mapping[str, PlantSignal]) -> Iterable[tuple[str, Signal]]:
        """What follows the name of the task in the path of each of its signals, and the signal:
        the value, and the ends of its interval."""
        unit = self.unit(signals)
        for side, words in zip(SIDES, _WORDS, strict=True):
            yield side, Signal(title=self.title + words, unit=unit)

    def outputs(self, signals: Sequence[PlantSignal]) -> tuple[PlantSignal, ...]:
        """The signals that the task gives."""
        known = {planned.path: planned for planned in signals}
        return told_signals(self.name, self.use.asset, self.tells(known), known)


def told_signals(
    task: str, asset: str, tells: Iterable[tuple[str, Signal]], known: Container[str]
) -> tuple[PlantSignal, ...]:
    """The signals of a task. Raises `ConfigurationError` where one is there already."""
    found = []
    for side, signal in tells:
        path = f"{asset}/{task}{side}"
        if path in known:
            raise ConfigurationError(f"'{path}' is a signal already; name the task otherwise")
        noted = signal.model_copy(update={"note": f"told by task '{task}'"})
        found.append(PlantSignal(path, asset, "", path, noted, task))
    return tuple(found)


def digest(rows: Rows) -> str:
    """Hash of what a table was made of."""
    told = hashlib.sha256(rows.time.tobytes())
    told.update(np.ascontiguousarray(rows.value).tobytes())
    return told.hexdigest()

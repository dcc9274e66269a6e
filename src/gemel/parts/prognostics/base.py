"""The interface of prognostics: how long until an asset fails.

A prognostic is settings. `fit` learns from the runs of several units of one type, of which some
have failed, and gives a `Model`, an immutable value. What it says of a row stands on that row and
those before it: rows that come later change nothing, and the running form says the same as the
whole run at once, however the stream is cut. An interval comes with every prediction, set on units
that the model was not fitted on where enough have failed; else the evidence says what it stands on.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.core.kind import Part

__all__ = ["Life", "Model", "Prognosis", "Prognostic", "Reasons", "Runs"]


@dataclass(frozen=True, slots=True)
class Runs:
    """Rows of several units.

    names   k signals, in the order of the columns
    unit    int64[n]    number of the unit of each row, never falling
    age     float64[n]  time of use, in the unit in which remaining life is told; rising per unit
    value   float64[n,k]  NaN where unknown
    ended   bool[u]     whether each unit, in rising order of its number, failed after its last row
    """

    names: tuple[str, ...]
    unit: npt.NDArray[np.int64]
    age: Values
    value: Values
    ended: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.value.shape != (len(self.unit), len(self.names)) or len(self.age) != len(self.unit):
            raise ValueError(
                f"{len(self.unit)} units, {len(self.age)} ages, {len(self.names)} names and values "
                f"of shape {self.value.shape} do not fit together"
            )
        same = np.diff(self.unit) == 0
        if (np.diff(self.unit) < 0).any() or (np.diff(self.age)[same] <= 0).any():
            raise ValueError("rows must be in order of unit, then age")
        if len(self.ended) != len(self.starts):
            raise ValueError(f"{len(self.starts)} units, {len(self.ended)} said to have ended")

    def __len__(self) -> int:
        return len(self.unit)

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """int64[u]: the first row of each unit."""
        return np.unique(self.unit, return_index=True)[1].astype(np.int64)

    @property
    def lasts(self) -> npt.NDArray[np.int64]:
        """int64[u]: the last row of each unit."""
        return np.append(self.starts[1:], len(self.unit)) - 1 if len(self.unit) else self.starts

    def remaining(self) -> Values:
        """float64[n]: time from each row to the last row of its unit."""
        lengths = np.diff(np.append(self.starts, len(self.unit)))
        return np.repeat(self.age[self.lasts], lengths) - self.age

    def units(self, chosen: npt.ArrayLike) -> Runs:
        """The runs of these units, by their numbers."""
        rows = np.isin(self.unit, chosen)
        ended = self.ended[np.isin(self.unit[self.starts], chosen)]
        return Runs(self.names, self.unit[rows], self.age[rows], self.value[rows], ended)


@dataclass(frozen=True, slots=True)
class Life:
    """What is said of each row, in the unit of `Runs.age`.

    value      float64[n]  remaining life; what reaches the model's cap means 'so much or more'
    low, high  float64[n]  interval that holds the truth with the model's `confidence`
    """

    value: Values
    low: Values
    high: Values


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a row was given its remaining life: `share` of each signal, float64[n,k], and of `age`,
    float64[n], in the unit of life, added to the `mean` of all rows; and of each row `words`, in
    which a model tells what shares cannot (a level, its limit, a drift), or nothing."""

    share: Values
    age: Values
    mean: float
    words: tuple[str, ...] = ()


class Prognosis(Protocol):
    """Of one unit, running."""

    def __call__(self, age: Values, value: Values) -> Life:
        """Look at rows, float64[n] and float64[n,k], that follow those of the last call."""
        ...

    def state(self) -> dict[str, Any]:
        """A JSON-able value, with the version of its form."""
        ...


class Model(Protocol):
    """What was learned; immutable."""

    @property
    def names(self) -> tuple[str, ...]:
        """The signals, in the order of the columns of `Runs.value`."""
        ...

    @property
    def confidence(self) -> float:
        """How often the interval is to hold the truth."""
        ...

    @property
    def cap(self) -> float:
        """Longest life that is told; infinite without one."""
        ...

    def start(self, state: dict[str, Any] | None = None) -> Prognosis:
        """Follow one unit from its first row, or from a state of the same model."""
        ...

    def predict(self, runs: Runs) -> Life:
        """What it says of every row, each by those before it."""
        ...

    def explain(self, runs: Runs, rows: npt.NDArray[np.int64]) -> Reasons:
        """Why, for the chosen rows."""
        ...

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `Prognostic.load` makes the same model."""
        ...

    def evidence(self) -> dict[str, Any]:
        """How the model was made: units, rows, where the intervals come from."""
        ...


class Prognostic(Part):
    """Settings of a prognostic."""

    api: ClassVar[int] = 1

    @property
    @abstractmethod
    def least_failed(self) -> int:
        """How many units must have failed before `fit` can learn; 0 for one that needs none."""

    @abstractmethod
    def fit(self, runs: Runs) -> Model:
        """Learn from runs; parts of the units are held out in turn to set the intervals.

        Whether and on how many units the interval was set says `evidence`, under `interval`. Raises
        `DataError` when there is too little to learn from, saying how much is needed.
        """

    @abstractmethod
    def load(self, saved: dict[str, Any]) -> Model:
        """The model that `Model.save` gave. Raises `DataError` for anything else."""

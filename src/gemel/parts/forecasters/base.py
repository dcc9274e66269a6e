"""The interface of forecasters: they see a signal's future.

A forecaster is settings. `fit` learns from the history of many series on one grid and gives a
`Model`, an immutable value; `Model.forecast` continues any later history of the same series. A
forecast is a mean and quantiles. Bands come from errors on rows that the model was not fitted on:
errors of the fitted rows are too small, and their bands hold less often than they say.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Times, Values
from gemel.core.kind import Part

__all__ = ["Forecast", "Forecaster", "Model", "Panel"]


def _no_covariates() -> Values:
    return np.zeros((0, 0))


@dataclass(frozen=True, slots=True)
class Panel:
    """Several series on one regular grid.

    names        s paths, in the order of the rows of `value`
    time         int64[n]            grid, ns UTC, each row one step after the last
    value        float64[s,n]        NaN where unknown
    known        float64[c,n+future] covariates that are known ahead, from the first row on; NaN
                                     where unknown. What is measured together with a series is none
    known_names  c names of them

    Raises `DataError` where the grid has repeated, missing or shuffled times, `ValueError` where
    shapes do not fit each other.
    """

    names: tuple[str, ...]
    time: Times
    value: Values
    known: Values = field(default_factory=_no_covariates)
    known_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.time)
        if self.value.shape != (len(self.names), n):
            raise ValueError(
                f"a panel of {len(self.names)} names and {n} times has values of shape "
                f"{self.value.shape}"
            )
        c = len(self.known_names)
        if len(self.known) != c or (c and (self.known.ndim != 2 or self.known.shape[1] < n)):
            raise ValueError(
                f"{c} covariates of {n} rows or more wanted, known has shape {self.known.shape}"
            )
        steps = np.diff(self.time)
        if len(steps) and (steps[0] <= 0 or (steps != steps[0]).any()):
            wrong = int(np.flatnonzero((steps != steps[0]) | (steps <= 0))[0]) + 1
            raise DataError(
                f"row {wrong} of the panel is {steps[wrong - 1]} ns after the one before it, the "
                f"first step is {steps[0]} ns; a forecaster needs a regular grid, each time once: "
                "put the series on one with the operator 'resample'"
            )

    def __len__(self) -> int:
        return len(self.time)

    @property
    def step(self) -> int:
        """From row to row, ns; 0 where there are fewer than two rows."""
        return int(self.time[1] - self.time[0]) if len(self.time) > 1 else 0

    def until(self, row: int) -> Panel:
        """The rows before `row`; covariates known ahead stay known."""
        return Panel(self.names, self.time[:row], self.value[:, :row], self.known, self.known_names)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of the rows after a history.

    names     s paths
    time      int64[h]        ns UTC
    mean      float64[s,h]    NaN where a series has too few known values
    levels    q levels, rising, e.g. 0.05, 0.5, 0.95
    quantile  float64[s,h,q]  never falls along q; NaN where `mean` is
    """

    names: tuple[str, ...]
    time: Times
    mean: Values
    levels: tuple[float, ...]
    quantile: Values

    def at(self, level: float) -> Values:
        """float64[s,h], the quantile of one of the levels."""
        if level not in self.levels:
            raise DataError(f"no quantile of level {level}; there are {self.levels}")
        return self.quantile[:, :, self.levels.index(level)]


class Model(Protocol):
    """What was learned; immutable."""

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of the series, in the order of a panel's rows."""
        ...

    def forecast(self, history: Panel, horizon: int) -> Forecast:
        """The `horizon` rows after the last of `history`, of which only the past is used.

        The history may begin and end elsewhere than what was fitted; series and step are the same.
        Raises `DataError` where they are not, the history is too short, or the bands were not
        calibrated for so many steps.
        """
        ...

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `Forecaster.load` makes the same model."""
        ...

    def evidence(self) -> dict[str, Any]:
        """How the model was made: rows, data window, where the bands come from."""
        ...


class Forecaster(Part):
    """Settings of a forecaster."""

    api: ClassVar[int] = 1

    @abstractmethod
    def fit(self, history: Panel) -> Model:
        """Learn from a history; its last part is held out to calibrate the bands.

        Raises `DataError` when there is too little to learn from, saying how much is needed.
        """

    @abstractmethod
    def load(self, saved: dict[str, Any]) -> Model:
        """The model that `Model.save` gave."""

"""The interface of detectors: they notice.

A detector is settings. `fit` learns from a window of normal operation and gives a `Model`, an
immutable value; `Model.start` gives a running `Scorer`. Limits are set on normal data that the
model was not fitted on: limits from the fitting data alarm 20 to 70 times too often. Scores do not
depend on how the stream is cut, and `state` continues as if it had never stopped.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Times, Values
from gemel.core.kind import Part

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Detector", "Model", "Score", "Scorer", "Window", "plain"]


@dataclass(frozen=True, slots=True)
class Window:
    """An aligned stretch of several signals.

    time     int64[n]      grid, ns UTC, strictly rising
    value    float64[n,k]  hold-last values; NaN where unknown or bad
    names    k paths, in the order of the columns
    """

    time: Times
    value: Values
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.value.shape != (len(self.time), len(self.names)):
            raise ValueError(
                f"a window of {len(self.time)} times and {len(self.names)} names has values of "
                f"shape {self.value.shape}"
            )

    def __len__(self) -> int:
        return len(self.time)

    def rows(self, chosen: Any) -> Window:
        """The chosen rows (slice or mask)."""
        return Window(self.time[chosen], self.value[chosen], self.names)


@dataclass(frozen=True, slots=True)
class Score:
    """What a detector says of each row of a window.

    value         float64[n]    NaN where it cannot be computed (unknown, not normal)
    limit         float64[n]    above it is abnormal
    alarm         bool[n]       `value` above `limit`, smoothed or held as the detector says
    contribution  float64[n,k]  share of each signal, rows sum to about 1 where alarm
    """

    time: Times
    value: Values
    limit: Values
    alarm: npt.NDArray[np.bool_]
    contribution: Values


class Scorer(Protocol):
    """A running detector."""

    def __call__(self, window: Window) -> Score:
        """Score the rows, which follow those of the last call."""
        ...

    def state(self) -> dict[str, Any]:
        """A JSON-able value, with the version of its form."""
        ...


class Model(Protocol):
    """What was learned; immutable."""

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of the signals, in the order of a window's columns."""
        ...

    def start(self, state: dict[str, Any] | None = None) -> Scorer:
        """Score from the beginning, or from a state of the same model."""
        ...

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `Detector.load` makes the same model."""
        ...

    def evidence(self) -> dict[str, Any]:
        """How the model was made: rows, data window, where the limits come from."""
        ...


class Detector(Part):
    """Settings of a detector."""

    api: ClassVar[int] = 1

    @abstractmethod
    def fit(self, normal: Window) -> Model:
        """Learn from normal operation; part of `normal` is held out to set the limits.

        Raises `DataError` when there is too little to learn from, saying how much is needed.
        """

    @abstractmethod
    def load(self, saved: dict[str, Any]) -> Model:
        """The model that `Model.save` gave."""


def plain(model: DataclassInstance) -> dict[str, Any]:
    """The fields of a model as JSON-able values: arrays and tuples as lists. For `Model.save`."""
    found = {}
    for field in fields(model):
        value = getattr(model, field.name)
        if isinstance(value, np.ndarray):
            value = value.tolist()
        found[field.name] = list(value) if isinstance(value, tuple) else value
    return found

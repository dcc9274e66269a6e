"""The interface of estimators: they tell what cannot be measured, or only later, from what can be.

A soft sensor tells a value of the laboratory, a quality estimator the class of a part, before it is
inspected. An estimator is settings; `fit` learns from rows whose answer is known and gives a
`Model`, an immutable value. Rows are looked at one by one: each answer stands on its own row.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.core.kind import Part

__all__ = ["Estimate", "Estimator", "Examples", "Folds", "Model", "Reasons"]

Folds = list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
"""Numbers of the rows to fit on, and of those to hold out; pair by pair."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows whose answer is known.

    names    k features, in the order of the columns
    value    float64[n,k]  NaN where unknown; words as numbers of their `words`
    words    for each feature the words that its numbers stand for; () for a number
    target   float64[n]    a number, or the number of a class
    classes  names of the classes; () where the target is a number
    """

    names: tuple[str, ...]
    value: Values
    words: tuple[tuple[str, ...], ...]
    target: Values
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.target), len(self.names))
        if self.value.shape != shape or len(self.words) != len(self.names):
            raise ValueError(
                f"{shape[0]} targets, {shape[1]} names, {len(self.words)} words and values of "
                f"shape {self.value.shape} do not fit together"
            )

    def __len__(self) -> int:
        return len(self.target)

    def rows(self, chosen: Any) -> Examples:
        """The chosen rows (numbers, slice or mask)."""
        return Examples(
            self.names, self.value[chosen], self.words, self.target[chosen], self.classes
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is said of each row.

    value        float64[n]    the number, or the number of the chosen class
    low, high    float64[n]    interval of a number; NaN for classes
    probability  float64[n,c]  of each class; shape (n, 0) for a number
    """

    value: Values
    low: Values
    high: Values
    probability: Values


@dataclass(frozen=True, slots=True)
class Reasons:
    """What each feature adds, float64[n,k], to the `mean` of all rows, float64[n]: in the unit of
    the target, or to the logarithm of the odds of the row's class."""

    share: Values
    mean: Values


class Model(Protocol):
    """What was learned; immutable."""

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of the columns."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; () for a number."""
        ...

    @property
    def words(self) -> tuple[tuple[str, ...], ...]:
        """For each feature the words that it knows; others are unknown (NaN)."""
        ...

    def estimate(self, value: Values) -> Estimate:
        """Of rows, float64[n,k], coded as in `Examples`."""
        ...

    def explain(self, value: Values) -> Reasons:
        """Why."""
        ...

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `Estimator.load` makes the same model."""
        ...

    def evidence(self) -> dict[str, Any]:
        """How the model was made: rows, where intervals and thresholds come from."""
        ...


class Estimator(Part):
    """Settings of an estimator."""

    api: ClassVar[int] = 1

    @abstractmethod
    def fit(self, examples: Examples, folds: Folds) -> Model:
        """Learn from examples. Intervals and thresholds are set on rows held out in turn, as
        `folds` says: which rows belong together is known to who asks, not to the estimator.

        Raises `DataError` when there is too little to learn from, saying how much is needed.
        """

    @abstractmethod
    def load(self, saved: dict[str, Any]) -> Model:
        """The model that `Model.save` gave. Raises `DataError` for anything else."""

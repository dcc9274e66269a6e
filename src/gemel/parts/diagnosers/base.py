"""The interface of diagnosers: they say what it is.

A detector says that something is abnormal, a diagnoser what it is and why one thinks so. It is
settings; `fit` learns from examples, if it needs any, and gives a `Model`, an immutable value. Each
case is looked at by itself. Where nothing known fits, that is the answer: *new*. A diagnosis never
decides anything; a person or a reasoner does.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from gemel.core.kind import Part
from gemel.parts.detectors.base import Window

__all__ = ["Case", "Cause", "Diagnoser", "Diagnosis", "Example", "Model", "Reason"]


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be diagnosed.

    window  signals, or features, one row each time; for a waveform one column, evenly spaced
    since   ns UTC from which on it is abnormal, as a finding says; None where that is not known
    about   what else is known of it in numbers, e.g. {"speed": 29.5}, revolutions per second
    """

    window: Window
    since: int | None = None
    about: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """A case of which it is known what it was.

    cause  what it turned out to be; 'normal' where nothing was wrong
    unit   what it belongs to (machine, record, batch): examples of one unit look alike, and are
           never held out from each other; a unit of its own where it is empty
    done   what was done then, in words; '' where that is not known
    """

    case: Case
    cause: str
    unit: str = ""
    done: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for a cause, or against it where `weight` is below 0.

    name    of the signal, feature or frequency
    weight  how much, in a unit that the diagnoser states; comparable within one diagnosis
    said    in words, with numbers
    """

    name: str
    weight: float
    said: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One answer.

    name         what it is
    probability  0 to 1, as the diagnoser defines it; what is missing to 1 in sum is none of these
    low, high    how far it can be trusted: where `probability` lies, as the diagnoser defines it
    reasons      the strongest first
    said         in words, what a person should know of it, e.g. what was done the last time
    """

    name: str
    probability: float
    low: float
    high: float
    reasons: tuple[Reason, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is said of a case.

    causes   the most probable first; may be empty
    new      nothing that is known fits: `causes` are then only the nearest
    novelty  how far it is from what is known; above 1 is new, NaN where that is not asked
    notes    what a person should know before believing it, e.g. causes that cannot be told apart
    """

    causes: tuple[Cause, ...]
    new: bool = False
    novelty: float = float("nan")
    notes: tuple[str, ...] = ()


class Model(Protocol):
    """What was learned; immutable."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that a window must have, in any order; () where any will do."""
        ...

    def diagnose(self, case: Case) -> Diagnosis:
        """What it is. Raises `DataError` where a column is missing or the rows are too few."""
        ...

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `Diagnoser.load` makes the same model."""
        ...

    def evidence(self) -> dict[str, Any]:
        """How the model was made: examples, where limits come from."""
        ...


class Diagnoser(Part):
    """Settings of a diagnoser."""

    api: ClassVar[int] = 1

    @abstractmethod
    def fit(self, examples: Sequence[Example]) -> Model:
        """Learn from examples. Limits are set on units that were held out.

        Raises `DataError` when there is too little to learn from, saying how much is needed.
        """

    @abstractmethod
    def load(self, saved: dict[str, Any]) -> Model:
        """The model that `Model.save` gave. Raises `DataError` for anything else."""

"""The interface of inspectors: they look at pictures of surfaces, and find what is not as it should
be.

An inspector is settings; `fit` learns from pictures of good parts only and gives a `Model`, an
immutable value. The limit is set on good pictures that the model was not fitted on, so that it
keeps what it promises: a share of good parts that is rejected. Pictures are looked at one by one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from math import exp
from typing import Any, ClassVar, Final, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.frame import Values
from gemel.core.image import Image
from gemel.core.kind import Part

__all__ = ["Album", "Inspection", "Inspector", "Model"]

T = TypeVar("T")

_HIGHEST: Final = 1e9
_ROOM: Final = 2**30
"""Bytes of what is made from pictures and kept."""


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures of good parts.

    images  n images; they may be read only when asked for
    unit    int64[n]  what each is of: pictures of one part are fitted on or held out together
    number  int64[n]  by which what was made from a picture is kept, and chance is drawn for it
    kept    what was made from pictures before, e.g. in another fold; shared by `take`
    """

    images: Sequence[Image]
    unit: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    kept: dict[Hashable, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.number) != len(self.unit):
            object.__setattr__(self, "number", np.arange(len(self.unit)))

    def __len__(self) -> int:
        return len(self.unit)

    def take(self, chosen: npt.NDArray[np.int64]) -> Album:
        """The chosen pictures, by their places."""
        return Album(self.images, self.unit[chosen], self.number[chosen], self.kept)

    def image(self, place: int) -> Image:
        """The picture at a place."""
        return self.images[int(self.number[place])]

    def made(self, what: Hashable, place: int, make: Callable[[Image], T]) -> T:
        """`make` (an array) of a picture; made once and kept under `what`, as long as there is
        room: what is made must not depend on when."""
        key = (what, int(self.number[place]))
        if key in self.kept:
            found: T = self.kept[key]
            return found
        told = make(self.image(place))
        taken = self.kept.get("bytes", 0) + getattr(told, "nbytes", 0)
        if taken <= _ROOM:
            self.kept[key], self.kept["bytes"] = told, taken
        return told


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is said of a picture.

    score  how far it is from good
    limit  above it, the part is rejected
    map    float64[rows, columns]: how far from good each cell of the picture is; cells lie on it
           from edge to edge
    odds   whether score, limit and map are logarithms of odds, which may be negative
    """

    score: float
    limit: float
    map: Values
    odds: bool = False

    @property
    def rejected(self) -> bool:
        """Whether the score is above the limit."""
        return self.score > self.limit

    @property
    def over(self) -> float:
        """The score in units of its limit, 1 at the limit and at most 1e9: so scores of models
        with other limits can be told in one signal. Of odds it is their ratio."""
        if self.odds:
            return min(exp(min(self.score - self.limit, 100.0)), _HIGHEST)
        return min(self.score / max(self.limit, 1e-9), _HIGHEST)


class Model(Protocol):
    """What was learned; immutable."""

    def inspect(self, image: Image) -> Inspection:
        """Look at a picture. Raises `DataError` where it cannot be compared with those that were
        learned from, e.g. because of its size."""
        ...

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `Inspector.load` makes the same model."""
        ...

    def evidence(self) -> dict[str, Any]:
        """How the model was made: pictures, parts, where the limit comes from."""
        ...


class Inspector(Part):
    """Settings of an inspector."""

    api: ClassVar[int] = 1

    rejects: float = Field(
        0.05, gt=0, lt=0.5, description="Share of good parts that may be rejected"
    )

    @abstractmethod
    def fit(self, good: Album) -> Model:
        """Learn from pictures of good parts; parts are held out in turn to set the limit.

        Raises `DataError` when there is too little to learn from, saying how much is needed.
        """

    @abstractmethod
    def load(self, saved: dict[str, Any]) -> Model:
        """The model that `Model.save` gave. Raises `DataError` for anything else."""

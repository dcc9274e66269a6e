"""The interface of listeners: they listen to a machine, and notice when it sounds other than usual.

A listener is settings; `fit` learns from normal sounds of one machine only and gives a `Model`, an
immutable value: machines of one type sound different, and so do the places where microphones hang.
The limit is set on normal sounds that the model was not fitted on, so that it keeps what it
promises: a share of normal sounds that alarm. Sounds are listened to one by one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.frame import Values
from gemel.core.kind import Part
from gemel.core.sound import Sound

__all__ = ["Clips", "Heard", "Listener", "Model"]


@dataclass(frozen=True, slots=True)
class Clips:
    """Normal sounds of one machine.

    sounds   n sounds; they may be read only when asked for
    session  int64[n]  what was recorded in one go: fitted on or held out together
    number   int64[n]  by which what was made from a sound is kept
    kept     what was made from sounds before, e.g. in another fold; shared by `take`
    """

    sounds: Sequence[Sound]
    session: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    kept: dict[Hashable, Values] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.number) != len(self.session):
            object.__setattr__(self, "number", np.arange(len(self.session)))

    def __len__(self) -> int:
        return len(self.session)

    def take(self, chosen: npt.NDArray[np.int64]) -> Clips:
        """The chosen sounds, by their places."""
        return Clips(self.sounds, self.session[chosen], self.number[chosen], self.kept)

    def sound(self, place: int) -> Sound:
        """The sound at a place."""
        return self.sounds[int(self.number[place])]

    def made(self, what: Hashable, place: int, make: Callable[[Sound], Values]) -> Values:
        """`make` of a sound, a few hundred numbers; made once and kept under `what`."""
        key = (what, int(self.number[place]))
        if key not in self.kept:
            self.kept[key] = make(self.sound(place))
        return self.kept[key]


@dataclass(frozen=True, slots=True)
class Heard:
    """What is said of a sound.

    score   how far it is from usual
    limit   above it, the machine sounds other than usual
    bands   float64[k, 2]  Hz between which each band lies, rising; bands overlap
    share   float64[k]     what each band adds to the score; their sum is the score
    time    float64[t]     seconds of the middle of each frame
    map     float64[t, k]  dB by which each band of each frame is louder than usual
    spread  float64[k]     dB by which it usually varies from frame to frame
    """

    score: float
    limit: float
    bands: Values
    share: Values
    time: Values
    map: Values
    spread: Values

    @property
    def abnormal(self) -> bool:
        """Whether the score is above the limit."""
        return self.score > self.limit


class Model(Protocol):
    """What was learned; immutable."""

    def hear(self, sound: Sound) -> Heard:
        """Listen to a sound. Raises `DataError` where it cannot be compared with those that were
        learned from: silent, too short, or sampled too slowly."""
        ...

    def save(self) -> dict[str, Any]:
        """A JSON-able value from which `Listener.load` makes the same model."""
        ...

    def evidence(self) -> dict[str, Any]:
        """How the model was made: sounds, sessions, where the limit comes from."""
        ...


class Listener(Part):
    """Settings of a listener."""

    api: ClassVar[int] = 1

    false_alarms: float = Field(
        0.05, gt=0, lt=0.5, description="Share of normal sounds that may be called abnormal"
    )

    @abstractmethod
    def fit(self, normal: Clips) -> Model:
        """Learn from normal sounds; sessions are held out in turn to set the limit.

        Raises `DataError` when there is too little to learn from, saying how much is needed.
        """

    @abstractmethod
    def load(self, saved: dict[str, Any]) -> Model:
        """The model that `Model.save` gave. Raises `DataError` for anything else."""

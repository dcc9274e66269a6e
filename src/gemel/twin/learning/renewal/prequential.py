"""What a renewal policy would have been worth: predict, wait for the truth, learn, predict again.

Every row is predicted by models that were fitted on rows whose truth was known by then, and is
learned from only after its own truth became known, `delay` later. No row is ever judged by a model
that saw it, so that all rows judge (prequential evaluation; A. P. Dawid, J. Royal Statistical
Society A 147 (1984) 278; J. Gama, R. Sebastião and P. P. Rodrigues, Machine Learning 90 (2013)
317).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values

__all__ = ["Indices", "Learner", "Outcome", "Past", "Policy", "Refit", "Running", "prequential"]

Indices: TypeAlias = npt.NDArray[np.int64]
Change: TypeAlias = tuple[float, float]
"""When the truth began to change, and when it was done."""


class Learner(Protocol):
    """What is fitted again and again; it has the table, the policy knows rows by number only."""

    def fit(self, rows: Indices) -> Any:
        """A model of these rows. Raises `DataError` where there is too little to learn from."""
        ...

    def predict(self, model: Any, rows: Indices) -> Values:
        """float64[n] or float64[n,c]: numbers, or probabilities, that may be averaged."""
        ...

    def loss(self, told: Values, rows: Indices) -> Values:
        """float64[n]: of predictions, beside the truth of the rows."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """A stream in the order of time, as far as a policy may know it.

    time    float64[n]  rising; windows of policies are in its unit
    rare    bool[n]     rows of rare classes, for replay
    delay   after which the truth of a row is known
    """

    time: Values
    delay: float = 0.0
    rare: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if (np.diff(self.time) < 0).any():
            raise DataError("rows must be in the order of time")
        if self.rare is not None and self.rare.shape != self.time.shape:
            raise DataError(f"{len(self.rare)} marks of rare rows for {len(self.time)} rows")

    def known(self, now: float) -> int:
        """How many rows have a truth that is known at this time; they are the first ones."""
        return int(np.searchsorted(self.time + self.delay, now, "right"))

    def newest(self, known: int, since: float, replay: float = 0.0) -> Indices:
        """Of the first `known` rows those after `since`, and of older rare ones the newest, up to a
        share `replay` of all that is returned."""
        begin = min(int(np.searchsorted(self.time, since, "right")), known)
        rows = np.arange(begin, known)
        if self.rare is None or not replay:
            return rows
        most = int(replay / (1 - replay) * len(rows))
        older = np.flatnonzero(self.rare[:begin])
        return np.concatenate([older[len(older) - min(most, len(older)) :], rows])


@dataclass(frozen=True, slots=True)
class Refit:
    """A model that was fitted: when, on how many rows, and whether it was put in charge. No rows
    where a former champion was put back.

    since  time of the oldest row that the model in charge before had learned from (without replay);
           NaN for the first
    """

    time: float
    rows: int
    reason: str
    taken: bool
    since: float


@dataclass(slots=True)
class Running(ABC):
    """A policy at work. `refits` grows; `losses` [n] are filled in as truth becomes known."""

    learner: Learner
    past: Past
    losses: Values
    refits: list[Refit] = field(default_factory=list)

    @abstractmethod
    def look(self, now: float, known: int) -> None:
        """Renew, or do not: the first `known` rows and their losses are known."""

    @abstractmethod
    def predict(self, rows: Indices) -> Values:
        """By what is in charge now."""

    def fitted(self, rows: Indices) -> Any:
        """A model of these rows, None where they are too few or all alike."""
        try:
            return self.learner.fit(rows)
        except DataError:
            return None


class Policy(Protocol):
    """Settings of a renewal policy."""

    @abstractmethod
    def start(self, learner: Learner, past: Past, losses: Values) -> Running:
        """A policy that has not fitted yet; it does so at its first look."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a policy.

    losses  float64[n]  of each row when its truth became known; NaN before the first model
    refits  after the first fit, tried ones included
    rows    fitted in all, the first fit included
    cost    in the unit of the clock that was handed in; 0 without one
    """

    losses: Values
    refits: tuple[Refit, ...]
    rows: int
    cost: float

    def false_refits(self, changes: Sequence[Change]) -> int:
        """Refits for nothing: the truth had not changed since the oldest row that the model in
        charge had learned from."""
        return sum(
            not any(begun <= refit.time and done >= refit.since for begun, done in changes)
            for refit in self.refits
        )


def prequential(
    policy: Policy,
    learner: Learner,
    past: Past,
    *,
    begin: float,
    step: float,
    clock: Callable[[], float] = lambda: 0.0,
) -> Outcome:
    """Let a policy live through a stream: a look every `step` from `begin`, then the rows up to the
    next look are predicted by what is in charge.

    clock  of what fitting and predicting cost, e.g. processor time

    Raises `DataError` where no first model can be fitted at `begin`.
    """
    n = len(past.time)
    losses, known_losses = np.full(n, np.nan), np.full(n, np.nan)
    running = policy.start(learner, past, known_losses)
    began, shown, count = clock(), 0, 0
    while (now := begin + count * step) <= past.time[-1]:
        known = past.known(now)
        known_losses[shown:known] = losses[shown:known]
        shown = known
        running.look(now, known)
        first, last = np.searchsorted(past.time, [now, now + step])
        rows = np.arange(first, last)
        if len(rows):
            losses[rows] = learner.loss(running.predict(rows), rows)
        count += 1
    cost = clock() - began
    fits = running.refits
    return Outcome(losses, tuple(fits[1:]), sum(refit.rows for refit in fits), cost)

"""Which alternative is the best, with a promise: fully sequential selection with elimination.

The procedure is KN of S.-H. Kim and B. L. Nelson (ACM Transactions on Modeling and Computer
Simulation 11 (2001) 251) for replications on common random numbers. The promise: where the best
leads every other by at least `difference`, it is the one that is named with at least `confidence`,
if replications are independent and normal, which means over a run nearly are. Among alternatives
that lie closer together than that, one of them is named.

Limits (lead time at most …) are checked beside it in the same way against a fixed number, with a
`tolerance` in the place of the difference (S. Andradóttir and S.-H. Kim, Naval Research Logistics
57 (2010) 403); an alternative is beaten only by those that keep all limits for sure. Half of the
risk goes to either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values

__all__ = ["Limit", "Race"]

Flags = npt.NDArray[np.bool_]

FIRST: Final = 10
"""Replications from which variances are estimated."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A mean that must be at most `most`; what is off by less than `tolerance` may go either
    way."""

    most: float
    tolerance: float


class Race:
    """Alternatives that are played until one of them is left.

    `add` takes the next replications of those that are `running`; the first call has those from
    which variances are estimated, at least two. Greater values are better. What was added decides
    all: the same values in the same pieces give the same end.
    """

    def __init__(
        self, count: int, difference: float, limits: Sequence[Limit] = (), confidence: float = 0.95
    ) -> None:
        if not difference > 0 or any(not limit.tolerance > 0 for limit in limits):
            raise ConfigurationError("a difference that matters must be above 0")
        if not 0.5 < confidence < 1:
            raise ConfigurationError(f"confidence is {confidence}, must be above 0.5 and below 1")
        self.count, self.difference, self.limits = count, difference, tuple(limits)
        self.risk = 1 - confidence
        self.played = np.zeros(count, np.int64)
        self.running: Flags = np.ones(count, np.bool_)
        self.keeps: Flags = np.full(count, not limits)
        """Keeps all limits, for sure."""
        self.breaks: Flags = np.zeros(count, np.bool_)
        self._sums = np.zeros((1 + len(limits), count))
        self._spread = np.zeros((count, count))
        self._spreads = np.zeros((len(limits), count))
        self._known = np.zeros((len(limits), count), np.bool_)
        self._first = 0

    @property
    def means(self) -> Values:
        """float64[1 + limits, count]: of what is compared, and of what is limited."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self._sums / self.played)

    @property
    def over(self) -> bool:
        """Whether nothing is left to be found out."""
        alive = self.running
        return not alive.any() or (int(alive.sum()) == 1 and bool(self.keeps[alive].all()))

    @property
    def best(self) -> int | None:
        """The best by all that was played, for sure or not; None where all break a limit."""
        if self.breaks.all() or not self.played.any():
            return None
        means = np.where(self.breaks | ~self.running, -np.inf, self.means[0])
        return int(np.argmax(means))

    def add(self, values: Values, limited: Values | None = None) -> None:
        """values   float64[running, n]          of what should be great
        limited  float64[limits, running, n]  of what has a limit, in their order

        An alternative without a number (nothing comes out of it) is out.
        """
        rows = np.flatnonzero(self.running)
        n = values.shape[1]
        several = np.concatenate([values[None]] if limited is None else [values[None], limited])
        if several.shape != (1 + len(self.limits), len(rows), n):
            raise ValueError(f"shape {several.shape}, {len(rows)} alternatives are running")
        nothing = ~np.isfinite(several).all(axis=(0, 2))
        several[:, nothing] = 0.0
        self.breaks[rows[nothing]] = True
        if not self._first:
            if n < 2:
                raise ConfigurationError(f"{n} replications at first, must be at least 2")
            self._first = n
            for i in rows.tolist():
                self._spread[i] = (several[0, i] - several[0]).var(axis=1, ddof=1)
            self._spreads = several[1:].var(axis=2, ddof=1)
        self._sums[:, rows] += several.sum(axis=2)
        self.played[rows] += n
        self._decide(rows)

    def _decide(self, rows: npt.NDArray[np.int64]) -> None:
        r = float(self.played[rows[0]])
        share = 0.5 if self.limits else 1.0
        checks = max(1, self.count * len(self.limits))
        for j, limit in enumerate(self.limits):
            reach = self._reach(
                (1 - share) * self.risk / checks, self._spreads[j, rows], limit.tolerance, r
            )
            over = self._sums[1 + j, rows] / r - limit.most
            known = self._known[j, rows]
            self.breaks[rows] |= ~known & (over > 0) & (over >= reach)
            self._known[j, rows] = known | (over <= -reach) | ((reach == 0) & (over <= 0))
        if self.limits:
            self.keeps[rows] = self._known[:, rows].all(axis=0)
        self.keeps &= ~self.breaks
        self.running &= ~self.breaks
        if self.count > 1:
            self._compare(np.flatnonzero(self.running), share, r)

    def _compare(self, rows: npt.NDArray[np.int64], share: float, r: float) -> None:
        means = self._sums[0, rows] / r
        dropped = np.zeros(len(rows), np.bool_)
        for at, i in enumerate(rows.tolist()):
            reach = self._reach(
                share * self.risk / (self.count - 1), self._spread[i, rows], self.difference, r
            )
            behind = means[at] < means - reach
            # Those that are the same to the last bit would run for ever: the first of them stays.
            behind |= (reach == 0) & (means[at] == means) & (rows < i)
            behind &= self.keeps[rows]
            behind[at] = False
            dropped[at] = behind.any()
        self.running[rows[dropped]] = False

    def _reach(self, risk: float, variance: Values, difference: float, r: float) -> Values:
        """By how much a mean of r must be behind to be out; it shrinks to 0."""
        degrees = self._first - 1
        eta = 0.5 * ((2 * risk) ** (-2 / degrees) - 1)
        h2 = 2 * eta * degrees
        reach = (h2 * variance / difference - difference * r) / (2 * r)
        return np.asarray(np.maximum(reach, 0.0))

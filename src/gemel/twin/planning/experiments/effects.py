"""What a sweep says: effects of factors with intervals, and a response surface with its error.

Each replication of all points meets its own luck, the same for every point. So an effect is
estimated in each replication, and its interval is that of the mean over replications: it counts
that errors of points go together, which an interval from residuals does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan, sqrt
from typing import Any, Final

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.line.statistics import Estimate, estimate

__all__ = ["Effects", "Surface", "Terms", "effects_of"]

_MOST_FACTORS: Final = 30
"""Of more, interactions are not asked: their number grows with the square."""
_ALIASED: Final = 1e-8
_PARTS: Final = 10


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a model: none (the mean), (a,) main effects, (a, b) interactions, (a, a)
    squares."""

    names: tuple[str, ...]
    terms: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, names: Sequence[str], levels: Sequence[int]) -> Terms:
        """Main effects, interactions of two, and squares of factors with more than two levels
        (0 = a range)."""
        k = len(names)
        terms: list[tuple[int, ...]] = [(), *((i,) for i in range(k))]
        if k <= _MOST_FACTORS:
            terms += combinations(range(k), 2)
        terms += [(i, i) for i in range(k) if levels[i] != 2]
        return cls(tuple(names), tuple(terms))

    def columns(self, coded: Values) -> Values:
        """float64[n, terms] of points between −1 and 1."""
        return np.stack(
            [np.prod(coded[:, term], axis=1) if term else np.ones(len(coded))
             for term in self.terms], axis=1,
        )  # fmt: skip

    def title(self, term: tuple[int, ...]) -> str:
        if len(term) == 2 and term[0] == term[1]:
            return f"{self.names[term[0]]}²"
        return " × ".join(self.names[i] for i in term)


@dataclass(frozen=True, slots=True)
class Surface:
    """A polynomial of second order in points between −1 and 1.

    coefficients  by term
    error         root mean square error on points that it was not fitted on, unit of the measure
    explained     share of the variance of these that it explains; below 0 where the mean is better
    noise         how far luck moves points against each other, standard error of their means;
                  it moves near points alike, so that a surface may follow it
    """

    coefficients: Values
    error: float
    explained: float
    noise: float


@dataclass(frozen=True, slots=True)
class Effects:
    """terms   that could be told apart
    change  of each: how far the measure goes when the factor goes from its least to its
            greatest value (an interaction: half the difference of such changes; a square: how far
            the ends lie above the middle)
    mixed   terms that are mixed with others in this design, and with which
    """

    terms: Terms
    change: dict[tuple[int, ...], Estimate]
    mixed: dict[tuple[int, ...], tuple[int, ...]]
    surface: Surface

    def told(self) -> list[dict[str, Any]]:
        """JSON-able, the greatest first."""
        rows = [
            {
                "term": self.terms.title(t), "value": e.value, "low": e.low, "high": e.high,
                "known": bool(e.low > 0 or e.high < 0),
                "mixed_with": self.terms.title(self.mixed[t]) if t in self.mixed else None,
            }
            for t, e in self.change.items()
        ]  # fmt: skip
        return sorted(rows, key=lambda row: -abs(row["value"]))


def effects_of(
    names: Sequence[str], levels: Sequence[int], blocks: Iterable[tuple[int, Values, Values]]
) -> Effects:
    """From blocks (number of the first point, points float64[n, k] between −1 and 1, measure
    float64[replications, n]); they are read once, and only sums are kept.

    Points without a number in one of the replications are left out. Raises `DataError` where fewer
    than three are left.
    """
    full = Terms.of(names, levels)
    sums: _Sums | None = None
    for first, coded, measure in blocks:
        sums = _Sums(len(full.terms), len(measure)) if sums is None else sums
        # By tenth of the points, so that each tenth is judged by what the other nine say.
        part = (np.arange(first, first + len(coded)) * 2_654_435_761 % 2**32) * _PARTS >> 32
        known = np.isfinite(measure).all(axis=0)
        sums.add(full.columns(coded[known]), measure[:, known], part[known])
    if sums is None or sums.count.sum() < 3:
        count = 0 if sums is None else int(sums.count.sum())
        raise DataError(f"{count} points with a number say nothing of effects")
    chosen, mixed = _independent(sums.square.sum(axis=0), full)
    keep = np.array(chosen)
    whole = sums.square.sum(axis=0)[np.ix_(keep, keep)]
    told = np.linalg.solve(whole, sums.right.sum(axis=0)[:, keep].T)
    change = {}
    for at, number in enumerate(chosen):
        term = full.terms[number]
        if term:
            factor = 1.0 if len(term) == 2 and term[0] == term[1] else 2.0
            change[term] = estimate(factor * told[at])
    terms = Terms(full.names, tuple(full.terms[i] for i in chosen))
    return Effects(terms, change, mixed, _surface(sums, keep, told.mean(axis=1)))


class _Sums:
    """All that is kept of the points, by tenth."""

    def __init__(self, terms: int, replications: int) -> None:
        self.square = np.zeros((_PARTS, terms, terms))
        self.right = np.zeros((_PARTS, replications, terms))
        self.count = np.zeros(_PARTS)
        self.total = np.zeros((_PARTS, replications))
        self.squares = np.zeros(_PARTS)
        """Of the means over replications."""
        self.apart = 0.0
        """Squares of single values about the mean of their point."""

    def add(self, columns: Values, measure: Values, part: Any) -> None:
        mean = measure.mean(axis=0)
        self.apart += float(((measure - mean) ** 2).sum())
        for tenth in range(_PARTS):
            here = part == tenth
            x, y = columns[here], measure[:, here]
            self.square[tenth] += x.T @ x
            self.right[tenth] += y @ x
            self.count[tenth] += len(x)
            self.total[tenth] += y.sum(axis=1)
            self.squares[tenth] += float((mean[here] ** 2).sum())


def _independent(
    square: Values, terms: Terms
) -> tuple[list[int], dict[tuple[int, ...], tuple[int, ...]]]:
    """Terms in order, without those that others before them determine."""
    chosen: list[int] = []
    mixed: dict[tuple[int, ...], tuple[int, ...]] = {}
    for number, term in enumerate(terms.terms):
        here = square[number, number]
        if here <= 0:
            continue
        if chosen:
            inner = square[np.ix_(chosen, chosen)]
            with_them = square[chosen, number]
            left = here - with_them @ np.linalg.solve(inner, with_them)
            if left < _ALIASED * here:
                alike = np.abs(with_them) / np.sqrt(np.diag(inner) * here)
                other = terms.terms[chosen[int(alike.argmax())]]
                if other:
                    mixed[other] = term
                continue
        chosen.append(number)
    return chosen, mixed


def _surface(sums: _Sums, keep: Any, coefficients: Values) -> Surface:
    """Fitted on the means of replications, and judged on tenths of the points that were left
    out."""
    cells = np.ix_(keep, keep)
    aim = sums.right.mean(axis=1)[:, keep]
    total = sums.total.mean(axis=1)
    wrong = about = judged = 0.0
    for tenth in np.flatnonzero(sums.count).tolist():
        rest = (sums.square.sum(axis=0) - sums.square[tenth])[cells]
        left = float(sums.count.sum() - sums.count[tenth])
        if left < len(keep) or np.linalg.cond(rest) > 1 / _ALIASED:
            continue
        fitted = np.linalg.solve(rest, aim.sum(axis=0) - aim[tenth])
        mean = float(total.sum() - total[tenth]) / left
        here = sums.square[tenth][cells]
        wrong += float(sums.squares[tenth] - 2 * fitted @ aim[tenth] + fitted @ here @ fitted)
        about += float(
            sums.squares[tenth] - 2 * mean * total[tenth] + mean**2 * sums.count[tenth]
        )  # fmt: skip
        judged += float(sums.count[tenth])
    noise = _noise(sums)
    if not judged or not about > 0:
        return Surface(coefficients, nan, nan, noise)
    return Surface(coefficients, sqrt(max(wrong, 0.0) / judged), 1 - wrong / about, noise)


def _noise(sums: _Sums) -> float:
    """From what replications differ beyond what they differ by on all points alike."""
    replications, points = sums.total.shape[1], float(sums.count.sum())
    if replications < 2 or points < 2:
        return nan
    means = sums.total.sum(axis=0) / points
    left = sums.apart - points * float(((means - means.mean()) ** 2).sum())
    variance = max(left, 0.0) / ((points - 1) * (replications - 1))
    return sqrt(variance / replications)

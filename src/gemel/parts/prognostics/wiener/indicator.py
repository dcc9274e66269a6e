"""What is followed: one signal, under its operating condition, on a scale on which it rises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.prognostics._trend import Scaling
from gemel.parts.prognostics.base import Runs

__all__ = ["Indicator", "most_telling"]

_ENDS: Final = 5
"""Rows whose mean says how a unit began and ended."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """column of the signal; `sign` -1 where wear lowers it; whether its logarithm is followed."""

    column: int
    sign: int
    logarithm: bool
    scaling: Scaling

    def __call__(self, value: Values) -> Values:
        """float64[n]: what is followed, of rows float64[n,k]; NaN where unknown."""
        return np.asarray(self.of(self.scaling.level(value)[:, self._place]), np.float64)

    def of(self, seen: Any) -> Any:
        """The same, of values of the signal itself. Below zero there is no logarithm: unknown."""
        with np.errstate(invalid="ignore", divide="ignore"):
            known = np.where(np.isfinite(seen), seen, np.nan)
            found = np.log(np.where(known > 0, known, np.nan)) if self.logarithm else known
        return self.sign * found

    def back(self, level: float) -> float:
        """The value of the signal at this level."""
        plain = self.sign * level
        return float(np.exp(plain)) if self.logarithm else float(plain)

    @property
    def _place(self) -> int:
        return int(np.flatnonzero(self.scaling.kept == self.column)[0])

    def save(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "column": self.column, "sign": self.sign, "logarithm": self.logarithm,
            "scaling": self.scaling.save(),
        }  # fmt: skip

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Indicator:
        """The indicator that `save` gave."""
        found = cls(
            int(saved["column"]), int(saved["sign"]), bool(saved["logarithm"]),
            Scaling.load(saved["scaling"]),
        )  # fmt: skip
        if found.column not in found.scaling.kept or found.sign not in (-1, 1):
            raise ValueError("no such indicator")
        return found


def most_telling(runs: Runs, scaling: Scaling) -> int:
    """The column that trends best over the units, all of which failed.

    Best is: it goes the same way in every unit (mean rank correlation with age) and ends where
    others end (the spread of ends, in units of the way there; Coble and Hines 2009).
    """
    value, best, chosen = scaling.level(runs.value), -1.0, -1
    bounds = list(zip(runs.starts, np.append(runs.starts[1:], len(runs)), strict=True))
    for place, column in enumerate(scaling.kept.tolist()):
        trends, ways, ends = [], [], []
        for a, b in bounds:
            y = value[a:b, place]
            y = y[np.isfinite(y)]
            if len(y) > 2:
                trends.append(_with_time(y))
                ends.append(y[-_ENDS:].mean())
                ways.append(ends[-1] - y[:_ENDS].mean())
        way = abs(float(np.mean(ways))) if ways else 0.0
        if way > 0:
            worth = abs(float(np.mean(trends))) * float(np.exp(-np.std(ends) / way))
            if worth > best:
                best, chosen = worth, column
    if chosen < 0:
        raise DataError("no signal moves with age in the units that failed; name an `indicator`")
    return chosen


def sign_of(runs: Runs, y: Values) -> int:
    """Whether a signal, float64[n], rises or falls from the beginning of units to their end."""
    bounds = zip(runs.starts, np.append(runs.starts[1:], len(runs)), strict=True)
    ways: list[float] = []
    for a, b in bounds:
        mine: npt.NDArray[np.float64] = y[a:b][np.isfinite(y[a:b])]
        if len(mine) > 1:
            ways.append(float(mine[-_ENDS:].mean() - mine[:_ENDS].mean()))
    return 1 if np.sum(ways) >= 0 else -1


def _with_time(y: Values) -> float:
    """Spearman's rank correlation with the order of the rows; 0 of what does not move."""
    _, place, counts = np.unique(y, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts + 1) / 2)[place]
    ranks = ranks - ranks.mean()
    time = np.arange(len(y)) - (len(y) - 1) / 2
    size = float(np.sqrt((ranks @ ranks) * (time @ time)))
    return float(ranks @ time) / size if size else 0.0

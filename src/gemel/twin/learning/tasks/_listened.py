"""What a backtest of sounds found, in figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.frame import Values
from gemel.twin.learning.evaluation import scores
from gemel.twin.learning.tasks.base import Figure

__all__ = ["Listened"]

_FEW: Final = 0.1
"""False alarms up to which the partial area is taken, as in DCASE task 2 (Koizumi et al. 2020)."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Listened:
    """machine  int64[n]    which of `names`
    good     bool[n]     whether it is normal
    label    str[n]
    session  int64[n]    what was judged together
    score, limit  float64[n]  of the model of its fold
    promised  share of normal sounds that may be above the limit
    """

    machine: Indices
    names: tuple[str, ...]
    good: npt.NDArray[np.bool_]
    label: npt.NDArray[np.str_]
    session: Indices
    score: Values
    limit: Values
    promised: float

    @property
    def relative(self) -> Values:
        """Scores over the limit of their fold: other folds have other models."""
        return np.asarray(self.score / self.limit)

    def figures(self) -> list[Figure]:
        bad, over = ~self.good, self.score > self.limit

        def figure(name: str, chosen: Any, of: Any, note: str = "") -> Figure:
            rows = np.flatnonzero(chosen)
            ends = scores.interval(lambda i: of(rows[i]), self.session[rows], repeats=200)
            return Figure(name, of(rows), *ends, note=note)

        told = [
            figure(
                "false alarms", self.good, lambda i: float(over[i].mean()),
                f"of normal sounds; {self.promised:g} promised",
            )
        ]  # fmt: skip
        if bad.any():
            every = np.ones(len(bad), np.bool_)
            told = [
                figure(
                    "ROC area", every, lambda i: self._mean(i, scores.roc_area),
                    "mean of machines; by chance 0.5",
                ),
                figure(
                    "partial ROC area", every, lambda i: self._mean(i, _partial),
                    f"up to {_FEW:g} false alarms, McClish; by chance 0.5",
                ),
                *told,
                figure("misses", bad, lambda i: float((~over[i]).mean()), "of abnormal sounds"),
            ]  # fmt: skip
        return told

    def by_machine(self) -> list[dict[str, Any]]:
        return [
            {"machine": name, **self._row(np.flatnonzero(self.machine == number))}
            for number, name in enumerate(self.names)
        ]

    def by_label(self) -> list[dict[str, Any]]:
        rows = []
        for name in np.unique(self.label):
            mine = self.label == name
            normal = bool(self.good[mine].all())
            compared = np.flatnonzero(mine | self.good)
            rows.append(
                {
                    "label": str(name), "sounds": int(mine.sum()),
                    "alarms": float((self.score > self.limit)[mine].mean()),
                    "ROC area": None if normal else self._mean(compared, scores.roc_area),
                }
            )  # fmt: skip
        return rows

    def _row(self, rows: Indices) -> dict[str, Any]:
        good = self.good[rows]
        over = (self.score > self.limit)[rows]
        both = bool(good.any() and not good.all())
        return {
            "normal": int(good.sum()), "abnormal": int((~good).sum()),
            "ROC area": scores.roc_area(~good, self.relative[rows]) if both else None,
            "partial": _partial(~good, self.relative[rows]) if both else None,
            "false alarms": float(over[good].mean()) if good.any() else None,
            "misses": float((~over[~good]).mean()) if not good.all() else None,
        }  # fmt: skip

    def _mean(self, rows: Indices, area: Callable[[npt.NDArray[np.bool_], Values], float]) -> float:
        """Mean over the machines that have both: one machine's scores say nothing of another's."""
        found = []
        for number in np.unique(self.machine[rows]):
            mine = rows[self.machine[rows] == number]
            bad = ~self.good[mine]
            if bad.any() and not bad.all():
                found.append(area(bad, self.relative[mine]))
        return float(np.mean(found)) if found else float("nan")


def _partial(truth: npt.NDArray[np.bool_], score: Values) -> float:
    return scores.partial_roc_area(truth, score, _FEW)

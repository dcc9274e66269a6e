"""Remaining life from units that have lived it: for fleets that wear in ways of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.prognostics._trend import (
    Covariates,
    Windows,
    said_of,
    setting_columns,
    wideness_in_bands,
)
from gemel.parts.prognostics.base import Prognostic, Runs
from gemel.parts.prognostics.similarity.course import LOOKS, Course, health_of
from gemel.parts.prognostics.similarity.lives import Lives, Measure, chosen, first
from gemel.parts.prognostics.similarity.model import VERSION, Model

__all__ = ["Similarity"]

_LEAST_UNITS: Final = 5
_NUMBERS: Final = 6
_ROWS: Final = 5_000
"""Rows of held-out units that set the interval."""
_MOST: Final = 50_000
"""Rows from which is learned what health is: those of one unit say much the same."""


class Similarity(Prognostic):
    """Remaining life as that of the units that were alike (trajectory similarity).

    Signals are standardised under the operating condition of each row; of their recent means,
    spread and change since the unit was new is kept what goes with the life that is left: a health
    index, and a few more numbers where they help. The newest `stretch` of a unit is held against
    every stretch of every unit that failed (T. Wang, J. Yu, D. Siegel and J. Lee, International
    Conference on Prognostics and Health Management 2008); the lives that these had left are
    averaged, the more alike the more they weigh. How many numbers are compared, how much the age
    counts and how fast weights fall is chosen by telling each unit from the others.

    The interval is that of the weighed lives, made wider or narrower until units that were held out
    in turn (`folds` of whole units) are held as often as is said, in bands of told life
    (conformalized quantile regression; Romano, Patterson and Candès 2019). A reason names the units
    that were most alike. It knows only lives that were lived: no longer one is told.
    """

    cap: float | None = Field(None, gt=0, description="Longest life that is told")
    conditions: tuple[str, ...] = Field((), description="Signals that set the operating condition")
    short: int = Field(10, ge=2, le=1_000, description="Rows of the short moving mean")
    long: int = Field(30, ge=3, le=10_000, description="Rows of the long moving mean and spread")
    first: int = Field(10, ge=1, description="Rows that say how a unit was when it was new")
    stretch: int = Field(30, ge=3, le=10_000, description="Rows over which courses are compared")
    rows: int = Field(10_000, ge=100, description="Most rows of lives that are kept")
    confidence: float = Field(0.9, gt=0, lt=1, description="How often the interval is to be right")
    folds: int = Field(5, ge=2, description="Parts of the units that are held out in turn")

    @property
    def least_failed(self) -> int:
        return max(_LEAST_UNITS, self.folds)

    def fit(self, runs: Runs) -> Model:
        units = runs.unit[runs.starts]
        failed = units[runs.ended]
        if len(failed) < self.least_failed:
            raise DataError(
                f"{len(failed)} units that failed; at least {self.least_failed} are "
                "needed to learn how long others live"
            )
        # Dealt apart, so that each fold holds out as many that failed as another.
        dealt = np.empty(len(units), np.int64)
        random = np.random.default_rng(0)
        for group in (runs.ended, ~runs.ended):
            dealt[group] = random.permutation(int(group.sum())) % self.folds
        held = []
        for fold in range(self.folds):
            out = runs.units(np.intersect1d(units[dealt == fold], failed))
            held.append((out, self._fit(runs.units(units[dealt != fold]))))
        measure, truth, told = self._set(held)
        model = self._fit(runs).by(measure)
        bands = wideness_in_bands(truth, *told, len(failed), self.confidence)
        made = {
            "units": len(units),
            "failed": len(failed),
            "rows": len(runs),
            "kept": len(model.lives.left),
            "signals": [runs.names[i] for i in model.course.covariates.scaling.kept],
            "conditions": len(model.course.covariates.scaling.condition),
            "numbers of health": model.measure.numbers,
            "age counts": model.measure.age,
            "cap": self.cap,
            "interval": said_of("misses", len(failed), self.folds, self.confidence),
            "error": float(np.sqrt(np.mean((truth - told[0]) ** 2))),
        }
        return replace(model, bands=bands, made=made)

    def load(self, saved: dict[str, Any]) -> Model:
        if (found := (saved.get("prognostic"), saved.get("version"))) != ("similarity", VERSION):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, must be similarity version "
                f"{VERSION}"
            )
        return Model.load(saved)

    def _set(
        self, held: list[tuple[Runs, Model]]
    ) -> tuple[Measure, Values, tuple[Values, Values, Values]]:
        """Of units that were held out of models: the measure that tells them best; of rows of
        theirs the truth; and what is told by it, with the interval of the lives.

        One measure for all parts: measures of their own would set an interval that is not that of
        the model. It is three numbers, of which 105 triples are tried.
        """
        width = min(model.course.weight.shape[1] for _, model in held)
        rows = []
        for out, model in held:
            few = np.linspace(0, len(out) - 1, min(len(out), _ROWS // len(held))).astype(np.int64)
            like = model.by(replace(model.measure, numbers=width))
            truth = np.minimum(out.remaining(), model.cap)[few]
            rows.append((like.course(out)[few], out.age[few], truth, like.lives))
        measure = chosen(rows, width)
        told = [
            lives.first(measure.numbers, width).told(
                first(course, measure.numbers, width), age, measure, self.confidence
            )
            for course, age, _, lives in rows
        ]
        value, low, high = np.concatenate(told, axis=1)
        # The cap means 'so much or more': an end that reaches it is never too low, and stays.
        high = np.where(high >= held[0][1].cap, np.inf, high)
        return measure, np.concatenate([truth for _, _, truth, _ in rows]), (value, low, high)

    def _fit(self, runs: Runs) -> Model:
        """With as many numbers of health as there are, and no measure yet."""
        windows = Windows(self.short, self.long, self.first)
        covariates = Covariates.fit(runs, windows, setting_columns(self.conditions, runs.names))
        cap = np.inf if self.cap is None else self.cap
        number = np.searchsorted(runs.unit[runs.starts], runs.unit)
        left = runs.remaining()
        # Of a unit that has not failed it is known only that it lived to its last row.
        known = runs.ended[number] | (left >= cap)
        step = max(1, round(self.stretch / (LOOKS - 1)))
        course = Course(covariates, self._health(runs, covariates, known, cap), step)
        lives = Lives.kept(
            course(runs)[known], runs.age[known], np.minimum(left, cap)[known], number[known],
            runs.age[runs.lasts], runs.ended, self.rows,
        )  # fmt: skip
        measure = Measure(course.weight.shape[1], 0.0, 1.0)
        return Model(
            runs.names, course, lives, measure, cap, self.confidence, np.zeros((0, 2)), {}
        )  # fmt: skip

    def _health(
        self, runs: Runs, covariates: Covariates, known: npt.NDArray[np.bool_], cap: float
    ) -> Values:
        """Of each number of health, what the covariates add to it. Beyond the cap, and beyond the
        median life, a unit is as good as new."""
        lives = (runs.age[runs.lasts] - runs.age[runs.starts])[runs.ended]
        new = min(cap, float(np.median(lives)))
        rows = np.flatnonzero(known)
        rows = rows[:: max(1, -(-len(rows) // _MOST))]
        left = runs.remaining()[rows]
        left = np.minimum(left / new, 1.0) if new > 0 else left
        return health_of(covariates(runs)[rows], left, _NUMBERS)

"""A law of life that signals make longer or shorter: counts units that have not failed, too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.prognostics._trend import (
    Covariates,
    Windows,
    levels_in_bands,
    said_of,
    setting_columns,
)
from gemel.parts.prognostics.base import Prognostic, Runs
from gemel.parts.prognostics.weibull.fitting import chosen, fitted, rows_of
from gemel.parts.prognostics.weibull.model import VERSION, Model

__all__ = ["Weibull"]

_LEAST_UNITS: Final = 5


class Weibull(Prognostic):
    """Remaining life by Weibull regression (accelerated failure time).

    Signals are standardised under the operating condition of each row and told by their recent
    means, spread and change since the unit was new; each of these, and its square, makes life
    longer or shorter by a factor. Every row of every unit counts: of one that failed, how much
    longer it lived; of one that did not, that it lived so long at least; and beyond `cap` nothing
    is told apart. The numbers are the most likely ones, drawn towards zero (`ridge`).

    Life is counted since the unit was new, given that it has reached its age, or from the row on,
    with the age as one more covariate (`clock`); clock and ridge are those under which units that
    were left out are most likely, if not given. Told is the median.

    The chances at which value and interval are told are those at which held-out units failed
    (distributional conformal prediction; Chernozhukov, Wüthrich and Zhu, PNAS 118 (2021)
    e2107794118), in bands of told life. It is one curve for all: where a hundred units have failed,
    `boosted` is better; where few have and many still run, they count here.
    """

    cap: float | None = Field(
        None, gt=0, description="Longest life that is told; twice the oldest unit's if not given"
    )
    conditions: tuple[str, ...] = Field((), description="Signals that set the operating condition")
    short: int = Field(10, ge=2, le=1_000, description="Rows of the short moving mean")
    long: int = Field(30, ge=3, le=10_000, description="Rows of the long moving mean and spread")
    first: int = Field(10, ge=1, description="Rows that say how a unit was when it was new")
    clock: Literal["age", "row"] | None = Field(
        None, description="Life counts since new, or from each row; the more likely if not given"
    )
    ridge: float | None = Field(
        None, gt=0, description="Draws effects towards zero; chosen on units left out if not given"
    )
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
        model = self._fit(runs)
        level, median, error = self._held_out(runs, units, failed, model.cap)
        made = {
            "units": len(units),
            "failed": len(failed),
            "rows": len(runs),
            "signals": [runs.names[i] for i in model.covariates.scaling.kept],
            "conditions": len(model.covariates.scaling.condition),
            "shape": float(np.exp(-model.theta[-1])),
            "clock": "age" if model.by_age else "row",
            "ridge": model.ridge,
            "cap": model.cap,
            "interval": said_of("chances", len(failed), self.folds, self.confidence),
            "error": error,
        }
        levels = levels_in_bands(level, median, len(failed), self.confidence)
        return replace(model, levels=levels, made=made)

    def load(self, saved: dict[str, Any]) -> Model:
        if (found := (saved.get("prognostic"), saved.get("version"))) != ("weibull", VERSION):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, must be weibull version {VERSION}"
            )
        return Model.load(saved)

    def _held_out(
        self, runs: Runs, units: npt.NDArray[np.int64], failed: npt.NDArray[np.int64], cap: float
    ) -> tuple[Values, Values, float]:
        """Of the rows of failed units, each by a model of others: the level at which they failed,
        the median of the model; and the error of the latter."""
        # Dealt apart, so that each fold holds out as many that failed as another.
        dealt = np.empty(len(units), np.int64)
        random = np.random.default_rng(0)
        for group in (runs.ended, ~runs.ended):
            dealt[group] = random.permutation(int(group.sum())) % self.folds
        levels, medians, errors = [], [], []
        for fold in range(self.folds):
            out = runs.units(np.intersect1d(units[dealt == fold], failed))
            model = replace(self._fit(runs.units(units[dealt != fold])), cap=cap)
            truth = np.minimum(out.remaining(), cap)
            level, median = model.levels_of(out, truth)
            levels.append(level)
            medians.append(median)
            errors.append((median - truth) ** 2)
        error = float(np.sqrt(np.mean(np.concatenate(errors))))
        return np.concatenate(levels), np.concatenate(medians), error

    def _fit(self, runs: Runs) -> Model:
        settings = setting_columns(self.conditions, runs.names)
        oldest = float(runs.age[runs.lasts].max())
        cap = self.cap if self.cap is not None else 2 * oldest
        if oldest <= 0:
            raise DataError(f"the oldest unit is {oldest:g} old; ages must reach above 0")
        windows = Windows(self.short, self.long, self.first)
        covariates = Covariates.fit(runs, windows, settings)
        rows = rows_of(runs, covariates(runs), cap)
        clock, ridge = chosen(rows, self.clock, self.ridge, self.folds)
        by_age = clock == "age"
        return Model(
            runs.names, covariates, fitted(rows, by_age, ridge), by_age, ridge, rows.half,
            rows.typical_age, cap, self.confidence, np.zeros((0, 4)), {},
        )  # fmt: skip

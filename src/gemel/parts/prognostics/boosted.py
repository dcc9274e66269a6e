"""Gradient-boosted trees on what the past of a unit says: the one to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.boosting import Boosting, Trees
from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.prognostics._trend import (
    Past,
    Scaling,
    Windows,
    errors_in_bands,
    past_of,
    setting_columns,
)
from gemel.parts.prognostics.base import Life, Prognostic, Reasons, Runs

__all__ = ["Boosted"]

_VERSION: Final = 1
_LEAST_UNITS: Final = 10


class Boosted(Prognostic):
    """Remaining life by gradient-boosted trees.

    Signals are standardised under the operating condition of each row (`conditions` are the columns
    that set it), then told by their recent means, spread and change since the unit was new; trees
    learn from them, and from the age, how much life was left. Life above `cap` is not told apart:
    a new unit shows nothing of its end yet.

    The interval is set on units that were held out in turn (`folds` of whole units): the errors
    there, in bands of predicted life, so that it is narrow where the end is near and honest where
    it is far (Mondrian conformal prediction; Vovk, Gammerman and Shafer 2005, ch. 4). Between the
    middles of two bands it is interpolated. It holds for units that wear as those did.
    """

    cap: float | None = Field(None, gt=0, description="Longest life that is told")
    conditions: tuple[str, ...] = Field((), description="Signals that set the operating condition")
    short: int = Field(10, ge=2, le=1_000, description="Rows of the short moving mean")
    long: int = Field(30, ge=3, le=10_000, description="Rows of the long moving mean and spread")
    first: int = Field(10, ge=1, description="Rows that say how a unit was when it was new")
    age: bool = Field(True, description="Whether age itself tells something")
    boosting: Boosting = Field(Boosting(columns=0.5), description="How trees are fitted")
    seeds: int = Field(3, ge=1, le=20, description="Models that are averaged")
    confidence: float = Field(0.9, gt=0, lt=1, description="How often the interval is to be right")
    folds: int = Field(5, ge=2, description="Parts of the units that are held out in turn")

    @property
    def least_failed(self) -> int:
        return max(_LEAST_UNITS, self.folds)

    def fit(self, runs: Runs) -> _Model:
        units = runs.unit[runs.starts]
        failed = units[runs.ended]
        if len(failed) < self.least_failed:
            raise DataError(
                f"{len(failed)} units that failed; at least {self.least_failed} are "
                "needed to learn how long others live"
            )
        columns = setting_columns(self.conditions, runs.names)
        dealt = np.random.default_rng(0).permutation(len(units)) % self.folds
        held: list[tuple[Values, Values, npt.NDArray[np.int64]]] = []
        for fold in range(self.folds):
            model = self._fit(runs.units(units[dealt != fold]), columns, seeds=1)
            out = runs.units(np.intersect1d(units[dealt == fold], failed))
            if len(out):
                held.append((out.remaining(), model.values(out), out.unit))
        truth, predicted, unit = (np.concatenate(parts) for parts in zip(*held, strict=True))
        model = self._fit(runs, columns, seeds=self.seeds)
        truth = np.minimum(truth, model.cap)
        bands = errors_in_bands(truth, predicted, len(np.unique(unit)), self.confidence)
        made = {
            "units": len(units),
            "failed": len(failed),
            "rows": len(runs),
            "signals": [runs.names[i] for i in model.scaling.kept],
            "conditions": len(model.scaling.condition),
            "cap": self.cap,
            "interval": f"errors on {len(np.unique(unit))} units held out in {self.folds} folds",
            "error": float(np.sqrt(np.mean((truth - predicted) ** 2))),
        }
        return _Model(
            runs.names, model.windows, model.scaling, model.trees, model.cap, self.age,
            self.confidence, bands, made,
        )  # fmt: skip

    def load(self, saved: dict[str, Any]) -> _Model:
        if (found := (saved.get("prognostic"), saved.get("version"))) != ("boosted", _VERSION):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, must be boosted version {_VERSION}"
            )
        try:
            cap = saved["cap"]
            return _Model(
                tuple(saved["names"]), Windows(*map(int, saved["windows"])),
                Scaling.load(saved["scaling"]), tuple(Trees.load(t) for t in saved["trees"]),
                np.inf if cap is None else float(cap), bool(saved["age"]),
                float(saved["confidence"]), np.array(saved["bands"], np.float64), saved["made"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None

    def _fit(self, runs: Runs, settings: npt.NDArray[np.int64], seeds: int) -> _Model:
        windows = Windows(self.short, self.long, self.first)
        scaling = Scaling.fit(runs.value, settings)
        none = np.zeros((0, 3))
        cap = np.inf if self.cap is None else self.cap
        blank = _Model(runs.names, windows, scaling, (), cap, self.age, self.confidence, none, {})
        x, left = blank.look(runs), runs.remaining()
        lengths = np.diff(np.append(runs.starts, len(runs)))
        # Of a unit that has not failed it is known only that it lived to its last row.
        known = np.repeat(runs.ended, lengths) | (left >= cap)
        y = np.minimum(left, cap)
        trees = tuple(
            self.boosting.regression(x[known], y[known], seed=seed) for seed in range(seeds)
        )
        return _Model(runs.names, windows, scaling, trees, cap, self.age, self.confidence, none, {})


@dataclass(frozen=True, slots=True)
class _Model:
    """bands  float64[b,3]: predicted life at the middle of a band, and what is added to it for the
    lower and the upper end of the interval"""

    names: tuple[str, ...]
    windows: Windows
    scaling: Scaling
    trees: tuple[Trees, ...]
    cap: float
    age: bool
    confidence: float
    bands: Values
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> _Prognosis:
        return _Prognosis(self, state)

    def predict(self, runs: Runs) -> Life:
        return self.told(self.values(runs))

    def explain(self, runs: Runs, rows: npt.NDArray[np.int64]) -> Reasons:
        x = self.look(runs)[rows]
        parts = [trees.explain(x) for trees in self.trees]
        share = np.mean([part for part, _ in parts], axis=0)
        mean = float(np.mean([mean for _, mean in parts]))
        own = np.zeros((len(rows), len(self.names)))
        kept = len(self.scaling.kept)
        width = self.windows.width(kept)
        own[:, self.scaling.kept] = share[:, :width].reshape(len(rows), kept, -1).sum(axis=2)
        return Reasons(own, share[:, width:].sum(axis=1), mean)

    def save(self) -> dict[str, Any]:
        return {
            "prognostic": "boosted",
            "version": _VERSION,
            "names": list(self.names),
            "windows": [self.windows.short, self.windows.long, self.windows.first],
            "scaling": self.scaling.save(),
            "trees": [trees.save() for trees in self.trees],
            "cap": self.cap if np.isfinite(self.cap) else None,
            "age": self.age,
            "confidence": self.confidence,
            "bands": self.bands.tolist(),
            "made": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def look(self, runs: Runs) -> Values:
        """What the trees look at, of every row."""
        return self.with_age(past_of(runs, self.windows, self.scaling), runs.age)

    def with_age(self, past: Values, age: Values) -> Values:
        return np.column_stack([past, age]) if self.age else past

    def values(self, runs: Runs) -> Values:
        return self.mean(self.look(runs))

    def mean(self, x: Values) -> Values:
        told = np.mean([trees.predict(x) for trees in self.trees], axis=0)
        return np.asarray(np.clip(told, 0.0, self.cap))

    def told(self, value: Values) -> Life:
        middle, below, above = self.bands.T
        low = np.clip(value + np.interp(value, middle, below), 0.0, value)
        high = np.clip(value + np.interp(value, middle, above), value, self.cap)
        return Life(value, low, high)


class _Prognosis:
    def __init__(self, model: _Model, state: dict[str, Any] | None) -> None:
        self._model = model
        self._past = Past(model.windows, len(model.scaling.kept), state)

    def __call__(self, age: Values, value: Values) -> Life:
        past = self._past(self._model.scaling(value))
        return self._model.told(self._model.mean(self._model.with_age(past, age)))

    def state(self) -> dict[str, Any]:
        return self._past.state()

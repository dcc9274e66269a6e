"""What was learned of life, and one unit that is followed with it."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.prognostics._trend import Covariates, Running, shares
from gemel.parts.prognostics.base import Life, Reasons, Runs
from gemel.parts.prognostics.weibull.fitting import curved

__all__ = ["VERSION", "Model"]

VERSION: Final = 1
_STATE: Final = 1
_MEDIAN: Final = log(log(2.0))
_SAID: Final = 3
"""Signals that are named in words."""


@dataclass(frozen=True, slots=True)
class Model:
    """What was learned; immutable.

    theta        float64[2p+3]: intercept, effects of covariates, of their squares and of the log
                 age, log spread
    by_age       whether life is counted since new
    half         added to the age of the last row: when a unit failed
    typical_age  the mean age of the rows that were fitted on
    levels       float64[b,4]: logs of the hazard summed up until value, lower and upper end are
                 told, where the median is the first number; in between they are interpolated
    """

    names: tuple[str, ...]
    covariates: Covariates
    theta: Values
    by_age: bool
    ridge: float
    half: float
    typical_age: float
    cap: float
    confidence: float
    levels: Values
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> Prognosis:
        return Prognosis(self, state)

    def predict(self, runs: Runs) -> Life:
        return self.told(self.scale(self.covariates(runs), runs.age), runs.age)

    def explain(self, runs: Runs, rows: npt.NDArray[np.int64]) -> Reasons:
        effect = curved(self.covariates(runs)[rows]) * self.theta[1:-2]
        each = np.zeros((len(rows), len(self.names)))
        np.add.at(each.T, np.tile(self.covariates.signal(), 2), effect.T)
        told = [
            self._shares(mine, age) for mine, age in zip(each, runs.age[rows].tolist(), strict=True)
        ]
        share = np.array([part for part, _ in told]).reshape(len(rows), len(self.names) + 1)
        words = tuple(self._words(mine) for mine in each)
        mean = told[0][1] if told else self._shares(np.zeros(len(self.names)), 0.0)[1]
        return Reasons(share[:, :-1], share[:, -1], mean, words)

    def _shares(self, effect: Values, age: float) -> tuple[Values, float]:
        """Of each signal, by its effect on log scale, and of the age; and of a typical row."""
        kept = self.covariates.scaling.kept

        def told(known: npt.NDArray[np.bool_]) -> Values:
            old = np.where(known[:, -1], age, self.typical_age)
            eta = self.theta[0] + known[:, :-1] @ effect[kept] + self._by_age(old)
            return self.told(eta, old).value

        own, mean = shares(told, len(kept) + 1)
        found = np.zeros(len(effect) + 1)
        found[kept], found[-1] = own[:-1], own[-1]
        return found, mean

    def save(self) -> dict[str, Any]:
        return {
            "prognostic": "weibull",
            "version": VERSION,
            "names": list(self.names),
            "covariates": self.covariates.save(),
            "theta": self.theta.tolist(),
            "by_age": self.by_age,
            "ridge": self.ridge,
            "half": self.half,
            "typical_age": self.typical_age,
            "cap": self.cap,
            "confidence": self.confidence,
            "levels": self.levels.tolist(),
            "made": self.made,
        }

    @classmethod
    def load(cls, saved: dict[str, Any]) -> Model:
        """The model that `save` gave. Raises `DataError` for anything else."""
        try:
            covariates = Covariates.load(saved["covariates"])
            theta = np.array(saved["theta"], np.float64)
            levels = np.array(saved["levels"], np.float64)
            if theta.shape != (2 * covariates.width + 3,) or not np.isfinite(theta).all():
                raise ValueError("effects are of other signals, or no numbers")
            if levels.ndim != 2 or levels.shape[1] != 4 or not np.isfinite(levels).all():
                raise ValueError("levels have another shape")
            return cls(
                tuple(saved["names"]), covariates, theta, bool(saved["by_age"]),
                float(saved["ridge"]), float(saved["half"]), float(saved["typical_age"]),
                float(saved["cap"]), float(saved["confidence"]), levels, saved["made"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def scale(self, x: Values, age: Values) -> Values:
        """float64[n]: the log of the age, or of the life left, that 37 % reach."""
        return _weighed(curved(x), self.theta[1:-2], float(self.theta[0])) + self._by_age(age)

    def _by_age(self, age: Values) -> Values:
        if self.by_age:
            return np.zeros(len(age))
        old = np.empty(len(age))
        _logs(np.maximum(age, 0.0) + self.half, log(self.typical_age + self.half), old)
        return float(self.theta[-2]) * old

    def told(self, scale: Values, age: Values) -> Life:
        """Of rows with this log scale, at this age."""
        median = self._when(scale, age, np.full(len(scale), _MEDIAN))
        value, low, high = (
            self._when(scale, age, np.interp(median, self.levels[:, 0], self.levels[:, column]))
            for column in (1, 2, 3)
        )
        return Life(value, np.minimum(low, value), np.maximum(high, value))

    def levels_of(self, runs: Runs, life: Values) -> tuple[Values, Values]:
        """The log of the hazard summed up until `life`, float64[n], after each row; and the
        median."""
        scale, out = self.scale(self.covariates(runs), runs.age), np.empty(len(runs))
        _hazard(scale, self._begun(runs.age), life + self.half, exp(self.theta[-1]), out)
        return out, self._when(scale, runs.age, np.full(len(runs), _MEDIAN))

    def _begun(self, age: Values) -> Values:
        """When the clock stood so at each row."""
        return np.maximum(age, 0.0) if self.by_age else np.zeros(len(age))

    def _when(self, scale: Values, age: Values, level: Values) -> Values:
        out = np.empty(len(scale))
        _reached(scale, self._begun(age), level, exp(self.theta[-1]), out)
        return np.clip(out - self.half, 0.0, self.cap)

    def _words(self, effect: Values) -> str:
        """By how much its signals make a unit's life longer or shorter, the strongest first."""
        order = np.argsort(-np.abs(effect), kind="stable")[:_SAID]
        parts = [f"{self.names[i]} {exp(effect[i]):.2g}" for i in order.tolist() if effect[i]]
        return f"scale of life against that of all rows, times: {', '.join(parts)}" if parts else ""


class Prognosis:
    """Of one unit, running."""

    def __init__(self, model: Model, state: dict[str, Any] | None) -> None:
        self._model = model
        if state is not None and state.get("version") != _STATE:
            raise DataError(f"the state has version {state.get('version')}, expected {_STATE}")
        if state is not None and not isinstance(state.get("past"), dict):
            raise DataError("not the state of a unit: it has no past")
        self._past: Running = model.covariates.start(None if state is None else state["past"])

    def __call__(self, age: Values, value: Values) -> Life:
        return self._model.told(self._model.scale(self._past(value), age), age)

    def state(self) -> dict[str, Any]:
        return {"version": _STATE, "past": self._past.state()}


# In kernels: what is told of a row must not depend on how many rows are looked at together, and
# products of matrices do, in their last digits.


@njit(nogil=True, cache=True)
def _sums(x: Any, weight: Any, begin: float, out: Any) -> None:
    for row in range(len(x)):
        total = begin
        for j in range(len(weight)):
            total += x[row, j] * weight[j]
        out[row] = total


def _weighed(x: Values, weight: Values, begin: float) -> Values:
    out = np.empty(len(x))
    _sums(x, weight, begin, out)
    return out


@njit(nogil=True, cache=True)
def _logs(x: Any, less: float, out: Any) -> None:
    for row in range(len(x)):
        out[row] = log(x[row]) - less


@njit(nogil=True, cache=True)
def _reached(scale: Any, begun: Any, level: Any, spread: float, out: Any) -> None:
    """How long after `begun` the summed hazard has grown by exp(level)."""
    for row in range(len(scale)):
        grown = level[row]
        if begun[row] > 0.0:
            lived = (log(begun[row]) - scale[row]) / spread
            most, less = max(lived, grown), min(lived, grown)
            grown = most + log1p(exp(less - most))
        out[row] = exp(min(scale[row] + spread * grown, 700.0)) - begun[row]


@njit(nogil=True, cache=True)
def _hazard(scale: Any, begun: Any, life: Any, spread: float, out: Any) -> None:
    """The log of the hazard summed from `begun` until `life` later."""
    for row in range(len(scale)):
        z = (log(begun[row] + life[row]) - scale[row]) / spread
        if begun[row] > 0.0:
            # log(e^z - e^z0), of which the second is less
            lived = (log(begun[row]) - scale[row]) / spread
            z += log(-np.expm1(lived - z)) if lived < z else -700.0
        out[row] = z

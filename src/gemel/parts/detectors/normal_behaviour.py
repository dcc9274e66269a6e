"""Normal behaviour: what a signal should be, given the others, and how far it is from that."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field

from gemel.core.boosting import Boosting, Trees
from gemel.core.errors import DataError, did_you_mean
from gemel.core.frame import Values
from gemel.core.limits import rows_needed
from gemel.parts.detectors._charting import Charting, ChartModel
from gemel.parts.detectors.base import Score, Scorer, Window

__all__ = ["NormalBehaviour"]

_LEAST: Final = 100
_MOST: Final = 20_000
"""Rows that trees are fitted on, evenly thinned: more cost time and tell little."""

Columns = tuple[int, ...]


class NormalBehaviour(Charting):
    """Control charts of residuals: measured, less what gradient-boosted trees predict from the
    other signals in the same row. Known as a normal behaviour model, in monitoring of wind turbines
    for instance (Schlechtingen and Santos, Mech. Systems and Signal Processing 25 (2011) 1849).

    It is for relations that bend: a power that grows with the cube of a speed, a temperature that
    depends on load in one way below a threshold and in another above. `pca` and `cva` take
    relations for straight lines, and see a change only where it leaves the cloud around them.

    - Residuals of normal rows are those of models that were fitted on other blocks of time, so that
      they are as large as those of later rows. All else is as `control_chart` says.
    - `averages` gives EWMAs of the inputs to the trees too, for what follows slowly. A target's own
      past is never used: a slow fault would explain itself.
    - Where an input is missing a target has no residual, as where it is missing itself; a row
      without any residual has no score.
    - Trees know nothing beyond the rows they were fitted on. Where a load is new, residuals are
      large, and rightly so: nobody knows yet what is normal there.

    A signal that deviates disturbs the prediction of others; its own residual is usually the
    largest by far, and `inputs` (what drives the machine: speed, load, ambient temperature) keep
    the others out of it.

    Fitting needs scikit-learn (`gemel[learn]`), scoring does not.
    """

    targets: tuple[str, ...] = Field((), description="Signals that are predicted; all if not given")
    inputs: tuple[str, ...] = Field(
        (), description="Signals that they are predicted from; all others if not given"
    )
    averages: tuple[float, ...] = Field(
        (), description="Weights of the newest row in EWMAs of the inputs, as further inputs"
    )
    boosting: Boosting = Field(
        Boosting(iterations=100, rate=0.1, leaves=16), description="How trees are fitted"
    )
    blocks: int = Field(
        5,
        ge=2,
        le=50,
        description="Blocks of time whose residuals are told by models of the others",
    )

    def fit(self, normal: Window) -> _Model:
        targets, drivers = self._chosen(normal.names)
        needed = rows_needed(_LEAST, self.held_out, self.gap)
        if len(normal) < needed:
            raise DataError(
                f"{len(normal)} rows of {len(normal.names)} signals; normal_behaviour needs at "
                f"least {needed} rows of normal operation"
            )
        inputs = tuple(tuple(d for d in drivers if d != t) for t in targets)
        if not all(inputs):
            raise DataError(
                "normal_behaviour needs at least 2 signals, one to predict another from"
            )
        averaged = _averaged(normal.value, self.averages, None)[0]
        residual = np.empty((len(normal), len(targets)))
        trees = []
        for place, (target, columns) in enumerate(zip(targets, inputs, strict=True)):
            x = _features(normal.value, averaged, columns)
            y = np.ascontiguousarray(normal.value[:, target])
            usable = np.isfinite(x).all(axis=1) & np.isfinite(y)
            if usable.sum() < _LEAST:
                raise DataError(
                    f"{usable.sum()} rows have '{normal.names[target]}' and all it is predicted "
                    f"from, normal_behaviour needs {_LEAST}"
                )
            residual[:, place] = y - self._told_by_others(x, y, usable)
            trees.append(self._trees(x, y, usable))
        names = tuple(normal.names[t] for t in targets)
        chart = self._fitted(Window(normal.time, residual, names))
        spread = np.nanstd(normal.value[:, targets], axis=0)
        left = np.nanstd(residual, axis=0)
        made = chart.evidence() | {
            "detector": "normal_behaviour",
            "explained": {
                name: round(float(1 - (part / whole) ** 2), 4)
                for name, part, whole in zip(names, left, spread, strict=True)
                if whole > 0
            },
        }
        return _Model(normal.names, targets, inputs, self.averages, tuple(trees), chart, made)

    def load(self, saved: dict[str, Any]) -> _Model:
        if (found := (saved.get("detector"), saved.get("version"))) != ("normal_behaviour", 1):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, must be normal_behaviour version 1"
            )
        try:
            model = _Model(
                tuple(saved["names"]), tuple(saved["targets"]),
                tuple(tuple(columns) for columns in saved["inputs"]), tuple(saved["averages"]),
                tuple(Trees.load(one) for one in saved["trees"]), self._loaded(saved["chart"]),
                saved["made"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None
        model.check()
        return model

    def _chosen(self, names: tuple[str, ...]) -> tuple[Columns, Columns]:
        for name in (*self.targets, *self.inputs):
            if name not in names:
                raise DataError(f"there is no signal '{name}'; {did_you_mean(name, list(names))}")
        places = {name: place for place, name in enumerate(names)}
        targets = tuple(places[name] for name in self.targets or names)
        return targets, tuple(places[name] for name in self.inputs or names)

    def _told_by_others(self, x: Values, y: Values, usable: npt.NDArray[np.bool_]) -> Values:
        """The prediction of each row by trees of other blocks; NaN where an input is missing."""
        told = np.full(len(y), np.nan)
        edges = np.linspace(0, len(y), self.blocks + 1).astype(int)
        for begin, end in pairwise(edges.tolist()):
            others = usable.copy()
            others[max(begin - self.gap, 0) : end + self.gap] = False
            if others.sum() < 2:
                continue
            told[begin:end] = self._trees(x, y, others).predict(x[begin:end])
        told[~np.isfinite(x).all(axis=1)] = np.nan
        return told

    def _trees(self, x: Values, y: Values, usable: npt.NDArray[np.bool_]) -> Trees:
        at = np.flatnonzero(usable)
        at = at[:: -(-len(at) // _MOST)]
        return self.boosting.regression(x[at], y[at])


@dataclass(frozen=True, slots=True)
class _Model:
    """names      k paths
    targets    columns that are predicted
    inputs     columns that each is predicted from
    trees      one prediction for each target, of its inputs and then of their averages
    chart      of the residuals
    """

    names: tuple[str, ...]
    targets: Columns
    inputs: tuple[Columns, ...]
    averages: tuple[float, ...]
    trees: tuple[Trees, ...]
    chart: ChartModel
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> _Scorer:
        return _Scorer(self, state)

    def save(self) -> dict[str, Any]:
        return {
            "version": 1,
            "detector": "normal_behaviour",
            "names": list(self.names),
            "targets": list(self.targets),
            "inputs": [list(columns) for columns in self.inputs],
            "averages": list(self.averages),
            "trees": [one.save() for one in self.trees],
            "chart": self.chart.save(),
            "made": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def check(self) -> None:
        """Raises `DataError` where parts of a saved model do not belong together."""
        wide = range(len(self.names))
        fits = (
            len(self.targets) == len(self.inputs) == len(self.trees) == len(self.chart.names)
            and all(t in wide for t in self.targets)
            and all(c in wide for columns in self.inputs for c in columns)
            and all(
                tree.features == len(columns) * (1 + len(self.averages))
                for tree, columns in zip(self.trees, self.inputs, strict=True)
            )
        )
        if not fits:
            raise DataError("not a saved model: its signals, trees and charts do not fit together")


class _Scorer:
    def __init__(self, model: _Model, state: dict[str, Any] | None) -> None:
        self._model = model
        self._memory: Values | None = None
        chart = None
        if state is not None:
            if state["version"] != 1 or len(state["averages"]) != len(model.averages):
                raise DataError("state of another normal_behaviour model")
            shape = (len(model.averages), len(model.names))
            self._memory = np.array(state["averages"], np.float64).reshape(shape)
            chart = state["chart"]
        self._chart: Scorer = model.chart.start(chart)

    def state(self) -> dict[str, Any]:
        model = self._model
        memory = self._memory
        if memory is None:
            memory = np.full((len(model.averages), len(model.names)), np.nan)
        # JSON has no NaN: it is written as null.
        averages = [[None if v != v else v for v in row] for row in memory.tolist()]
        return {"version": 1, "averages": averages, "chart": self._chart.state()}

    def __call__(self, window: Window) -> Score:
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        averaged, self._memory = _averaged(window.value, model.averages, self._memory)
        residual = np.empty((len(window), len(model.targets)))
        for place, target in enumerate(model.targets):
            x = _features(window.value, averaged, model.inputs[place])
            told = model.trees[place].predict(x)
            told[~np.isfinite(x).all(axis=1)] = np.nan
            residual[:, place] = window.value[:, target] - told
        found = self._chart(Window(window.time, residual, model.chart.names))
        contribution = np.zeros(window.value.shape)
        contribution[:, model.targets] = found.contribution
        return Score(found.time, found.value, found.limit, found.alarm, contribution)


def _features(value: Values, averaged: Values, columns: Columns) -> Values:
    """Inputs, then their averages: float64[n, c (1 + a)]."""
    parts = [value[:, columns], *(one[:, columns] for one in averaged)]
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def _averaged(
    value: Values, weights: tuple[float, ...], memory: Values | None
) -> tuple[Values, Values]:
    """EWMAs of all columns, float64[a,n,k], and the last of each, float64[a,k]."""
    a, k = len(weights), value.shape[1]
    after = np.full((a, k), np.nan) if memory is None else memory.copy()
    out = np.empty((a, *value.shape))
    _ewmas(np.ascontiguousarray(value), np.array(weights, np.float64), after, out)
    return out, after


@njit(nogil=True, cache=True)
def _ewmas(value: Values, weights: Values, memory: Values, out: Values) -> None:
    for a in range(len(weights)):
        for i in range(value.shape[0]):
            for j in range(value.shape[1]):
                x = value[i, j]
                if np.isfinite(x):
                    before = memory[a, j]
                    memory[a, j] = x if np.isnan(before) else before + weights[a] * (x - before)
                out[a, i, j] = memory[a, j]

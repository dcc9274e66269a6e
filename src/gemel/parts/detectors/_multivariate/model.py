"""A score that is a sum of squares along directions, and what computes it from rows."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Times, Values
from gemel.core.level import take_level
from gemel.parts.detectors._multivariate.kernels import (
    average,
    finite,
    project,
    smooth,
    standardise,
)
from gemel.parts.detectors.base import Window, plain

__all__ = ["QuadraticModel"]

_ARRAYS = ("centre", "scale", "directions", "precision", "weight", "own")


_BLOCK: Final = 1 << 15
"""Values of a block: a quarter of a megabyte, which stays in the cache between steps."""
_BLOCKS: Final = 16
"""At once, where there is only one step."""
_ALL: Final = np.zeros((0, 0), np.bool_)


def _nothing() -> Values:
    return np.zeros(0)


@dataclass(slots=True, eq=False)
class QuadraticModel:
    """k signals, w = k (lags + 1) columns with lags, r directions.

    average                 weight of the newest row in the EWMA of the rows; 1: none
    smoothing               weight of the newest score in the EWMA of the scores; 1: none
    centre, scale, wanders  [k]     of the signals, without their slow mean where they wander
    directions              [r,w]   of the standardised rows
    precision, weight       [r+1]   along the directions, and of everything else (0 where the
                                    directions are not orthonormal): what is expected of missing
                                    values, and the score
    own                     [w]     diagonal of the quadratic form of the score
    mean, limit             of the score in normal operation
    """

    lags: int
    average: float
    smoothing: float
    memory: int
    missing: float
    names: tuple[str, ...]
    step: int
    centre: Values
    scale: Values
    wanders: npt.NDArray[np.bool_]
    directions: Values = field(default_factory=_nothing)
    precision: Values = field(default_factory=_nothing)
    weight: Values = field(default_factory=_nothing)
    own: Values = field(default_factory=_nothing)
    mean: float = 0.0
    limit: float = float("inf")

    @property
    def settling(self) -> int:
        """Rows after a start until the EWMA of a row and its lags varies as that of many rows."""
        return 0 if self.average == 1 else round(2 / self.average - 1) + self.lags

    def start(
        self, state: dict[str, Any] | None = None, above: float | None = None
    ) -> QuadraticScorer:
        """Contributions are of rows with a score above `above`, the limit if not given."""
        return QuadraticScorer(self, state, self.limit if above is None else above)

    def form(self) -> tuple[Values, Values, float]:
        """The quadratic form of the score, of no more directions than it takes: those that weigh
        otherwise than the rest [r,w], by how much [r], and the weight of the rest. Directions of
        weight 0 beyond them make r a multiple of 4."""
        if len(self.weight) == 0:  # not known yet: while fitting
            return np.zeros((0, len(self.names))), np.zeros(0), 0.0
        rest = float(self.weight[-1])
        chosen = np.flatnonzero(self.weight[:-1] != rest)
        count = -(-max(len(chosen), 1) // 4) * 4
        directions, gain = np.zeros((count, self.directions.shape[1])), np.zeros(count)
        directions[: len(chosen)] = self.directions[chosen]
        gain[: len(chosen)] = self.weight[:-1][chosen] - rest
        return directions, gain, rest

    def completion(self, gone: npt.NDArray[np.bool_]) -> Values:
        """Matrix from the known columns of a row to what is expected of the missing ones."""
        weight = self.precision
        lost, known = self.directions[:, gone], self.directions[:, ~gone]
        within = (lost.T * (weight[:-1] - weight[-1])) @ lost + weight[-1] * np.eye(lost.shape[1])
        across = (lost.T * (weight[:-1] - weight[-1])) @ known
        filled: Values = -np.linalg.solve(within, across)
        return filled

    def save(self) -> dict[str, Any]:
        return plain(self)

    @classmethod
    def load(cls, saved: dict[str, Any]) -> QuadraticModel:
        """The model that `save` gave."""
        values = {f.name: saved[f.name] for f in fields(cls)}
        for name in _ARRAYS:
            values[name] = np.array(saved[name], np.float64)
        values["wanders"] = np.array(saved["wanders"], np.bool_)
        values["names"] = tuple(saved["names"])
        return cls(**values)


class QuadraticScorer:
    """Rows in blocks that stay in the cache."""

    def __init__(self, model: QuadraticModel, state: dict[str, Any] | None, above: float) -> None:
        k, lags = len(model.names), model.lags
        self._model, self._above = model, above
        self._near = min((model.mean + above) / 2, above)
        self._form = model.form()
        self._inverse = 1 / model.scale
        self._wanders = bool(model.wanders.any())
        self._plain = lags == 0 and not self._wanders and model.average == 1
        self._block = max(16, _BLOCK // (k * (lags + 1)))
        columns = k * (lags + 1)
        self._as_it_is = np.zeros(columns), np.ones(columns)
        self._buffer = np.empty((0, k))
        self._time: int | None = None
        self._completions: dict[bytes, Values] = {}
        self._level = np.full(k, np.nan)
        self._average = model.centre.copy()
        self._seen = np.zeros(k, np.int64)
        self._rows = 0
        self._history = np.full((lags, k), np.nan)
        # The smoothed score; how much a row ago counts since a row was last blamed.
        self._memory = np.array([model.mean, 1.0])
        self._blame = np.zeros(k)
        if state is not None:
            if len(state["level"]) != k or len(state["history"]) != lags:
                raise DataError("state of another model")
            self._time = state["time"]
            self._level[:] = np.array(state["level"], np.float64)
            self._average[:] = state["average"]
            self._seen[:] = state["seen"]
            self._rows = state["rows"]
            if "smooth" in state:  # version 2: every row was blamed
                self._blame[:] = state["smooth"]
                self._memory[:] = self._blame.sum(), 1.0
            else:
                self._blame[:] = state["blame"]
                self._memory[:] = state["score"], state["fade"]
            if lags:
                self._history[:] = np.array(state["history"], np.float64)

    def state(self) -> dict[str, Any]:
        return {
            "time": self._time,
            # JSON has no NaN: it is written as null.
            "level": [None if v != v else v for v in self._level.tolist()],
            "average": self._average.tolist(),
            "seen": self._seen.tolist(),
            "rows": self._rows,
            "history": [[None if v != v else v for v in row] for row in self._history.tolist()],
            "score": float(self._memory[0]),
            "fade": float(self._memory[1]),
            "blame": self._blame.tolist(),
        }

    def __call__(self, window: Window) -> tuple[Values, Values]:
        """Scores, float64[n], and the share of each signal, float64[n,k]: 0 in rows that are not
        above the limit."""
        n, k = len(window), len(self._model.names)
        value, contribution = np.full(n, np.nan), np.zeros((n, k))
        for piece, fresh in self._pieces(window.time):
            if fresh:
                self._restart()
            rows, score, shares = window.value[piece], value[piece], contribution[piece]
            if self._plain and self._at_once(rows, score, shares):
                continue
            for start in range(0, len(rows), self._block):
                part = slice(start, start + self._block)
                self._in_steps(rows[part], score[part], shares[part])
        return value, contribution

    def _at_once(self, rows: Values, score: Values, contribution: Values) -> bool:
        """Rows that only have to be standardised. False if a value is missing, and nothing done."""
        model = self._model
        rows = np.ascontiguousarray(rows)
        along = np.empty((len(rows), len(self._form[1])))
        if not project(rows, model.centre, self._inverse, *self._form, along, score):
            return False
        usable = np.ones(len(rows), np.bool_)
        self._smooth(rows, (model.centre, self._inverse), _ALL, usable, along, score, contribution)
        return True

    def _in_steps(self, value: Values, score: Values, contribution: Values) -> None:
        """Rows with lags, averages or missing values."""
        rows = self._embed(value)
        lost, usable = self.complete(rows)
        # The EWMA of a few rows varies more than that of many: such rows have no score.
        usable[: max(self._model.settling - self._rows, 0)] = False
        along = np.empty((len(rows), len(self._form[1])))
        project(rows, *self._as_it_is, *self._form, along, score)
        self._smooth(rows, self._as_it_is, lost, usable, along, score, contribution)

    def _smooth(
        self, rows: Values, by: tuple[Values, Values], lost: npt.NDArray[np.bool_],
        usable: npt.NDArray[np.bool_], along: Values, score: Values, contribution: Values,
    ) -> None:  # fmt: skip
        self._rows += len(rows)
        smooth(
            rows, *by, lost, usable, *self._form, self._model.own, along, self._model.smoothing,
            self._above, self._near, self._memory, self._blame, score, contribution,
        )  # fmt: skip

    def rows(self, window: Window) -> Values:
        """Standardised rows with their lags, float64[n,w]; NaN where a value is missing."""
        found = []
        for piece, fresh in self._pieces(window.time):
            if fresh:
                self._restart()
            found.append(self._embed(window.value[piece]).copy())
        return np.concatenate(found)

    def since(self, time: Times) -> npt.NDArray[np.int64]:
        """How many rows are between the last start and each of the rows that come next."""
        before = time[:1] - self._model.step if self._time is None else [self._time]
        pause = np.diff(np.concatenate([before, time])) > 1.5 * self._model.step
        row = np.arange(len(time))
        return row - np.maximum.accumulate(np.where(pause, row, -self._rows))

    def _pieces(self, time: Times) -> list[tuple[slice, bool]]:
        """Blocks of rows that follow each other, and whether a pause is before them."""
        n = len(time)
        if n == 0:
            return []
        before = time[0] - self._model.step if self._time is None else self._time
        self._time = int(time[-1])
        pause = np.diff(time, prepend=before) > 1.5 * self._model.step
        size = _BLOCKS * self._block if self._plain else self._block
        cuts = sorted({0, n, *range(0, n, size), *np.flatnonzero(pause).tolist()})
        return [(slice(a, b), bool(pause[a])) for a, b in pairwise(cuts)]

    def _restart(self) -> None:
        """After a pause nothing that was before it counts."""
        self._memory[:], self._blame[:] = (self._model.mean, 1.0), 0
        self._level[:] = np.nan
        self._average[:] = self._model.centre
        self._history[:] = np.nan
        self._seen[:] = self._rows = 0

    def _embed(self, value: Values) -> Values:
        model, lags = self._model, self._model.lags
        value = np.ascontiguousarray(value)
        n, k = value.shape
        seen = self._seen.copy() if model.average < 1 else self._seen
        if self._wanders:
            level = np.empty_like(value)
            take_level(value, model.wanders, 1 / model.memory, self._level, self._seen, level)
            value = level
        if model.average < 1:
            averaged = np.empty_like(value)
            average(value, model.average, self._average, seen, averaged)
            self._seen, value = seen, averaged
        if len(self._buffer) < lags + n:  # memory that is asked for anew costs as much as the sums
            self._buffer = np.empty((lags + n, k))
        rows = self._buffer[: lags + n]
        rows[:lags] = self._history
        standardise(value, model.centre, self._inverse, rows[lags:])
        if lags == 0:
            return rows
        self._history = rows[len(rows) - lags :].copy()
        return np.hstack([rows[lags - lag : lags - lag + n] for lag in range(lags + 1)])

    def complete(self, rows: Values) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Fill what is missing, in place; gives where it was (no rows if nowhere), and which rows
        can be scored."""
        if finite(rows):
            return np.zeros((0, rows.shape[1]), np.bool_), np.ones(len(rows), np.bool_)
        lost = np.asarray(~np.isfinite(rows), np.bool_)
        most, k = self._model.missing, len(self._model.names)
        usable = (lost.mean(axis=1) <= most) & (lost[:, :k].mean(axis=1) <= most)
        for i in np.flatnonzero(lost.any(axis=1) & usable):
            gone = lost[i]
            key = gone.tobytes()
            if key not in self._completions:
                if len(self._completions) >= 64:
                    self._completions.clear()
                self._completions[key] = self._model.completion(gone)
            rows[i, gone] = self._completions[key] @ rows[i, ~gone]
        return lost, np.asarray(usable, np.bool_)

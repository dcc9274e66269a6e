"""A score that is a sum of squares along directions, and what computes it from rows."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from gemel.core.errors import DataError
from gemel.core.frame import Times, Values
from gemel.core.level import take_level
from gemel.parts.detectors.base import Window

__all__ = ["QuadraticModel"]

_ARRAYS = ("centre", "scale", "directions", "precision", "weight", "own")


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

    def start(self, state: dict[str, Any] | None = None) -> QuadraticScorer:
        return QuadraticScorer(self, state)

    def completion(self, gone: npt.NDArray[np.bool_]) -> Values:
        """Matrix from the known columns of a row to what is expected of the missing ones."""
        weight = self.precision
        lost, known = self.directions[:, gone], self.directions[:, ~gone]
        within = (lost.T * (weight[:-1] - weight[-1])) @ lost + weight[-1] * np.eye(lost.shape[1])
        across = (lost.T * (weight[:-1] - weight[-1])) @ known
        filled: Values = -np.linalg.solve(within, across)
        return filled

    def save(self) -> dict[str, Any]:
        return {
            f.name: v.tolist() if isinstance(v := getattr(self, f.name), np.ndarray) else v
            for f in fields(self)
        } | {"names": list(self.names)}

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
    """Rows in blocks, so that lagged copies of a long window need little memory."""

    def __init__(self, model: QuadraticModel, state: dict[str, Any] | None) -> None:
        k = len(model.names)
        self._model = model
        lags = model.lags
        self._time: int | None = None
        self._completions: dict[bytes, Values] = {}
        self._level = np.full(k, np.nan)
        self._average = model.centre.copy()
        self._seen = np.zeros(k, np.int64)
        self._rows = 0
        self._history = np.full((lags, k), np.nan)
        self._smooth = np.full(k, model.mean / k)
        if state is not None:
            if len(state["level"]) != k or len(state["history"]) != lags:
                raise DataError("state of another model")
            self._time = state["time"]
            self._level[:] = np.array(state["level"], np.float64)
            self._average[:] = state["average"]
            self._seen[:] = state["seen"]
            self._rows = state["rows"]
            self._smooth[:] = state["smooth"]
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
            "smooth": self._smooth.tolist(),
        }

    def __call__(self, window: Window) -> tuple[Values, Values]:
        """Scores, float64[n], and the share of each signal in them, float64[n,k]."""
        model = self._model
        n, k = len(window), len(model.names)
        value, contribution = np.full(n, np.nan), np.zeros((n, k))
        for piece, fresh in self._pieces(window.time):
            if fresh:
                self._smooth[:] = model.mean / k
            rows = self._embed(window.value[piece], fresh)
            lost, usable = self._complete(rows)
            # The EWMA of a few rows varies more than that of many: such rows have no score.
            usable[: max(model.settling - self._rows, 0)] = False
            self._rows += len(rows)
            _score(
                rows, lost, usable, model.directions, model.weight, model.own,
                model.smoothing, self._smooth, value[piece], contribution[piece],
            )  # fmt: skip
        return value, contribution

    def rows(self, window: Window) -> Values:
        """Standardised rows with their lags, float64[n,w]; NaN where a value is missing."""
        pieces = [self._embed(window.value[p], fresh) for p, fresh in self._pieces(window.time)]
        return np.concatenate(pieces)

    def since(self, time: Times) -> npt.NDArray[np.int64]:
        """How many rows are between the last start and each of the rows that come next."""
        before = time[:1] - self._model.step if self._time is None else [self._time]
        pause = np.diff(np.concatenate([before, time])) > 1.5 * self._model.step
        row = np.arange(len(time))
        return row - np.maximum.accumulate(np.where(pause, row, -self._rows))

    def _pieces(self, time: Times) -> list[tuple[slice, bool]]:
        """Blocks of rows that follow each other, and whether a pause is before them."""
        if len(time) == 0:
            return []
        before = time[0] - self._model.step if self._time is None else self._time
        self._time = int(time[-1])
        pause = np.diff(time, prepend=before) > 1.5 * self._model.step
        cuts = sorted({0, len(time), *range(0, len(time), 4096), *np.flatnonzero(pause).tolist()})
        return [(slice(a, b), bool(pause[a])) for a, b in pairwise(cuts)]

    def _embed(self, value: Values, fresh: bool) -> Values:
        model, lags = self._model, self._model.lags
        if fresh:
            self._level[:] = np.nan
            self._average[:] = model.centre
            self._history[:] = np.nan
            self._seen[:] = self._rows = 0
        level = np.empty_like(value)
        value = np.ascontiguousarray(value)
        seen = self._seen.copy()
        take_level(value, model.wanders, 1 / model.memory, self._level, self._seen, level)
        if model.average < 1:
            _average(level, model.average, self._average, seen)
        rows = np.concatenate([self._history, (level - model.centre) / model.scale])
        self._history = rows[len(rows) - lags :].copy()
        n = len(value)
        return np.hstack([rows[lags - lag : lags - lag + n] for lag in range(lags + 1)])

    def _complete(self, rows: Values) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Fill what is missing, in place; gives where it was, and which rows can be scored."""
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


@njit(nogil=True, cache=True)
def _average(rows: Values, weight: float, average: Values, seen: npt.NDArray[np.int64]) -> None:
    """EWMA of each column of float64[n,k], in place; a missing value leaves it as it was.

    `seen` [k] values are in it already; it begins as a plain mean, as the slow mean does.
    """
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            if np.isfinite(rows[i, j]):
                average[j] += max(weight, 1 / (seen[j] + 1)) * (rows[i, j] - average[j])
                seen[j] += 1
                rows[i, j] = average[j]


# No fast mathematics: it may add in another order for other lengths, and then it would show in the
# last digit how the stream was cut.
@njit(nogil=True, cache=True)
def _score(
    rows: Values,
    lost: npt.NDArray[np.bool_],
    usable: npt.NDArray[np.bool_],
    directions: Values,
    weight: Values,
    own: Values,
    smoothing: float,
    smooth: Values,
    value: Values,
    contribution: Values,
) -> None:
    """Score row by row, so that the sums never depend on how many rows come together."""
    n, width = rows.shape
    k = len(smooth)
    rest = weight[-1]
    part = np.empty(k)
    along = np.empty(width)
    for i in range(n):
        if not usable[i]:
            continue
        score = 0.0
        for c in range(width):
            score += rest * rows[i, c] * rows[i, c]
            along[c] = rest * rows[i, c]
        for r in range(directions.shape[0]):
            t = 0.0
            for c in range(width):
                t += directions[r, c] * rows[i, c]
            score += (weight[r] - rest) * t * t
            pull = (weight[r] - rest) * t
            for c in range(width):
                along[c] += pull * directions[r, c]
        total = 0.0
        part[:] = 0
        for c in range(width):
            if lost[i, c]:
                continue  # what was filled in is to blame for nothing
            rebuilt = along[c] * along[c] / own[c]
            part[c % k] += rebuilt
            total += rebuilt
        score = max(score, 0.0)
        smoothed = 0.0
        for j in range(k):
            now = score * part[j] / total if total > 0 else score / k
            smooth[j] += smoothing * (now - smooth[j])
            smoothed += smooth[j]
        value[i] = smoothed
        for j in range(k):
            contribution[i, j] = smooth[j] / smoothed if smoothed > 0 else 1.0 / k

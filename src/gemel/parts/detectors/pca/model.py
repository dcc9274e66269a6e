"""The fitted model of principal components, and what scores with it."""

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
from gemel.parts.detectors.base import Score, Window

__all__ = ["PCAModel"]


def _nothing() -> Values:
    return np.zeros(0)


@dataclass(slots=True, eq=False)
class PCAModel:
    """k signals, w = k (lags + 1) columns with lags, r known directions.

    centre, scale, wanders  [k]     of the signals, without their slow mean where they wander
    directions              [r,w]   orthonormal rows
    variance, weight        [r+1]   along the directions, and of everything else
    own                     [w]     diagonal of the quadratic form of the score
    mean, limit             of the score in normal operation
    """

    lags: int
    smoothing: float
    memory: int
    missing: float
    names: tuple[str, ...]
    step: int
    centre: Values
    scale: Values
    wanders: npt.NDArray[np.bool_]
    directions: Values = field(default_factory=_nothing)
    variance: Values = field(default_factory=_nothing)
    weight: Values = field(default_factory=_nothing)
    own: Values = field(default_factory=_nothing)
    mean: float = 0.0
    limit: float = float("inf")
    made: dict[str, Any] = field(default_factory=dict)

    def start(self, state: dict[str, Any] | None = None) -> PCAScorer:
        return PCAScorer(self, state)

    def completion(self, gone: npt.NDArray[np.bool_]) -> Values:
        """Matrix from the known columns of a row to what is expected of the missing ones."""
        weight = 1 / self.variance
        lost, known = self.directions[:, gone], self.directions[:, ~gone]
        within = (lost.T * (weight[:-1] - weight[-1])) @ lost + weight[-1] * np.eye(lost.shape[1])
        across = (lost.T * (weight[:-1] - weight[-1])) @ known
        filled: Values = -np.linalg.solve(within, across)
        return filled

    def save(self) -> dict[str, Any]:
        return (
            {"version": 1, "detector": "pca"}
            | {
                f.name: v.tolist() if isinstance(v := getattr(self, f.name), np.ndarray) else v
                for f in fields(self)
            }
            | {"names": list(self.names)}
        )

    @classmethod
    def load(cls, saved: dict[str, Any]) -> PCAModel:
        """The model that `save` gave."""
        if (saved.get("detector"), saved.get("version")) != ("pca", 1):
            raise DataError(
                f"saved model is {saved.get('detector')} version {saved.get('version')}, "
                "must be pca version 1"
            )
        values = {f.name: saved[f.name] for f in fields(cls)}
        for name in ("centre", "scale", "directions", "variance", "weight", "own"):
            values[name] = np.array(saved[name], np.float64)
        values["wanders"] = np.array(saved["wanders"], np.bool_)
        values["names"] = tuple(saved["names"])
        return cls(**values)

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)


class PCAScorer:
    """Rows in blocks, so that lagged copies of a long window need little memory."""

    def __init__(self, model: PCAModel, state: dict[str, Any] | None) -> None:
        k = len(model.names)
        self._model = model
        lags = model.lags
        self._time: int | None = None
        self._completions: dict[bytes, Values] = {}
        self._level = np.full(k, np.nan)
        self._history = np.full((lags, k), np.nan)
        self._smooth = np.full(k, model.mean / k)
        if state is not None:
            if state["version"] != 1 or len(state["level"]) != k or len(state["history"]) != lags:
                raise DataError("state of another pca model")
            self._time = state["time"]
            self._level[:] = np.array(state["level"], np.float64)
            self._smooth[:] = state["smooth"]
            if lags:
                self._history[:] = np.array(state["history"], np.float64)

    def state(self) -> dict[str, Any]:
        return {
            "version": 1,
            "time": self._time,
            # JSON has no NaN: it is written as null.
            "level": [None if v != v else v for v in self._level.tolist()],
            "history": [[None if v != v else v for v in row] for row in self._history.tolist()],
            "smooth": self._smooth.tolist(),
        }

    def __call__(self, window: Window) -> Score:
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        n, k = len(window), len(model.names)
        value, contribution = np.full(n, np.nan), np.zeros((n, k))
        for piece, fresh in self._pieces(window.time):
            if fresh:
                self._smooth[:] = model.mean / k
            rows = self._embed(window.value[piece], fresh)
            lost, usable = self._complete(rows)
            _score(
                rows, lost, usable, model.directions, model.weight, model.own,
                model.smoothing, self._smooth, value[piece], contribution[piece],
            )  # fmt: skip
        limit = np.full(n, model.limit)
        return Score(window.time, value, limit, value > limit, contribution)

    def rows(self, window: Window) -> Values:
        """Standardised rows with their lags, float64[n,w]; NaN where a value is missing."""
        pieces = [self._embed(window.value[p], fresh) for p, fresh in self._pieces(window.time)]
        return np.concatenate(pieces)

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
            self._history[:] = np.nan
        level = np.empty_like(value)
        take_level(
            np.ascontiguousarray(value),
            model.wanders,
            1 / model.memory,
            self._level,
            level,
        )
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


# A sum in another order is as good, and many times faster; NaN is kept as it is.
@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]
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

"""Autoencoder: rows are pressed through a narrow layer, and what does not come back is abnormal."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final
from warnings import catch_warnings, simplefilter

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Values
from gemel.core.level import spread, take_level, wanders
from gemel.core.limits import held_out, rows_needed, set_limit
from gemel.parts.detectors.base import Detector, Score, Window, plain

__all__ = ["Autoencoder"]

_LEAST: Final = 200
_MOST: Final = 50_000
"""Rows that the network is fitted on, evenly thinned: more cost time and tell little."""


class Autoencoder(Detector):
    """A small neural network gives each row back through a layer of `code` units (nonlinear
    principal components; Kramer, AIChE J. 37 (1991) 233). It learns curved surfaces on which normal
    rows lie, where `pca` knows planes.

    The score is the mean square of what does not come back, each signal in units of its own spread
    there, smoothed by an EWMA. The limit comes from held-out normal rows for a `false_alarm_rate`.

    A signal that `wanders` (most of its variance lies between ten blocks of the fitting part) has
    no level that a limit could be set on: its own slow mean over `memory` rows is taken off. A
    constant signal has a scale of a millionth of its value, so that any movement shows. A missing
    value is what the network makes expect of it; a row with more than `missing` of its values
    missing has no score. What a signal contributes is its share of the score: one that deviates
    disturbs what comes back of the others, so that contributions are less sure than those of `pca`.

    Begin with `pca`: it needs fewer rows, and says more about why. Layers are dense and small, with
    tanh; no GPU is needed. Fitting needs scikit-learn (`gemel[learn]`), scoring does not.
    """

    code: int | None = Field(
        None, ge=1, description="Units of the narrow layer; a third of the signals if not given"
    )
    width: int | None = Field(
        None, ge=1, le=1000, description="Units of the layers around it; twice the signals, to 64"
    )
    iterations: int = Field(300, ge=1, le=100_000, description="Passes over the fitting rows")
    ridge: float = Field(1e-4, ge=0, description="Draws weights towards zero (L2)")
    seed: int = Field(0, ge=0, description="Of the first weights and the order of rows")
    smoothing: float = Field(0.1, gt=0, le=1, description="Weight of the newest row in the score")
    wander: float = Field(
        0.5, gt=0, le=1, description="Share of variance between blocks above which a level wanders"
    )
    memory: int = Field(100, ge=2, description="Rows over which a wandering level is averaged")
    missing: float = Field(
        0.2, ge=0, lt=1, description="Share of the values of a row that may be missing"
    )
    false_alarm_rate: float = Field(
        0.001, gt=0, lt=0.5, description="Wanted share of normal rows above the limit"
    )
    held_out: float = Field(
        0.3, gt=0, lt=0.9, description="Share of the normal rows, the last, that sets the limit"
    )
    gap: int = Field(10, ge=0, description="Rows left out between fitting and held-out part")

    def fit(self, normal: Window) -> _Model:
        k = len(normal.names)
        needed = rows_needed(_LEAST, self.held_out, self.gap)
        if k < 2 or len(normal) < needed:
            raise DataError(
                f"{len(normal)} rows of {k} signals; autoencoder needs at least {needed} rows of "
                "normal operation and 2 signals"
            )
        fitting, setting = held_out(len(normal), self.held_out, self.gap)
        known = np.isfinite(normal.value[fitting]).sum(axis=0)
        for j in np.flatnonzero(known < _LEAST // 2):
            raise DataError(
                f"signal '{normal.names[j]}' has {known[j]} values in the fitting part, "
                f"autoencoder needs {_LEAST // 2}"
            )
        moving = wanders(normal.value[fitting], self.wander)
        level = np.empty_like(normal.value)
        take_level(
            np.ascontiguousarray(normal.value), moving, 1 / self.memory, np.full(k, np.nan),
            np.zeros(k, np.int64), level,
        )  # fmt: skip
        centre, scale = spread(normal.value[fitting], level[fitting], level[setting], robust=False)
        rows = (level[fitting] - centre) / scale
        rows = rows[np.isfinite(rows).all(axis=1)]
        if len(rows) < _LEAST // 2:
            raise DataError(
                f"{len(rows)} rows of the fitting part have a value of every signal, autoencoder "
                f"needs {_LEAST // 2}"
            )
        sizes, weights, biases = self._network(rows[:: -(-len(rows) // _MOST)])
        model = _Model(
            normal.names, self.smoothing, self.memory, self.missing, moving, centre, scale,
            np.ones(k), sizes, weights, biases, np.inf, {},
        )  # fmt: skip
        left = rows - _given_back(rows, sizes, weights, biases)
        # What comes back exactly, as a constant does, is not to alarm at the first rounding.
        model.spread = np.maximum(np.sqrt((left**2).mean(axis=0)), 1e-3)
        score = model.start()(normal.rows(setting)).value
        limit = set_limit(score, self.false_alarm_rate)
        model.limit = limit.value
        total = float((rows**2).mean())
        model.made = {
            "detector": "autoencoder",
            "window": [int(normal.time[0]), int(normal.time[-1])],
            "rows": {
                "all": len(normal),
                "fitted": fitting.stop,
                "gap": setting.start - fitting.stop,
                "held_out": setting.stop - setting.start,
            },
            "layers": sizes.tolist(),
            "explained": round(1 - float((left**2).mean()) / total, 4) if total > 0 else None,
            "wandering": [n for n, w in zip(normal.names, moving, strict=True) if w],
            "held_out_from": int(normal.time[setting.start]),
            "limit": limit.evidence(),
            "held_out_above_limit": float(np.nanmean(score > model.limit)),
        }
        return model

    def load(self, saved: dict[str, Any]) -> _Model:
        if (found := (saved.get("detector"), saved.get("version"))) != ("autoencoder", 1):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, must be autoencoder version 1"
            )
        try:
            values = {f.name: saved[f.name] for f in fields(_Model)}
            for name in ("centre", "scale", "spread", "weights", "biases"):
                values[name] = np.array(saved[name], np.float64)
            values["names"] = tuple(saved["names"])
            values["wanders"] = np.array(saved["wanders"], np.bool_)
            values["sizes"] = np.array(saved["sizes"], np.int64)
            model = _Model(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a saved model: {type(error).__name__}: {error}") from None
        model.check()
        return model

    def _network(self, rows: Values) -> tuple[npt.NDArray[np.int64], Values, Values]:
        """Units of the layers, and their weights and biases one after the other."""
        try:
            from sklearn.exceptions import ConvergenceWarning
            from sklearn.neural_network import MLPRegressor
            from threadpoolctl import threadpool_limits
        except ModuleNotFoundError:
            raise ConfigurationError(
                "fitting needs scikit-learn: pip install 'gemel[learn]'"
            ) from None
        k = rows.shape[1]
        width = self.width or min(2 * k, 64)
        code = min(self.code or -(-k // 3), width)
        network = MLPRegressor(
            hidden_layer_sizes=(width, code, width), activation="tanh", alpha=self.ridge,
            random_state=self.seed, max_iter=self.iterations, learning_rate_init=0.003,
            batch_size=min(200, len(rows)),
        )  # fmt: skip
        with catch_warnings(), threadpool_limits(1):
            simplefilter("ignore", ConvergenceWarning)  # the limit tells how good it is
            network.fit(rows, rows)
        sizes = np.array([k, width, code, width, k], np.int64)
        weights = np.concatenate([w.ravel() for w in network.coefs_])
        return sizes, weights, np.concatenate(network.intercepts_)


@dataclass(slots=True, eq=False)
class _Model:
    """k signals, standardised by `centre` and `scale`; `spread` [k] of what does not come back.

    sizes    int64[l]  units of the layers, the first and the last k
    weights  of one layer after the other, each [in, out] by rows
    biases   of one layer after the other
    """

    names: tuple[str, ...]
    smoothing: float
    memory: int
    missing: float
    wanders: npt.NDArray[np.bool_]
    centre: Values
    scale: Values
    spread: Values
    sizes: npt.NDArray[np.int64]
    weights: Values
    biases: Values
    limit: float
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> _Scorer:
        return _Scorer(self, state)

    def save(self) -> dict[str, Any]:
        return {"version": 1, "detector": "autoencoder"} | plain(self)

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)

    def check(self) -> None:
        """Raises `DataError` where parts of a saved model do not belong together."""
        k, sizes = len(self.names), self.sizes
        own = (self.wanders, self.centre, self.scale, self.spread)
        fits = (
            sizes.ndim == 1
            and len(sizes) >= 2
            and bool((sizes > 0).all())
            and sizes[0] == sizes[-1] == k
            and self.weights.shape == (int((sizes[:-1] * sizes[1:]).sum()),)
            and self.biases.shape == (int(sizes[1:].sum()),)
            and all(one.shape == (k,) for one in own)
        )
        if not fits:
            raise DataError("not a saved model: its signals and layers do not fit together")


class _Scorer:
    def __init__(self, model: _Model, state: dict[str, Any] | None) -> None:
        k = len(model.names)
        self._model = model
        self._score = np.full(1, np.nan)
        self._level = np.full(k, np.nan)
        self._seen = np.zeros(k, np.int64)
        if state is not None:
            if state["version"] != 1 or len(state["level"]) != k:
                raise DataError("state of another autoencoder model")
            self._score[:] = np.array([state["score"]], np.float64)
            self._level[:] = np.array(state["level"], np.float64)
            self._seen[:] = state["seen"]

    def state(self) -> dict[str, Any]:
        # JSON has no NaN: it is written as null.
        (score, *level) = [None if v != v else v for v in [*self._score, *self._level.tolist()]]
        return {
            "version": 1, "score": None if score is None else float(score), "level": level,
            "seen": self._seen.tolist(),
        }  # fmt: skip

    def __call__(self, window: Window) -> Score:
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        level = np.empty(window.value.shape)
        take_level(
            np.ascontiguousarray(window.value, np.float64), model.wanders, 1 / model.memory,
            self._level, self._seen, level,
        )  # fmt: skip
        rows = (level - model.centre) / model.scale
        value, contribution = np.empty(len(rows)), np.empty(rows.shape)
        _judge(
            rows, model.missing, model.sizes, model.weights, model.biases, model.spread,
            model.smoothing, self._score, value, contribution,
        )  # fmt: skip
        limit = np.full(len(value), model.limit)
        return Score(window.time, value, limit, value > limit, contribution)


def _given_back(
    rows: Values, sizes: npt.NDArray[np.int64], weights: Values, biases: Values
) -> Values:
    """What the network gives back of complete rows."""
    out = np.empty_like(rows)
    one, other = np.empty(sizes.max()), np.empty(sizes.max())
    for i in range(len(rows)):
        _forward(rows[i], sizes, weights, biases, one, other, out[i])
    return out


# Sums are written out and not left to BLAS, which may add in another order when rows come in other
# numbers: scores are to be the same to the last bit, however the stream is cut.


@njit(nogil=True, cache=True)
def _forward(
    row: Values,
    sizes: npt.NDArray[np.int64],
    weights: Values,
    biases: Values,
    one: Values,
    other: Values,
    out: Values,
) -> None:
    one[: sizes[0]] = row
    at_weight, at_bias = 0, 0
    last = len(sizes) - 2
    for layer in range(len(sizes) - 1):
        n, m = sizes[layer], sizes[layer + 1]
        for j in range(m):
            total = biases[at_bias + j]
            for i in range(n):
                total += one[i] * weights[at_weight + i * m + j]
            other[j] = total if layer == last else np.tanh(total)
        at_weight += n * m
        at_bias += m
        one[:m] = other[:m]
    out[:] = one[: sizes[-1]]


@njit(nogil=True, cache=True)
def _judge(
    rows: Values,
    missing: float,
    sizes: npt.NDArray[np.int64],
    weights: Values,
    biases: Values,
    spread: Values,
    smoothing: float,
    memory: Values,
    value: Values,
    contribution: Values,
) -> None:
    """The smoothed score of each row, and the share of each signal in it. `memory` [1] is brought
    up to date; NaN before the first row."""
    n, k = rows.shape
    most = sizes.max()
    one, other = np.empty(most), np.empty(most)
    row, back = np.empty(k), np.empty(k)
    for i in range(n):
        gone = 0
        for j in range(k):
            row[j] = rows[i, j]
            if not np.isfinite(row[j]):
                row[j] = 0.0
                gone += 1
        if gone == k or gone > missing * k:
            value[i] = np.nan
            contribution[i] = 1 / k
            continue
        _forward(row, sizes, weights, biases, one, other, back)
        if gone:  # what comes back is put in for what is missing, until it hardly changes
            for _ in range(5):
                for j in range(k):
                    if not np.isfinite(rows[i, j]):
                        row[j] = back[j]
                _forward(row, sizes, weights, biases, one, other, back)
        whole = 0.0
        for j in range(k):
            left = (row[j] - back[j]) / spread[j] if np.isfinite(rows[i, j]) else 0.0
            contribution[i, j] = left * left
            whole += contribution[i, j]
        score = whole / (k - gone)
        memory[0] = score if np.isnan(memory[0]) else memory[0] + smoothing * (score - memory[0])
        value[i] = memory[0]
        for j in range(k):
            contribution[i, j] = contribution[i, j] / whole if whole > 0 else 1 / k

"""Half-space trees: the detector, its model and what runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.limits import held_out, rows_needed, set_limit
from gemel.parts.detectors.base import Detector, Score, Window, plain
from gemel.parts.detectors.half_space_trees.kernels import (
    Counts,
    Nodes,
    count,
    descend,
    splits,
    stream,
    up,
)

__all__ = ["HalfSpaceTrees"]

_LEAST_ROWS: Final = 100
_ARRAYS = {"low": np.float64, "high": np.float64, "split": np.float64, "feature": np.uint32,
           "reference": np.int32, "latest": np.int32}  # fmt: skip


class HalfSpaceTrees(Detector):
    """Streaming half-space trees (Tan, Ting and Liu, IJCAI 2011, 1511-1516).

    Each tree halves the range of randomly chosen signals again and again, `depth` times; no data
    are needed for that. A profile counts the rows in each cell. The mass of a row, summed over
    all trees, is the count of the first cell on its way that holds a tenth of the rows or fewer,
    times 2 for each halving. A row with little mass is abnormal. The score is in halvings: `depth`
    and the logarithm of how much less mass there is than rows spread evenly would have.

    - With `window`, the latest rows are counted beside, and replace the profile when they are so
      many, as in the paper: slow change is followed. Other than in the paper, rows above the limit
      are not counted, so that a fault does not become normal by lasting. One that creeps in below
      the limit does; where that matters, leave `window` empty: the profile stays as it was learned.
    - Cells at the edge have no end. A row outside the range of what was learned gets up to `depth`
      on top, all of it when the farthest signal is a whole range outside. A constant signal has a
      range of a millionth of its value and is not halved.
    - Where a value is missing, the half with more rows is taken. A row in which more than a share
      `missing` is NaN has no score. Score and profile go on over a pause.
    - Contributions, of rows above the limit, are the halvings that took more than half of the mass
      away, and what is outside the range.

    It sees rows in places where none were, whatever shape normal operation has; it is blind to what
    `pca` is for, relations among many signals that each stay in their range.
    """

    trees: int = Field(25, ge=1, le=500, description="Trees")
    depth: int = Field(10, ge=1, le=16, description="Times that a tree halves the ranges")
    window: int | None = Field(
        250, ge=50, description="Rows of a profile, after which the next one replaces it; "
        "if not given, the profile of the fitted rows stays"
    )  # fmt: skip
    seed: int = Field(0, ge=0, description="Of the random choice of signals and ranges")
    smoothing: float = Field(
        0.1, gt=0, le=1, description="Weight of the newest row in the EWMA of the score; 1: none"
    )
    missing: float = Field(0.3, ge=0, lt=1, description="Largest share of NaN in a row to score")
    false_alarm_rate: float = Field(
        0.001, gt=0, lt=0.5, description="Wanted share of normal rows above the limit"
    )
    held_out: float = Field(
        0.3, gt=0, lt=0.9, description="Share of the normal rows, the last, that sets the limit"
    )
    gap: int = Field(10, ge=0, description="Rows left out between fitting and held-out part")

    def fit(self, normal: Window) -> _Model:
        n, k = normal.value.shape
        least = max(self.window or 0, _LEAST_ROWS)
        needed = rows_needed(least, self.held_out, self.gap)
        if k == 0 or n < needed:
            raise DataError(
                f"{n} rows of {k} signals; half_space_trees needs at least {needed} rows of normal "
                f"operation: {least} to fit, {self.gap} between, the rest to set the limit"
            )
        fitting, setting = held_out(n, self.held_out, self.gap)
        value = normal.value[fitting]
        for j in np.flatnonzero(~np.isfinite(value).any(axis=0)):
            raise DataError(
                f"signal '{normal.names[j]}' has no values in the fitting part; leave it out"
            )
        usable = np.isnan(value).mean(axis=1) <= self.missing
        if usable.sum() < least:
            raise DataError(
                f"{usable.sum()} of {len(value)} rows of the fitting part have values; "
                f"half_space_trees needs at least {least}"
            )
        low, high, moves = _range(value)
        random = np.random.default_rng(self.seed)
        inner = 2**self.depth
        centre = random.random((self.trees, k))
        feature = random.choice(np.flatnonzero(moves), (self.trees, inner)).astype(np.uint32)
        nothing = np.zeros((self.trees, inner), np.int32)
        split = splits(feature, centre, low, high)
        model = _Model(
            self.window, self.smoothing, self.missing, normal.names, low, high, split, feature,
            nothing, nothing, 0.0, np.inf, {},
        )  # fmt: skip
        rows = np.ascontiguousarray(value[usable][-self.window if self.window else 0 :])
        model.reference = _counted(model, rows)
        # Limits are set on what a stream would have said: the profile goes on through these rows.
        plain = _raw(model, normal.rows(slice(fitting.stop, None)))[setting.start - fitting.stop :]
        model.mean = float(np.nanmean(plain)) if np.isfinite(plain).any() else 0.0
        scorer = model.start()
        scorer(normal.rows(slice(fitting.stop, setting.start)))
        limit = set_limit(scorer(normal.rows(setting)).value, self.false_alarm_rate)
        model.limit = limit.value
        model.reference, model.latest = scorer.counts()
        model.made = {
            "detector": "half_space_trees",
            "window": [int(normal.time[0]), int(normal.time[-1])],
            "rows": {
                "all": n,
                "fitted": int(usable.sum()),
                "gap": setting.start - fitting.stop,
                "held_out": setting.stop - setting.start,
            },
            "held_out_from": int(normal.time[setting.start]),
            "constant": [m for m, moving in zip(normal.names, moves, strict=True) if not moving],
            "limit": limit.evidence(),
        }
        return model

    def load(self, saved: dict[str, Any]) -> _Model:
        if (saved.get("detector"), saved.get("version")) != ("half_space_trees", 1):
            raise DataError(
                f"saved model is {saved.get('detector')} version {saved.get('version')}, "
                "must be half_space_trees version 1"
            )
        values = {f.name: saved[f.name] for f in fields(_Model)}
        values |= {name: np.array(saved[name], kind) for name, kind in _ARRAYS.items()}
        k, cells = len(saved["names"]), values["feature"].shape
        shapes = {"low": (k,), "high": (k,)} | dict.fromkeys(
            ("split", "reference", "latest"), cells
        )
        wrong = [name for name, shape in shapes.items() if values[name].shape != shape]
        feature = values["feature"]
        if wrong or feature.ndim != 2 or not ((feature >= 0) & (feature < k)).all():
            raise DataError(
                "saved half_space_trees model does not fit together: "
                f"{', '.join(wrong or ['feature'])}"
            )
        return _Model(**values | {"names": tuple(saved["names"])})


def _range(value: Values) -> tuple[Values, Values, npt.NDArray[np.bool_]]:
    """Lowest and highest value of each signal, and which signals move."""
    low, high = np.nanmin(value, axis=0), np.nanmax(value, axis=0)
    middle = (low + high) / 2
    least = 1e-6 * np.maximum(np.abs(middle), 1e-3)
    moves = high - low > least
    low, high = np.where(moves, low, middle - least / 2), np.where(moves, high, middle + least / 2)
    return low, high, np.asarray(moves if moves.any() else ~moves, np.bool_)


@dataclass(slots=True, eq=False)
class _Model:
    """k signals, T trees of depth d; nodes are numbered as in a heap: 1, below n are 2n and 2n + 1.

    low, high          float64[k]      range of what was learned
    feature, split     [T,2^d]         signal that a node halves, and where; node 0 is not used
    reference, latest  int32[T,2^d]    rows in each leaf, of the profile and of the one to follow
    mean, limit        of the score
    """

    window: int | None
    smoothing: float
    missing: float
    names: tuple[str, ...]
    low: Values
    high: Values
    split: Values
    feature: Nodes
    reference: Counts
    latest: Counts
    mean: float
    limit: float
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> _Scorer:
        return _Scorer(self, state)

    def save(self) -> dict[str, Any]:
        return {"version": 1, "detector": "half_space_trees"} | plain(self)

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)


class _Scorer:
    def __init__(self, model: _Model, state: dict[str, Any] | None) -> None:
        self._model = model
        self._smooth = model.mean
        reference, latest = model.reference, model.latest
        if state is not None:
            if state["version"] != 1:
                raise DataError("state of another half_space_trees model")
            self._smooth = float(state["smooth"])
            if model.window:
                reference = np.array(state["reference"], np.int32)
                latest = np.array(state["latest"], np.int32)
            if not reference.shape == latest.shape == model.reference.shape:
                raise DataError("state of another half_space_trees model")
        self._mass, self._latest = up(reference), up(latest)

    def counts(self) -> tuple[Counts, Counts]:
        """Rows in each leaf, of the profile and of the one to follow."""
        inner = self._model.feature.shape[1]
        return self._mass[:, inner:].copy(), self._latest[:, inner:].copy()

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"version": 1, "smooth": self._smooth}
        if self._model.window:
            reference, latest = self.counts()
            state |= {"reference": reference.tolist(), "latest": latest.tolist()}
        return state

    def __call__(self, window: Window) -> Score:
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        n = len(window)
        value, contribution = np.empty(n), np.zeros(window.value.shape)
        self._smooth, self._mass, self._latest = stream(
            np.ascontiguousarray(window.value), model.feature, model.split, self._mass,
            self._latest, model.window or 0, model.low, model.high, model.missing, model.limit,
            model.smoothing, self._smooth, value, contribution,
        )  # fmt: skip
        limit = np.full(n, model.limit)
        return Score(window.time, value, limit, value > limit, contribution)


def _counted(model: _Model, rows: Values) -> Counts:
    """Rows in each leaf. Where values are missing, as if rows were spread evenly before."""
    trees, inner = model.feature.shape
    mass = up(np.zeros((trees, inner), np.int32))
    node, nothing = np.empty((trees, len(rows)), np.uint32), np.zeros(len(rows))
    even = up(np.ones((trees, inner), np.int32))
    descend(rows, model.feature, model.split, even, node, np.empty(len(rows)))
    count(node, nothing, np.inf, mass)
    counted: Counts = mass[:, inner:].copy()
    return counted


def _raw(model: _Model, window: Window) -> Values:
    """Scores without smoothing."""
    values = {f.name: getattr(model, f.name) for f in fields(model)}
    return _Model(**values | {"smoothing": 1.0}).start()(window).value

"""Half-space trees: where normal rows seldom are, counted in random cells, for streams that drift."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.limits import held_out, rows_needed, set_limit
from gemel.parts.detectors.base import Detector, Score, Window

__all__ = ["HalfSpaceTrees"]

Counts = npt.NDArray[np.int32]

_LEAST_ROWS: Final = 100
_STOP: Final = 0.1
"""A cell with at most this share of the rows is not looked into further (0.1 in the paper)."""
_BLOCK: Final = 1024
_ARRAYS = {"low": np.float64, "high": np.float64, "split": np.float64, "feature": np.int32,
           "reference": np.int32, "latest": np.int32}  # fmt: skip


class HalfSpaceTrees(Detector):
    """Streaming half-space trees (Tan, Ting and Liu, IJCAI 2011, 1511-1516).

    Each tree halves the range of randomly chosen signals again and again, `depth` times; no data
    are needed for that. A profile counts the rows in each cell. The mass of a row is the count of
    the first cell on its way that holds a tenth of the rows or fewer, times 2 for each halving, over
    all trees. A row with little mass is abnormal. The score is in halvings: `depth` and the
    logarithm of how much less mass there is than rows spread evenly would have.

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
        feature = random.choice(np.flatnonzero(moves), (self.trees, inner)).astype(np.int32)
        nothing = np.zeros((self.trees, inner), np.int32)
        split = _splits(feature, centre, low, high)
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
        shapes = {"low": (k,), "high": (k,)} | dict.fromkeys(("split", "reference", "latest"), cells)
        wrong = [name for name, shape in shapes.items() if values[name].shape != shape]
        feature = values["feature"]
        if wrong or feature.ndim != 2 or not ((feature >= 0) & (feature < k)).all():
            raise DataError(
                f"saved half_space_trees model does not fit together: {', '.join(wrong or ['feature'])}"
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
    feature: Counts
    reference: Counts
    latest: Counts
    mean: float
    limit: float
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> _Scorer:
        return _Scorer(self, state)

    def save(self) -> dict[str, Any]:
        return (
            {"version": 1, "detector": "half_space_trees"}
            | {
                f.name: v.tolist() if isinstance(v := getattr(self, f.name), np.ndarray) else v
                for f in fields(self)
            }
            | {"names": list(self.names)}
        )

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)


class _Scorer:
    def __init__(self, model: _Model, state: dict[str, Any] | None) -> None:
        self._model = model
        self._smooth = model.mean
        self._latest = model.latest.copy()
        reference = model.reference
        if state is not None:
            shape = reference.shape
            if state["version"] != 1:
                raise DataError("state of another half_space_trees model")
            self._smooth = float(state["smooth"])
            if model.window:
                reference = np.array(state["reference"], np.int32)
                self._latest = np.array(state["latest"], np.int32)
            if reference.shape != shape or self._latest.shape != shape:
                raise DataError("state of another half_space_trees model")
        self._counted = int(self._latest[0].sum())
        self._learn(reference)

    def _learn(self, reference: Counts) -> None:
        """Make the counts of leaves the profile that rows are scored by."""
        self._reference = reference
        self._rows = int(reference[0].sum())
        self._mass = _up(reference)
        self._worth = _worth(self._mass, _STOP * self._rows)

    def counts(self) -> tuple[Counts, Counts]:
        """Rows in each leaf, of the profile and of the one to follow."""
        return self._reference, self._latest

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"version": 1, "smooth": self._smooth}
        if self._model.window:
            state |= {"reference": self._reference.tolist(), "latest": self._latest.tolist()}
        return state

    def __call__(self, window: Window) -> Score:
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        n = len(window)
        rows = np.ascontiguousarray(window.value)
        value, contribution = np.empty(n), np.zeros(rows.shape)
        start = 0
        while start < n:
            # A block ends where the profile may change, wherever the stream is cut.
            stop = min(n, start + (model.window - self._counted if model.window else _BLOCK))
            block = slice(start, stop)
            leaf = _leaves(rows[block], model.feature, model.split, self._mass)
            self._smooth = _score(
                rows[block], leaf, self._worth, self._rows, model.low, model.high, model.missing,
                model.smoothing, self._smooth, value[block],
            )  # fmt: skip
            above = value[block] > model.limit
            if above.any():
                _blame(
                    rows[block], above, self._mass, _STOP * self._rows, model.feature, model.split,
                    model.low, model.high, contribution[block],
                )  # fmt: skip
            if model.window:
                self._counted += _count(leaf, value[block], model.limit, self._latest)
                if self._counted == model.window:
                    self._learn(self._latest)
                    self._latest, self._counted = np.zeros_like(self._latest), 0
            start = stop
        limit = np.full(n, model.limit)
        return Score(window.time, value, limit, value > limit, contribution)


def _counted(model: _Model, rows: Values) -> Counts:
    """Rows in each leaf. Where values are missing, as if rows were spread evenly before."""
    even = _up(np.ones(model.feature.shape, np.int32))
    counts = np.zeros(model.feature.shape, np.int32)
    _count(_leaves(rows, model.feature, model.split, even), np.zeros(len(rows)), np.inf, counts)
    return counts


def _raw(model: _Model, window: Window) -> Values:
    """Scores without smoothing."""
    values = {f.name: getattr(model, f.name) for f in fields(model)}
    return _Model(**values | {"smoothing": 1.0}).start()(window).value


@njit(nogil=True, cache=True)
def _splits(feature: Counts, centre: Values, low: Values, high: Values) -> Values:
    """Where each node halves its signal: the middle of what its ancestors left of the range.

    The range of a tree is s ± 2 max(s, 1 - s) around a random `centre` s [T,k], in units of the
    range of the signal, so that no two trees halve at the same places.
    """
    trees, inner = feature.shape
    out = np.zeros((trees, inner))
    for t in range(trees):
        for node in range(1, inner):
            j = feature[t, node]
            s = centre[t, j]
            reach = 2 * max(s, 1 - s)
            begin, end = s - reach, s + reach
            level = 0
            while node >> (level + 1):
                level += 1
            for up in range(level, 0, -1):
                if feature[t, node >> up] == j:
                    if (node >> (up - 1)) & 1:
                        begin = (begin + end) / 2
                    else:
                        end = (begin + end) / 2
            out[t, node] = low[j] + (begin + end) / 2 * (high[j] - low[j])
    return out


@njit(nogil=True, cache=True)
def _leaves(rows: Values, feature: Counts, split: Values, mass: Counts) -> Counts:
    """Leaf of each row in each tree, int32[T,n]. Level by level: rows do not wait for each other."""
    trees, inner = feature.shape
    n = len(rows)
    out = np.empty((trees, n), np.int32)
    whole = not np.isnan(rows.sum())
    for t in range(trees):
        node = out[t]
        node[:] = 1
        halving = 1
        while halving < inner:
            if whole:
                for i in range(n):
                    at = node[i]
                    node[i] = 2 * at + (rows[i, feature[t, at]] >= split[t, at])
            else:
                for i in range(n):
                    at = node[i]
                    x = rows[i, feature[t, at]]
                    more = mass[t, 2 * at + 1] > mass[t, 2 * at] if np.isnan(x) else x >= split[t, at]
                    node[i] = 2 * at + more
            halving *= 2
        node -= inner
    return out


@njit(nogil=True, cache=True)
def _up(leaves: Counts) -> Counts:
    """Rows below each node, int32[T,2^(d+1)], from those in leaves."""
    trees, inner = leaves.shape
    mass = np.zeros((trees, 2 * inner), np.int32)
    mass[:, inner:] = leaves
    for t in range(trees):
        for node in range(inner - 1, 0, -1):
            mass[t, node] = mass[t, 2 * node] + mass[t, 2 * node + 1]
    return mass


@njit(nogil=True, cache=True)
def _worth(mass: Counts, few: float) -> Values:
    """Mass of a row in each leaf, float64[T,2^d]: of the first node above it with `few` rows."""
    trees, width = mass.shape
    inner = width // 2
    at = np.empty(width)
    out = np.empty((trees, inner))
    for t in range(trees):
        at[1], scale = -1.0, 1.0  # -1: look further
        for node in range(1, width):
            if node > 1:
                at[node] = at[node >> 1]
            if node & (node - 1) == 0 and node > 1:
                scale *= 2
            if at[node] < 0 and (mass[t, node] <= few or node >= inner):
                at[node] = mass[t, node] * scale
        out[t] = at[inner:]
    return out


@njit(nogil=True, cache=True)
def _score(
    rows: Values, leaf: Counts, worth: Values, count: int, low: Values, high: Values,
    missing: float, smoothing: float, smooth: float, value: Values,
) -> float:  # fmt: skip
    """Write smoothed scores to `value`; gives the last one."""
    n, k = rows.shape
    trees, leaves = worth.shape
    depth = np.log2(leaves)
    value[:] = 0.5 * trees  # a row in no one's place: half a row
    for t in range(trees):
        for i in range(n):
            value[i] += worth[t, leaf[t, i]]
    for i in range(n):
        outside, gone = 0.0, 0
        for j in range(k):
            x = rows[i, j]
            gone += np.isnan(x)
            outside = max(outside, max(x - high[j], low[j] - x) / (high[j] - low[j]))
        if gone > missing * k:
            value[i] = np.nan
            continue
        score = depth + 1 + np.log2(trees * count / value[i]) + depth * min(outside, 1.0)
        smooth += smoothing * (score - smooth)
        value[i] = smooth
    return smooth


@njit(nogil=True, cache=True)
def _count(leaf: Counts, value: Values, limit: float, counts: Counts) -> int:
    """Add rows with a score up to `limit` to `counts` of leaves; gives how many they were."""
    trees, n = leaf.shape
    rows = 0
    for i in range(n):
        rows += value[i] <= limit
    for t in range(trees):
        for i in range(n):
            counts[t, leaf[t, i]] += value[i] <= limit
    return rows


@njit(nogil=True, cache=True)
def _blame(
    rows: Values, chosen: npt.NDArray[np.bool_], mass: Counts, few: float, feature: Counts,
    split: Values, low: Values, high: Values, contribution: Values,
) -> None:  # fmt: skip
    """Share of each signal in the isolation of the chosen rows."""
    k = rows.shape[1]
    trees, inner = feature.shape
    depth = np.log2(inner)
    for i in np.flatnonzero(chosen):
        share = contribution[i]
        for j in range(k):
            x = rows[i, j]
            outside = max(x - high[j], low[j] - x) / (high[j] - low[j])
            if outside > 0:
                share[j] = trees * depth * min(outside, 1.0)
        for t in range(trees):
            node = 1
            while node < inner and mass[t, node] > few:
                j = feature[t, node]
                x = rows[i, j]
                if np.isnan(x):
                    node = 2 * node + (mass[t, 2 * node + 1] > mass[t, 2 * node])
                    continue
                below = 2 * node + (x >= split[t, node])
                left = (mass[t, below] + 0.5) / (mass[t, node] + 1.0)
                if left < 0.5:
                    share[j] -= np.log2(2 * left)
                node = below
        total = share.sum()
        if total > 0:
            share /= total
        else:
            share[:] = 1 / k

"""Multivariate control charts: signals that belong together, in one chart."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field

from gemel.core.control.vector_run_length import VectorMethod, limit_for
from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.level import spread, take_level, wanders
from gemel.core.limits import held_out, rows_needed, set_limit
from gemel.parts.detectors.base import Detector, Score, Window, plain

__all__ = ["MultivariateChart"]

_FLOOR: Final = 1e-6
"""Least variance along a direction, of signals with variance 1: some may depend on each other."""


class MultivariateChart(Detector):
    """A chart of Hotelling's T², an MEWMA or an MCUSUM over all signals together.

    Rows are standardised by mean and standard deviation of the fitting part; R is the correlation
    matrix there. All three see a change in a relation between signals that stays within the limits
    of each one.

    - `hotelling`: T² = xᵀ R⁻¹ x of each row, for large changes.
    - `mewma`: z ← z + λ (x − z), T² of z by its covariance in the long run, R λ / (2 − λ), for
      small changes that stay (Lowry, Woodall, Champ and Rigdon, Technometrics 34 (1992) 46-53).
    - `mcusum`: s ← (s + x) (1 − k / C) with C the length of s + x by R⁻¹, 0 where C ≤ k; the score
      is the length of s (Crosier, Technometrics 30 (1988) 291-303). It stops at twice the limit and
      so returns soon after the signals do.

    Limits come from held-out normal rows for a `false_alarm_rate`, the share of normal rows with an
    alarm. With `arl`, they come from theory instead, for so many rows on average between false
    alarms; that holds for independent, normally distributed rows only whose mean and correlations
    are well known (some hundred rows for each signal), and the evidence gives the share of held-out
    rows that are above.

    A signal that `wanders` (most of its variance lies between ten blocks of the fitting part) has
    no level that a limit could be set on: its own slow mean over `memory` rows is taken off. A
    constant signal has a scale of a millionth of its value, so that any movement shows. A missing
    value is what the other signals of the row make expect of it; a row with more than `missing` of
    its values missing has no score, and changes nothing. Contributions are reconstruction based, as
    those of `pca`.

    For many signals that move together, `pca` tells more with fewer rows.
    """

    method: VectorMethod = Field(
        "mewma", description="hotelling: large changes; mewma, mcusum: small ones that stay"
    )
    smoothing: float = Field(
        0.1, gt=0, le=1, description="Weight of the newest row in the MEWMA (λ)"
    )
    reference: float = Field(
        0.5, gt=0, description="Reference value of the MCUSUM (k): half the shift to be found"
    )
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
    arl: float | None = Field(
        None, ge=2, le=1e6, description="Limit from theory, for so many rows between false alarms"
    )
    held_out: float = Field(
        0.3, gt=0, lt=0.9, description="Share of the normal rows, the last, that sets the limit"
    )
    gap: int = Field(10, ge=0, description="Rows left out between fitting and held-out part")

    def fit(self, normal: Window) -> _Model:
        k = len(normal.names)
        least = max(30, 5 * k)
        needed = rows_needed(least, self.held_out, self.gap)
        if k == 0 or len(normal) < needed:
            raise DataError(
                f"{len(normal)} rows of {k} signals; multivariate_chart needs at least {needed} "
                f"rows of normal operation: {least} to fit, {self.gap} between, others to set a "
                "limit"
            )
        fitting, setting = held_out(len(normal), self.held_out, self.gap)
        known = np.isfinite(normal.value[fitting]).sum(axis=0)
        for j in np.flatnonzero(known < least):
            raise DataError(
                f"signal '{normal.names[j]}' has {known[j]} values in the fitting part, "
                f"multivariate_chart needs {least}"
            )
        moving = wanders(normal.value[fitting], self.wander)
        level = np.empty_like(normal.value)
        take_level(
            np.ascontiguousarray(normal.value), moving, 1 / self.memory, np.full(k, np.nan),
            np.zeros(k, np.int64), level,
        )  # fmt: skip
        centre, scale = spread(normal.value[fitting], level[fitting], level[setting], robust=False)
        correlation = _correlation((level[fitting] - centre) / scale, least)
        parameter = {"hotelling": 1.0, "mewma": self.smoothing, "mcusum": self.reference}
        model = _Model(
            self.method, parameter[self.method], self.memory, self.missing, normal.names, moving,
            centre, scale, correlation, np.inf, {},
        )  # fmt: skip
        score = model.start()(normal.rows(setting)).value
        if self.arl is not None:
            model.limit = limit_for(self.method, self.arl, k, parameter[self.method])
            source = {"source": "theory: independent normal rows", "arl": self.arl,
                      "value": model.limit}  # fmt: skip
        else:
            limit = set_limit(score, self.false_alarm_rate)
            source = limit.evidence()
            # Signals that did not move in the held-out part must not alarm at the first rounding.
            model.limit = max(limit.value, 1.0)
        if self.method == "mcusum":  # it is held at twice the limit
            score = model.start()(normal.rows(setting)).value
        model.made = {
            "detector": "multivariate_chart",
            "method": self.method,
            "window": [int(normal.time[0]), int(normal.time[-1])],
            "rows": {
                "all": len(normal),
                "fitted": fitting.stop,
                "gap": setting.start - fitting.stop,
                "held_out": setting.stop - setting.start,
            },
            "wandering": [n for n, w in zip(normal.names, moving, strict=True) if w],
            "held_out_from": int(normal.time[setting.start]),
            "limit": source,
            "held_out_above_limit": float(np.nanmean(score > model.limit)),
        }  # fmt: skip
        return model

    def load(self, saved: dict[str, Any]) -> _Model:
        if (saved.get("detector"), saved.get("version")) != ("multivariate_chart", 1):
            raise DataError(
                f"saved model is {saved.get('detector')} version {saved.get('version')}, "
                "must be multivariate_chart version 1"
            )
        values = {f.name: saved[f.name] for f in fields(_Model)}
        for name in ("centre", "scale", "correlation"):
            values[name] = np.array(saved[name], np.float64)
        values["names"] = tuple(saved["names"])
        values["wanders"] = np.array(saved["wanders"], np.bool_)
        return _Model(**values)


def _correlation(rows: Values, least: int) -> Values:
    """Correlations of standardised rows [n,k], from those without a gap; a signal that does not
    move has none."""
    whole = rows[np.isfinite(rows).all(axis=1)]
    if len(whole) < least:
        raise DataError(
            f"{len(whole)} rows of the fitting part have a value of every signal, "
            f"multivariate_chart needs {least}"
        )
    about = whole - whole.mean(axis=0)
    deviation = np.sqrt((about**2).mean(axis=0))
    moves = deviation > 0
    about = about[:, moves] / deviation[moves]
    found = np.eye(rows.shape[1])
    found[np.ix_(moves, moves)] = about.T @ about / len(about)
    values, vectors = np.linalg.eigh(found)
    raised: Values = (vectors * np.maximum(values, _FLOOR)) @ vectors.T
    return (raised + raised.T) / 2


@dataclass(slots=True, eq=False)
class _Model:
    """k signals; `parameter` is λ or k, `correlation` [k,k] that of the standardised ones."""

    method: VectorMethod
    parameter: float
    memory: int
    missing: float
    names: tuple[str, ...]
    wanders: npt.NDArray[np.bool_]
    centre: Values
    scale: Values
    correlation: Values
    limit: float
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> _Scorer:
        return _Scorer(self, state)

    def save(self) -> dict[str, Any]:
        return {"version": 1, "detector": "multivariate_chart"} | plain(self)

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)


class _Scorer:
    def __init__(self, model: _Model, state: dict[str, Any] | None) -> None:
        k = len(model.names)
        self._model = model
        self._inverse = np.ascontiguousarray(np.linalg.inv(model.correlation))
        self._memory = np.zeros(k)
        self._level = np.full(k, np.nan)
        self._seen = np.zeros(k, np.int64)
        if state is not None:
            if state["version"] != 1 or len(state["memory"]) != k:
                raise DataError("state of another multivariate_chart model")
            self._memory[:] = state["memory"]
            self._level[:] = np.array(state["level"], np.float64)
            self._seen[:] = state["seen"]

    def state(self) -> dict[str, Any]:
        # JSON has no NaN: it is written as null.
        level = [None if v != v else v for v in self._level.tolist()]
        memory, seen = self._memory.tolist(), self._seen.tolist()
        return {"version": 1, "memory": memory, "level": level, "seen": seen}

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
        self._complete(rows)
        value, contribution = np.empty(len(rows)), np.empty(rows.shape)
        most = 2 * model.limit
        _chart(
            rows, self._inverse, ("hotelling", "mewma", "mcusum").index(model.method),
            model.parameter, most, self._memory, value, contribution,
        )  # fmt: skip
        limit = np.full(len(value), model.limit)
        return Score(window.time, value, limit, value > limit, contribution)

    def _complete(self, rows: Values) -> None:
        """Put what the others make expect where values are missing; NaN in all of a row with too
        many."""
        model = self._model
        gone = ~np.isfinite(rows)
        rows[gone.sum(axis=1) > model.missing * rows.shape[1]] = np.nan
        r = model.correlation
        for i in np.flatnonzero(gone.any(axis=1) & np.isfinite(rows).any(axis=1)).tolist():
            lost, there = np.flatnonzero(gone[i]), np.flatnonzero(~gone[i])
            told = np.linalg.solve(r[np.ix_(there, there)], rows[i, there])
            rows[i, lost] = r[np.ix_(lost, there)] @ told


@njit(nogil=True, cache=True)
def _chart(
    rows: Values,
    inverse: Values,
    method: int,
    parameter: float,
    most: float,
    memory: Values,
    value: Values,
    contribution: Values,
) -> None:
    """The statistic of each row, and the share of each signal in it. `memory` [k] is brought up to
    date."""
    n, k = rows.shape
    weighted = np.empty(k)
    for i in range(n):
        if not np.isfinite(rows[i]).all():
            value[i] = np.nan
            contribution[i] = 1 / k
            continue
        for j in range(k):
            if method == 0:
                memory[j] = rows[i, j]
            elif method == 1:
                memory[j] += parameter * (rows[i, j] - memory[j])
            else:
                memory[j] += rows[i, j]
        square = 0.0
        for j in range(k):
            total = 0.0
            for m in range(k):
                total += inverse[j, m] * memory[m]
            weighted[j] = total
            square += memory[j] * total
        square = max(square, 0.0)
        if method == 0:
            value[i] = square
        elif method == 1:
            value[i] = square * (2 - parameter) / parameter
        else:
            length = np.sqrt(square)
            value[i] = min(max(length - parameter, 0.0), most)
            for j in range(k):
                memory[j] *= value[i] / length if length > 0 else 0.0
        whole = 0.0
        for j in range(k):
            contribution[i, j] = weighted[j] * weighted[j] / inverse[j, j]
            whole += contribution[i, j]
        for j in range(k):
            contribution[i, j] = contribution[i, j] / whole if whole > 0 else 1 / k

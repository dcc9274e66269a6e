"""What control charts of measured signals and of residuals have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field

from gemel.core.control.run_length import Method, limit_for
from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.level import spread, take_level, wanders
from gemel.core.limits import held_out, rows_needed, set_limit
from gemel.parts.detectors.base import Detector, Score, Window, plain

__all__ = ["ChartModel", "Charting"]

_LEAST_ROWS = 30


class Charting(Detector):
    """Settings of control charts for each of many signals, and how they are made."""

    method: Method = Field(
        "ewma", description="shewhart: large changes; ewma, cusum: small ones that stay"
    )
    smoothing: float = Field(
        0.2, gt=0, le=1, description="Weight of the newest row in the EWMA (λ)"
    )
    reference: float = Field(
        0.5, gt=0, description="Reference value of the CUSUM in scales: half the shift to be found"
    )
    wander: float = Field(
        0.5, gt=0, le=1, description="Share of variance between blocks above which a level wanders"
    )
    memory: int = Field(100, ge=2, description="Rows over which a wandering level is averaged")
    false_alarm_rate: float = Field(
        0.001, gt=0, lt=0.5, description="Wanted share of normal rows above the limit"
    )
    arl: float | None = Field(
        None, ge=2, description="Limits from theory, for so many rows between false alarms"
    )
    held_out: float = Field(
        0.3, gt=0, lt=0.9, description="Share of the normal rows, the last, that sets the limits"
    )
    gap: int = Field(10, ge=0, description="Rows left out between fitting and held-out part")

    def _fitted(self, normal: Window) -> ChartModel:
        k = len(normal.names)
        needed = rows_needed(_LEAST_ROWS, self.held_out, self.gap)
        fitting, setting = held_out(len(normal), self.held_out, self.gap)
        known = np.isfinite(normal.value[fitting]).sum(axis=0)
        for j in np.flatnonzero(known < min(_LEAST_ROWS, max(len(normal), 1))):
            raise DataError(
                f"signal '{normal.names[j]}' has {known[j]} values in the fitting part, "
                f"control_chart needs {_LEAST_ROWS}"
            )
        if k == 0 or len(normal) < needed:
            raise DataError(
                f"{len(normal)} rows of {k} signals; control_chart needs at least {needed} rows of "
                f"normal operation: {_LEAST_ROWS} to fit, {self.gap} between, others to set limits"
            )
        moving = wanders(normal.value[fitting], self.wander)
        level = np.empty_like(normal.value)
        take_level(
            np.ascontiguousarray(normal.value), moving, 1 / self.memory, np.full(k, np.nan),
            np.zeros(k, np.int64), level,
        )  # fmt: skip
        centre, scale = spread(normal.value[fitting], level[fitting], level[setting], robust=True)
        model = ChartModel(
            self.method, self.smoothing, self.reference, self.memory, normal.names, moving, centre,
            scale, np.ones(k), np.inf, {},
        )  # fmt: skip
        statistic = model.start().statistic(normal.value[setting])
        model.limits, parts = self._limits(statistic)
        ratio = model.start()(normal.rows(setting)).value
        limit = set_limit(ratio, self.false_alarm_rate) if self.arl is None else None
        model.limit = 1.0 if limit is None else limit.value
        model.made = {
            "detector": "control_chart",
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
            "limits_of_signals": parts,
            "limit": (
                {"source": "theory: independent normal rows", "arl": self.arl, "value": 1.0}
                if limit is None
                else limit.evidence()
            ),
            "held_out_above_limit": float(np.nanmean(ratio > model.limit)),
        }
        return model

    def _loaded(self, saved: dict[str, Any]) -> ChartModel:
        if (saved.get("detector"), saved.get("version")) != ("control_chart", 1):
            raise DataError(
                f"saved model is {saved.get('detector')} version {saved.get('version')}, "
                "must be control_chart version 1"
            )
        values = {f.name: saved[f.name] for f in fields(ChartModel)}
        for name in ("centre", "scale", "limits"):
            values[name] = np.array(saved[name], np.float64)
        values["names"] = tuple(saved["names"])
        values["wanders"] = np.array(saved["wanders"], np.bool_)
        return ChartModel(**values)

    def _limits(self, statistic: Values) -> tuple[Values, list[dict[str, Any]]]:
        """Limit of each signal, in the unit of its statistic, and where it comes from."""
        k = statistic.shape[1]
        if self.arl is not None:
            parameter = self.reference if self.method == "cusum" else self.smoothing
            value = limit_for(self.method, self.arl * k, parameter)
            return np.full(k, value), []
        found = [set_limit(statistic[:, j], self.false_alarm_rate) for j in range(k)]
        # A signal that did not move in the held-out part must not alarm at its first rounding.
        return np.array([max(f.value, 1.0) for f in found]), [f.evidence() for f in found]


@dataclass(slots=True, eq=False)
class ChartModel:
    """k signals; `limits` [k] of their statistics, `limit` of the largest ratio to them."""

    method: Method
    smoothing: float
    reference: float
    memory: int
    names: tuple[str, ...]
    wanders: npt.NDArray[np.bool_]
    centre: Values
    scale: Values
    limits: Values
    limit: float
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> _Scorer:
        return _Scorer(self, state)

    def save(self) -> dict[str, Any]:
        return {"version": 1, "detector": "control_chart"} | plain(self)

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)


class _Scorer:
    def __init__(self, model: ChartModel, state: dict[str, Any] | None) -> None:
        k = len(model.names)
        self._model = model
        # EWMA, or upper and lower CUSUM; Shewhart charts remember nothing.
        self._memory = np.zeros((2, k))
        self._level = np.full(k, np.nan)
        self._seen = np.zeros(k, np.int64)
        if state is not None:
            if state["version"] != 2 or len(state["memory"][0]) != k:
                raise DataError("state of another control_chart model")
            self._memory[:] = state["memory"]
            self._level[:] = np.array(state["level"], np.float64)
            self._seen[:] = state["seen"]

    def state(self) -> dict[str, Any]:
        # JSON has no NaN: it is written as null.
        level = [None if v != v else v for v in self._level.tolist()]
        memory, seen = self._memory.tolist(), self._seen.tolist()
        return {"version": 2, "memory": memory, "level": level, "seen": seen}

    def statistic(self, value: Values) -> Values:
        """Statistic of each signal in each row, float64[n,k]; NaN where the value is missing."""
        model = self._model
        level = np.empty_like(value)
        value = np.ascontiguousarray(value)
        take_level(value, model.wanders, 1 / model.memory, self._level, self._seen, level)
        rows = (level - model.centre) / model.scale
        if model.method == "shewhart":
            out = np.abs(rows)
        elif model.method == "ewma":
            out = np.empty_like(rows)
            _ewma(rows, model.smoothing, self._memory[0], out)
            out = np.abs(out) / sqrt(model.smoothing / (2 - model.smoothing))
        else:
            out = np.empty_like(rows)
            _cusum(rows, model.reference, 2 * model.limits * model.limit, self._memory, out)
        out[~np.isfinite(rows)] = np.nan
        return out

    def __call__(self, window: Window) -> Score:
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        ratio = self.statistic(window.value) / model.limits
        missing = np.isnan(ratio)
        ratio[missing] = 0
        value = ratio.max(axis=1, initial=0)
        # The signals above the limit share the blame, or else the one nearest to it has it all.
        share = np.where((ratio > model.limit) | (ratio == value[:, None]), ratio, 0)
        total = share.sum(axis=1, keepdims=True)
        contribution = np.divide(share, total, out=np.full_like(share, 1 / share.shape[1]),
                                 where=total > 0)  # fmt: skip
        value[missing.all(axis=1)] = np.nan
        limit = np.full(len(value), model.limit)
        return Score(window.time, value, limit, value > limit, contribution)


@njit(nogil=True, cache=True)
def _ewma(rows: Values, smoothing: float, memory: Values, out: Values) -> None:
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            if np.isfinite(rows[i, j]):
                memory[j] += smoothing * (rows[i, j] - memory[j])
            out[i, j] = memory[j]


@njit(nogil=True, cache=True)
def _cusum(rows: Values, reference: float, most: Values, memory: Values, out: Values) -> None:
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            z = rows[i, j]
            if np.isfinite(z):
                memory[0, j] = min(max(memory[0, j] + z - reference, 0.0), most[j])
                memory[1, j] = min(max(memory[1, j] - z - reference, 0.0), most[j])
            out[i, j] = max(memory[0, j], memory[1, j])

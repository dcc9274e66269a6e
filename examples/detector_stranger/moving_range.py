"""Individuals and moving range: the oldest chart for one value at a time. One file, and not a part
of Gemel.

The upper part is settings and learning, the middle a model that can be saved, the lower what runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.limits import held_out, rows_needed, set_limit
from gemel.parts.detectors.base import Detector, Score, Window

__all__ = ["MovingRange"]

D2 = 1.128
"""Mean range of two normal values, in standard deviations (ISO 7870-2, n = 2)."""
LEAST_ROWS = 30


class MovingRange(Detector):
    """Charts for individuals and moving ranges, of each signal on its own.

    The spread of a signal is its mean moving range / 1.128, so that a slow drift of the level does
    not widen it. The statistic of a row is the larger of the distance from the centre and the step
    from the value before, in spreads; the score is the largest over all signals. The limit is set
    on normal rows that were held out.

    Source: W. A. Shewhart's charts as in D. C. Montgomery, Introduction to Statistical Quality
    Control, section 6.4.
    """

    step_weight: float = Field(
        0.8, ge=0, le=1, description="Weight of a step against a distance; 0 looks at levels only"
    )
    false_alarm_rate: float = Field(
        0.001, gt=0, lt=0.5, description="Wanted share of normal rows above the limit"
    )
    held_out: float = Field(
        0.3, gt=0, lt=0.9, description="Share of the normal rows, the last, that sets the limit"
    )
    gap: int = Field(10, ge=0, description="Rows left out between fitting and held-out part")

    def fit(self, normal: Window) -> MovingRangeModel:
        """See `Detector.fit`."""
        needed = rows_needed(LEAST_ROWS, self.held_out, self.gap)
        fitting, setting = held_out(len(normal), self.held_out, self.gap)
        values = normal.value[fitting]
        known = min(np.isfinite(values).sum(axis=0).tolist(), default=0)
        if len(normal) < needed or known < LEAST_ROWS:
            raise DataError(
                f"{len(normal)} rows, and {known} values to fit of the signal that has fewest; "
                f"moving_range needs at least {needed} rows with {LEAST_ROWS} values to fit"
            )
        centre = np.nanmean(values, axis=0)
        spread = _mean_range(values) / D2
        # A signal that never moved gets a millionth of its value: any movement then shows.
        spread = np.maximum(spread, 1e-6 * np.maximum(np.abs(centre), 1e-3))
        model = MovingRangeModel(normal.names, centre, spread, self.step_weight, np.inf, {})
        limit = set_limit(model.start()(normal.rows(setting)).value, self.false_alarm_rate)
        return MovingRangeModel(
            normal.names, centre, spread, self.step_weight, limit.value,
            {
                "detector": "moving_range",
                "window": [int(normal.time[0]), int(normal.time[-1])],
                "rows": {"all": len(normal), "fitted": fitting.stop, "held_out": limit.rows},
                "limit": limit.evidence(),
            },
        )  # fmt: skip

    def load(self, saved: dict[str, Any]) -> MovingRangeModel:
        """See `Detector.load`."""
        if (saved.get("detector"), saved.get("version")) != ("moving_range", 1):
            raise DataError(
                f"saved model is {saved.get('detector')} version {saved.get('version')}, "
                "must be moving_range version 1"
            )
        return MovingRangeModel(
            tuple(saved["names"]), np.array(saved["centre"]), np.array(saved["spread"]),
            saved["step_weight"], saved["limit"], saved["made"],
        )  # fmt: skip


def _mean_range(values: Values) -> Values:
    """Mean step between neighbours that are both known, per column."""
    steps = np.abs(np.diff(values, axis=0))
    known = np.isfinite(steps)
    total: Values = np.where(known, steps, 0).sum(axis=0)
    return total / np.maximum(known.sum(axis=0), 1)


@dataclass(frozen=True, slots=True, eq=False)
class MovingRangeModel:
    """What was learned of k signals; see `gemel.parts.detectors.base.Model`."""

    names: tuple[str, ...]
    centre: Values
    spread: Values
    step_weight: float
    limit: float
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> MovingRangeScorer:
        """See `Model.start`."""
        return MovingRangeScorer(self, state)

    def save(self) -> dict[str, Any]:
        """See `Model.save`."""
        return {
            "version": 1,
            "detector": "moving_range",
            "names": list(self.names),
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "step_weight": self.step_weight,
            "limit": self.limit,
            "made": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        """See `Model.evidence`."""
        return dict(self.made)


class MovingRangeScorer:
    """A running chart. All that it remembers is the last known value of each signal."""

    def __init__(self, model: MovingRangeModel, state: dict[str, Any] | None) -> None:
        self._model = model
        self._last = np.full(len(model.names), np.nan)
        if state is not None:
            if state["version"] != 1 or len(state["last"]) != len(self._last):
                raise DataError("state of another moving_range model")
            self._last = np.array(state["last"], np.float64)

    def state(self) -> dict[str, Any]:
        """See `Scorer.state`; JSON has no NaN, it is written as null."""
        return {"version": 1, "last": [None if v != v else v for v in self._last.tolist()]}

    def __call__(self, window: Window) -> Score:
        """See `Scorer`."""
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        before = self._before(window.value)
        distance = np.abs(window.value - model.centre) / model.spread
        step = np.nan_to_num(np.abs(window.value - before) / model.spread)
        ratio = np.maximum(distance, model.step_weight * step)
        missing = np.isnan(ratio)
        ratio[missing] = 0
        value = ratio.max(axis=1, initial=0)
        # Signals above the limit share the blame, or else the one nearest to it has it all.
        blamed = np.where((ratio > model.limit) | (ratio == value[:, None]), ratio, 0)
        total = blamed.sum(axis=1, keepdims=True)
        share = np.full_like(blamed, 1 / blamed.shape[1])
        np.divide(blamed, total, out=share, where=total > 0)
        value[missing.all(axis=1)] = np.nan
        limit = np.full(len(value), model.limit)
        return Score(window.time, value, limit, value > limit, share)

    def _before(self, value: Values) -> Values:
        """The last known value before each row, also of earlier calls."""
        before = np.empty_like(value)
        for i, row in enumerate(value):
            before[i] = self._last
            self._last = np.where(np.isfinite(row), row, self._last)
        return before

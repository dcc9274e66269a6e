"""Charts of subgroups: mean and spread of a few rows together, for each signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field

from gemel.core.control.charts import Chart, phase_one, points
from gemel.core.control.judge import Judge, RunningJudge, blame
from gemel.core.control.rules import RuleSet
from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.core.limits import held_out, rows_needed
from gemel.parts.detectors.base import Detector, Score, Window

__all__ = ["SubgroupChart"]

_LEAST: Final = 20
"""Subgroups that centre and spread are made from."""


class SubgroupChart(Detector):
    """X-bar with R or S charts of each of many signals, over subgroups of consecutive rows.

    A row has the score of the last whole subgroup; before the first one, and where no signal has a
    value, it has none. Means are looked at with the chosen rules, ranges or standard deviations
    with their limits. The score of a subgroup is its distance from the centre in limits, of the
    signal that is farthest; where a rule is broken it is at least 1.01. In a twin, `step` should be
    no shorter than the time between samples: a value that is held has no spread.

    Centre and spread come from the fitting part. Limits are three standard deviations away, and
    wider where held-out normal subgroups pass them more often than `false_alarm_rate`; a rule that
    those break more often than that is not asked of their signal, which the evidence tells. A
    constant signal has a spread of a millionth of its value, so that any movement shows. What
    wanders slowly is for `control_chart`.

    Source: D. C. Montgomery, Introduction to Statistical Quality Control, chapter 6.
    """

    size: int = Field(5, ge=2, description="Rows of a subgroup")
    spread: Literal["range", "deviation"] = Field(
        "range", description="Spread of a subgroup: range (R) or standard deviation (S)"
    )
    rules: RuleSet = Field(
        "limits",
        description="Asked of the means: limits; western-electric (1956, rules 1 to 4) or nelson "
        "(1984, 1 to 8) besides; none",
    )
    false_alarm_rate: float = Field(
        0.005, gt=0, lt=0.5, description="Wanted share of normal subgroups with an alarm"
    )
    held_out: float = Field(
        0.3, gt=0, lt=0.9, description="Share of the normal rows, the last, that sets the limits"
    )
    gap: int = Field(2, ge=0, description="Subgroups left out between fitting and held-out part")

    def fit(self, normal: Window) -> _Model:
        n, k = len(normal) // self.size, len(normal.names)
        needed = rows_needed(_LEAST, self.held_out, self.gap)
        if k == 0 or n < needed:
            raise DataError(
                f"{len(normal)} rows of {k} signals; subgroup_chart needs at least "
                f"{needed * self.size} rows of normal operation: {_LEAST} subgroups of {self.size} "
                "to fit, others to set limits"
            )
        groups = normal.value[: n * self.size].reshape(n, self.size, k)
        fitting, setting = held_out(n, self.held_out, self.gap)
        charts = tuple(
            self._chart(groups[fitting, :, j], name) for j, name in enumerate(normal.names)
        )
        z = _distances(charts, groups[setting])
        judges = [Judge.fit(rules, z[i], self.false_alarm_rate / 2)
                  for i, rules in enumerate((self.rules, _spread_rules(self.rules)))]  # fmt: skip
        made = {
            "detector": "subgroup_chart",
            "window": [int(normal.time[0]), int(normal.time[-1])],
            "rows": {
                "all": len(normal),
                "fitted": fitting.stop * self.size,
                "gap": (setting.start - fitting.stop) * self.size,
                "held_out": (setting.stop - setting.start) * self.size,
            },
            "held_out_from": int(normal.time[setting.start * self.size]),
            "limit": {
                "source": "3 standard deviations, widened to the quantile of held-out subgroups",
                "rate": self.false_alarm_rate,
                "value": 1.0,
            },
            "location": judges[0][0].told(normal.names),
            "spread": judges[1][0].told(normal.names),
            "limits_of_signals": [
                {"location": a.evidence(), "spread": b.evidence()}
                for a, b in zip(judges[0][1], judges[1][1], strict=True)
            ],
        }
        return _Model(normal.names, self.size, charts, judges[0][0], judges[1][0], made)

    def load(self, saved: dict[str, Any]) -> _Model:
        if (saved.get("detector"), saved.get("version")) != ("subgroup_chart", 1):
            raise DataError(
                f"saved model is {saved.get('detector')} version {saved.get('version')}, "
                "must be subgroup_chart version 1"
            )
        return _Model(
            tuple(saved["names"]), saved["size"], tuple(Chart.load(c) for c in saved["charts"]),
            Judge.load(saved["location"]), Judge.load(saved["spread"]), saved["made"],
        )  # fmt: skip

    def _chart(self, groups: Values, name: str) -> Chart:
        kind: Literal["xbar-r", "xbar-s"] = "xbar-r" if self.spread == "range" else "xbar-s"
        whole = int((np.isfinite(groups).sum(axis=1) > 1).sum())
        if whole < _LEAST:
            raise DataError(
                f"signal '{name}' has {whole} subgroups with two values or more in the fitting "
                f"part, subgroup_chart needs {_LEAST}"
            )
        level = float(np.nanmedian(groups))
        least = 1e-6 * max(abs(level), 1e-3)
        try:
            chart = phase_one(kind, groups)
        except DataError:  # it does not move
            return Chart(kind, level, least, whole, self.size)
        return Chart(kind, chart.centre, max(chart.sigma, least), whole, self.size)


def _spread_rules(rules: RuleSet) -> RuleSet:
    """Ranges are skewed: of them only the limits are asked."""
    return "none" if rules == "none" else "limits"


def _distances(charts: tuple[Chart, ...], groups: Values) -> Values:
    """float64[2, g, k]: means and spreads of subgroups float64[g, size, k] in sigmas."""
    out = np.empty((2, len(groups), len(charts)))
    for j, chart in enumerate(charts):
        for i, track in enumerate(points(chart, groups[:, :, j])):
            out[i, :, j] = track.z()
    return out


@dataclass(slots=True, eq=False)
class _Model:
    names: tuple[str, ...]
    size: int
    charts: tuple[Chart, ...]
    location: Judge
    spread: Judge
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> _Scorer:
        return _Scorer(self, state)

    def save(self) -> dict[str, Any]:
        return {
            "version": 1,
            "detector": "subgroup_chart",
            "names": list(self.names),
            "size": self.size,
            "charts": [chart.save() for chart in self.charts],
            "location": self.location.save(),
            "spread": self.spread.save(),
            "made": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)


class _Scorer:
    def __init__(self, model: _Model, state: dict[str, Any] | None) -> None:
        k = len(model.names)
        self._model = model
        self._rows = np.empty((0, k))
        # What the last whole subgroup said, which rows after it go on saying.
        self._value = np.nan
        self._share = np.full(k, 1 / k)
        if state is not None and (state["version"] != 1 or len(state["share"]) != k):
            raise DataError("state of another subgroup_chart model")
        known = state or {"location": None, "spread": None}
        self._location = RunningJudge(model.location, known["location"])
        self._spread = RunningJudge(model.spread, known["spread"])
        if state is not None:
            self._rows = np.array(state["rows"], np.float64).reshape(-1, k)
            self._value = np.nan if state["value"] is None else state["value"]
            self._share[:] = state["share"]

    def state(self) -> dict[str, Any]:
        # JSON has no NaN: it is written as null.
        rows = [[None if v != v else v for v in row] for row in self._rows.tolist()]
        return {
            "version": 1,
            "rows": rows,
            "value": None if np.isnan(self._value) else float(self._value),
            "share": self._share.tolist(),
            "location": self._location.state(),
            "spread": self._spread.state(),
        }

    def __call__(self, window: Window) -> Score:
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        before, n, k = len(self._rows), len(window), len(model.names)
        rows = np.concatenate([self._rows, window.value])
        whole = len(rows) // model.size
        groups = rows[: whole * model.size].reshape(whole, model.size, k)
        self._rows = rows[whole * model.size :]
        z = _distances(model.charts, groups)
        ratio = np.fmax(self._location(z[0]), self._spread(z[1]))
        value, share = blame(ratio)
        value = np.concatenate([[self._value], value])
        share = np.concatenate([self._share[None, :], share])
        self._value, self._share = value[-1], share[-1].copy()
        # A subgroup speaks from its last row on.
        at = (before + 1 + np.arange(n)) // model.size
        value, share = value[at], share[at]
        value[np.isnan(window.value).all(axis=1)] = np.nan
        return Score(window.time, value, np.ones(n), value > 1, share)

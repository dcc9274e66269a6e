"""Charts of counts: rejects, stops, defects, each row a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field, model_validator

from gemel.core.control.charts import Chart, points
from gemel.core.control.judge import BROKEN, Judge, RunningJudge, blame
from gemel.core.control.rules import RuleSet
from gemel.core.errors import DataError, did_you_mean
from gemel.core.frame import Values
from gemel.core.limits import held_out, rows_needed
from gemel.parts.detectors.base import Detector, Score, Window

__all__ = ["AttributeChart"]

_LEAST: Final = 20
"""Samples that the centre is made from."""


class AttributeChart(Detector):
    """p, np, c or u charts of each of many counts; each row is one sample.

    p        how many of a sample are bad (binomial)
    np       the same for samples of equal size: one of another size is abnormal itself
    c        how many defects a row has, all rows alike (Poisson)
    u        how many defects for each unit of the size (Poisson)

    In a twin, `step` has to be the time between samples: a count that is held for several rows is
    several samples. `size` names the signal with the size of the sample; all other signals are
    counts. What is no count (negative, not whole, more bad ones than were looked at, a size of 0)
    is taken as missing. A row without any count has no score. A count that never came in the
    fitting part is taken to have come half a time.

    Limits are three standard deviations away, and wider where held-out normal rows pass them more
    often than `false_alarm_rate`, which small counts and changing quality do; a rule that those
    break more often than that is not asked of their signal, which the evidence tells.

    Sources: D. C. Montgomery, Introduction to Statistical Quality Control, chapter 7.
    """

    chart: Literal["p", "np", "c", "u"] = Field(
        "c", description="p, np: bad ones of a sample; c, u: defects of a row, or of a unit"
    )
    size: str = Field(
        "", description="Path of the signal that holds the size of each sample; for p, np and u"
    )
    rules: RuleSet = Field(
        "limits",
        description="limits; western-electric (1956, rules 1 to 4) or nelson (1984, 1 to 8) "
        "besides; none",
    )
    false_alarm_rate: float = Field(
        0.005, gt=0, lt=0.5, description="Wanted share of normal rows with an alarm"
    )
    held_out: float = Field(
        0.3, gt=0, lt=0.9, description="Share of the normal rows, the last, that sets the limits"
    )
    gap: int = Field(10, ge=0, description="Rows left out between fitting and held-out part")

    @model_validator(mode="after")
    def _consistent(self) -> AttributeChart:
        if (self.chart == "c") != (not self.size):
            wants = "has no size" if self.chart == "c" else "needs the `size` of its samples"
            raise ValueError(f"a chart {self.chart} {wants}")
        return self

    def fit(self, normal: Window) -> _Model:
        if self.size and self.size not in normal.names:
            raise DataError(f"no signal '{self.size}'; {did_you_mean(self.size, normal.names)}")
        k = len(normal.names) - bool(self.size)
        needed = rows_needed(_LEAST, self.held_out, self.gap)
        if k < 1 or len(normal) < needed:
            raise DataError(
                f"{len(normal)} rows of {k} counts; attribute_chart needs at least {needed} "
                f"rows of normal operation: {_LEAST} to fit, {self.gap} between, others to set "
                "limits"
            )
        fitting, setting = held_out(len(normal), self.held_out, self.gap)
        place = normal.names.index(self.size) if self.size else -1
        counts, sizes = _samples(normal.value, place, self.chart)
        charts = []
        for j, name in enumerate(_counted(normal.names, place)):
            known = np.isfinite(counts[fitting, j])
            if known.sum() < _LEAST:
                raise DataError(
                    f"signal '{name}' has {known.sum()} counts in the fitting part, "
                    f"attribute_chart needs {_LEAST}"
                )
            looked = sizes[fitting][known]
            if self.chart == "np" and np.ptp(looked) > 0:
                raise DataError(
                    f"sizes go from {looked.min():g} to {looked.max():g}; an np chart needs equal "
                    "ones, a p chart does not"
                )
            came, all = float(counts[fitting, j][known].sum()), float(looked.sum())
            most = all - 0.5 if self.chart in ("p", "np") else np.inf
            centre = min(max(came, 0.5), most) / all
            charts.append(Chart(self.chart, centre, 1.0, int(known.sum())))
        z = _distances(charts, counts[setting], sizes[setting])
        judge, limits = Judge.fit(self.rules, z, self.false_alarm_rate)
        made = {
            "detector": "attribute_chart",
            "window": [int(normal.time[0]), int(normal.time[-1])],
            "rows": {
                "all": len(normal),
                "fitted": fitting.stop,
                "gap": setting.start - fitting.stop,
                "held_out": setting.stop - setting.start,
            },
            "held_out_from": int(normal.time[setting.start]),
            "limit": {
                "source": "3 standard deviations, widened to the quantile of held-out rows",
                "rate": self.false_alarm_rate,
                "value": 1.0,
            },
            "signals": judge.told(_counted(normal.names, place)),
            "limits_of_signals": [limit.evidence() for limit in limits],
        }
        size = float(np.nanmedian(sizes[fitting])) if self.chart == "np" else 0.0
        return _Model(normal.names, place, size, tuple(charts), judge, made)

    def load(self, saved: dict[str, Any]) -> _Model:
        if (saved.get("detector"), saved.get("version")) != ("attribute_chart", 1):
            raise DataError(
                f"saved model is {saved.get('detector')} version {saved.get('version')}, "
                "must be attribute_chart version 1"
            )
        return _Model(
            tuple(saved["names"]), saved["place"], saved["size"],
            tuple(Chart.load(c) for c in saved["charts"]), Judge.load(saved["judge"]),
            saved["made"],
        )  # fmt: skip


def _counted(names: tuple[str, ...], place: int) -> tuple[str, ...]:
    return tuple(name for j, name in enumerate(names) if j != place)


def _samples(value: Values, place: int, chart: str) -> tuple[Values, Values]:
    """Counts float64[n, k] and sizes float64[n]; NaN for what is none."""
    sizes = np.ones(len(value)) if place < 0 else value[:, place].copy()
    sizes[~(sizes > 0)] = np.nan
    counts = value if place < 0 else np.delete(value, place, axis=1)
    good = (counts >= 0) & (counts == np.rint(counts)) & np.isfinite(sizes)[:, None]
    if chart in ("p", "np"):
        good &= counts <= sizes[:, None]
    return np.where(good, counts, np.nan), sizes


def _distances(charts: list[Chart] | tuple[Chart, ...], counts: Values, sizes: Values) -> Values:
    """Counts float64[n, k] in sigmas."""
    z = np.empty_like(counts)
    for j, chart in enumerate(charts):
        z[:, j] = points(_any_size(chart), counts[:, j], sizes)[0].z()
    return z


def _any_size(chart: Chart) -> Chart:
    """In sigmas, np is p: a sample of another size than before is no reason to stop."""
    return Chart("p", chart.centre, 1.0, chart.points) if chart.kind == "np" else chart


@dataclass(slots=True, eq=False)
class _Model:
    """`place` of the size among the names, -1 without; `size` of all samples of np, else 0."""

    names: tuple[str, ...]
    place: int
    size: float
    charts: tuple[Chart, ...]
    judge: Judge
    made: dict[str, Any]

    def start(self, state: dict[str, Any] | None = None) -> _Scorer:
        return _Scorer(self, state)

    def save(self) -> dict[str, Any]:
        return {
            "version": 1,
            "detector": "attribute_chart",
            "names": list(self.names),
            "place": self.place,
            "size": self.size,
            "charts": [chart.save() for chart in self.charts],
            "judge": self.judge.save(),
            "made": self.made,
        }

    def evidence(self) -> dict[str, Any]:
        return dict(self.made)


class _Scorer:
    def __init__(self, model: _Model, state: dict[str, Any] | None) -> None:
        if state is not None and state["version"] != 1:
            raise DataError("state of another attribute_chart model")
        self._model = model
        self._judge = RunningJudge(model.judge, None if state is None else state["judge"])

    def state(self) -> dict[str, Any]:
        return {"version": 1, "judge": self._judge.state()}

    def __call__(self, window: Window) -> Score:
        model = self._model
        if window.names != model.names:
            raise DataError(f"window of {window.names[:5]}…, the model is of {model.names[:5]}…")
        counts, sizes = _samples(window.value, model.place, model.charts[0].kind)
        ratio = self._judge(_distances(model.charts, counts, sizes))
        if model.place >= 0:
            # The size has a part in the score only where it has to be what it was.
            odd = np.isfinite(sizes) & (sizes != model.size) & (model.size > 0)
            ratio = np.insert(ratio, model.place, np.where(odd, BROKEN, np.nan), axis=1)
        value, share = blame(ratio)
        return Score(window.time, value, np.ones(len(value)), value > 1, share)

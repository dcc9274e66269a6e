"""A level that drifts towards a limit: for plants in which little or nothing has failed yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import ConfigurationError, DataError, did_you_mean
from gemel.core.frame import Values
from gemel.parts.prognostics._trend import Scaling, levels_in_bands
from gemel.parts.prognostics.base import Prognostic, Runs
from gemel.parts.prognostics.wiener.indicator import Indicator, most_telling, sign_of
from gemel.parts.prognostics.wiener.model import VERSION, Model
from gemel.parts.prognostics.wiener.tracking import Wear, follow

__all__ = ["Wiener"]

_TO_LEARN: Final = 5
"""Units that must have failed before an indicator or a limit is learned from them."""
_TO_CALIBRATE: Final = 10
"""Units that must have failed before they set the interval."""
_ROWS: Final = 10


class Wiener(Prognostic):
    """Remaining life as the time until an indicator of wear first reaches its limit.

    The indicator is a signal, its `limit` the value at which life is over. Its level drifts and
    jitters, its drift wanders, and what is seen of it is noisy (adaptive-drift Wiener process); the
    numbers are those that make the units at hand most likely, whether they failed or not. With
    `indicator` and `limit` given it needs no failed unit, and one unit is enough. From five failed
    units it learns the limit where none is given (the distribution of where they ended), and the
    indicator (the signal that trends best).

    The interval is that of the model: of the level, of the drift, of where the drift may go, of the
    limit. So long as fewer than ten units have failed, the drift is held to be able to wander, in
    the time of `cap`, as far as would bring a new unit to its limit: that nothing wore yet does not
    say that nothing will. From ten failed units on, value and interval are the chances of the model
    at which held-out units failed (distributional conformal prediction; Chernozhukov, Wüthrich and
    Zhu, PNAS 118 (2021) e2107794118), in bands of predicted life.

    It knows one signal, and takes it that wear goes on as of late. Where many units have failed,
    `boosted` is better.
    """

    indicator: str | None = Field(
        None, description="Signal that shows wear; the one that trends best if not given"
    )
    limit: float | None = Field(
        None, description="Value at which life is over; where failed units ended if not given"
    )
    direction: Literal["up", "down"] | None = Field(
        None, description="Where wear moves the indicator; towards the limit if not given"
    )
    scale: Literal["linear", "log"] | None = Field(
        None, description="Whether wear adds or multiplies; the more likely one if not given"
    )
    cap: float | None = Field(
        None, gt=0, description="Longest life that is told; how long a unit was seen if not given"
    )
    conditions: tuple[str, ...] = Field((), description="Signals that set the operating condition")
    confidence: float = Field(0.9, gt=0, lt=1, description="How often the interval is to be right")
    folds: int = Field(5, ge=2, description="Parts of the units that are held out in turn")

    @property
    def least_failed(self) -> int:
        return 0 if self.indicator is not None and self.limit is not None else _TO_LEARN

    def fit(self, runs: Runs) -> Model:
        units = runs.unit[runs.starts]
        failed = units[runs.ended]
        if len(failed) < self.least_failed:
            missing = " and ".join(n for n in ("indicator", "limit") if getattr(self, n) is None)
            raise DataError(
                f"{len(failed)} units that failed; at least {self.least_failed} are needed to "
                f"learn the {missing}; none if both are given"
            )
        model = self._fit(runs)
        made: dict[str, Any] = {
            "units": len(units), "failed": len(failed), "rows": len(runs),
            "indicator": runs.names[model.indicator.column],
            "limit": model.indicator.back(model.limit[0]),
            "limit from": "the settings" if self.limit is not None else f"{len(failed)} units",
            "scale": "log" if model.indicator.logarithm else "linear",
            "cap": model.cap,
            "interval": "of the model, not calibrated: "
            f"{len(failed)} units failed, {_TO_CALIBRATE} are needed",
        }  # fmt: skip
        if len(failed) >= max(_TO_CALIBRATE, self.folds):
            u, median, error = self._held_out(runs, units, failed, model.cap)
            model = replace(model, levels=levels_in_bands(u, median, len(failed), self.confidence))
            made["interval"] = f"chances on {len(failed)} units held out in {self.folds} folds"
            made["error"] = error
        return replace(model, made=made)

    def load(self, saved: dict[str, Any]) -> Model:
        if (found := (saved.get("prognostic"), saved.get("version"))) != ("wiener", VERSION):
            raise DataError(
                f"saved model is {found[0]} version {found[1]}, must be wiener version {VERSION}"
            )
        return Model.load(saved)

    def _held_out(
        self, runs: Runs, units: npt.NDArray[np.int64], failed: npt.NDArray[np.int64], cap: float
    ) -> tuple[Values, Values, float]:
        """Of the rows of failed units, each by a model of others: the chance by which they failed,
        the median of the model; and the error of the latter."""
        dealt = np.random.default_rng(0).permutation(len(units)) % self.folds
        chances, medians, errors = [], [], []
        for fold in range(self.folds):
            out = runs.units(np.intersect1d(units[dealt == fold], failed))
            inside = runs.units(units[dealt != fold])
            if not len(out) or inside.ended.sum() < self.least_failed:
                continue
            model = replace(self._fit(inside), cap=cap)
            truth = np.minimum(out.remaining(), cap)
            chance, median = model.chances(out, truth)
            chances.append(chance)
            medians.append(median)
            errors.append((median - truth) ** 2)
        error = float(np.sqrt(np.mean(np.concatenate(errors))))
        return np.concatenate(chances), np.concatenate(medians), error

    def _fit(self, runs: Runs) -> Model:
        known = runs.names
        for name in (*self.conditions, *([self.indicator] if self.indicator else [])):
            if name not in known:
                raise ConfigurationError(f"no signal '{name}'; {did_you_mean(name, known)}")
        if self.indicator in self.conditions:
            raise ConfigurationError(
                f"'{self.indicator}' is the indicator and a condition; must be one of them"
            )
        settings = np.array([known.index(name) for name in self.conditions], np.int64)
        scaling = Scaling.fit(runs.value, settings)
        failed = runs.units(runs.unit[runs.starts][runs.ended])
        if self.indicator is None:
            column = most_telling(failed, scaling)
        else:
            column = known.index(self.indicator)
            if column not in scaling.kept:
                raise DataError(f"indicator '{self.indicator}' is unknown or the same in all rows: "
                                "it moves in none")  # fmt: skip
        plain = Indicator(column, 1, False, scaling)
        seen = plain(runs.value)
        rows = int(np.isfinite(seen).sum())
        if rows < _ROWS:
            raise DataError(f"'{known[column]}' is known in {rows} rows; at least {_ROWS} needed")
        sign = self._sign(runs, failed, plain, seen)
        indicator, wear = self._scale(runs, Indicator(column, sign, False, scaling), seen)
        limit = self._limit(failed, indicator, wear)
        return self._careful(runs, indicator, wear, limit)

    def _sign(self, runs: Runs, failed: Runs, plain: Indicator, seen: Values) -> int:
        if self.direction is not None:
            return 1 if self.direction == "up" else -1
        if self.limit is None:
            return sign_of(failed, plain(failed.value))
        begin = _begins(runs, seen)
        return 1 if self.limit >= begin else -1

    def _scale(self, runs: Runs, linear: Indicator, seen: Values) -> tuple[Indicator, Wear]:
        """The scale that is asked for, or on which the rows are more likely."""
        positive = np.nanmin(seen) > 0 and (self.limit is None or self.limit > 0)
        if self.scale == "log" and not positive:
            raise ConfigurationError(
                "scale is log, but the indicator or its limit is not above zero; use linear"
            )
        logarithm = replace(linear, logarithm=True)
        if self.scale == "log":
            return logarithm, Wear.fit(runs, logarithm.of(seen))[0]
        wear, likely = Wear.fit(runs, linear.of(seen))
        if self.scale == "linear" or not positive:
            return linear, wear
        other, there = Wear.fit(runs, logarithm.of(seen))
        there -= float(np.nansum(np.log(seen)))  # a density of the signal, as the other is
        return (logarithm, other) if there > likely else (linear, wear)

    def _limit(self, failed: Runs, indicator: Indicator, wear: Wear) -> Values:
        """Mean and variance; the variance of a limit that is given is negative."""
        if self.limit is not None:
            return np.array([float(indicator.of(self.limit)), -1.0])
        ends = follow(failed, indicator(failed.value), wear)[failed.lasts, 0]
        return np.array([ends.mean(), ends.var(ddof=1)])

    def _careful(self, runs: Runs, indicator: Indicator, wear: Wear, limit: Values) -> Model:
        """The model, and where little has failed as much wander as a new kind of wear needs."""
        y = indicator(runs.value)
        spans = runs.age[runs.lasts] - runs.age[runs.starts]
        cap = self.cap if self.cap is not None else float(spans.max())
        if cap <= 0:
            raise DataError("units of one row say nothing of time; give `cap`, or more rows")
        way = float(limit[0]) - _begins(runs, y)
        if way <= 0:
            begin = indicator.back(_begins(runs, y))
            raise DataError(
                f"units begin at {begin:.4g}, beyond their limit {indicator.back(limit[0]):.4g}; "
                "check `limit` and `direction`"
            )
        wear = replace(wear, level_spread=max((way / 4) ** 2, wear.noise))
        if runs.ended.sum() < _TO_CALIBRATE:
            pace = (way / cap) ** 2
            wear = replace(
                wear,
                wander=max(wear.wander, 3 * pace / cap),
                drift_spread=max(wear.drift_spread, pace),
            )
        half = (1 - self.confidence) / 2
        levels = np.array([[0.0, 0.5, half, 1 - half]])
        return Model(runs.names, indicator, wear, limit, cap, self.confidence, levels, {})


def _begins(runs: Runs, y: Values) -> float:
    """The median of the first known values of units."""
    bounds = zip(runs.starts, np.append(runs.starts[1:], len(runs)), strict=True)
    known = (y[a:b][np.isfinite(y[a:b])] for a, b in bounds)
    return float(np.median([mine[0] for mine in known if len(mine)]))

"""A prognostic says how long it may last: when to act."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.probability import normal_cdf, normal_quantile, panels
from gemel.core.wear.upkeep import Prediction, Upkeep
from gemel.parts.solvers.maintenance._least import least
from gemel.parts.solvers.maintenance.base import (
    Action,
    MaintenanceSolver,
    Plan,
    fitting,
    prices,
)

__all__ = ["RemainingLife"]

_SHORTEST = 1e-9


class RemainingLife(MaintenanceSolver):
    """The best moment to replace the one that runs now, given a remaining life with its interval.

    The prediction is read as log-normal on both sides of its value, with the width that its
    interval says on each. Waiting is worth what a period costs in the long run (`rate`, or the mean
    cost of this life), and dear by the growing chance of a failure. A standstill of the line in
    which the work fits is compared with the best other moment. The cost that is told is that of a
    period of this life, from new; with `rate`, of all periods until it would have failed, those of
    the next ones included.
    """

    rate: float | None = Field(
        None, ge=0, description="Cost of a period in the long run, once it is replaced; without it "
        "the mean cost of this life"
    )  # fmt: skip

    def uncovered(self, upkeep: Upkeep, asset: str) -> tuple[str, ...]:
        if upkeep.assets[asset].prediction is None:
            return (f"no prognostic says anything of '{asset}'",)
        return ()

    def plan(self, upkeep: Upkeep, asset: str) -> Plan:
        fitting(self, upkeep, asset)
        law = _law(upkeep, asset)
        grid = np.append(0.0, np.geomspace(law.quantile(1e-7), law.quantile(1 - 1e-7), 160))
        best = least(lambda t: self._dear(upkeep, asset, t), grid)
        if self._dear(upkeep, asset, inf) <= self._dear(upkeep, asset, best) * (1 + 1e-9):
            best = inf
        for stands in upkeep.standstills:
            at = stands.at / upkeep.period
            if self._dear(upkeep, asset, at) < self._dear(upkeep, asset, best):
                best = at
        return self._told(upkeep, asset, best)

    def judge(self, upkeep: Upkeep, asset: str, action: Action) -> Plan:
        fitting(self, upkeep, asset)
        if action.moment is None or action.moment < 0:
            raise Refused("the action says no moment from now on")
        return self._told(upkeep, asset, action.moment)

    def moved(self, upkeep: Upkeep, asset: str, times: Values) -> Values:
        """float64[t]: what it costs to act after so many periods instead of at the best of these,
        all in all; with `rate`, else what is told is a cost by period. Raises `Refused`."""
        if self.rate is None:
            raise Refused("without `rate` nobody knows what a period costs once it is replaced")
        fitting(self, upkeep, asset)
        one = upkeep.assets[asset]
        span = (one.age + one.failure_time) / upkeep.period + self._met(upkeep, asset, inf)[1]
        dear = np.array([self._dear(upkeep, asset, t) for t in times.tolist()]) * span
        return np.asarray(dear - dear.min())

    def _dear(self, upkeep: Upkeep, asset: str, moment: float) -> float:
        return sum(self._parts_of(upkeep, asset, moment)[0].values())

    def _parts_of(
        self, upkeep: Upkeep, asset: str, moment: float
    ) -> tuple[dict[str, float], float, float]:
        """What a period costs, the length of this life from new, and its chance to fail."""
        fails, time, planned = self._met(upkeep, asset, moment)
        one = upkeep.assets[asset]
        price, age = prices(upkeep, one), one.age / upkeep.period
        length = age + time + (1 - fails) * price.planned_time + fails * price.failure_time
        whole = {"planned": (1 - fails) * planned, "failures": fails * price.failure}
        span = length
        if self.rate is not None:
            span = age + self._met(upkeep, asset, inf)[1] + price.failure_time
            whole["next ones"] = self.rate * (span - length)
        span = max(span, _SHORTEST)  # a new one that is replaced at once has no length
        return {n: v / span for n, v in whole.items() if v}, length, fails

    @staticmethod
    def _met(upkeep: Upkeep, asset: str, moment: float) -> tuple[float, float, float]:
        """Chance to fail before the moment, mean time of work until then, price of work then."""
        law, one = _law(upkeep, asset), upkeep.assets[asset]
        price = prices(upkeep, one)
        planned = price.planned
        for stands in upkeep.standstills:
            if abs(stands.at / upkeep.period - moment) < 1e-9 and stands.lasts >= one.planned_time:
                planned -= upkeep.visit_cost + price.planned_down
        return 1 - float(law.survives(moment)), law.lived(moment), planned

    def _told(self, upkeep: Upkeep, asset: str, moment: float) -> Plan:
        parts, length, fails = self._parts_of(upkeep, asset, moment)
        waits = self._dear(upkeep, asset, inf)
        share = f"{100 * fails:.2g} %" if fails >= 1e-4 else "less than 0.01 %"
        notes = [f"{share} that it fails before"]
        if self.rate is None:
            notes.append("the next ones are taken to cost as much as this one: give `life`")
        return Plan(
            Action("moment", moment=moment), sum(parts.values()), parts, length, fails,
            waits, exact=True, notes=tuple(notes),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Predicted:
    """Log-normal on both sides of the middle, each with its own spread."""

    middle: float
    below: float
    above: float

    @classmethod
    def of(cls, prediction: Prediction, period: int) -> _Predicted:
        z = normal_quantile(0.5 + prediction.confidence / 2)
        return cls(
            prediction.life / period,
            log(prediction.life / prediction.low) / z,
            log(prediction.high / prediction.life) / z,
        )

    def survives(self, t: npt.ArrayLike) -> Any:
        with np.errstate(divide="ignore"):
            away = np.log(np.asarray(t, np.float64) / self.middle)
        return normal_cdf(-away / np.where(away < 0, self.below, self.above))

    def lived(self, t: float) -> float:
        """E min(life, t)."""
        if t <= 0:
            return 0.0
        top = min(log(t / self.middle), 9 * self.above)
        # In log time, where both halves are smooth: ∫ S(eᵘ) eᵘ du.
        low = min(-9 * self.below, top)
        whole = self.middle * exp(low)
        for start, end in ((low, min(top, 0.0)), (0.0, top)):
            if end > start:
                u, weight = panels(start, end, 24)
                whole += float(weight @ (self.survives(self.middle * np.exp(u)) * np.exp(u))) * (
                    self.middle
                )
        return whole

    def quantile(self, p: float) -> float:
        z = normal_quantile(p)
        return self.middle * exp(z * (self.below if z < 0 else self.above))


def _law(upkeep: Upkeep, asset: str) -> _Predicted:
    prediction = upkeep.assets[asset].prediction
    assert prediction is not None  # noqa: S101 - uncovered looked
    return _Predicted.of(prediction, upkeep.period)

"""Replace at an age, or when it fails before."""

from __future__ import annotations

from math import inf

import numpy as np

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.wear.life import Law, Seen
from gemel.core.wear.upkeep import Upkeep
from gemel.parts.solvers.maintenance._least import least
from gemel.parts.solvers.maintenance.base import (
    Action,
    MaintenanceSolver,
    Plan,
    fitting,
    prices,
    run_to_failure,
)

__all__ = ["Age"]

_WORTH = 1e-6
"""Smaller gains, as a share of the cost, are none: an age at which nearly all have failed."""


class Age(MaintenanceSolver):
    """Age replacement (Barlow and Hunter 1960): the age with the least cost over the mean length of
    a cycle, whose integral is closed for Weibull, gamma and log-normal lives.

    Of lives as they were seen, ages just before a failure are compared (product limit); beyond the
    oldest that still runs nothing is known, and no later age is told. Where the failure rate does
    not rise, such as with a Weibull shape of 1, the answer is *never*.
    """

    def uncovered(self, upkeep: Upkeep, asset: str) -> tuple[str, ...]:
        one = upkeep.assets[asset]
        if one.life is None:
            return (f"'{asset}' says no life",)
        if not one.announced:
            return (f"a failure of '{asset}' does not show by itself",)
        return ()

    def plan(self, upkeep: Upkeep, asset: str) -> Plan:
        fitting(self, upkeep, asset)
        law = _law(upkeep, asset)
        price = prices(upkeep, upkeep.assets[asset])

        def cost(age: float) -> float:
            return price.rates(1 - _reaches(law, age), float(law.lived(age)))[0]

        if isinstance(law, Seen):
            # Between two failures the cost falls with age: all ages but those just before one lose.
            best = min((*law.steps[0].tolist(), law.last), key=cost)
        else:
            best = least(cost, _ages(law))
        if not cost(best) < cost(law.last) * (1 - _WORTH):
            best = law.last
        return self._told(upkeep, asset, best, exact=True)

    def judge(self, upkeep: Upkeep, asset: str, action: Action) -> Plan:
        fitting(self, upkeep, asset)
        if action.age is None:
            raise Refused("the action says no age")
        return self._told(upkeep, asset, action.age, exact=True)

    def _told(self, upkeep: Upkeep, asset: str, age: float, *, exact: bool) -> Plan:
        one, law = upkeep.assets[asset], _law(upkeep, asset)
        notes = []
        if age > law.last:
            notes.append(f"nothing is known beyond {law.last:.4g} periods, the oldest still runs")
            age, exact = law.last, False
        failures = 1 - _reaches(law, age)
        cost, parts, length = prices(upkeep, one).rates(failures, float(law.lived(age)))
        if isinstance(law, Seen) and len(law.failed) < 20:
            notes.append(f"stands on {len(law.failed)} failures; fit a Weibull life to few")
        return Plan(
            Action("age", age=age), cost, parts, length, failures, run_to_failure(upkeep, one),
            exact, tuple(notes),
        )  # fmt: skip


def _law(upkeep: Upkeep, asset: str) -> Law:
    life = upkeep.assets[asset].life
    assert life is not None  # noqa: S101 - uncovered looked
    return life.law(upkeep.period)


def _ages(law: Law) -> Values:
    """From where hardly any have failed to where nearly all have."""
    low, high = law.quantile(1e-6), law.quantile(1 - 1e-9)
    return np.geomspace(max(low, high * 1e-9), high, 240)


def _reaches(law: Law, age: float) -> float:
    """The share that is still working when it is to be replaced at this age."""
    if age == inf:
        return 0.0
    if isinstance(law, Seen):  # who would fail at this very age is replaced just before
        ages, share = law.steps
        return float(np.append(1.0, share)[np.searchsorted(ages, age, side="left")])
    return float(law.survives(age))

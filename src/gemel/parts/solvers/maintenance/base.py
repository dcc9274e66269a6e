"""The interface of maintenance policies: when to replace what.

A solver is settings. It is given an `Upkeep` and the name of an asset in it; it says in words why
it does not cover it, or gives a `Plan`: what to do when, what that costs of a period in the long
run, and what it costs to let the asset run to failure. `judge` says the same of another action,
that of today for instance.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Final

from gemel.core.errors import Refused
from gemel.core.kind import Part
from gemel.core.settings import Settings
from gemel.core.wear.upkeep import Asset, Upkeep

__all__ = [
    "Action", "MaintenanceSolver", "Plan", "Prices", "Swing", "fitting", "prices", "run_to_failure",
    "sensitivity",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Action:
    """What to do. Times are in periods; what is infinite is never done.

    age      replace at this age, or, for `block`, every so often
    every    inspect so often; with a schedule, a new one for the first time
    level    replace when an inspection finds this level or more
    moment   replace the one that runs now after so long
    spares   keep so many spares
    schedule of levels, rising, the time until the next inspection; 0 replaces at once
    """

    kind: str
    age: float | None = None
    every: float | None = None
    level: float | None = None
    moment: float | None = None
    spares: int | None = None
    schedule: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and what comes of it.

    cost        of a period, in the long run
    parts       what it is made of, by name; their sum is the cost
    interval    mean periods from one replacement to the next
    failures    share of replacements that follow a failure
    to_failure  cost of a period when it runs to failure; NaN where that is not known
    exact       whether the cost is exact (up to quadrature), or stands on a further assumption
    notes       what must be known beside it, in sentences
    """

    action: Action
    cost: float
    parts: Mapping[str, float]
    interval: float
    failures: float
    to_failure: float
    exact: bool
    notes: tuple[str, ...] = ()

    @property
    def saves(self) -> float:
        """Of a period, against running to failure."""
        return self.to_failure - self.cost


class MaintenanceSolver(Part):
    """Settings of a way to plan maintenance."""

    api: ClassVar[int] = 1

    @abstractmethod
    def uncovered(self, upkeep: Upkeep, asset: str) -> tuple[str, ...]:
        """Why it cannot plan this asset, in sentences; nothing where it can."""

    @abstractmethod
    def plan(self, upkeep: Upkeep, asset: str) -> Plan:
        """The best action of its kind. Raises `Refused` with what is uncovered."""

    @abstractmethod
    def judge(self, upkeep: Upkeep, asset: str, action: Action) -> Plan:
        """What an action costs. Raises `Refused` for an asset or an action that it does not
        cover."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Of one replacement, in time and after a failure: money, downtime included, and standstill in
    periods."""

    planned: float
    failure: float
    planned_time: float
    failure_time: float
    planned_down: float
    failure_down: float

    def rates(
        self, failures: float, works: float, more: Mapping[str, float] | None = None
    ) -> tuple[float, dict[str, float], float]:
        """Cost of a period, its parts, and the length of a cycle, of a renewal that ends by failure
        with this probability and works for so long; `more` are other costs of a cycle."""
        length = works + (1 - failures) * self.planned_time + failures * self.failure_time
        whole = {
            "planned": (1 - failures) * (self.planned - self.planned_down),
            "failures": failures * (self.failure - self.failure_down),
            "standstill": (1 - failures) * self.planned_down + failures * self.failure_down,
            **(more or {}),
        }
        parts = {name: value / length for name, value in whole.items() if value}
        return sum(parts.values()), parts, length


def prices(upkeep: Upkeep, asset: Asset) -> Prices:
    """Of one replacement; each by itself is a visit."""
    planned_time, failure_time = (
        t / upkeep.period for t in (asset.planned_time, asset.failure_time)
    )
    planned_down, failure_down = (t * asset.downtime_cost for t in (planned_time, failure_time))
    return Prices(
        asset.planned_cost + upkeep.visit_cost + planned_down,
        asset.failure_cost + upkeep.visit_cost + failure_down,
        planned_time, failure_time, planned_down, failure_down,
    )  # fmt: skip


def run_to_failure(upkeep: Upkeep, asset: Asset) -> float:
    """Cost of a period when nothing is done before it fails; NaN where its mean life is unknown. A
    failure that is not announced is found by inspections only, and counted as if it were."""
    if asset.life is not None:
        law = asset.life.law(upkeep.period)
        mean = law.mean if law.last == inf else float("nan")
    elif asset.wear is not None:
        mean = asset.wear.process().mean_life
    else:
        return float("nan")
    return prices(upkeep, asset).rates(1.0, mean)[0]


def fitting(solver: MaintenanceSolver, upkeep: Upkeep, asset: str) -> None:
    """Raises `Refused` where the asset is not covered."""
    if reasons := solver.uncovered(upkeep, asset):
        raise Refused("; ".join(reasons))


@dataclass(frozen=True, slots=True)
class Swing:
    """What if a number is another one: what to do then, at what cost, and what it costs to do as
    planned nevertheless."""

    what: str
    factor: float
    action: Action
    cost: float
    kept: float


_SWINGS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "failure_cost": {"": ("failure_cost",)},
    "planned_cost": {"": ("planned_cost",)},
    "life": {
        "life": ("scale", "mean", "median", "spread"),
        "wear": ("limit",),
        "prediction": ("life", "low", "high"),
    },
}


def sensitivity(
    solver: MaintenanceSolver, upkeep: Upkeep, asset: str, plan: Plan,
    factors: tuple[float, ...] = (0.8, 1.25),
) -> list[Swing]:  # fmt: skip
    """How the plan changes with what a failure costs, what replacing costs, and how long it lives.
    What the changed asset does not allow is left out."""
    found = []
    for what, fields in _SWINGS.items():
        for factor in factors:
            other = _scaled(upkeep.assets[asset], fields, factor)
            if other == upkeep.assets[asset]:
                continue
            changed = upkeep.model_copy(update={"assets": {**upkeep.assets, asset: other}})
            try:
                best = solver.plan(changed, asset)
                kept = solver.judge(changed, asset, plan.action)
            except Refused:
                continue
            found.append(Swing(what, factor, best.action, best.cost, kept.cost))
    return found


def _scaled(asset: Asset, fields: Mapping[str, tuple[str, ...]], factor: float) -> Asset:
    """The asset with these numbers of it, or of what is in it, multiplied."""
    for inner, names in fields.items():
        holder: Settings | None = getattr(asset, inner) if inner else asset
        if holder is None:
            continue
        update: dict[str, object] = {}
        for name in names:
            value = getattr(holder, name, None)
            if isinstance(value, int):
                update[name] = round(value * factor)
            elif isinstance(value, float) and (name != "spread"):  # of log(life): no time
                update[name] = value * factor
        holder = holder.model_copy(update=update)
        asset = (
            asset.model_copy(update={inner: holder}) if inner else asset.model_copy(update=update)
        )
    return asset

"""The interface of planning visits: which jobs to do together, and when.

Each job has a best time, and costs more the farther from it; each visit costs something, however
much is done in it, unless the line stands anyway; a crew does so much work in a visit and no more.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np

from gemel.core.errors import DataError, Refused
from gemel.core.frame import Values
from gemel.core.kind import Part
from gemel.core.wear.upkeep import Asset, Upkeep
from gemel.parts.solvers.maintenance.base import prices

__all__ = ["Jobs", "Visitor", "Visits", "moved_cost"]


@dataclass(frozen=True, slots=True)
class Jobs:
    """What is to be done, and when it may be.

    names    of the k jobs
    times    float64[t], rising: when a visit may be, from now
    cost     float64[k, t]: of each job at each time, beside that of the visit
    work     float64[k]: of each job
    visit    float64[t]: of a visit at each time
    crew     float64[t]: most work in a visit; infinite without a limit
    """

    names: tuple[str, ...]
    times: Values
    cost: Values
    work: Values
    visit: Values
    crew: Values

    def __post_init__(self) -> None:
        k, t = len(self.names), len(self.times)
        if self.cost.shape != (k, t) or not len(self.work) == k or not (
            len(self.visit) == len(self.crew) == t
        ):  # fmt: skip
            raise DataError(f"{k} jobs and {t} times do not fit the costs {self.cost.shape}")
        for name, work in zip(self.names, self.work.tolist(), strict=True):
            if work > self.crew.max():
                raise Refused(
                    f"'{name}' is {work:g} of work, and a crew does {self.crew.max():g} in a visit:"
                    " give the crew more hours, or the job less work"
                )

    def priced(self, at: tuple[int, ...]) -> float:
        """Cost of doing each job at the time of this number; infinite where a crew cannot."""
        used = sorted(set(at))
        for t in used:
            mine = [j for j, a in enumerate(at) if a == t]
            if self.work[mine].sum() > self.crew[t] * (1 + 1e-6):
                return inf
        whole = sum(float(self.cost[j, t]) for j, t in enumerate(at))
        return whole + float(self.visit[used].sum())


@dataclass(frozen=True, slots=True)
class Visits:
    """When each job is done.

    at      number of the time of each job
    cost    of all jobs and visits
    bound   no plan costs less; −inf where nothing is known
    """

    at: tuple[int, ...]
    cost: float
    bound: float


class Visitor(Part):
    """Settings of a way to plan visits."""

    api: ClassVar[int] = 1

    @abstractmethod
    def plan(self, jobs: Jobs) -> Visits:
        """The best visits that it finds. Raises `Refused` where the crew cannot do all jobs."""


def moved_cost(upkeep: Upkeep, asset: Asset, rate: float, times: Values) -> Values:
    """float64[t]: what it costs to replace the one that runs now after so many periods, beside the
    visit, when a period of a new one costs `rate` in the long run. The least is 0.

    The chance of a failure before then is that of its age. Raises `Refused` without a life.
    """
    if asset.life is None:
        raise Refused("it says no life")
    law, price = asset.life.law(upkeep.period), prices(upkeep, asset)
    age = asset.age / upkeep.period
    reached = float(law.survives(age))
    if reached <= 0:
        raise Refused(f"none reaches its age of {age:g} periods")
    survives = np.asarray(law.survives(age + times)) / reached
    lived = (np.asarray(law.lived(age + times)) - float(law.lived(age))) / reached
    planned = price.planned - upkeep.visit_cost
    whole = planned * survives + price.failure * (1 - survives)
    length = lived + price.planned_time * survives + price.failure_time * (1 - survives)
    found = whole - rate * length
    return np.asarray(found - found.min())

"""What is wanted of a line, as numbers by scenario and replication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gemel.core.frame import Values
from gemel.parts.simulators.base import Run
from gemel.twin.planning.experiments.settings import Cost, Measure, Prices

__all__ = ["MEASURES", "Kind", "measured"]


@dataclass(frozen=True, slots=True)
class Kind:
    """sign   1 where more is better, −1 where less is
    title  for people, with its unit
    """

    sign: int
    title: str


MEASURES: Final[dict[Measure, Kind]] = {
    "good_parts_per_hour": Kind(1, "parts/h"),
    "lead_time_s": Kind(-1, "lead, s"),
    "parts_in_line": Kind(-1, "parts inside"),
    "scrap": Kind(-1, "scrap"),
    "lost": Kind(-1, "lost"),
    "kwh_per_part": Kind(-1, "kWh/part"),
    "kg_co2_per_part": Kind(-1, "kg CO₂/part"),
    "cost_per_part": Kind(-1, "cost/part"),
    "in_time": Kind(1, "in time"),
}


def measured(
    run: Run, costs: list[Cost], prices: Prices, order: int | None, horizon_s: float | None
) -> dict[Measure, Values]:
    """float64[s, r] each. `costs` are those of the scenarios, that of the line included.

    An investment is paid by the hours in which it is used; material that became scrap is paid by
    good parts. `in_time` is 1 where the order is made within the horizon at the pace that was
    measured, else 0; its mean is a probability.
    """
    rate = 3_600 * run.throughput
    fixed = np.array([c.per_hour + c.investment / prices.hours_per_year / prices.years
                      for c in costs])  # fmt: skip
    energy = run.energy if run.energy is not None else np.full_like(rate, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = fixed[:, None] / rate + prices.material / (1 - run.scrapped)
        per_kwh = prices.energy + prices.carbon * prices.carbon_of_energy
        cost = cost + (per_kwh * energy if per_kwh else 0.0)
        cost[~np.isfinite(cost)] = np.nan
    found: dict[Measure, Values] = {
        "good_parts_per_hour": rate, "lead_time_s": run.lead, "parts_in_line": run.wip,
        "scrap": run.scrapped, "lost": run.lost, "kwh_per_part": energy,
        "kg_co2_per_part": prices.carbon_of_energy * energy, "cost_per_part": cost,
    }  # fmt: skip
    if order is not None and horizon_s is not None:
        found["in_time"] = np.where(run.throughput * horizon_s >= order, 1.0, 0.0)
    return found

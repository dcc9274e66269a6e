"""What is to be expected of a line that does not exist yet: shares of samples, the curve of its
capacity, its weeks, and what of it matters."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt
from typing import Any, Final

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.line.statistics import Estimate
from gemel.core.probability import normal_quantile
from gemel.parts.simulators.base import Trial
from gemel.twin.planning.experiments.settings import Experiment, NewLine

__all__ = ["Expected", "Week", "new_of", "share_interval"]

_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_STEPS: Final = 40


@dataclass(frozen=True, slots=True)
class Week:
    """A week of the ramp-up: good parts per hour (mean, and the 5 % and 95 % quantiles of the
    samples), share of samples that reach the demand, and good parts made up to its end against
    those that were wanted."""

    number: int
    mean: float
    low: float
    high: float
    reached: float
    made: float
    wanted: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be expected.

    rate      good parts per hour of each sample, float64[n]; 0 where nothing comes out
    cost      of a good part of each sample, float64[n]
    matters   by tolerance: what its whole width does to the rate, with its interval
    weeks     the ramp-up, if one is described
    finished  all samples were played
    """

    experiment: Experiment
    simulator: str
    trial: Trial
    rate: Values
    cost: Values
    matters: dict[str, Estimate]
    weeks: tuple[Week, ...]
    finished: bool

    @property
    def demand(self) -> float:
        """Good parts per hour that are wanted."""
        return new_of(self.experiment).demand.per_hour

    @property
    def reaches(self) -> Estimate:
        """Probability that the demand is reached, with E. B. Wilson's interval."""
        return share_interval(int((self.rate >= self.demand).sum()), len(self.rate))

    @property
    def shortfall(self) -> Values:
        """Parts per hour that are missing, of each sample; 0 where none are."""
        return np.asarray(np.maximum(self.demand - self.rate, 0.0))

    @property
    def sentence(self) -> str:
        """The answer."""
        p = self.reaches
        if not len(self.rate):
            return "nothing is known yet"
        said = (
            f"{self.demand:.5g} good parts per hour are reached with {100 * p.value:.0f} % "
            f"({100 * p.low:.0f} to {100 * p.high:.0f} %)"
        )
        short = self.shortfall[self.shortfall > 0]
        if len(short):
            said += f"; where not, {short.mean():.4g} are missing on average"
        return said

    def _capacity(self) -> list[dict[str, float]]:
        """With which probability it makes at least so much, with E. B. Wilson's interval at each
        point, from the slowest sample or the demand to the fastest."""
        if not len(self.rate):
            return []
        ordered, n = np.sort(self.rate), len(self.rate)
        low, high = min(float(ordered[0]), self.demand), max(float(ordered[-1]), self.demand)
        found = []
        for rate in np.unique(np.append(np.linspace(low, high, _STEPS), self.demand)).tolist():
            p = share_interval(n - int(np.searchsorted(ordered, rate)), n)
            found.append(
                {"good_parts_per_hour": rate, "value": p.value, "low": p.low, "high": p.high}
            )
        return found

    def record(self) -> dict[str, Any]:
        """JSON-able."""
        p, short = self.reaches, self.shortfall
        return {
            "sentence": self.sentence,
            "demand_per_hour": self.demand,
            "samples": len(self.rate),
            "finished": self.finished,
            "reaches": {"value": p.value, "low": p.low, "high": p.high},
            "good_parts_per_hour": _spread(self.rate),
            "shortfall_per_hour": {
                **_spread(short),
                "where_short": float(short[short > 0].mean()) if (short > 0).any() else 0.0,
            },
            "capacity": self._capacity(),
            "cost_per_part": _spread(self.cost[np.isfinite(self.cost)]),
            "matters": {
                path: {"value": e.value, "low": e.low, "high": e.high}
                for path, e in self.matters.items()
            },
            "ramp_up": [
                {
                    "week": w.number, "good_parts_per_hour": w.mean, "low": w.low, "high": w.high,
                    "reaches": w.reached, "made": w.made, "wanted": w.wanted,
                }
                for w in self.weeks
            ],
            "simulator": self.simulator,
            "parts": self.trial.parts,
            "horizon_s": self.trial.horizon_s,
            "warm_up": self.trial.warm_up,
            "seed": self.trial.seed,
        }  # fmt: skip


def new_of(experiment: Experiment) -> NewLine:
    """What is new. Raises `ConfigurationError` where nothing is."""
    if experiment.new is None:
        raise ConfigurationError("has no `new`: what the line must make, and its tolerances")
    return experiment.new


def _spread(values: Values) -> dict[str, float]:
    if not len(values):
        return {}
    quantiles = np.quantile(values, _QUANTILES).tolist()
    named = {f"q{round(100 * q):02d}": v for q, v in zip(_QUANTILES, quantiles, strict=True)}
    return {"mean": float(values.mean()), **named}


def share_interval(hits: int, count: int, confidence: float = 0.95) -> Estimate:
    """A share with E. B. Wilson's interval (Journal of the American Statistical Association 22
    (1927) 209)."""
    if not count:
        return Estimate(nan, nan, nan, 0)
    z, p = normal_quantile(0.5 + confidence / 2), hits / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * sqrt(p * (1 - p) / count + z * z / (4 * count**2))
    return Estimate(p, max(0.0, middle - half), min(1.0, middle + half), count)

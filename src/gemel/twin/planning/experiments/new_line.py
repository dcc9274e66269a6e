"""A line that does not exist yet: what is to be expected of it, from numbers that are only known to
lie between others.

Each sample is a line whose numbers lie somewhere in their tolerances (a Latin hypercube, uniform
between the ends), played with luck of its own. So shares of samples are probabilities under what is
not known and chance together, and a regression over samples says which tolerance matters.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from math import log2, nan, sqrt
from typing import Any, Final

import numpy as np

from gemel.core.control.quantiles import t_quantile
from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.core.line.changes import Change, Variant, changed
from gemel.core.line.statistics import Estimate
from gemel.core.probability import normal_quantile
from gemel.parts.simulators.base import Run, Scenarios, Trial
from gemel.twin.planning.experiments.comparing import trial_of
from gemel.twin.planning.experiments.designs import Levels, latin_hypercube, levels_of
from gemel.twin.planning.experiments.measures import measured
from gemel.twin.planning.experiments.playing import (
    Task,
    common_simulator,
    run_tasks,
    scenarios_of,
)
from gemel.twin.planning.experiments.settings import Experiment, Learning, NewLine

__all__ = ["Expected", "Week", "expected", "learned", "mattering", "share_interval"]

_RAMP_LUCK: Final = 500_000_000
"""Number of the first replication of a ramp-up: other luck than that of the finished line."""
_RAMP_SAMPLES: Final = 200
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


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
        return _new(self.experiment).demand.per_hour

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


def _new(experiment: Experiment) -> NewLine:
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


def learned(start: float, rate: float, week: int) -> float:
    """How many times as long as in the end something takes in a week, the first is 1."""
    return max(1.0, start * float(week ** log2(rate)))


def expected(
    experiment: Experiment,
    line: Line,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    progress: Callable[[int, int], bool] | None = None,
) -> Expected:
    """Play the samples, and the weeks of the ramp-up.

    Ended by `progress`, it says what the samples that are finished say, without a ramp-up. Raises
    `ConfigurationError`; its `where` is the tolerance to blame.
    """
    new = _new(experiment)
    levels = levels_of(dict(new.tolerances))
    points = latin_hypercube(new.samples, max(len(levels), 1), experiment.play.seed)
    # The ends make sense, before anything is played.
    ends = [changed(line, [level.change(end)]).line for level in levels for end in (-1.0, 1.0)]
    variants = [_sampled(line, levels, point) for point in points]
    name = common_simulator([line, *ends, variants[0].line], experiment.play.simulator)
    trial = trial_of(experiment.play, line)
    weeks = 0 if new.ramp_up is None else new.ramp_up.weeks
    ramped = min(len(variants), _RAMP_SAMPLES) if weeks else 0
    whole = len(variants) + ramped
    done: list[Run] = []

    def told(now: int, _all: int) -> bool:
        return progress is None or progress(len(done) + now, whole)

    for begin in range(0, len(variants), _RAMP_SAMPLES):
        some = variants[begin : begin + _RAMP_SAMPLES]
        tasks = [
            Task(name, v.line, replace(trial, first=begin + i), scenarios_of(v.line, [v]))
            for i, v in enumerate(some)
        ]
        runs = run_tasks(tasks, executor, workers, told)
        if runs is None:
            break
        done += runs
    rate, cost = _measures(experiment, trial, done)
    finished = len(done) == len(variants)
    ramp: tuple[Week, ...] = ()
    if finished and new.ramp_up is not None:
        # As many lines as are enough for a curve, in all weeks of which each has the same luck.
        tasks = [
            Task(
                name, v.line, replace(trial, first=_RAMP_LUCK + i),
                _ramped(scenarios_of(v.line, [v]), new.ramp_up),
            )
            for i, v in enumerate(variants[:ramped])
        ]  # fmt: skip
        runs = run_tasks(tasks, executor, workers, told)
        finished = runs is not None
        ramp = () if runs is None else _weeks(runs, new)
    matters = mattering([level.path for level in levels], points[: len(rate)], rate)
    return Expected(experiment, name, trial, rate, cost, matters, ramp, finished)


def _sampled(line: Line, levels: list[Levels], point: Values) -> Variant:
    changes: list[Change] = [
        level.change(at) for level, at in zip(levels, point.tolist(), strict=False)
    ]
    return changed(line, changes)


def _measures(experiment: Experiment, trial: Trial, runs: list[Run]) -> tuple[Values, Values]:
    told = [
        measured(run, [experiment.cost], experiment.prices, experiment.order, trial.horizon_s)
        for run in runs
    ]
    rate = np.array([t["good_parts_per_hour"][0, 0] for t in told])
    return np.nan_to_num(rate, nan=0.0), np.array([t["cost_per_part"][0, 0] for t in told])


def _ramped(one: Scenarios, learning: Learning) -> Scenarios:
    """A line in each of its weeks."""
    weeks = np.arange(1, learning.weeks + 1)
    time, between, repair = (
        np.array([learned(start, learning.rate, int(w)) for w in weeks])[:, None]
        for start in (learning.time, learning.failures, learning.repair)
    )
    rows = np.zeros(learning.weeks, np.int64)
    same = one.rows(rows)
    return replace(
        same, time=same.time * time, between=same.between / between, repair=same.repair * repair
    )


def _weeks(runs: list[Run], new: NewLine) -> tuple[Week, ...]:
    learning = new.ramp_up
    if learning is None:
        return ()
    rates = np.nan_to_num(np.array([3_600 * run.throughput[:, 0] for run in runs]), nan=0.0)
    made = np.cumsum(rates.mean(axis=0) * learning.hours_per_week)
    wanted = new.demand.per_hour * learning.hours_per_week
    low, high = np.quantile(rates, (0.05, 0.95), axis=0)
    return tuple(
        Week(
            w + 1, float(rates[:, w].mean()), float(low[w]), float(high[w]),
            float((rates[:, w] >= new.demand.per_hour).mean()), float(made[w]),
            wanted * (w + 1),
        )
        for w in range(learning.weeks)
    )  # fmt: skip


def mattering(paths: list[str], points: Values, rate: Values) -> dict[str, Estimate]:
    """By tolerance, what its whole width does to the rate: a linear regression over the samples,
    whose errors are independent since each has luck of its own. The greatest first; nothing where
    there are too few samples."""
    n, k = len(rate), len(paths)
    if k == 0 or n < k + 3:
        return {}
    x = np.column_stack([np.ones(n), points[:, :k]])
    inner = np.linalg.inv(x.T @ x)
    fitted = inner @ x.T @ rate
    left = rate - x @ fitted
    degrees = n - k - 1
    errors = np.sqrt(np.diag(inner) * float(left @ left) / degrees)
    reach = t_quantile(0.975, degrees)
    found = {
        path: Estimate(
            2 * float(fitted[i]), 2 * float(fitted[i] - reach * errors[i]),
            2 * float(fitted[i] + reach * errors[i]), n,
        )
        for i, path in enumerate(paths, start=1)
    }  # fmt: skip
    return dict(sorted(found.items(), key=lambda item: -abs(item[1].value)))

"""A line that does not exist yet: what is to be expected of it, from numbers that are only known to
lie between others.

Each sample is a line whose numbers lie somewhere in their tolerances (a Latin hypercube, uniform
between the ends), played with luck of its own. So shares of samples are probabilities under what is
not known and chance together, and a regression over samples says which tolerance matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from math import log2
from typing import Final

import numpy as np

from gemel.core.control.quantiles import t_quantile
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.core.line.changes import Change, Variant, changed
from gemel.core.line.statistics import Estimate
from gemel.parts.simulators.base import Run, Scenarios, Trial
from gemel.twin.planning.experiments.comparing import trial_of
from gemel.twin.planning.experiments.designs import Levels, latin_hypercube, levels_of
from gemel.twin.planning.experiments.expectation import Expected, Week, new_of
from gemel.twin.planning.experiments.measures import measured
from gemel.twin.planning.experiments.playing import (
    Task,
    common_simulator,
    run_tasks,
    scenarios_of,
)
from gemel.twin.planning.experiments.settings import Experiment, Learning, NewLine

__all__ = ["Design", "Sampled", "design_of", "expected", "learned", "mattering"]

_RAMP_LUCK: Final = 500_000_000
"""Number of the first replication of a ramp-up: other luck than that of the finished line."""
_RAMP_SAMPLES: Final = 200
_FEW: Final = 20
"""Lines whose weeks are finished before a curve is drawn through them."""
_AT_A_TIME: Final = 2
"""Tasks of a piece for each worker: little is lost when it is ended."""


@dataclass(frozen=True, slots=True)
class Design:
    """What is played: lines between their tolerances, each a task, and the first of them in the
    weeks of their ramp-up."""

    experiment: Experiment
    line: Line
    levels: tuple[Levels, ...]
    points: Values
    simulator: str
    trial: Trial

    @property
    def new(self) -> NewLine:
        return new_of(self.experiment)

    @property
    def samples(self) -> int:
        return len(self.points)

    @property
    def weeks(self) -> int:
        return 0 if self.new.ramp_up is None else self.new.ramp_up.weeks

    @property
    def ramped(self) -> int:
        """As many lines as are enough for a curve; in all weeks of it each has the same luck."""
        return min(self.samples, _RAMP_SAMPLES) if self.weeks else 0

    def variant(self, sample: int) -> Variant:
        """The line of one sample."""
        changes: list[Change] = [
            level.change(at)
            for level, at in zip(self.levels, self.points[sample].tolist(), strict=False)
        ]
        return changed(self.line, changes)

    def task(self, sample: int) -> Task:
        """One line as it is in the end."""
        v = self.variant(sample)
        trial = replace(self.trial, first=sample)
        return Task(self.simulator, v.line, trial, scenarios_of(v.line, [v]))

    def ramp(self, sample: int) -> Task:
        """One line in each of its weeks."""
        learning = self.new.ramp_up
        if learning is None:
            raise AssertionError("there is no ramp-up to play")
        v = self.variant(sample)
        trial = replace(self.trial, first=_RAMP_LUCK + sample)
        return Task(self.simulator, v.line, trial, _ramped(scenarios_of(v.line, [v]), learning))


@dataclass(slots=True)
class Sampled:
    """What is played so far.

    rate, cost  good parts per hour, and cost of a good part, of each sample, float64[n]
    ramp        good parts per hour by sample and week, float64[m, weeks]
    """

    rate: Values
    cost: Values
    ramp: Values


def learned(start: float, rate: float, week: int) -> float:
    """How many times as long as in the end something takes in a week, the first is 1."""
    return max(1.0, start * float(week ** log2(rate)))


def design_of(experiment: Experiment, line: Line) -> Design:
    """What is to be played, checked before anything is. Raises `ConfigurationError`; its `where` is
    the tolerance to blame."""
    new = new_of(experiment)
    levels = tuple(levels_of(dict(new.tolerances)))
    points = latin_hypercube(new.samples, max(len(levels), 1), experiment.play.seed)
    # The ends make sense, before anything is played.
    ends = [changed(line, [level.change(end)]).line for level in levels for end in (-1.0, 1.0)]
    trial = trial_of(experiment.play, line)
    found = Design(experiment, line, levels, points, "", trial)
    name = common_simulator([line, *ends, found.variant(0).line], experiment.play.simulator)
    return replace(found, simulator=name)


def expected(
    design: Design,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    progress: Callable[[int, int], bool] | None = None,
    kept: Sampled | None = None,
    keep: Callable[[Sampled], None] | None = None,
    look: Callable[[Callable[[], Expected]], None] | None = None,
) -> Expected:
    """Play the samples, and the weeks of the ramp-up.

    Ended by `progress`, it says what the samples that are finished say. `keep` is given all of them
    after every few; what it was given is `kept` of a later call, which comes to the same end.
    `look` is given, as often, what says where it stands.
    """
    n, m = design.samples, design.ramped
    rate, cost, ramp = np.zeros(n), np.zeros(n), np.zeros((m, design.weeks))
    done = there = 0
    if kept is not None:
        done, there = len(kept.rate), len(kept.ramp)
        rate[:done], cost[:done], ramp[:there] = kept.rate, kept.cost, kept.ramp

    def standing() -> Expected:
        return _expected(design, Sampled(rate[:done], cost[:done], ramp[:there]))

    def play(tasks: Sequence[Task]) -> list[Run] | None:
        def told(now: int, _all: int) -> bool:
            return progress is None or progress(done + there + now, n + m)

        return run_tasks(tasks, executor, workers, told)

    def finished() -> None:
        if keep is not None:
            keep(Sampled(rate[:done], cost[:done], ramp[:there]))
        if look is not None:
            look(standing)

    step = _AT_A_TIME * workers
    while done < n:
        count = min(step, n - done)
        runs = play([design.task(done + i) for i in range(count)])
        if runs is None:
            return standing()
        span = slice(done, done + count)
        rate[span], cost[span] = _measures(design.experiment, design.trial, runs)
        done += count
        finished()
    while there < m:
        count = min(step, m - there)
        runs = play([design.ramp(there + i) for i in range(count)])
        if runs is None:
            return standing()
        weeks = np.array([3_600 * run.throughput[:, 0] for run in runs])
        ramp[there : there + count] = np.nan_to_num(weeks, nan=0.0)
        there += count
        finished()
    return standing()


def _expected(design: Design, played: Sampled) -> Expected:
    rate, ramp = played.rate.copy(), played.ramp
    matters = mattering([level.path for level in design.levels], design.points[: len(rate)], rate)
    enough = len(ramp) >= min(_FEW, max(1, design.ramped))
    return Expected(
        design.experiment, design.simulator, design.trial, rate, played.cost.copy(), matters,
        _weeks(ramp, design.new) if enough else (),
        len(rate) == design.samples and len(ramp) == design.ramped,
    )  # fmt: skip


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


def _weeks(rates: Values, new: NewLine) -> tuple[Week, ...]:
    learning = new.ramp_up
    if learning is None:
        return ()
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

"""Scenarios side by side, played until the best of them is certain or the budget is spent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.core.line.changes import Variant
from gemel.core.line.statistics import Estimate, estimate
from gemel.core.time import SECOND
from gemel.parts.simulators.base import Run, Trial
from gemel.twin.planning.experiments.measures import MEASURES, measured
from gemel.twin.planning.experiments.playing import Player
from gemel.twin.planning.experiments.ranking import Limit, Race
from gemel.twin.planning.experiments.settings import Cost, Experiment, Measure, Play

__all__ = ["Compared", "Plan", "compare", "trial_of"]

_PARTS: Final = 10_000
_PILOT: Final = 1_000_000_000
"""Number of the first replication from which a difference that matters is taken: other luck than
that which is judged, so that it is fixed before."""
_BATCH: Final = 5
_SHARES: Final = ("in_time", "scrap", "lost")
_AT_A_TIME: Final = 2
"""Tasks of a piece for each worker."""
_FEW_SHARES: Final = 100
"""Replications before a share of successes is judged: of few, all may be alike by chance."""

Columns = dict[Measure, list[Values]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared: the line as it is first, then the scenarios."""

    experiment: Experiment
    names: tuple[str, ...]
    titles: tuple[str, ...]
    variants: tuple[Variant, ...]
    costs: tuple[Cost, ...]
    remarks: tuple[str, ...] = ()
    """What of the alternatives is not as in the line, and who compares them should know."""

    @property
    def line(self) -> Line:
        """As it is."""
        return self.variants[0].line


@dataclass(frozen=True, slots=True)
class Compared:
    """What came out.

    values      by measure, of each scenario float64[replications]; those that were out earlier have
                fewer
    difference  that matters, in the unit of the objective
    running     scenarios that are still possible
    breaks      scenarios that break a limit
    best        number of the best, None where all break a limit
    certain     the best is it with the confidence that was asked for
    finished    not cut off by `progress`
    """

    plan: Plan
    simulator: str
    trial: Trial
    values: Columns
    difference: float
    running: tuple[bool, ...]
    breaks: tuple[bool, ...]
    best: int | None
    certain: bool
    finished: bool

    def told(self, row: int, measure: Measure) -> Estimate:
        """Mean and interval of one scenario. Those that were out early met other luck than the
        line as it is met in all its replications: they are told as its mean and what they differ
        by on the luck that both met, so that scenarios can be compared by eye."""
        first, mine = self.values[measure][0], self.values[measure][row]
        alone = estimate(mine)
        apart = estimate(mine - first[: len(mine)]) if len(first) >= len(mine) else alone
        whole = estimate(first)
        if not row or measure in _SHARES or apart.count < alone.count or not alone.count:
            return alone
        value = whole.value + apart.value
        shift = value - alone.value
        return Estimate(value, alone.low + shift, alone.high + shift, alone.count)

    def gain(self, row: int) -> Estimate:
        """Objective of a scenario less that of the line as it is, on the luck both had."""
        first, other = (self.values[self.plan.experiment.objective][i] for i in (0, row))
        n = min(len(first), len(other))
        return estimate(other[:n] - first[:n])

    @property
    def spent(self) -> bool:
        """Whether it ended for want of replications: with more of them it goes on."""
        played = max(len(column) for columns in self.values.values() for column in columns)
        return not self.certain and self.best is not None and (
            played >= self.plan.experiment.play.most
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """The answer."""
        experiment = self.plan.experiment
        names, sure = self.plan.titles, 100 * experiment.confidence
        kind = MEASURES[experiment.objective]
        if self.best is None:
            return "no scenario keeps the limits" if self.finished else "nothing is known yet"
        word = "most" if kind.sign > 0 else "least"
        if self.certain and len(names) > 1:
            return (
                f"{word} {kind.title}: {names[self.best]}, {sure:.3g} % sure, unless another lies "
                f"within {self.difference:.3g} of it"
            )
        if self.certain:
            return f"{names[self.best]} keeps the limits, {sure:.3g} % sure"
        near = [names[i] for i, r in enumerate(self.running) if r and i != self.best]
        others = f"; it may also be {' or '.join(near[:4])}" if near else ""
        more = f" and {len(near) - 4} more" if len(near) > 4 else ""
        return f"not certain yet: {word} {kind.title} has {names[self.best]}{others}{more}"

    def record(self) -> dict[str, Any]:
        """JSON-able, without the single replications."""
        plan, shown = self.plan, sorted(self.values)
        rows = []
        for i, name in enumerate(plan.names):
            cells: dict[str, Any] = {m: _told(self.told(i, m)) for m in shown}
            rows.append(
                {
                    "scenario": name, "title": plan.titles[i], **cells,
                    "gain": _told(self.gain(i)), "replications": len(self.values[shown[0]][i]),
                    "possible": self.running[i], "breaks_a_limit": self.breaks[i],
                }
            )  # fmt: skip
        return {
            "objective": plan.experiment.objective,
            "limits": list(plan.experiment.limits),
            "confidence": plan.experiment.confidence,
            "difference": self.difference,
            "best": None if self.best is None else plan.names[self.best],
            "certain": self.certain,
            "finished": self.finished,
            "spent": self.spent,
            "sentence": self.sentence,
            "remarks": list(plan.remarks),
            "simulator": self.simulator,
            "parts": self.trial.parts,
            "horizon_s": self.trial.horizon_s,
            "warm_up": self.trial.warm_up,
            "seed": self.trial.seed,
            "scenarios": rows,
        }


def _told(found: Estimate) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high}


def trial_of(play: Play, line: Line) -> Trial:
    """How one replication is played. States are kept where they cost energy."""
    horizon = None if play.horizon is None else play.horizon / SECOND
    parts = None if horizon is not None else play.parts or _PARTS
    power = any(any(s.power.model_dump().values()) for s in line.stations.values())
    return Trial(
        parts, horizon, play.warm_up if play.start is None else 0.0, seed=play.seed,
        keep=("states",) if power else (), start=play.start,
    )  # fmt: skip


class _Source:
    """Replications, from those that are kept or played."""

    def __init__(
        self, plan: Plan, player: Player, kept: Columns | None,
        progress: Callable[[int, int], bool] | None, keep: Callable[[Columns], None] | None,
    ) -> None:  # fmt: skip
        self.plan, self.player, self.progress, self.keep = plan, player, progress, keep
        # Enough tasks at a time for all workers, few enough that little is lost when it is ended.
        self.step = -(-_AT_A_TIME * player.workers // len(player.groups))
        self.values: Columns = {} if kept is None else {m: list(v) for m, v in kept.items()}

    def played(self, row: int) -> int:
        return len(next(iter(self.values.values()))[row]) if self.values else 0

    def ask(self, rows: Sequence[int], first: int, count: int) -> bool:
        """Have replications first … first + count − 1; False where it was ended. What is finished
        is kept piece by piece."""
        for begin in range(first, first + count, self.step):
            n = min(self.step, first + count - begin)
            missing = [row for row in rows if self.played(row) < begin + n]
            if not missing:
                continue
            runs = self.player.run(missing, begin, n, self._told(begin - first, n, count))
            if runs is None:
                return False
            for row, run in zip(missing, runs, strict=True):
                self._add(row, begin, run)
            if self.keep is not None:
                self.keep(self.values)
        return True

    def _told(self, before: int, piece: int, count: int) -> Callable[[int, int], bool] | None:
        """Tasks of a piece as part of those of the round."""
        progress = self.progress
        if progress is None:
            return None

        def told(done: int, whole: int) -> bool:
            each = whole // piece
            return progress(each * before + done, each * count)

        return told

    def _add(self, row: int, begin: int, run: Run) -> None:
        experiment = self.plan.experiment
        found = measured(
            run, [self.plan.costs[row]], experiment.prices, experiment.order,
            self.player.trial.horizon_s,
        )  # fmt: skip
        for measure, values in found.items():
            columns = self.values.setdefault(measure, [np.zeros(0) for _ in self.plan.variants])
            columns[row] = np.concatenate([columns[row][:begin], values[0]])


def compare(
    plan: Plan,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    progress: Callable[[int, int], bool] | None = None,
    kept: Columns | None = None,
    keep: Callable[[Columns], None] | None = None,
    look: Callable[[Compared], None] | None = None,
) -> Compared:
    """Play until the best is certain, or every scenario had its most replications.

    `progress` is told how many runs of the present round are done, of how many, and ends all with
    False. `keep` is given all values after every few replications; what it was given is `kept` of a
    later call, which comes to the same end. `look` is told where all stand after each round. Raises
    `ConfigurationError` for a line that no simulator covers.
    """
    experiment = plan.experiment
    play = experiment.play
    player = Player(
        plan.variants, trial_of(play, plan.line), play.simulator, executor, workers
    )  # fmt: skip
    player.trial = _with_states(player, plan)
    difference = _difference(plan, player)
    race = Race(
        len(plan.variants), difference, _limits(experiment), experiment.confidence
    )  # fmt: skip
    source = _Source(plan, player, kept, progress, keep)

    def standing(finished: bool) -> Compared:
        none = {m: [np.zeros(0) for _ in plan.variants] for m in MEASURES}
        return Compared(
            plan, player.simulator, player.trial, source.values or none, difference,
            tuple(race.running.tolist()), tuple(race.breaks.tolist()), race.best,
            race.over and race.best is not None, finished,
        )  # fmt: skip

    shares = "in_time" in (experiment.objective, *experiment.limits)
    while not race.over and race.played.max() < play.most:
        first = int(race.played.max())
        begin = max(play.first, _FEW_SHARES) if shares else play.first
        count = begin if not first else max(_BATCH, first // 10)
        rows = np.flatnonzero(race.running).tolist()
        count = min(count, play.most - first)
        if not source.ask(sorted({0, *rows}), first, count):  # all are told against the first
            return standing(False)
        span = slice(first, first + count)
        race.add(*_judged(experiment, source.values, rows, span))
        if look is not None:
            look(standing(True))
    return standing(True)


def _with_states(player: Player, plan: Plan) -> Trial:
    """States are kept if any of the lines draws power."""
    kept = {trial_of(plan.experiment.play, line).keep for line in player.lines.values()}
    return replace(player.trial, keep=max(kept))


def _judged(
    experiment: Experiment, values: Columns, rows: Sequence[int], span: slice
) -> tuple[Values, Values | None]:
    """As a race takes them: more is better, and limits are upper ones."""
    sign = MEASURES[experiment.objective].sign
    aim = sign * np.array([values[experiment.objective][i][span] for i in rows])
    if not experiment.limits:
        return aim, None
    limited = [
        (1 if bound.most is not None else -1) * np.array([values[m][i][span] for i in rows])
        for m, bound in experiment.limits.items()
    ]
    return aim, np.array(limited)


def _limits(experiment: Experiment) -> list[Limit]:
    found = []
    for bound in experiment.limits.values():
        most = bound.most if bound.most is not None else -(bound.least or 0.0)
        found.append(Limit(most, bound.tolerance or 0.01 * abs(most)))
    return found


def _difference(plan: Plan, player: Player) -> float:
    experiment = plan.experiment
    if experiment.difference is not None:
        return experiment.difference
    runs = player.run([0], _PILOT, 2)
    if runs is None:
        raise AssertionError("nobody ends a pilot")
    found = measured(
        runs[0], [plan.costs[0]], experiment.prices, experiment.order, player.trial.horizon_s
    )[experiment.objective]
    mean = abs(float(np.nanmean(found))) if np.isfinite(found).any() else 0.0
    if not mean > 0:
        raise ConfigurationError(
            f"difference: {experiment.objective} of the line as it is is {mean:g}, so that 1 % of "
            "it says nothing; write which difference matters"
        )
    return 0.05 if experiment.objective == "in_time" else 0.01 * mean

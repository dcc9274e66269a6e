"""A sweep: many combinations of factors, played block by block, in bounded memory.

Blocks are cut before it is known who plays them: replication by replication, and points in their
order. Each is handed to whoever keeps results as soon as it is finished; what is kept already is
not played again, so that a sweep that was ended goes on to the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.line import Line
from gemel.core.line.changes import Variant, changed, line_hash
from gemel.core.line.statistics import estimate
from gemel.parts.simulators.base import Run, Scenarios, Trial
from gemel.twin.planning.experiments.comparing import trial_of
from gemel.twin.planning.experiments.designs import Levels, levels_of, points_of
from gemel.twin.planning.experiments.effects import Effects, effects_of
from gemel.twin.planning.experiments.measures import MEASURES, measured
from gemel.twin.planning.experiments.playing import Task, common_simulator, play, scenarios_of
from gemel.twin.planning.experiments.settings import Experiment, Measure, Sweep

__all__ = ["Grid", "Keeper", "Memory", "Swept", "analysed", "best_points", "grid", "sweep"]

BLOCK: Final = 4_096
"""Points of a block where they are factors of one line."""
_OWN_LINES: Final = 64
"""Points of a block where they change the line itself."""
_SLOW: Final = 16
"""Points of a block where they take seconds: what is finished is kept block by block."""
_AHEAD: Final = 2
_SETTLED: Final = 3
"""Replications from which it may end early."""


class Keeper(Protocol):
    """Where results are kept."""

    def has(self, replication: int, block: int) -> bool: ...

    def put(self, replication: int, block: int, columns: dict[str, Values]) -> None: ...

    def get(self, replication: int, block: int, measure: str) -> Values: ...


class Memory:
    """Keeps results until the process ends; for sweeps of moderate size."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], dict[str, Values]] = {}

    def has(self, replication: int, block: int) -> bool:
        return (replication, block) in self._kept

    def put(self, replication: int, block: int, columns: dict[str, Values]) -> None:
        self._kept[replication, block] = columns

    def get(self, replication: int, block: int, measure: str) -> Values:
        return self._kept[replication, block][measure]


@dataclass(frozen=True)
class Grid:
    """What a sweep plays: points float64[n, factors] between −1 and 1, and what they mean."""

    experiment: Experiment
    line: Line
    levels: tuple[Levels, ...]
    points: Values
    simulator: str
    trial: Trial
    size: int
    beside: bool
    """All factors can be played beside one line."""

    @property
    def sweep(self) -> Sweep:
        if self.experiment.sweep is None:
            raise AssertionError("a grid is made from a sweep")
        return self.experiment.sweep

    @property
    def blocks(self) -> int:
        return -(-len(self.points) // self.size)

    def rows(self, block: int) -> slice:
        """Points of a block."""
        return slice(block * self.size, min((block + 1) * self.size, len(self.points)))

    def variant(self, point: Values) -> Variant:
        return changed(
            self.line,
            [level.change(float(at)) for level, at in zip(self.levels, point, strict=True)],
        )

    def told(self, block: int) -> dict[str, list[float | str]]:
        """Values of the factors, for a table."""
        points = self.points[self.rows(block)]
        return {level.path: level.told(points[:, j]) for j, level in enumerate(self.levels)}

    def coded(self, rows: slice) -> Values:
        """Points by their values, between −1 and 1."""
        return np.stack(
            [level.coded(self.points[rows, j]) for j, level in enumerate(self.levels)], axis=1
        )


@dataclass(frozen=True, slots=True)
class Swept:
    """replications  that are finished on all points
    finished      all that was asked for, or known well enough
    early         ended because effects were known well enough
    """

    replications: int
    finished: bool
    early: bool


def grid(experiment: Experiment, line: Line) -> Grid:
    """The points of a sweep. Raises `ConfigurationError`; its `where` is the factor to blame."""
    wanted = experiment.sweep
    if wanted is None:
        raise ConfigurationError("has no `sweep`")
    levels = tuple(levels_of(wanted.factors))
    points = points_of(wanted, levels, experiment.play.seed)
    lines = {line_hash(line): line}
    beside = True
    # The ends of every factor make sense, before anything is played.
    for j in range(len(levels)):
        for end in (-1.0, 1.0):
            variant = changed(line, [levels[j].change(end)])
            beside &= variant.line is line
            lines.setdefault(line_hash(variant.line), variant.line)
    play = experiment.play
    if play.start is not None:  # all points begin with the very same
        for one in lines.values():
            play.start.check(one)
    simulator = common_simulator(list(lines.values()), play.simulator, play.start)
    trial = trial_of(experiment.play, line)
    size = _SLOW if simulator != "flow_line" else BLOCK if beside else _OWN_LINES
    return Grid(experiment, line, levels, points, simulator, trial, size, beside)


def sweep(
    grid: Grid,
    keeper: Keeper,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    progress: Callable[[int, int], bool] | None = None,
) -> Swept:
    """Play what is not kept yet, replication by replication.

    `progress` is told points times replications, and ends it with False: what is finished is kept.
    """
    wanted = grid.sweep
    whole = len(grid.points) * wanted.replications
    for r in range(wanted.replications):
        missing = [b for b in range(grid.blocks) if not keeper.has(r, b)]
        done = r * len(grid.points) + sum(
            len(range(*grid.rows(b).indices(len(grid.points))))
            for b in range(grid.blocks) if b not in set(missing)
        )  # fmt: skip
        for block, columns in _played(grid, r, missing, executor, workers):
            keeper.put(r, block, columns)
            done += len(next(iter(columns.values())))
            if progress is not None and not progress(done, whole):
                return Swept(r, finished=False, early=False)
        if _known_enough(grid, keeper, r + 1):
            return Swept(r + 1, finished=True, early=r + 1 < wanted.replications)
    return Swept(wanted.replications, finished=True, early=False)


def _known_enough(grid: Grid, keeper: Keeper, replications: int) -> bool:
    until = grid.sweep.until
    if until is None or replications < _SETTLED:
        return False
    found = analysed(grid, keeper, replications, grid.experiment.objective)
    main = [e for term, e in found.change.items() if len(term) == 1]
    return all((e.high - e.low) / 2 <= until for e in main)


def analysed(grid: Grid, keeper: Keeper, replications: int, measure: Measure) -> Effects:
    """Effects of the factors on a measure, from what is kept; block by block. Raises `DataError`
    where too little is there."""

    def blocks() -> Iterator[tuple[int, Values, Values]]:
        for block in range(grid.blocks):
            rows = grid.rows(block)
            values = [keeper.get(r, block, measure) for r in range(replications)]
            yield rows.start, grid.coded(rows), np.array(values)

    names = [level.path for level in grid.levels]
    two = grid.sweep.design == "fractional"
    return effects_of(names, [2 if two else level.count for level in grid.levels], blocks())


def best_points(
    grid: Grid, keeper: Keeper, replications: int, measure: Measure, count: int = 5
) -> list[dict[str, Any]]:
    """The points with the best means, the best first: `point`, its number, values of the factors,
    and the measure with the interval of that point alone. The best of many were also lucky."""
    sign, found = MEASURES[measure].sign, []
    for block in range(grid.blocks):
        values = np.array([keeper.get(r, block, measure) for r in range(replications)])
        means = np.where(np.isfinite(values).all(axis=0), sign * values.mean(axis=0), -np.inf)
        told = grid.told(block)
        for i in np.argsort(-means, kind="stable")[:count].tolist():
            one = estimate(values[:, i])
            found.append(
                {
                    "point": grid.rows(block).start + i,
                    **{path: column[i] for path, column in told.items()},
                    measure: {"value": one.value, "low": one.low, "high": one.high},
                    "_": means[i],
                }
            )
        found = sorted(found, key=lambda row: (-row["_"], row["point"]))[:count]
    return [{k: v for k, v in row.items() if k != "_"} for row in found]


def _played(
    grid: Grid, replication: int, blocks: list[int], executor: Executor | None, workers: int
) -> Iterator[tuple[int, dict[str, Values]]]:
    """Blocks as they are finished, in their order."""
    if executor is None:
        for block in blocks:
            tasks, rows = _tasks(grid, replication, block)
            yield block, _columns(grid, [play(t) for t in tasks], rows)
        return
    waiting = iter(blocks)
    under_way: list[tuple[int, list[Future[Run]], list[list[int]]]] = []
    try:
        while True:
            for block in islice(waiting, _AHEAD * workers - len(under_way)):
                tasks, rows = _tasks(grid, replication, block)
                under_way.append((block, [executor.submit(play, t) for t in tasks], rows))
            if not under_way:
                return
            first, futures, rows = under_way.pop(0)
            yield first, _columns(grid, [f.result() for f in futures], rows)
    finally:
        for _, futures, _ in under_way:
            for future in futures:
                future.cancel()


def _tasks(grid: Grid, replication: int, block: int) -> tuple[list[Task], list[list[int]]]:
    """One for all factors of one line, else one for each line in the block."""
    points = grid.points[grid.rows(block)]
    trial = replace(grid.trial, replications=1, first=grid.trial.first + replication)
    if grid.beside:
        columns = _columns_of(grid, points)
        return [Task(grid.simulator, grid.line, trial, columns)], [list(range(len(points)))]
    groups: dict[str, tuple[Line, list[int], list[Variant]]] = {}
    for i, point in enumerate(points):
        variant = grid.variant(point)
        key = line_hash(variant.line)
        _, rows, variants = groups.setdefault(key, (variant.line, [], []))
        rows.append(i)
        variants.append(variant)
    tasks = [
        Task(grid.simulator, line, trial, scenarios_of(line, variants))
        for line, _, variants in groups.values()
    ]
    return tasks, [rows for _, rows, _ in groups.values()]


def _columns_of(grid: Grid, points: Values) -> Scenarios:
    """Factors of one line as columns, without an object for each point."""
    found = Scenarios.same(grid.line, len(points))
    at = {name: i for i, name in enumerate(grid.line.names)}
    caps = {f"caps.{name}.most": i for i, name in enumerate(grid.line.caps)}
    for j, level in enumerate(grid.levels):
        if level.path in caps:
            found.caps[:, caps[level.path]] = _limits(level, points[:, j])
            continue
        station, what = level.path.removeprefix("stations.").split(".")
        where = slice(None) if station == "*" else slice(at[station], at[station] + 1)
        if what == "places":
            found.places[:, where] = _limits(level, points[:, j])[:, None]
        else:
            getattr(found, what)[:, where] *= level.numbers(points[:, j])[:, None]
    return found


def _limits(level: Levels, points: Values) -> npt.NDArray[np.int64]:
    """Places or parts at once, int64[points]; −1 = no limit."""
    if level.is_number:
        return level.numbers(points).astype(np.int64)
    values = [level.value(at) for at in points.tolist()]
    return np.array([-1 if v is None else int(v) for v in values], np.int64)


def _columns(grid: Grid, runs: list[Run], rows: list[list[int]]) -> dict[str, Values]:
    """Measures of a block, by point."""
    experiment = grid.experiment
    n = sum(len(r) for r in rows)
    found: dict[str, Values] = {}
    for run, mine in zip(runs, rows, strict=True):
        told = measured(
            run, [experiment.cost] * len(mine), experiment.prices, experiment.order,
            grid.trial.horizon_s,
        )  # fmt: skip
        for name, values in told.items():
            found.setdefault(name, np.full(n, np.nan))[mine] = values[:, 0]
    return found

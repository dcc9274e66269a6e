"""Alternatives, played: cut into tasks that do not depend on who plays them, so that one thread,
many, and a cluster give the same numbers to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import numpy as np

from gemel.core.errors import ConfigurationError
from gemel.core.line import Line, Snapshot
from gemel.core.line.carried import carried
from gemel.core.line.changes import Variant, line_hash
from gemel.parts.simulators import SIMULATORS
from gemel.parts.simulators.base import Run, Scenarios, Trial
from gemel.twin.planning.choice import simulator_for

__all__ = ["Player", "Task", "common_simulator", "play", "run_tasks", "scenarios_of"]

AT_ONCE: Final = 64
"""Scenarios of one task, as many as the recursion plays side by side."""
_AHEAD: Final = 8
"""Tasks under way for each worker: enough to keep it busy, few enough to be ended soon."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker plays: scenarios of one line, with some luck."""

    simulator: str
    line: Line
    trial: Trial
    scenarios: Scenarios


def play(task: Task) -> Run:
    """Wherever it is: on this thread, on another, on another machine."""
    simulator = SIMULATORS.build({"kind": task.simulator})
    return simulator.run(task.line, task.trial, task.scenarios)


def scenarios_of(line: Line, variants: Sequence[Variant]) -> Scenarios:
    """Factors, places and caps of variants of one line as columns."""
    found = Scenarios.same(line, len(variants))
    at = {name: i for i, name in enumerate(line.names)}
    for row, variant in enumerate(variants):
        for (name, what), factor in variant.factors.items():
            getattr(found, what)[row, at[name]] *= factor
        for name, places in variant.places.items():
            found.places[row, at[name]] = places
        for name, most in variant.caps.items():
            found.caps[row, list(line.caps).index(name)] = most
    return found


def common_simulator(
    lines: Sequence[Line], name: str | None = None, start: Snapshot | None = None
) -> str:
    """The fastest simulator that covers all lines, each beginning with what of `start` it carries:
    two might measure a little differently, so that alternatives are never compared across them.
    Raises `ConfigurationError`."""
    names = {simulator_for(line, name, _begun(start, line))[0] for line in lines}
    if len(names) < 2:
        return names.pop() if names else "flow_line"
    return simulator_for(lines[0], "events", _begun(start, lines[0]))[0]


def _begun(start: Snapshot | None, line: Line) -> Snapshot | None:
    return None if start is None else carried(start, line)[0]


class Player:
    """Plays any of some variants, any replications of them."""

    def __init__(
        self,
        variants: Sequence[Variant],
        trial: Trial,
        simulator: str | None = None,
        executor: Executor | None = None,
        workers: int = 1,
    ) -> None:
        self.trial, self.executor, self.workers = trial, executor, workers
        lines: dict[str, Line] = {}
        self.groups: dict[str, list[int]] = {}
        hashes: dict[int, str] = {}  # many variants share one line: it is hashed once
        for i, variant in enumerate(variants):
            if id(variant.line) not in hashes:
                hashes[id(variant.line)] = line_hash(variant.line)
            key = hashes[id(variant.line)]
            lines.setdefault(key, variant.line)
            self.groups.setdefault(key, []).append(i)
        self.simulator = common_simulator(list(lines.values()), simulator, trial.start)
        self.variants, self.lines = list(variants), lines
        self.starts = {key: _begun(trial.start, line) for key, line in lines.items()}

    def run(
        self, which: Sequence[int], first: int, count: int,
        progress: Callable[[int, int], bool] | None = None,
    ) -> list[Run] | None:  # fmt: skip
        """Replications first … first + count − 1 of some variants: a run for each of them, of one
        scenario. None where `progress` ended it."""
        tasks, places = self._tasks(which, first, count)
        runs = run_tasks(tasks, self.executor, self.workers, progress)
        if runs is None:
            return None
        found: list[list[Run]] = [[] for _ in which]
        for run, rows in zip(runs, places, strict=True):
            for row, place in enumerate(rows):
                found[place].append(_row(run, row))
        return [_joined(parts) for parts in found]

    def _tasks(
        self, which: Sequence[int], first: int, count: int
    ) -> tuple[list[Task], list[list[int]]]:
        tasks, places = [], []
        wanted = {variant: place for place, variant in enumerate(which)}
        for key, members in self.groups.items():
            mine = [i for i in members if i in wanted]
            for begin in range(0, len(mine), AT_ONCE):
                some = mine[begin : begin + AT_ONCE]
                line = self.lines[key]
                columns = scenarios_of(line, [self.variants[i] for i in some])
                for r in range(first, first + count):
                    trial = replace(
                        self.trial, replications=1, first=self.trial.first + r,
                        start=self.starts[key],
                    )  # fmt: skip
                    tasks.append(Task(self.simulator, line, trial, columns))
                    places.append([wanted[i] for i in some])
        return tasks, places


def run_tasks(
    tasks: Sequence[Task], executor: Executor | None, workers: int,
    progress: Callable[[int, int], bool] | None = None,
) -> list[Run] | None:  # fmt: skip
    """What they give, in their order; None where `progress`, told how many are done, ended it."""
    found: list[Run] = []
    if executor is None:
        for task in tasks:
            found.append(play(task))
            if progress is not None and not progress(len(found), len(tasks)):
                return None
        return found
    waiting = iter(tasks)
    under_way: list[Future[Run]] = []
    try:
        ahead = _AHEAD * workers
        while True:
            some = islice(waiting, ahead - len(under_way))
            under_way += [executor.submit(play, task) for task in some]
            if not under_way:
                break
            found.append(under_way.pop(0).result())
            if progress is not None and not progress(len(found), len(tasks)):
                return None
    finally:
        for future in under_way:
            future.cancel()
    return found


def _row(run: Run, row: int) -> Run:
    """One scenario of a run, with arrays of its own."""
    one = slice(row, row + 1)
    columns = {
        name: getattr(run, name)[one].copy()
        for name in ("throughput", "wip", "lead", "scrapped", "lost", "end", "done")
    }
    states = None if run.states is None else run.states[one].copy()
    energy = None if run.energy is None else run.energy[one].copy()
    return Run(run.stations, **columns, states=states, energy=energy, departures=None)


def _joined(parts: Sequence[Run]) -> Run:
    """Replications one after the other."""
    if not parts:
        raise ConfigurationError("nothing is played")
    columns = {
        name: np.concatenate([getattr(p, name) for p in parts], axis=1)
        for name in ("throughput", "wip", "lead", "scrapped", "lost", "end")
    }
    states = [p.states for p in parts if p.states is not None]
    energy = [p.energy for p in parts if p.energy is not None]
    return Run(
        parts[0].stations,
        **columns,
        states=np.concatenate(states, axis=1) if states else None,
        energy=np.concatenate(energy, axis=1) if energy else None,
        departures=None,
        done=parts[0].done,
    )

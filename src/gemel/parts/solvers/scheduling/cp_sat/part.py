"""The part of the plant file: settings of CP-SAT."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from ortools.sat.python import cp_model
from pydantic import Field

from gemel.core.errors import Infeasible, Unavailable
from gemel.parts.solvers.scheduling._plans.check import check
from gemel.parts.solvers.scheduling._plans.sound import order
from gemel.parts.solvers.scheduling._plans.warm import measuring
from gemel.parts.solvers.scheduling.base import (
    Asked,
    Problem,
    Schedule,
    Scheduler,
)
from gemel.parts.solvers.scheduling.cp_sat.model import Model

__all__ = ["CpSat"]

_LARGEST = 50_000
_LOOK = 0.02
_PER_ITERATION = 1e-3
"""Units of CP-SAT's deterministic time for an iteration, about as many seconds."""


class CpSat(Scheduler):
    """CP-SAT of Google's OR-Tools, for problems with any of the rules, and for bounds.

    Needs `gemel[plan]`. Where no plan obeys all rules it says which contradict each other:
    deadlines, closed times, resources, operations that may not wait.
    """

    name: ClassVar[str] = "cp_sat"

    workers: int = Field(2, ge=1, le=64, description="Threads; part of the seed")
    explain: float = Field(
        5.0, ge=0, description="Seconds to find out which rules contradict each other"
    )

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        told = []
        if len(problem) > _LARGEST:
            told.append(f"more than {_LARGEST:,} operations")
        if problem.setup.size:
            counts = [int((problem.machine == k).sum()) for k in range(len(problem.machines))]
            if max(counts, default=0) > 500:
                told.append("set-ups between more than 500 operations of one machine")
        return tuple(told)

    def ready(self, problem: Problem) -> None:
        measuring()

    def search(self, asked: Asked) -> Schedule:
        problem, budget, start = asked.problem, asked.budget, asked.start
        good = start is not None and not check(problem, start)
        horizon = problem.horizon
        if good and start is not None and problem.objective.makespan:
            # Whatever ends later is worse by its makespan alone.
            horizon = min(horizon, int(start.value / problem.objective.makespan + 1e-6))
        model = Model(problem, horizon)
        if start is not None and len(start.start) == len(problem):
            model.hint(start)
        history: list[tuple[float, int, float]] = []
        best: list[Schedule] = [start] if good and start is not None else []

        def better(value: Callable[[Any], int], bound: float) -> None:
            found = model.read(value, _sharp(model, bound), history)
            if best and found.value >= best[-1].value:
                return
            history.append((asked.seconds, len(history), found.value))
            best.append(model.read(value, _sharp(model, bound), history))

        seconds = budget.seconds
        if seconds is not None:
            seconds = max(0.01, seconds - asked.seconds)
        solver = self._solver(asked.seed, seconds, budget.iterations)
        watcher = _Watcher(better)
        shown = len(best)
        with ThreadPoolExecutor(1, thread_name_prefix="cp-sat") as thread:
            run = thread.submit(solver.solve, model.cp, watcher)
            halted = False
            try:
                while wait([run], _LOOK).not_done:
                    while shown < len(best):
                        asked.tell(best[shown])
                        shown += 1
                    enough = bool(best) and best[-1].value <= budget.good_enough
                    if not halted and (asked.stop() or enough):
                        halted = True
                        solver.stop_search()
            finally:
                solver.stop_search()
        while shown < len(best):
            asked.tell(best[shown])
            shown += 1
        status = run.result()
        if status == cp_model.MODEL_INVALID:
            raise ValueError(f"the model is not valid: {model.cp.validate()}")
        if status == cp_model.INFEASIBLE and not best:
            raise self._conflict(problem, asked.seed)
        if not best:
            raise Unavailable("no plan was found in the time given; give more, or ask for less")
        bound = _sharp(model, solver.best_objective_bound)
        if status == cp_model.INFEASIBLE:
            bound = best[-1].value  # nothing is as short as what was given
        return _bounded(best[-1], max(bound, best[-1].bound), tuple(history))

    def _solver(
        self, seed: int, seconds: float | None, iterations: int | None
    ) -> cp_model.CpSolver:
        solver = cp_model.CpSolver()
        set_to = solver.parameters
        set_to.random_seed = seed % 2**31
        set_to.num_workers = self.workers
        if seconds is not None:
            set_to.max_time_in_seconds = seconds
        if iterations is not None:
            set_to.max_deterministic_time = max(1e-3, iterations * _PER_ITERATION)
            set_to.interleave_search = True  # many threads, and yet always the same way
        return solver

    def _conflict(self, problem: Problem, seed: int) -> Infeasible:
        """Rules that cannot hold together, as few as can be found."""
        alone = _too_long(problem)
        if alone:
            return Infeasible(f"no plan obeys all rules: {'; '.join(alone)}", alone)
        model = Model(problem, problem.horizon, explain=True)
        solver = self._solver(seed, self.explain, None)
        set_to = solver.parameters
        set_to.num_workers = 1
        core: list[int] = []
        if self.explain and solver.solve(model.cp) == cp_model.INFEASIBLE:
            core = list(solver.sufficient_assumptions_for_infeasibility())
            set_to.max_time_in_seconds = self.explain / max(1, len(core))
            for one in core[:200]:
                fewer = [other for other in core if other != one]
                model.cp.clear_assumptions()
                model.cp.add_assumptions(
                    [model.cp.get_bool_var_from_proto_index(other) for other in fewer]
                )
                if solver.solve(model.cp) == cp_model.INFEASIBLE:
                    core = fewer
        words = tuple(dict.fromkeys(model.rules[one] for one in core if one in model.rules))
        told = "; ".join(words) or "they could not be told apart in the time given"
        return Infeasible(f"no plan obeys all rules. These contradict each other: {told}", words)


def _too_long(problem: Problem) -> tuple[str, ...]:
    """Jobs whose own work does not fit before their deadline, were they alone in the plant."""
    shortest = np.minimum.reduceat(problem.duration, problem.first_mode[:-1])
    end = np.maximum(problem.release[problem.job], problem.now) + shortest
    arcs: list[list[int]] = [[] for _ in problem.names]
    for p, b in enumerate(problem.after.tolist()):
        arcs[b].append(p)
    for i in order(problem).tolist():
        for p in arcs[i]:
            end[i] = max(end[i], end[problem.before[p]] + problem.lag[p] + shortest[i])
    done = np.zeros(len(problem.jobs), np.int64)
    np.maximum.at(done, problem.job, np.where(problem.fixed, 0, end))
    return tuple(
        f"job '{problem.jobs[j]}' has its deadline at tick {problem.deadline[j]}, and its own work "
        f"ends at tick {done[j]} at the earliest"
        for j in np.flatnonzero(done > problem.deadline)
    )


class _Watcher(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]  # it has no types
    def __init__(self, better: Callable[[Callable[[Any], int], float], None]) -> None:
        super().__init__()
        self._better = better

    def on_solution_callback(self) -> None:
        self._better(self.value, self.best_objective_bound)


def _sharp(model: Model, bound: float) -> float:
    """Where all weights are whole numbers the objective is one, and so is the bound."""
    if not np.isfinite(bound):
        return 0.0
    return float(math.ceil(bound - 1e-6)) if model.whole else bound


def _bounded(
    plan: Schedule, bound: float, history: tuple[tuple[float, int, float], ...]
) -> Schedule:
    """The same plan with what is known now."""
    return replace(plan, bound=min(bound, plan.value), history=history)

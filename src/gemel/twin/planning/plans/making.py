"""The problem of now: open orders, what runs fixed where it is, breakdowns, simulated pace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gemel.core.errors import ConfigurationError
from gemel.core.frame import Values
from gemel.core.time import SECOND
from gemel.parts.solvers.scheduling import Description, problem_of
from gemel.parts.solvers.scheduling.base import NEVER, Problem, Schedule
from gemel.twin.planning.plans.pace import Batch, Pace
from gemel.twin.planning.plans.version import Row

__all__ = ["Doing", "Order", "Task", "batches", "begun", "task", "timed"]


@dataclass(frozen=True, slots=True)
class Doing:
    """What a machine of the schedule does.

    state    word of the time model; empty if nobody tells
    since    ns UTC
    order    running order, empty if none
    done     good parts of it, None if nobody counts
    """

    state: str = ""
    since: int = 0
    order: str = ""
    done: float | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What has happened to an order: where it runs or ran, from when to when (ns UTC), and how many
    good parts of it were counted."""

    machine: str
    start: int
    end: int | None = None
    done: float = 0.0


@dataclass(frozen=True)
class Task:
    """A problem, and what its columns mean."""

    problem: Problem
    described: Description
    running: Mapping[int, Order]
    """What is known of each operation that runs."""

    @property
    def products(self) -> dict[str, str]:
        return {order.order: order.product or "" for order in self.described.orders}

    @property
    def quantities(self) -> dict[str, int]:
        return {order.order: order.quantity for order in self.described.orders}


def begun(described: Description, history: Mapping[str, Order]) -> Description:
    """Without the orders that are over, and without the steps that are behind those that run."""
    orders = []
    for order in described.orders:
        told = history.get(order.order)
        if told is not None and told.end is not None:
            continue
        if told is not None:
            product = described.products.get(order.product or "")
            steps = product.steps if product is not None else order.steps
            at = next((i for i, s in enumerate(steps) if _can(s.on, told.machine)), None)
            if at:
                order = order.model_copy(update={"product": None, "steps": steps[at:]})
            order = order.model_copy(update={"release": None})
        orders.append(order)
    return described.model_copy(update={"orders": tuple(orders)})


def _can(on: str | Mapping[str, object], machine: str) -> bool:
    return on == machine if isinstance(on, str) else machine in on


def task(
    described: Description, history: Mapping[str, Order],
    down: Sequence[tuple[str, int, int]] = (),
) -> Task:  # fmt: skip
    """The problem of open orders; `down` has (machine, ns UTC, ns UTC) of breakdowns.

    An order that runs is fixed at the beginning of its machine with the share of its time that is
    left, and goes on after a breakdown. Raises `ConfigurationError`.
    """
    described = begun(described, history)
    if not described.orders:
        raise ConfigurationError("there is no open order to plan")
    problem = problem_of(described)
    duration, breakable = problem.duration.copy(), problem.breakable.copy()
    fixed_mode, fixed_start = problem.fixed_mode.copy(), problem.fixed_start.copy()
    first = problem.first_mode
    running: dict[int, Order] = {}
    quantity = {order.order: order.quantity for order in described.orders}
    for i in range(len(problem)):
        told = history.get(problem.jobs[problem.job[i]])
        is_first = not (problem.after == i).any()
        if told is None or not is_first or told.machine not in problem.machines:
            continue
        k = problem.machines.index(told.machine)
        modes = [m for m in range(first[i], first[i + 1]) if problem.machine[m] == k]
        if not modes or any(told.machine == other.machine for other in running.values()):
            continue
        share = 1 - min(told.done / max(quantity[problem.jobs[problem.job[i]]], 1), 1.0)
        duration[modes[0]] = max(1, round(share * duration[modes[0]]))
        fixed_mode[i], fixed_start[i], breakable[i] = modes[0], 0, True
        running[i] = told
    rows = [
        (problem.machines.index(name), _tick(problem, a), _tick(problem, b))
        for name, a, b in down
        if name in problem.machines and _tick(problem, b) > 0
    ]
    closed = np.array([(k, max(a, 0), b) for k, a, b in rows], np.int64).reshape(-1, 3)
    problem = replace(
        problem, duration=duration, breakable=breakable, fixed_mode=fixed_mode,
        fixed_start=fixed_start, closed=np.concatenate([problem.closed, closed]),
    )  # fmt: skip
    return Task(problem, described, running)


def _tick(problem: Problem, time: int) -> int:
    return int((time - (problem.origin or 0)) // problem.tick)


def batches(found: Task, machine: str, history: Mapping[str, Order]) -> list[Batch]:
    """The orders that can be made on a machine, the running one first."""
    problem = found.problem
    products, quantities = found.products, found.quantities
    k = problem.machines.index(machine)
    wanted: dict[str, int] = {}
    for m in np.flatnonzero(problem.machine == k).tolist():
        name = problem.jobs[problem.job[problem.mode_of[m]]]
        done = history[name].done if name in history else 0.0
        wanted[name] = max(0, round(quantities[name] - done))
    runs = [
        problem.jobs[problem.job[i]] for i, at in found.running.items() if at.machine == machine
    ]
    names = [*runs, *(name for name in wanted if name not in runs)]
    return [Batch(name, products[name], wanted[name]) for name in names]


def timed(found: Task, paces: Mapping[str, Pace]) -> tuple[Task, Values | None]:
    """The same with the mean of the simulated times, and all of them: float64[r, m] ticks by mode,
    None where no line was simulated."""
    problem = found.problem
    often = min((len(pace.times) for pace in paces.values()), default=0)
    if not often:
        return found, None
    sampled = np.tile(problem.duration.astype(np.float64), (often, 1))
    for machine, pace in paces.items():
        k = problem.machines.index(machine)
        for m in np.flatnonzero(problem.machine == k).tolist():
            name = problem.jobs[problem.job[problem.mode_of[m]]]
            if name in pace.orders:
                column = pace.times[:often, pace.orders.index(name)]
                sampled[:, m] = column * SECOND / problem.tick
    mean = np.maximum(1, np.ceil(sampled.mean(axis=0))).astype(np.int64)
    return replace(found, problem=replace(problem, duration=mean)), sampled


def rows_of(
    found: Task, schedule: Schedule, ghosts: Mapping[str, tuple[str, int]]
) -> tuple[Row, ...]:
    """The operations by machine and time; `ghosts` say where they stood in what held before."""
    problem = found.problem
    origin, tick = problem.origin or 0, problem.tick
    machine = problem.machine[schedule.mode]
    products, rows = found.products, []
    for i in np.lexsort((schedule.start, machine)).tolist():
        name = problem.machines[machine[i]] if machine[i] >= 0 else ""
        start, order = origin + int(schedule.start[i]) * tick, problem.jobs[problem.job[i]]
        if i in found.running:
            start = min(start, found.running[i].start)
        stood = ghosts.get(problem.names[i])
        moved = stood is not None and not problem.fixed[i] and stood != (name, start)
        rows.append(
            Row(
                problem.names[i], order, products[order], name, start,
                origin + int(schedule.left[i]) * tick, bool(problem.fixed[i]),
                stood if moved else None,
            )
        )  # fmt: skip
    return tuple(rows)


def held_in(problem: Problem, rows: Sequence[Row]) -> Schedule | None:
    """What held, in the columns of this problem: new operations come at the end; None if nothing of
    it is left. Starts may lie before now."""
    if not rows:
        return None
    known = {row.operation: row for row in rows}
    n, first = len(problem), problem.first_mode
    mode = first[:-1].copy()
    start = np.full(n, problem.horizon, np.int64)
    found = False
    for i, name in enumerate(problem.names):
        row = known.get(name)
        if row is None or row.machine not in problem.machines:
            continue
        k = problem.machines.index(row.machine)
        modes = [m for m in range(first[i], first[i + 1]) if problem.machine[m] == k]
        if modes:
            mode[i], start[i], found = modes[0], max(0, _tick(problem, row.start)), True
    if not found:
        return None
    fixed = problem.fixed
    mode = np.where(fixed, problem.fixed_mode, mode)
    start = np.where(fixed, problem.fixed_start, start)
    end = start + problem.duration[mode]
    return Schedule(mode, start, end, end, 0.0, {})


def referred(problem: Problem, held: Schedule) -> Problem:
    """The problem that knows where its operations stood."""
    reference = np.stack([problem.machine[held.mode], held.start], axis=1).astype(np.int64)
    return replace(problem, reference=reference)


def dues(problem: Problem) -> dict[str, int]:
    """ns UTC by order."""
    origin = problem.origin or 0
    due: npt.NDArray[np.int64] = problem.due
    return {
        name: origin + int(due[j]) * problem.tick
        for j, name in enumerate(problem.jobs)
        if due[j] < NEVER
    }

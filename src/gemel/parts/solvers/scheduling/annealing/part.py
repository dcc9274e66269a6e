"""The part of the plant file: settings of simulated annealing, and one run of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
from pydantic import Field

from gemel.core.errors import ConfigurationError, Unavailable
from gemel.core.frame import Values
from gemel.core.time import SECOND, Clock
from gemel.parts.solvers.scheduling._plans.check import check
from gemel.parts.solvers.scheduling._plans.decode import Decoder, price_of, uncovered
from gemel.parts.solvers.scheduling._plans.draft import Draft, Way
from gemel.parts.solvers.scheduling.annealing.kernels import anneal, value_of
from gemel.parts.solvers.scheduling.base import (
    NEVER,
    Budget,
    Integers,
    Problem,
    Schedule,
    Scheduler,
    Stop,
    Told,
    never,
)

__all__ = ["Annealing"]


class Annealing(Scheduler):
    """Simulated annealing: an order of operations and a way for each, changed at random.

    The plan of an order has each operation as early as possible behind those of its machine. A
    change (another place in the order, another way, with energy prices a later start) that makes
    it worse is taken the more rarely the worse it is and the less time is left (Kirkpatrick,
    Gelatt and Vecchi, Science 220 (1983) 671). For set-ups, calendars, due dates, people and tools,
    and for more operations than CP-SAT can take.
    """

    hot: float = Field(
        0.5, gt=0, description="First temperature, as a share of what a change costs on average"
    )
    cold: float = Field(1e-3, gt=0, description="Last temperature, as a share of the same")
    rounds: int = Field(
        3, ge=1, le=20, description="Times to cool down, each twice as slowly as the one before"
    )

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        return uncovered(problem)

    def solve(
        self,
        problem: Problem,
        *,
        seed: int,
        budget: Budget,
        clock: Clock,
        start: Schedule | None = None,
        told: Told | None = None,
        stop: Stop = never,
    ) -> Schedule:
        if words := self.uncovered(problem):
            raise ConfigurationError(f"annealing does not cover {', '.join(words)}")
        _warm()
        run = _Run(problem, seed, start)
        begun, done = clock(), 0
        history: list[tuple[float, int, float]] = []
        best, scale = run.now, run.scale()
        turn = 0
        while True:
            passed = (clock() - begun) / SECOND
            if run.best < best or not history:
                best = run.best
                if run.keeps_deadlines:
                    found = run.schedule(())
                    if not history or found.value < history[-1][2]:
                        history.append((passed, done, found.value))
                        if told is not None:
                            told(replace(found, history=tuple(history)))
            shares = [done / budget.iterations] if budget.iterations else []
            shares += [passed / budget.seconds] if budget.seconds else []
            share = max(shares, default=1.0)
            if share >= 1 or stop() or best <= budget.good_enough or not len(run.order):
                break
            # Some 20 ms, so that whoever cancels does not wait; with a limit of iterations the
            # size is that of the problem alone, so that the way is always the same.
            block = max(1, 200_000 // (len(run.order) + 20))
            if budget.iterations is not None:
                block = max(1, min(block, budget.iterations - done, budget.iterations // 50))
            part = share * (2**self.rounds - 1) + 1
            if int(np.log2(part)) > turn:
                turn = int(np.log2(part))
                run.back()
            share = part / 2**turn - 1
            run.step(block, scale * self.hot * (self.cold / self.hot) ** share)
            done += block
        found = run.schedule(tuple(history))
        if check(problem, found):
            raise Unavailable(
                "no plan that keeps all deadlines was found in the time given; give more, or let "
                "cp_sat say whether there is one"
            )
        return found


class _Run:
    """State of a search."""

    def __init__(self, problem: Problem, seed: int, start: Schedule | None) -> None:
        self.problem, self.decoder = problem, Decoder(problem)
        n = len(problem)
        random = np.random.default_rng(seed)
        self.state = random.integers(1, 2**62, 1)
        self.weights = np.array(
            [getattr(problem.objective, name) for name in
             ("makespan", "tardiness", "flow_time", "setup", "energy", "moved")]
        )  # fmt: skip
        self.first_mode = problem.first_mode
        self.wait = np.zeros(n, np.int64)
        if start is not None and len(start.mode) == n:
            self.mode = np.where(problem.fixed, problem.fixed_mode, start.mode)
            self.order = self.decoder.order_of(start)
            if self.weights[4]:
                self.wait[~problem.fixed] = start.start[~problem.fixed]  # for a cheap hour
        else:
            self.mode = _quickest(problem, self.first_mode)
            self.order = self._by_due()
        self.prices = self._prices()
        self.choices = np.flatnonzero((np.diff(self.first_mode) > 1) & ~problem.fixed).astype(
            np.int64
        )
        self.now = self.best = self.value(self.order, self.mode, self.wait)
        self.best_order, self.best_mode = self.order.copy(), self.mode.copy()
        self.best_wait = self.wait.copy()

    def _by_due(self) -> Integers:
        """What must be over first, first: due or deadline, less the work that comes after."""
        problem, d = self.problem, self.decoder
        rest = np.zeros(len(problem))
        length = problem.duration[self.mode]
        for i in d.topological[::-1]:
            for p in range(d.before_first[i], d.before_first[i + 1]):
                a = d.before[p]
                rest[a] = max(rest[a], rest[i] + length[i])
        due = np.minimum(problem.due, problem.deadline).astype(float)
        due[due >= NEVER] = float(problem.horizon)
        key = due[problem.job] - rest - length
        begin = np.argsort(np.argsort(key, kind="stable")).astype(np.int64)
        for i in d.topological:
            for p in range(d.before_first[i], d.before_first[i + 1]):
                begin[i] = max(begin[i], begin[d.before[p]])
        return d.topological[np.argsort(begin[d.topological], kind="stable")].copy()

    def _prices(self) -> tuple[Integers, Integers, Values]:
        problem = self.problem
        if not (len(problem.price) and problem.objective.energy):
            nothing = np.zeros(0, np.int64)
            return np.zeros(len(problem.machines) + 2, np.int64), nothing, np.zeros(0)
        # The last row is that of what needs no machine.
        rows = [price_of(problem, k, NEVER) for k in (*range(len(problem.machines)), -1)]
        first = np.concatenate([[0], np.cumsum([len(time) for time, _ in rows])])
        return (
            first.astype(np.int64), np.concatenate([time for time, _ in rows]),
            np.concatenate([price for _, price in rows]),
        )  # fmt: skip

    def _columns(self) -> tuple[object, ...]:
        p, d = self.problem, self.decoder
        return (
            d.start, d.end, d.fixed, d.floor, d.before_first, d.before, d.lag, p.machine,
            p.duration, p.breakable, d.closed_first, d.closed, d.free_at, d.last_family, p.family,
            p.setup, p.demand if d.needs else p.demand[:, :0], p.capacity, p.job, p.release, p.due,
            p.deadline, p.weight, p.initial, p.power, *self.prices, p.reference, self.weights,
        )  # fmt: skip

    def value(self, order: Integers, mode: Integers, wait: Integers) -> float:
        return float(value_of(order, mode, wait, *self._columns()))

    def step(self, count: int, temperature: float) -> None:
        self.now, self.best = anneal(
            count, temperature, self.now, self.best, self.order, self.mode, self.wait,
            self.best_order, self.best_mode, self.best_wait, self.first_mode, self.choices,
            self.problem.price_from if self.weights[4] else self.problem.price_from[:0],
            self.state, *self._columns(),
        )  # fmt: skip

    def scale(self) -> float:
        """What a change costs on average, where it costs something."""
        kept = self.now, self.order.copy(), self.mode.copy(), self.wait.copy()
        costs = []
        for _ in range(50 if len(self.order) else 0):
            before = self.now
            self.step(1, np.inf)
            if self.now > before:
                costs.append(self.now - before)
        self.now, self.order, self.mode, self.wait = kept
        return float(np.mean(costs)) if costs else 1.0

    def back(self) -> None:
        """Go on from the best."""
        self.now, self.order = self.best, self.best_order.copy()
        self.mode, self.wait = self.best_mode.copy(), self.best_wait.copy()

    @property
    def keeps_deadlines(self) -> bool:
        problem = self.problem
        if (problem.deadline >= NEVER).all():
            return True
        return not check(problem, self.schedule(()))

    def schedule(self, history: tuple[tuple[float, int, float], ...]) -> Schedule:
        found = self.decoder.schedule(self.best_order, self.best_mode, self.best_wait)
        return replace(found, history=history)


@cache
def _warm() -> None:
    """Compile, or load, what runs without the interpreter."""
    draft = Draft()
    machine, job = draft.machine(""), draft.job("")
    for _ in range(2):
        draft.operation(job, [Way(machine, 1)])
    run = _Run(draft.build(), 0, None)
    run.decoder.schedule(run.order, run.mode, run.wait)
    run.step(1, 1.0)


def _quickest(problem: Problem, first: Integers) -> Integers:
    quick = np.array(
        [a + int(problem.duration[a:b].argmin()) for a, b in pairwise(first)],
        np.int64,
    )
    return np.where(problem.fixed, problem.fixed_mode, quick)

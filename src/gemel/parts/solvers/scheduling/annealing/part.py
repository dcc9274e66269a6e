"""The part of the plant file: settings of simulated annealing, and one run of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
from pydantic import Field

from gemel.core.errors import Unavailable
from gemel.parts.solvers.scheduling._plans.decode import Decoder, uncovered
from gemel.parts.solvers.scheduling._plans.quick import passes
from gemel.parts.solvers.scheduling._plans.walls import walls
from gemel.parts.solvers.scheduling._plans.warm import two_lots
from gemel.parts.solvers.scheduling.annealing.kernels import anneal, value_of
from gemel.parts.solvers.scheduling.base import (
    NEVER,
    Asked,
    Integers,
    Problem,
    Schedule,
    Scheduler,
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

    name: ClassVar[str] = "annealing"

    hot: float = Field(
        0.5, gt=0, description="First temperature, as a share of what a change costs on average"
    )
    cold: float = Field(1e-3, gt=0, description="Last temperature, as a share of the same")
    rounds: int = Field(
        3, ge=1, le=20, description="Times to cool down, each twice as slowly as the one before"
    )

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        return uncovered(problem)

    def ready(self, problem: Problem) -> None:
        _warm()

    def search(self, asked: Asked) -> Schedule:
        problem, budget, done = asked.problem, asked.budget, 0
        run = _Run(problem, asked.seed, asked.start)
        history: list[tuple[float, int, float]] = []
        best, scale = run.now, run.scale()
        turn = 0
        while True:
            passed = asked.seconds
            if run.best < best or not history:
                best = run.best
                if run.keeps_deadlines:
                    found = run.schedule(())
                    if not history or found.value < history[-1][2]:
                        history.append((passed, done, found.value))
                        asked.tell(replace(found, history=tuple(history)))
            shares = [done / budget.iterations] if budget.iterations else []
            shares += [passed / budget.seconds] if budget.seconds else []
            share = max(shares, default=1.0)
            if share >= 1 or asked.stop() or best <= budget.good_enough or not len(run.order):
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
        if not passes(problem, found):
            raise Unavailable(
                "no plan that keeps all deadlines and limits was found in the time given; give "
                "more, or let cp_sat say whether there is one"
            )
        return found


class _Run:
    """State of a search."""

    def __init__(self, problem: Problem, seed: int, start: Schedule | None) -> None:
        self.problem, self.decoder = problem, Decoder(problem)
        n = len(problem)
        random = np.random.default_rng(seed)
        self.state = random.integers(1, 2**62, 1)
        self.sheet = problem.sheet
        self.weights = self.sheet.weights
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
        self.later = problem.price_from
        if not self.weights[4]:
            self.later = self.later[:0]
        elif not len(self.later):
            self.later = np.zeros(1, np.int64)  # nothing but standing by costs other than the work
        self.choices = np.flatnonzero((np.diff(self.first_mode) > 1) & ~problem.fixed).astype(
            np.int64
        )
        self.penalty = np.zeros(7)
        self.free_value = self.value(self.order, self.mode, self.wait)
        self.penalty = walls(self.sheet, self.free_value)
        self.now = self.best = self.value(self.order, self.mode, self.wait)
        self.best_order, self.best_mode = self.order.copy(), self.mode.copy()
        self.best_wait = self.wait.copy()

    def _by_due(self) -> Integers:
        """What must be over first, first: due or deadline, less the work that comes after."""
        problem, d, s = self.problem, self.decoder, self.sheet
        rest = np.zeros(len(problem))
        length = problem.duration[self.mode]
        for i in d.topological[::-1]:
            for p in range(s.arc_first[i], s.arc_first[i + 1]):
                a = s.before[s.arc[p]]
                rest[a] = max(rest[a], rest[i] + length[i])
        due = np.minimum(problem.due, problem.deadline).astype(float)
        due[due >= NEVER] = float(problem.horizon)
        key = due[problem.job] - rest - length
        begin = np.argsort(np.argsort(key, kind="stable")).astype(np.int64)
        for i in d.topological:
            for p in range(s.arc_first[i], s.arc_first[i + 1]):
                begin[i] = max(begin[i], begin[s.before[s.arc[p]]])
        return d.topological[np.argsort(begin[d.topological], kind="stable")].copy()

    def value(self, order: Integers, mode: Integers, wait: Integers) -> float:
        begun = self.decoder.begun
        return float(value_of(self.sheet, begun, order, mode, wait, self.penalty))

    def step(self, count: int, temperature: float) -> None:
        self.now, self.best = anneal(
            self.sheet, self.decoder.begun, count, temperature, self.now, self.best, self.order,
            self.mode, self.wait, self.best_order, self.best_mode, self.best_wait, self.choices,
            self.later, self.penalty, self.state,
        )  # fmt: skip

    def scale(self) -> float:
        """What a change costs on average, where it costs something; limits are walls, and not
        counted."""
        kept = self.now, self.order.copy(), self.mode.copy(), self.wait.copy()
        best, penalty = self.best, self.penalty
        bests = self.best_order.copy(), self.best_mode.copy(), self.best_wait.copy()
        self.penalty, self.now = np.zeros(7), self.free_value
        costs = []
        for _ in range(50 if len(self.order) else 0):
            before = self.now
            self.step(1, np.inf)
            if self.now > before:
                costs.append(self.now - before)
        self.now, self.order, self.mode, self.wait = kept
        self.best, self.penalty = best, penalty
        self.best_order, self.best_mode, self.best_wait = bests
        return float(np.mean(costs)) if costs else 1.0

    def back(self) -> None:
        """Go on from the best."""
        self.now, self.order = self.best, self.best_order.copy()
        self.mode, self.wait = self.best_mode.copy(), self.best_wait.copy()

    @property
    def keeps_deadlines(self) -> bool:
        problem = self.problem
        if (problem.deadline >= NEVER).all() and not problem.at_most.limits():
            return True
        return passes(problem, self.schedule(()))

    def schedule(self, history: tuple[tuple[float, int, float], ...]) -> Schedule:
        found = self.decoder.schedule(self.best_order, self.best_mode, self.best_wait)
        return replace(found, history=history)


@cache
def _warm() -> None:
    """Compile, or load, what runs without the interpreter."""
    run = _Run(two_lots(), 0, None)
    run.step(1, 1.0)
    passes(run.problem, run.schedule(()))


def _quickest(problem: Problem, first: Integers) -> Integers:
    quick = np.array(
        [a + int(problem.duration[a:b].argmin()) for a, b in pairwise(first)],
        np.int64,
    )
    return np.where(problem.fixed, problem.fixed_mode, quick)

"""The part of the plant file: settings of campaigns, and one run of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import ClassVar

import numpy as np
from pydantic import Field

from gemel.core.errors import Unavailable
from gemel.parts.solvers.scheduling._plans.decode import Decoder
from gemel.parts.solvers.scheduling._plans.dispatching import RULES, dispatched
from gemel.parts.solvers.scheduling._plans.quick import passes
from gemel.parts.solvers.scheduling._plans.walls import walls
from gemel.parts.solvers.scheduling._plans.warm import two_lots
from gemel.parts.solvers.scheduling.base import (
    NONE,
    Asked,
    Integers,
    Problem,
    Schedule,
    Scheduler,
)
from gemel.parts.solvers.scheduling.campaigns.bound import bound_of
from gemel.parts.solvers.scheduling.campaigns.kernels import anneal, state_of, value_of

__all__ = ["Campaigns"]

_MOST = 50_000
_MANY = 50
"""What a change costs grows with what stands behind it: longer lines begin colder."""
_FEW = 10
"""So few are cooled from hotter, and three times, each twice as slowly as before: once may end in a
plan from which every change is for the worse."""


class Campaigns(Scheduler):
    """Lots on parallel lines with set-ups between families: who makes what, in which batches, in
    which order, all at once.

    A batch (campaign) is what follows on a line without a set-up; its size is not chosen before,
    but comes from the search, which moves single lots, batches and parts of them between lines,
    places and batches of the same family. It begins with the best dispatching rule and is annealed
    (Kirkpatrick, Gelatt and Vecchi, Science 220 (1983) 671). The bound is that of lots that may be
    on one line at once with others, for a price of its time (Lagrange; Bülbül, Kaminsky and Yano,
    Journal of Scheduling 10 (2007) 271), and of one set-up for each family.
    """

    name: ClassVar[str] = "campaigns"

    hot: float = Field(
        0.5, gt=0, description="First temperature, as a share of what a change costs on average; "
        "less for more than 50 lots"
    )  # fmt: skip
    cold: float = Field(1e-3, gt=0, description="Last temperature, as a share of the same")
    proof: float = Field(
        0.2, ge=0, lt=1, description="Share of the budget that goes into the bound"
    )

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        told = []
        if len(problem.before):
            told.append("operations that wait for others")
        if (problem.machine == NONE).any():
            told.append("operations that need no machine")
        pairs = problem.mode_of * max(1, len(problem.machines)) + problem.machine
        if len(np.unique(pairs)) < len(pairs):
            told.append("several ways on one machine")
        if (problem.demand > 0).any():
            told.append("resources")
        if (problem.buffer != NONE).any():
            told.append("finite buffers")
        if {"energy", "moved"} & {*problem.objective.weights(), *problem.at_most.limits()}:
            told.append("cost of energy, and moves against another plan")
        if len(problem) > _MOST:
            told.append(f"more than {_MOST:,} lots")
        return tuple(told)

    def ready(self, problem: Problem) -> None:
        _warm()

    def search(self, asked: Asked) -> Schedule:
        problem, budget, done = asked.problem, asked.budget, 0
        run = _Run(problem, asked.seed, asked.start)
        history: list[tuple[float, int, float]] = []
        best, found, bound = np.inf, run.schedule(), 0.0
        kept = False
        while True:
            passed = asked.seconds
            if run.best < best:
                best, found = run.best, run.schedule()
                kept = passes(problem, found)
                if kept and (not history or found.value < history[-1][2]):
                    history.append((passed, done, found.value))
                    asked.tell(replace(found, history=tuple(history)))
            shares = [done / budget.iterations] if budget.iterations else []
            shares += [passed / budget.seconds] if budget.seconds else []
            share = max(shares, default=1.0) / (1.0 - self.proof)
            if share >= 1 or asked.stop() or best <= budget.good_enough or not len(run.free):
                break
            # Some 20 ms; with a limit of iterations the same whatever the time.
            block = 2_000 if budget.iterations is None else max(
                1, min(2_000, budget.iterations - done, budget.iterations // 50)
            )  # fmt: skip
            factor, rounds = min(1.0, _MANY / len(run.free)) ** 0.7, 1
            if len(run.free) <= _FEW:
                factor, rounds = 4.0, 3
            part = share * (2**rounds - 1) + 1
            share = part / 2 ** int(np.log2(part)) - 1
            run.step(block, factor * self.hot * (self.cold / self.hot) ** share)
            done += block
        if not kept:
            raise Unavailable(
                "no plan that keeps all deadlines and limits was found in the time given; give "
                "more, or let cp_sat say whether there is one"
            )
        if self.proof:

            def enough(turn: int) -> bool:
                if budget.iterations is not None and turn >= 20:
                    return True
                over = budget.seconds is not None and asked.seconds >= budget.seconds
                return over or (turn > 0 and asked.stop())

            bound = bound_of(problem, found.value, enough)
        return replace(found, bound=min(bound, found.value), history=tuple(history))


class _Run:
    """State of a search."""

    def __init__(self, problem: Problem, seed: int, start: Schedule | None) -> None:
        self.problem, self.decoder = problem, Decoder(problem)
        self.sheet, self.begun = self.decoder.sheet, self.decoder.begun
        self.chance = np.random.default_rng(seed).integers(1, 2**62, 1)
        self.penalty = np.zeros(7)
        ways: list[tuple[Integers, Integers]] = []
        if start is not None and len(start.mode) == len(problem):
            ways.append((
                self.decoder.order_of(start),
                np.where(problem.fixed, problem.fixed_mode, start.mode),
            ))  # fmt: skip
        if len(problem) <= 20_000:
            ways += [
                dispatched(self.sheet, self.begun, RULES.index(rule))
                for rule in ("edd", "atcs", "family")
            ]
        elif not ways:
            ways.append(dispatched(self.sheet, self.begun, RULES.index("edd")))
        states = [state_of(self.sheet, self.begun, *way) for way in ways]
        self.penalty = walls(self.sheet, value_of(self.sheet, states[0], self.penalty))
        values = [value_of(self.sheet, state, self.penalty) for state in states]
        first = int(np.argmin(values))
        self.state, (order, mode) = states[first], ways[first]
        self.now = self.best = values[first]
        self.best_order, self.best_mode = order.copy(), mode.copy()
        self.free = np.sort(order)
        self.scale = 1.0
        if len(self.free):
            self.scale = self._scale()

    def _scale(self) -> float:
        """What a change for the worse costs on average."""
        found = anneal(
            self.sheet, self.begun, self.state, self.free, 500, 0.0, self.now, self.best,
            self.best_order, self.best_mode, np.zeros(7), self.chance,
        )  # fmt: skip
        # Without walls: from here on they count again.
        self.state = state_of(self.sheet, self.begun, self.best_order, self.best_mode)
        self.now = self.best = value_of(self.sheet, self.state, self.penalty)
        return float(found[2]) or 1.0

    def step(self, count: int, share: float) -> None:
        self.now, self.best, _ = anneal(
            self.sheet, self.begun, self.state, self.free, count, self.scale * share, self.now,
            self.best, self.best_order, self.best_mode, self.penalty, self.chance,
        )  # fmt: skip

    def schedule(self) -> Schedule:
        """The best so far, timed by the decoder that all plans come from."""
        wait = np.zeros(len(self.problem), np.int64)
        return self.decoder.schedule(self.best_order, self.best_mode, wait)


@cache
def _warm() -> None:
    """Compile, or load, what runs without the interpreter."""
    run = _Run(two_lots(), 0, None)
    run.step(1, 1.0)
    passes(run.problem, run.schedule())

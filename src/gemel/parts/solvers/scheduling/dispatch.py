"""Dispatching rules: what a plant does that does not plan, and what a plan is compared with."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from gemel.core.errors import Unavailable
from gemel.parts.solvers.scheduling._plans.decode import Decoder, uncovered
from gemel.parts.solvers.scheduling._plans.dispatching import RULES, dispatched
from gemel.parts.solvers.scheduling._plans.quick import passes
from gemel.parts.solvers.scheduling._plans.warm import two_lots
from gemel.parts.solvers.scheduling.base import (
    NEVER,
    Asked,
    Problem,
    Schedule,
    Scheduler,
)

__all__ = ["Dispatch"]

_MOST = 20_000
"""Operations: every decision looks at all that wait."""


class Dispatch(Scheduler):
    """Whenever a machine is free, what waits for it is begun in the order of a rule.

    `fifo` first come, `spt` shortest time, `edd` earliest due date, `mwkr` most work remaining,
    `atc` apparent tardiness cost (Vepsalainen and Morton, Management Science 33 (1987) 1035),
    `atcs` the same with set-ups (Lee, Bhaskaran and Pinedo, IIE Transactions 29 (1997) 45),
    `family` what needs no set-up first. `best` tries all, and takes the best plan. Nothing is
    searched: a baseline, and a start for searches.
    """

    name: ClassVar[str] = "dispatch"

    rule: Literal["best", "fifo", "spt", "edd", "mwkr", "atc", "atcs", "family"] = Field(
        "best", description="Who is next; `best`: the rule that gives the best plan"
    )

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        told = list(uncovered(problem))
        if len(problem) > _MOST:
            told.append(f"more than {_MOST:,} operations")
        if (problem.deadline < NEVER).any() or problem.at_most.limits():
            told.append("deadlines and limits: a rule keeps them or not")
        return tuple(told)

    def ready(self, problem: Problem) -> None:
        _warm()

    def search(self, asked: Asked) -> Schedule:
        """Takes no longer than its rules do: the budget only keeps further rules from being
        tried. A `start` that is better than what the rules give is given back."""
        problem, budget, start = asked.problem, asked.budget, asked.start
        decoder, wait = Decoder(problem), np.zeros(len(problem), np.int64)
        best: Schedule | None = None
        history: list[tuple[float, int, float]] = []
        rules = RULES if self.rule == "best" else (self.rule,)

        def take(found: Schedule, count: int) -> None:
            nonlocal best
            if best is None or found.value < best.value:
                history.append((asked.seconds, count, found.value))
                best = Schedule(
                    found.mode, found.start, found.end, found.left, found.value, found.parts,
                    min(found.bound, found.value), tuple(history),
                )  # fmt: skip
                asked.tell(best)

        if start is not None and passes(problem, start):
            take(start, 0)
        for count, rule in enumerate(rules, 1):
            order, mode = dispatched(decoder.sheet, decoder.begun, RULES.index(rule))
            take(decoder.schedule(order, mode, wait), count)
            over = budget.seconds is not None and asked.seconds >= budget.seconds
            over |= budget.iterations is not None and count >= budget.iterations
            if best is not None and (over or asked.stop() or best.value <= budget.good_enough):
                break
        if best is None:
            raise Unavailable("no rule was tried")
        return best


@cache
def _warm() -> None:
    """Compile, or load, what runs without the interpreter."""
    problem = two_lots()
    decoder = Decoder(problem)
    order, mode = dispatched(decoder.sheet, decoder.begun, 0)
    passes(problem, decoder.schedule(order, mode, np.zeros(len(problem), np.int64)))

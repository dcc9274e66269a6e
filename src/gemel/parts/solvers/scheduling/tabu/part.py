"""The part of the plant file: settings of the tabu search."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from gemel.parts.solvers.scheduling._plans.warm import measuring
from gemel.parts.solvers.scheduling.base import (
    Asked,
    Problem,
    Schedule,
    Scheduler,
)
from gemel.parts.solvers.scheduling.tabu.search import search, warm
from gemel.parts.solvers.scheduling.tabu.shop import Line, shop, uncovered

__all__ = ["Tabu"]


class Tabu(Scheduler):
    """Tabu search for job shops and flexible job shops, makespan first.

    Each search moves one operation at a time on a critical path: within its machine (neighbourhood
    N7 of Zhang, Li, Guan and Rao, Computers & Operations Research 34 (2007) 3229, with estimates of
    Balas and Vazacopoulos) or to another machine (after Mastrolilli and Gambardella, J.
    Scheduling 3 (2000) 3). Searches begin between two good solutions of a common pool (path
    relinking, after Peng, Lü and Cheng, Computers & Operations Research 53 (2015) 154). What is
    fixed stays, and `moved` of the objective keeps the plan near to the old one. The bound is that
    of single machines and jobs; `cp_sat` finds better ones.
    """

    name: ClassVar[str] = "tabu"

    lanes: int = Field(
        2, ge=1, le=64, description="Searches beside each other, each on a thread; part of the seed"
    )
    pool: int = Field(12, ge=2, le=200, description="Good solutions that are kept")
    stall: int = Field(
        12_500, ge=10, description="Moves without a better plan after which a search ends"
    )

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        return uncovered(problem)

    def refusal(self, words: tuple[str, ...]) -> str:
        return f"{super().refusal(words)}; take best or cp_sat"

    def ready(self, problem: Problem) -> None:
        warm()
        measuring()

    def search(self, asked: Asked) -> Schedule:
        made = shop(asked.problem)
        history: list[tuple[float, int, float]] = []

        def better(line: Line, seconds: float, iterations: int) -> None:
            history.append((seconds, iterations, line.value))
            asked.tell(made.schedule(line, tuple(history)))

        if not len(made.which):
            nothing = np.zeros(0, np.int64)
            return made.schedule(Line(0.0, nothing, nothing))
        best = search(
            made, seed=asked.seed, budget=asked.budget, clock=asked.clock, lanes=self.lanes,
            size=self.pool, stall=self.stall, better=better, stop=asked.stop,
            start=None if asked.start is None else made.line(asked.start),
        )  # fmt: skip
        return made.schedule(best, tuple(history))

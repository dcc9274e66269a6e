"""Search first, then proof: what `gemel schedule` takes when nobody says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from pydantic import Field

from gemel.core.errors import ConfigurationError, Unavailable
from gemel.parts.solvers.scheduling import SCHEDULERS
from gemel.parts.solvers.scheduling._plans.check import check
from gemel.parts.solvers.scheduling.base import (
    Asked,
    Budget,
    Problem,
    Schedule,
    Scheduler,
)

__all__ = ["Best"]

_SEARCHES: Final = (("flow_shop", 0.2), ("tabu", 0.5), ("campaigns", 0.5), ("annealing", 0.2))
"""In the order in which they are tried, with their share of the time. `tabu` goes on from what
`flow_shop` found: jobs may overtake each other in a plan, and seldom gain by it."""


class Best(Scheduler):
    """The searches that cover a problem, then CP-SAT for the bound, and again the search.

    A search hands over early where it has long found nothing better: for small problems what is
    left to do is the proof. CP-SAT begins with the plan that was found; where it is not installed
    (`gemel[plan]`), the search has all the time.
    """

    name: ClassVar[str] = "best"

    lanes: int = Field(2, ge=1, le=64, description="Threads of search and proof; part of the seed")

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        proof = _proof(self.lanes)
        if proof is not None and not proof.uncovered(problem):
            return ()
        found = [SCHEDULERS.build({"kind": kind}).uncovered(problem) for kind, _ in _SEARCHES]
        return () if () in found else found[-1]

    def refusal(self, words: tuple[str, ...]) -> str:
        return (
            f"without CP-SAT there is no search for {', '.join(words)}: pip install 'gemel[plan]'"
        )

    def ready(self, problem: Problem) -> None:
        proof, searches = self._parts(problem)
        for part in (*(part for part, _ in searches), *([] if proof is None else [proof])):
            part.ready(problem)

    def search(self, asked: Asked) -> Schedule:
        proof, searches = self._parts(asked.problem)
        run = _Run(asked)
        settled = False
        for part, share in searches:
            settled = run.go(part, share if proof is not None else 1.0, patient=False)
        if proof is not None and not run.over:
            # Where the search has settled, what is left to do is the proof.
            share = 1.0 if run.best is None else 0.8 if settled else 0.4
            run.go(proof, share if searches else 1.0, patient=True)
        if searches and not run.over and run.left > 0.02:
            run.go(searches[-1][0], 1.0, patient=True)
        if run.best is None:
            raise Unavailable("no plan was found in the time given; give more, or ask for less")
        return replace(run.best, history=tuple(run.history))

    def _parts(self, problem: Problem) -> tuple[Scheduler | None, list[tuple[Scheduler, float]]]:
        """Who proves, if anybody does, and who searches, with the share of the time."""
        proof = _proof(self.lanes)
        if proof is not None and proof.uncovered(problem):
            proof = None
        searches: list[tuple[Scheduler, float]] = []
        for kind, share in _SEARCHES:
            settings = {"lanes": self.lanes} if kind == "tabu" else {}
            part = SCHEDULERS.build({"kind": kind, **settings})
            if not part.uncovered(problem) and not (kind == "annealing" and searches):
                searches.append((part, share))
        return proof, searches


def _proof(workers: int) -> Scheduler | None:
    try:
        return SCHEDULERS.build({"kind": "cp_sat", "workers": workers})
    except ConfigurationError:
        return None  # not installed


class _Run:
    """Several searches, one after the other, each from the best so far."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self.budget = asked, asked.budget
        self.best: Schedule | None = None
        if asked.start is not None and not check(asked.problem, asked.start):
            self.best = asked.start
        self.history: list[tuple[float, int, float]] = []
        self.used = 0
        self.bound = 0.0
        self.turn = 0

    @property
    def left(self) -> float:
        """Share of the budget."""
        shares = [0.0]
        if self.budget.seconds:
            shares.append(self.asked.seconds / self.budget.seconds)
        if self.budget.iterations:
            shares.append(self.used / self.budget.iterations)
        return max(0.0, 1.0 - max(shares))

    @property
    def over(self) -> bool:
        best = self.best
        done = best is not None and (
            best.status == "optimal" or best.value <= self.budget.good_enough
        )
        return done or self.asked.stop() or (self.best is not None and self.left <= 0)

    def go(self, part: Scheduler, share: float, *, patient: bool) -> bool:
        """Let a part go on for this share of what is left; whether it ended early, as it had
        found nothing better for long."""
        if self.over:
            return False
        budget, before = self.budget, self.asked.seconds
        seconds = iterations = None
        if budget.seconds is not None:
            seconds = max(0.01, (budget.seconds - before) * share)
        if budget.iterations is not None:
            iterations = max(1, int((budget.iterations - self.used) * share))
        found_at, took, settled = before, 0.0, [False]

        def told(plan: Schedule) -> None:
            nonlocal found_at, took
            found_at = self.asked.seconds
            took = plan.history[-1][0] if plan.history else 0.0
            self._take(plan)

        def stop() -> bool:
            if self.asked.stop():
                return True
            if patient or seconds is None or iterations is not None or self.best is None:
                return False
            settled[0] = self.asked.seconds - found_at > max(0.1 * seconds, 3 * took)
            return settled[0]

        self.turn += 1
        try:
            plan = part.solve(
                self.asked.problem, seed=self.asked.seed + 1_000_003 * (self.turn - 1),
                budget=Budget(seconds, iterations, budget.good_enough), clock=self.asked.clock,
                start=self.best or self.asked.start, told=told, stop=stop,
            )  # fmt: skip
        except Unavailable:
            self.used += iterations or 0
            return False
        self.used += iterations or 0
        self._take(plan)
        return settled[0]

    def _take(self, plan: Schedule) -> None:
        self.bound = max(self.bound, plan.bound)
        best = self.best
        if best is None or plan.value < best.value:
            self.history.append((self.asked.seconds, self.used, plan.value))
            best = plan
            new = True
        else:
            new = False
        self.best = replace(best, bound=min(self.bound, best.value), history=tuple(self.history))
        if new:
            self.asked.tell(self.best)

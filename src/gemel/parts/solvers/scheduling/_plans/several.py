"""Several searches with luck of their own at the same time, of which the best plan is taken."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event
from typing import ClassVar, Final, Self

import numpy as np
from pydantic import Field, PrivateAttr

from gemel.core.errors import GemelError, Unavailable
from gemel.core.time import Clock
from gemel.parts.solvers.scheduling.base import (
    Asked,
    Budget,
    Problem,
    Schedule,
    Scheduler,
    Stop,
    never,
)

__all__ = ["Several", "several"]

MOST: Final = 1_024
_LOOK_S: Final = 0.05
"""Whether to stop is asked this often while all searches are at work."""


@dataclass(frozen=True, slots=True)
class Task:
    """One search, as it is handed to whoever does it."""

    scheduler: Scheduler
    problem: Problem
    seed: int
    budget: Budget
    clock: Clock
    start: Schedule | None
    stop: Stop = never


@dataclass(frozen=True, slots=True)
class Answer:
    """Its plan, or why there is none: an error is a value until all are there."""

    plan: Schedule | None
    wrong: GemelError | None = None


def search(task: Task) -> Answer:
    """Wherever it is: on this thread, on another, on another machine."""
    try:
        plan = task.scheduler.solve(
            task.problem, seed=task.seed, budget=task.budget, clock=task.clock, start=task.start,
            stop=task.stop,
        )  # fmt: skip
    except GemelError as error:
        return Answer(None, error)
    return Answer(plan)


class Several(Scheduler):
    """`searches` of one scheduler, each with a seed of its own; the first has the seed itself.

    How many they are does not depend on who does them: with a number of iterations, which each has,
    the plan is the same on one thread, on many and on a cluster. Of seconds each has so many that
    all of them together take the time that is given. Made by `several`.
    """

    name: ClassVar[str] = "several searches"

    scheduler: Scheduler
    searches: int = Field(ge=1, le=MOST, description="Searches; part of the seed")

    _executor: Executor | None = PrivateAttr(None)
    _workers: int = PrivateAttr(1)

    def by(self, executor: Executor | None, workers: int) -> Self:
        """Who does them."""
        self._executor, self._workers = executor, workers
        return self

    def uncovered(self, problem: Problem) -> tuple[str, ...]:
        return self.scheduler.uncovered(problem)

    def refusal(self, words: tuple[str, ...]) -> str:
        return self.scheduler.refusal(words)

    def ready(self, problem: Problem) -> None:
        self.scheduler.ready(problem)

    def search(self, asked: Asked) -> Schedule:
        found: list[Answer | None] = [None] * self.searches
        best: Schedule | None = None
        with closing(self._answers(asked)) as answers:
            for number, answer in answers:
                found[number] = answer
                plan = answer.plan
                if plan is not None and (best is None or plan.value < best.value):
                    best = plan
                    asked.tell(plan)
                done = best is not None and (
                    best.status == "optimal" or best.value <= asked.budget.good_enough
                )
                if done and asked.budget.iterations is None:
                    break
        return _best([answer for answer in found if answer is not None])

    def _answers(self, asked: Asked) -> Generator[tuple[int, Answer]]:
        """As they come, each with its number: until all are there, or whoever asked says stop and
        those that can be told so have ended with the best so far. At least one."""
        if self._executor is None:
            for number, task in enumerate(self._tasks(asked, asked.stop)):
                yield number, search(task)
                if asked.stop():
                    break
            return
        # There is no way to a search that is on another machine.
        ended = Event()
        here = isinstance(self._executor, ThreadPoolExecutor)
        tasks = self._tasks(asked, ended.is_set if here else never)
        begun: dict[Future[Answer], int] = {
            self._executor.submit(search, task): number for number, task in enumerate(tasks)
        }
        open_ = set(begun)
        try:
            while open_:
                found, open_ = wait(open_, _LOOK_S, FIRST_COMPLETED)
                for future in sorted(found, key=begun.__getitem__):
                    yield begun[future], future.result()
                if not asked.stop():
                    continue
                if here:
                    ended.set()
                    open_ = {future for future in open_ if not begun[future] or not future.cancel()}
                elif len(open_) < len(begun):
                    break
        finally:
            ended.set()
            for future in begun:
                future.cancel()

    def _tasks(self, asked: Asked, stop: Stop) -> list[Task]:
        budget = asked.budget
        if budget.seconds is not None:
            rounds = -(-self.searches // max(1, self._workers))
            budget = replace(budget, seconds=budget.seconds / rounds)
        return [
            Task(
                self.scheduler, asked.problem, _seed(asked.seed, number), budget, asked.clock,
                asked.start, stop,
            )
            for number in range(self.searches)
        ]  # fmt: skip


def several(
    scheduler: Scheduler, searches: int, executor: Executor | None = None, workers: int = 1
) -> Several:
    """Searches that `executor` does, `workers` of them at the same time; None: one after the other
    on the thread that asks."""
    return Several(scheduler=scheduler, searches=searches).by(executor, workers)


def _seed(seed: int, number: int) -> int:
    """Of a search; neighbouring seeds have none in common."""
    if not number:
        return seed
    return int(np.random.SeedSequence([abs(seed), int(seed < 0), number]).generate_state(1)[0])


def _best(answers: list[Answer]) -> Schedule:
    """The smallest value, of equal ones that of the first search; no bound is above it."""
    plans = [answer.plan for answer in answers if answer.plan is not None]
    wrong = [answer.wrong for answer in answers if answer.wrong is not None]
    # What cannot be done is a fact, whoever found it; who ran out of time says nothing.
    for error in wrong:
        if not isinstance(error, Unavailable):
            raise error
    if not plans:
        raise wrong[0]
    best = min(plans, key=lambda plan: plan.value)
    bound = max(plan.bound for plan in plans)
    return replace(best, bound=min(bound, best.value))

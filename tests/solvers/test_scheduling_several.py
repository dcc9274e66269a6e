"""Several searches at the same time: the best of them, whoever does them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner

from gemel.core.errors import Infeasible, Unavailable
from gemel.doors.cli.main import app
from gemel.parts.solvers.scheduling import SCHEDULERS, check, several
from gemel.parts.solvers.scheduling.base import Asked, Budget, Problem, Schedule, Scheduler
from gemel.runtime.schedules import read_problem

WORKSHOP = Path(__file__).parents[2] / "examples" / "schedule" / "workshop.yaml"
SEARCH = SCHEDULERS.build({"kind": "annealing"})


@pytest.fixture(scope="module")
def problem() -> Problem:
    return read_problem(WORKSHOP).problem


def found(scheduler: Scheduler, problem: Problem, **more: int) -> Schedule:
    budget = Budget(None, more.pop("iterations", 200))
    return scheduler.solve(problem, seed=1, budget=budget, clock=time.perf_counter_ns, **more)


def bits(plan: Schedule) -> list[bytes]:
    return [getattr(plan, name).tobytes() for name in ("mode", "start", "end", "left")]


def test_whoever_searches_finds_the_same(problem: Problem) -> None:
    alone = found(several(SEARCH, 5), problem)
    assert not check(problem, alone)
    for workers in (2, 5):
        with ThreadPoolExecutor(workers) as executor:
            together = found(several(SEARCH, 5, executor, workers), problem)
        assert bits(together) == bits(alone)
        assert together.value == alone.value


def test_one_search_is_that_of_the_scheduler(problem: Problem) -> None:
    assert bits(found(several(SEARCH, 1), problem)) == bits(found(SEARCH, problem))


def test_more_searches_are_never_worse(problem: Problem) -> None:
    values = [found(several(SEARCH, n), problem, iterations=20).value for n in (1, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0], "they have luck of their own"


def test_seconds_are_shared_by_those_that_one_does(problem: Problem) -> None:
    asked: list[float | None] = []

    class Watched(type(SEARCH)):  # type: ignore[misc]  # what kind it is is known when it is built
        def search(self, asking: object) -> Schedule:
            asked.append(asking.budget.seconds)  # type: ignore[attr-defined]  # of the template
            return super().search(asking)  # type: ignore[no-any-return]  # the same

    scheduler = several(Watched(), 4)
    scheduler.solve(problem, seed=1, budget=Budget(0.4), clock=time.perf_counter_ns)
    assert asked == [0.1] * 4


def long(ended: list[bool], short: int = -1) -> Scheduler:
    """Goes on until it is told to stop, but for the search with the seed `short`; `ended` says for
    each whether it was told."""
    begun = Event()

    class Long(type(SEARCH)):  # type: ignore[misc]  # what kind it is is known when it is built
        def search(self, asking: Asked) -> Schedule:
            if asking.seed == short:
                begun.wait(timeout=30)
            else:
                begun.set()
                looks = iter(range(50))
                while not asking.stop() and next(looks, None) is not None:
                    time.sleep(0.1)
                ended.append(asking.stop())
            brief = replace(asking, budget=Budget(None, 10))
            return super().search(brief)  # type: ignore[no-any-return]  # the same

    return Long()


@pytest.mark.parametrize("workers", [0, 2])
def test_searches_end_when_whoever_asked_says_so(problem: Problem, workers: int) -> None:
    ended: list[bool] = []
    told: list[Schedule] = []
    looks = iter(range(3))
    with ThreadPoolExecutor(2) as executor:
        plan = several(long(ended), 4, executor if workers else None, workers or 1).solve(
            problem, seed=1, budget=Budget(3_600), clock=time.perf_counter_ns, told=told.append,
            stop=lambda: next(looks, None) is None,
        )  # fmt: skip
    assert not check(problem, plan)
    assert ended
    assert all(ended)
    assert plan.value == min(one.value for one in told)


def test_searches_end_when_one_is_good_enough(problem: Problem) -> None:
    ended: list[bool] = []
    with ThreadPoolExecutor(2) as executor:
        several(long(ended, short=1), 4, executor, 2).solve(
            problem, seed=1, budget=Budget(3_600, good_enough=1e18), clock=time.perf_counter_ns
        )
    assert ended
    assert all(ended)


def test_what_cannot_be_planned_is_told() -> None:
    told = several(SEARCH, 3)
    small = read_problem(WORKSHOP).problem
    late = replace(small, deadline=small.release + 1)
    with ThreadPoolExecutor(2) as executor, pytest.raises((Infeasible, Unavailable)):
        found(told.by(executor, 2), late)


def test_the_command() -> None:
    command = ["schedule", str(WORKSHOP), "--solver", "annealing", "--iterations", "100", "--json"]
    plans = []
    for who in ("threads:1", "threads:3"):
        done = CliRunner().invoke(app, [*command, "--workers", who])
        assert done.exit_code == 0, done.output
        plans.append(json.loads(done.stdout))
        assert plans[-1]["searches"] == 8
    assert plans[0]["operations"] == plans[1]["operations"]
    done = CliRunner().invoke(app, [*command, "--workers", "people"])
    assert "must be 'threads'" in str(done.exception)

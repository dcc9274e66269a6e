"""The suite that every scheduler passes.

A plan obeys every rule or is not given; the same seed and number of iterations give the same plan;
better plans are told as they are found, and whoever cancels keeps the best; a bound is a bound;
what is not covered is refused by name, what cannot be is told as what contradicts itself.

    class TestMine(SchedulerSuite):
        @pytest.fixture
        def scheduler(self): return Mine()
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from itertools import count
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, Infeasible, Unavailable
from gemel.core.time import SECOND
from gemel.parts.solvers.scheduling import Draft, Scheduler, Way, check
from gemel.parts.solvers.scheduling.base import (
    NEVER,
    NONE,
    AtMost,
    Budget,
    Objective,
    Problem,
    Schedule,
)

__all__ = ["OBJECTIVES", "SchedulerSuite", "examples"]

ITERATIONS: Final = Budget(iterations=400)

OBJECTIVES: Final[Mapping[str, Objective]] = MappingProxyType({
    "makespan": Objective(),
    "tardiness": Objective(0.0, tardiness=1.0),
    "flow_time": Objective(0.0, flow_time=1.0),
    "setup": Objective(0.01, setup=1.0),
    "energy": Objective(0.01, energy=1000.0),
    "all": Objective(1.0, 2.0, 0.5, 1.0, 10.0),
})  # fmt: skip


def job_shop(flexible: bool = False) -> Draft:
    """Three jobs over three machines, each its own way."""
    draft = Draft()
    machines = [draft.machine(name) for name in ("saw", "mill", "press")]
    for j, row in enumerate(((0, 1, 2), (1, 0, 2), (2, 1, 0))):
        job = draft.job(f"J{j}", due=7, weight=1.0 + j)
        last: list[int] = []
        for step, k in enumerate(row):
            ways = [Way(machines[k], 2 + (j + step) % 3, power=1.0 + k)]
            if flexible and step == 1:
                ways.append(Way(machines[(k + 1) % 3], 3, power=2.0))
            last = [draft.operation(job, ways, after=last)]
    draft.price(0, 0.4)
    draft.price(6, 0.1)
    return draft


def flow_shop() -> Draft:
    """Four jobs over two machines in one order."""
    draft = Draft()
    machines = [draft.machine("cut"), draft.machine("bend")]
    for j, times in enumerate(((3, 2), (1, 4), (2, 2), (4, 1))):
        job = draft.job(f"J{j}", due=6)
        last: list[int] = []
        for k, ticks in zip(machines, times, strict=True):
            last = [draft.operation(job, [Way(k, ticks)], after=last)]
    return draft


def examples() -> dict[str, Problem]:
    """A small problem for each rule, and one for all of them."""
    calendars = job_shop()
    calendars.close(0, 4, 6)
    calendars.close(1, 3, 5)
    pausing = Draft()
    saw, drill = pausing.machine("saw"), pausing.machine("drill")
    pausing.close(saw, 3, 5)
    pausing.close(saw, 7, 8)
    for j in range(3):
        job = pausing.job(f"J{j}", release=j)
        first = pausing.operation(job, [Way(saw, 2), Way(drill, 4)], breakable=True)
        pausing.operation(job, [Way(drill, 1)], after=[first], lag=1)
    setups = Draft()
    paint = setups.machine("paint", initial="red")
    for a, b, ticks in (("red", "blue", 3), ("blue", "red", 1)):
        setups.setup(paint, a, b, ticks)
    for j, family in enumerate(("blue", "red", "blue", None)):
        setups.operation(setups.job(f"J{j}", due=4), [Way(paint, 2)], family=family)
    people = job_shop()
    crew = people.resource("crew", 1)
    people.operation(0, [Way(NONE, 3, {crew: 1})], after=[0])
    people.operation(1, [Way(NONE, 3, {crew: 1})])
    material = Draft()
    steel, job = material.resource("steel", 3, renewable=False), material.job("J0")
    for _ in range(2):
        material.operation(job, [Way(NONE, 1, {steel: 2}), Way(NONE, 4, {steel: 1})])
    blocking = Draft()
    one, two = blocking.machine("one"), blocking.machine("two", buffer=0)
    three = blocking.machine("three", buffer=1)
    for j in range(3):
        job = blocking.job(f"J{j}")
        first = blocking.operation(job, [Way(one, 1)])
        second = blocking.operation(job, [Way(two, 2)], after=[first])
        blocking.operation(job, [Way(three, 3)], after=[second])
    no_wait = Draft()
    oven, forge = no_wait.machine("oven"), no_wait.machine("forge")
    for j in range(3):
        job = no_wait.job(f"J{j}")
        hot = no_wait.operation(job, [Way(oven, 1 + j)])
        no_wait.operation(job, [Way(forge, 3 - j)], after=[hot], no_wait=True)
    assembly = job_shop()
    assembly.operation(0, [Way(0, 2)], after=[2, 5, 8])
    project = Draft()
    people_only, site = project.resource("fitters", 2), project.job("site")
    tasks = [project.operation(site, [Way(NONE, i, {people_only: 1 + i % 2})]) for i in range(4)]
    project.wait(tasks[0], tasks[3], lag=2)
    deadlines = Draft()
    lathe = deadlines.machine("lathe")
    for j, deadline in enumerate((9, 2, 4)):
        deadlines.operation(deadlines.job(f"J{j}", deadline=deadline), [Way(lathe, 2)])
    begun = job_shop(flexible=True).build()
    fixed_mode, fixed_start = begun.fixed_mode.copy(), begun.fixed_start.copy()
    fixed_mode[0], fixed_start[0] = 0, 0
    found = {
        "job_shop": job_shop().build(), "flexible": job_shop(flexible=True).build(),
        "flow_shop": flow_shop().build(), "calendars": calendars.build(),
        "pausing": pausing.build(), "setups": setups.build(), "people": people.build(),
        "material": material.build(), "blocking": blocking.build(), "no_wait": no_wait.build(),
        "assembly": assembly.build(), "deadlines": deadlines.build(), "project": project.build(),
        "begun": replace(begun, fixed_mode=fixed_mode, fixed_start=fixed_start, now=1),
    }  # fmt: skip
    standing = Draft()
    furnace = standing.machine("furnace", standby=3.0, restart=0.001)
    standing.peak(12.0)
    for at, price in ((0, 0.4), (5, 0.1), (9, 0.6)):
        standing.price(at, price)
    for j in range(3):
        job = standing.job(f"J{j}", due=6)
        ways = [Way(furnace, 2, power=8.0), Way(standing.machine(f"M{j}"), 3, power=7.0)]
        standing.operation(job, ways)
    found["standing"] = standing.build(Objective(1.0, energy=1000.0))
    found["limited"] = replace(job_shop().build(), at_most=AtMost(makespan=20.0, tardiness=60.0))
    found["setups_setup"] = setups.build(OBJECTIVES["setup"])
    for name, objective in OBJECTIVES.items():
        if name != "makespan":
            found[f"job_shop_{name}"] = job_shop(flexible=True).build(objective)
    return found


EXAMPLES: Final = examples()


class SchedulerSuite:
    """Give it a `scheduler` fixture."""

    @pytest.fixture
    def scheduler(self) -> Scheduler:
        raise NotImplementedError("a suite needs a `scheduler` fixture")

    @pytest.fixture(params=sorted(EXAMPLES))
    def problem(self, request: pytest.FixtureRequest, scheduler: Scheduler) -> Problem:
        """A problem that it covers."""
        problem = EXAMPLES[request.param]
        if scheduler.uncovered(problem):
            pytest.skip("does not cover it, and says so")
        return problem

    def test_covers_something(self, scheduler: Scheduler) -> None:
        assert any(not scheduler.uncovered(problem) for problem in EXAMPLES.values())

    def test_refuses_what_it_does_not_cover(self, scheduler: Scheduler) -> None:
        for problem in EXAMPLES.values():
            if words := scheduler.uncovered(problem):
                assert all(isinstance(word, str) and word for word in words)
                with pytest.raises(ConfigurationError, match=r"cover|without CP-SAT"):
                    _solve(scheduler, problem)

    def test_obeys_every_rule(self, scheduler: Scheduler, problem: Problem) -> None:
        plan = _solve(scheduler, problem)
        assert check(problem, plan) == ()
        assert 0 <= plan.bound <= plan.value
        assert 0 <= plan.gap <= 1

    def test_same_seed_same_plan(self, scheduler: Scheduler, problem: Problem) -> None:
        first, second = (_solve(scheduler, problem, seed=7) for _ in range(2))
        for column in ("mode", "start", "end", "left"):
            np.testing.assert_array_equal(getattr(first, column), getattr(second, column))
        assert (first.value, first.bound) == (second.value, second.bound)

    def test_tells_each_better_plan(self, scheduler: Scheduler, problem: Problem) -> None:
        told: list[Schedule] = []
        plan = _solve(scheduler, problem, told=told.append)
        assert told
        values = [one.value for one in told]
        assert values == sorted(set(values), reverse=True)
        assert all(check(problem, one) == () for one in told)
        assert plan.value <= values[-1]
        assert [value for *_, value in plan.history] == values

    def test_cancelled_it_gives_the_best_so_far(
        self, scheduler: Scheduler, problem: Problem
    ) -> None:
        """Who would not stop looks for an hour, and the test does not end."""
        budget = Budget(seconds=3600.0)
        told: list[Schedule] = []
        plan = scheduler.solve(
            problem, seed=1, budget=budget, clock=time.perf_counter_ns, told=told.append,
            stop=lambda: bool(told),
        )  # fmt: skip
        assert check(problem, plan) == ()

    def test_goes_on_from_a_plan(self, scheduler: Scheduler, problem: Problem) -> None:
        before = _solve(scheduler, problem)
        after = _solve(scheduler, problem, seed=2, start=before, budget=Budget(iterations=1))
        assert check(problem, after) == ()
        assert after.value <= before.value

    def test_takes_a_plan_that_is_no_longer_possible(
        self, scheduler: Scheduler, problem: Problem
    ) -> None:
        if (problem.deadline < NEVER).any():
            pytest.skip("would not keep its deadlines")
        before = _solve(scheduler, problem)
        longer = replace(problem, duration=problem.duration + 1)
        assert check(longer, before) != ()
        assert check(longer, _solve(scheduler, longer, start=before)) == ()

    def test_keeps_to_the_time(self, scheduler: Scheduler, problem: Problem) -> None:
        """By the clock that it is given, which here goes a minute at each look."""
        looks = count(step=60 * SECOND)
        budget = Budget(seconds=3600.0)
        plan = scheduler.solve(problem, seed=1, budget=budget, clock=lambda: next(looks))
        assert check(problem, plan) == ()

    def test_leaves_its_input_untouched(self, scheduler: Scheduler, problem: Problem) -> None:
        before = deepcopy(problem)
        plan = _solve(scheduler, problem)
        kept = deepcopy(plan)
        _solve(scheduler, problem, start=plan)
        for name, one in problem.__dataclass_fields__.items():
            if not one.compare:
                continue  # what was computed of it
            np.testing.assert_array_equal(getattr(problem, name), getattr(before, name))
        np.testing.assert_array_equal(plan.start, kept.start)

    def test_what_contradicts_itself_is_told(self, scheduler: Scheduler) -> None:
        problem = EXAMPLES["deadlines"]
        if scheduler.uncovered(problem):
            pytest.skip("does not cover deadlines, and says so")
        tight = replace(problem, deadline=np.array([9, 2, 2]))
        with pytest.raises((Infeasible, Unavailable)) as error:
            _solve(scheduler, tight)
        if isinstance(error.value, Infeasible):
            assert any("J1" in words for words in error.value.conflict)
            assert any("J2" in words for words in error.value.conflict)
            assert not any("J0" in words for words in error.value.conflict)

    def test_a_problem_of_nothing(self, scheduler: Scheduler) -> None:
        problem = Draft().build()
        if scheduler.uncovered(problem):
            return
        plan = _solve(scheduler, problem)
        assert plan.value == 0
        assert plan.status == "optimal"

    def test_settings_are_documented(self, scheduler: Scheduler) -> None:
        undocumented = [n for n, f in type(scheduler).model_fields.items() if not f.description]
        assert not undocumented, f"settings without a description: {undocumented}"
        assert type(scheduler).__doc__


def _solve(
    scheduler: Scheduler, problem: Problem, seed: int = 1, budget: Budget = ITERATIONS, **more: Any
) -> Schedule:
    return scheduler.solve(problem, seed=seed, budget=budget, clock=time.perf_counter_ns, **more)

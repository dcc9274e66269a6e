"""The compiled judge and measures say what the written ones say, of good plans and of broken ones;
a standing plan is repaired to the same plan as by the longer way."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemel.core.errors import ConfigurationError, Unavailable
from gemel.parts.solvers.scheduling import (
    SCHEDULERS,
    Draft,
    Standing,
    Way,
    check,
    frozen,
    measure,
    plan,
    right_shift,
)
from gemel.parts.solvers.scheduling._plans.quick import passes
from gemel.parts.solvers.scheduling.base import NONE, AtMost, Budget, Objective, Problem, Schedule
from gemel.testing.schedulers import EXAMPLES


@st.composite
def problems(draw: st.DrawFn, looks_back: bool = True) -> Problem:
    """Random problems with every rule there is; without `looks_back` those of a right-shift."""
    draft = Draft()
    count = draw(st.integers(1, 3))
    for k in range(count):
        buffer = draw(st.sampled_from([NONE, NONE, 0, 1])) if looks_back else NONE
        draft.machine(
            f"M{k}", buffer, standby=draw(st.sampled_from([0.0, 0.5])),
            restart=draw(st.sampled_from([0.0, 0.001, np.inf])),
        )  # fmt: skip
    for k in range(count):
        for _ in range(draw(st.integers(0, 2))):
            first = draw(st.integers(0, 12))
            draft.close(k, first, first + draw(st.integers(1, 5)))
    crew = draft.resource("crew", draw(st.integers(1, 2)))
    steel = draft.resource("steel", draw(st.integers(2, 20)), False) if looks_back else NONE
    if draw(st.booleans()):
        for k in range(count):
            draft.setup(k, "red", "blue", draw(st.integers(0, 4)))
            draft.setup(k, "blue", "red", draw(st.integers(0, 4)))
    if draw(st.booleans()):
        for at, price in ((0, 0.3), (4, -0.1), (9, 0.7)):
            draft.price(at, price)
    for j in range(draw(st.integers(1, 3))):
        job = draft.job(
            f"J{j}", draw(st.integers(0, 3)), due=draw(st.integers(1, 9)),
            deadline=draw(st.sampled_from([2**60, 25])), weight=draw(st.sampled_from([0.0, 1.5])),
        )  # fmt: skip
        last: list[int] = []
        for _ in range(draw(st.integers(1, 3))):
            takes = {crew: 1} if draw(st.booleans()) else {}
            if looks_back and draw(st.booleans()):
                takes[steel] = 1
            ways = [
                Way(k, draw(st.integers(0, 5)), takes, draw(st.sampled_from([0.0, 2.0])))
                for k in sorted(draw(st.sets(st.sampled_from([*range(count), NONE]), min_size=1)))
            ]
            last = [draft.operation(
                job, ways, after=last, lag=draw(st.integers(0, 2)) if last else 0,
                breakable=draw(st.booleans()), no_wait=looks_back and draw(st.integers(0, 5)) == 0,
                family=draw(st.sampled_from([None, "red", "blue"]))
                if all(way.duration for way in ways) else None,
            )]  # fmt: skip
    at_most = AtMost(setup=draw(st.sampled_from([np.inf, np.inf, 3.0])))
    return replace(draft.build(Objective(1.0, 1.0, 0.5, 1.0, 10.0)), at_most=at_most)


def shaken(problem: Problem, data: st.DataObject, plan_of: Schedule) -> Schedule:
    """A plan with some of its numbers changed, or none; its measures are right unless changed."""
    columns = {n: getattr(plan_of, n).copy() for n in ("mode", "start", "end", "left")}
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from(sorted(columns)))
        i = data.draw(st.integers(0, len(problem) - 1))
        if name == "mode":
            ways = np.flatnonzero(problem.mode_of == i)
            columns["mode"][i] = data.draw(st.sampled_from(ways.tolist()))
        elif name == "start":  # and all that follows from it
            by = data.draw(st.integers(-3, 3))
            for one in ("start", "end", "left"):
                columns[one][i] += by
        else:
            columns[name][i] += data.draw(st.integers(-2, 2))
    made = plan(problem, columns["mode"], columns["start"], columns["end"], columns["left"])
    lie = data.draw(st.integers(0, 9))
    if lie == 0:
        return replace(made, value=made.value + 1.0)
    return replace(made, bound=made.value + 1.0) if lie == 1 else made


def some_plan(problem: Problem, data: st.DataObject) -> Schedule:
    """A plan of some search, or one in which everything begins at once."""
    annealing = SCHEDULERS.build({"kind": "annealing"})
    if not annealing.uncovered(problem):
        try:
            return annealing.solve(
                problem, seed=1, budget=Budget(iterations=20), clock=time.perf_counter_ns
            )
        except Unavailable:
            pass
    start = np.array([data.draw(st.integers(0, 9)) for _ in range(len(problem))], np.int64)
    mode = problem.first_mode[:-1].copy()
    return plan(problem, mode, start, start + problem.duration[mode])


@settings(max_examples=400, deadline=None)
@given(problems(), st.data())
def test_both_judges_say_the_same(problem: Problem, data: st.DataObject) -> None:
    """Some of the operations may have begun, by a plan that was broken itself."""
    first = some_plan(problem, data)
    if data.draw(st.booleans()):
        problem = frozen(problem, first, data.draw(st.integers(0, 12)), [(0, 2, 4)])
    made = shaken(problem, data, first)
    assert passes(problem, made) is (check(problem, made) == ())


@settings(max_examples=150, deadline=None)
@given(problems(), st.data())
def test_both_measure_the_same(problem: Problem, data: st.DataObject) -> None:
    made = shaken(problem, data, some_plan(problem, data))
    wanted = measure(problem, made.mode, made.start, made.end)
    assert made.parts == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(problems(looks_back=False), st.data())
def test_a_repair_is_the_right_shift_and_judged_rightly(
    problem: Problem, data: st.DataObject
) -> None:
    old = some_plan(problem, data)
    now = data.draw(st.integers(0, 12))
    first = data.draw(st.integers(0, 12))
    down = [(0, first, first + data.draw(st.integers(1, 9)))][: data.draw(st.integers(0, 1))]
    found = Standing(problem, old).repair(now, down)
    asked = frozen(problem, old, now, down)
    wanted = right_shift(asked, old)
    for column in ("mode", "start", "end", "left"):
        np.testing.assert_array_equal(getattr(found.schedule, column), getattr(wanted, column))
    assert found.schedule.parts == pytest.approx(wanted.parts)
    assert found.holds is (check(asked, found.schedule) == ())
    assert check(found.problem, found.schedule) == check(asked, wanted)
    np.testing.assert_array_equal(found.moved, found.schedule.start != old.start)


def test_every_example_is_judged_alike() -> None:
    """Of the suite: the plan of a search, and the same with one operation a tick earlier."""
    best = SCHEDULERS.build({"kind": "best", "lanes": 1})
    broken = 0
    for problem in EXAMPLES.values():
        good = best.solve(
            problem, seed=1, budget=Budget(iterations=100), clock=time.perf_counter_ns
        )
        assert passes(problem, good)
        for i in range(len(problem)):
            start, end = good.start.copy(), good.end.copy()
            start[i] -= 1
            end[i] -= 1
            made = plan(problem, good.mode, start, end, good.left + (end - good.end))
            assert passes(problem, made) is (check(problem, made) == ())
            broken += not passes(problem, made)
    assert broken > 50


def test_a_plan_of_another_length_or_a_breakdown_of_no_machine_is_refused() -> None:
    problem = EXAMPLES["job_shop"]
    annealing = SCHEDULERS.build({"kind": "annealing"})
    good = annealing.solve(
        problem, seed=1, budget=Budget(iterations=20), clock=time.perf_counter_ns
    )
    short = Schedule(good.mode[:-1], good.start[:-1], good.end[:-1], good.left[:-1], 0.0, {})
    assert not passes(problem, short)
    with pytest.raises(ConfigurationError, match=r"machine 0 to 2"):
        Standing(problem, good).repair(2, [(7, 2, 4)])
    with pytest.raises(ConfigurationError, match=r"at once where there are finite buffers"):
        Standing(EXAMPLES["blocking"], good)


def test_limits_are_named() -> None:
    problem = replace(EXAMPLES["job_shop"], at_most=AtMost(makespan=1.0))
    start = np.arange(9) * 10
    made = plan(problem, problem.first_mode[:-1].copy(), start, start + problem.duration)
    assert check(problem, made) == (f"makespan is {made.value:g}, at most 1 is allowed",)

"""The judge: good plans pass, changed ones do not, and each broken rule is named."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemel.core.errors import ConfigurationError
from gemel.parts.solvers.scheduling import SCHEDULERS, Draft, Way, check, plan
from gemel.parts.solvers.scheduling.base import LARGEST, NONE, Budget, Problem, Schedule
from gemel.testing.schedulers import EXAMPLES


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Random problems with machines, choices, calendars, set-ups, people, lags and releases."""
    draft = Draft()
    count = draw(st.integers(1, 3))
    machines = [draft.machine(f"M{k}") for k in range(count)]
    for k in machines:
        if draw(st.booleans()):
            first = draw(st.integers(0, 12))
            draft.close(k, first, first + draw(st.integers(1, 5)))
    crew = draft.resource("crew", draw(st.integers(1, 2)))
    if draw(st.booleans()):
        for k in machines:
            draft.setup(k, "red", "blue", draw(st.integers(0, 4)))
            draft.setup(k, "blue", "red", draw(st.integers(0, 4)))
    for j in range(draw(st.integers(1, 4))):
        job, last = draft.job(f"J{j}", draw(st.integers(0, 5)), due=draw(st.integers(1, 20))), []
        for _ in range(draw(st.integers(1, 4))):
            ways = [
                Way(k, draw(st.integers(0, 6)), {crew: 1} if draw(st.booleans()) else {})
                for k in draw(st.sets(st.sampled_from([*machines, NONE]), min_size=1))
            ]
            last = [draft.operation(
                job, ways, after=last, lag=draw(st.integers(0, 2)) if last else 0,
                breakable=draw(st.booleans()),
                family=draw(st.sampled_from([None, "red", "blue"]))
                if all(way.duration for way in ways) else None,
            )]  # fmt: skip
    return draft.build()


def solved(problem: Problem) -> Schedule:
    part = SCHEDULERS.build({"kind": "annealing"})
    return part.solve(problem, seed=1, budget=Budget(iterations=30), clock=time.perf_counter_ns)


def again(problem: Problem, old: Schedule, start: np.ndarray, end: np.ndarray) -> Schedule:
    return plan(problem, old.mode, start, end, old.left + (end - old.end))


@settings(max_examples=150, deadline=None)
@given(problems())
def test_plans_of_random_problems_are_good(problem: Problem) -> None:
    assert check(problem, solved(problem)) == ()


@settings(max_examples=150, deadline=None)
@given(problems(), st.data())
def test_nothing_can_begin_earlier_unseen(problem: Problem, data: st.DataObject) -> None:
    """One operation goes to where another of its machine is at work: two at a time are seen."""
    good = solved(problem)
    machine = problem.machine[good.mode]
    pairs = [
        (i, k) for i in range(len(problem)) for k in range(len(problem))
        if i != k and machine[i] == machine[k] >= 0 and good.end[i] > good.start[i]
        and good.end[k] > good.start[k]
    ]  # fmt: skip
    if not pairs:
        return
    i, k = data.draw(st.sampled_from(pairs))
    start, end = good.start.copy(), good.end.copy()
    start[i], end[i] = good.start[k], good.start[k] + good.end[i] - good.start[i]
    assert check(problem, again(problem, good, start, end)) != ()


@settings(max_examples=100, deadline=None)
@given(problems(), st.data())
def test_other_ends_modes_and_measures_are_seen(problem: Problem, data: st.DataObject) -> None:
    good = solved(problem)
    i = data.draw(st.integers(0, len(problem) - 1))
    longer = good.end.copy()
    longer[i] += data.draw(st.integers(1, 9))
    assert any(
        "ends at" in words for words in check(problem, again(problem, good, good.start, longer))
    )
    other = good.mode.copy()
    other[i] = (good.mode[i] + len(problem.mode_of)) if len(problem) == 1 else good.mode[i - 1]
    assert any("mode of another" in words for words in check(problem, replace(good, mode=other)))
    assert any("said to be" in w for w in check(problem, replace(good, value=good.value - 1)))
    assert any("bound" in w for w in check(problem, replace(good, bound=good.value + 1)))


BROKEN = {
    "calendars": ((0, 3), "is closed from"),
    "no_wait": ((1, 9), "may not wait"),
    "people": ((9, 0), "resource 'crew'"),
    "setups": ((0, 0), "is not set up for it before 3"),
    "assembly": ((9, 0), "is over"),
    "deadlines": ((1, 7), "deadline"),
    "begun": ((0, 1), "is fixed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_is_named(name: str) -> None:
    (i, begin), words = BROKEN[name]
    problem = EXAMPLES[name]
    part = SCHEDULERS.build({"kind": "best", "lanes": 1})
    good = part.solve(problem, seed=1, budget=Budget(iterations=100), clock=time.perf_counter_ns)
    start, end = good.start.copy(), good.end.copy()
    if name == "people":
        i, begin = 9, int(good.start[10])
    start[i], end[i] = begin, begin + good.end[i] - good.start[i]
    found = check(problem, again(problem, good, start, end))
    assert any(words in one for one in found), found


def test_a_full_buffer_is_named() -> None:
    draft = Draft()
    one, two = draft.machine("one"), draft.machine("two", buffer=1)
    for j in range(4):
        job = draft.job(f"J{j}")
        a = draft.operation(job, [Way(one, 1)])
        draft.operation(job, [Way(two, 5)], after=[a])
    problem = draft.build()
    mode = np.arange(8)
    start = np.array([0, 1, 1, 6, 2, 11, 3, 16])
    end = start + problem.duration
    assert check(problem, plan(problem, mode, start, end)) == (
        "before machine 'two' 3 parts wait at 4, there is room for 1",
    )
    blocked = end.copy()
    blocked[4], blocked[6] = 6, 11
    start[6], end[6], blocked[6] = 6, 7, 11
    assert check(problem, plan(problem, mode, start, end, blocked)) == ()


def test_nonsense_is_refused_by_name() -> None:
    def draft() -> tuple[Draft, int, int]:
        made = Draft()
        return made, made.machine("saw"), made.job("J")

    made, saw, job = draft()
    made.operation(job, [Way(saw, -1)])
    with pytest.raises(ConfigurationError, match=r"operation 'J/1': duration is -1"):
        made.build()
    made, saw, job = draft()
    made.operation(job, [])
    with pytest.raises(ConfigurationError, match=r"operation 'J/1' cannot be done anywhere"):
        made.build()
    made, saw, job = draft()
    a = made.operation(job, [Way(saw, 1)])
    b = made.operation(job, [Way(saw, 1)], after=[a])
    made.wait(b, a)
    with pytest.raises(ConfigurationError, match=r"wait for each other: J/\d → J/\d → J/\d"):
        made.build()
    made, saw, job = draft()
    made.close(saw, 5, 5)
    with pytest.raises(ConfigurationError, match=r"'saw' is closed from 5 to 5"):
        made.build()
    made, saw, job = draft()
    made.operation(job, [Way(saw, 1)])
    many = made.job("M", release=9, deadline=3)
    made.operation(many, [Way(saw, 1)])
    with pytest.raises(ConfigurationError, match=r"job 'M' must be over before it may begin"):
        made.build()


def test_too_much_is_refused_with_the_way_round() -> None:
    draft = Draft()
    saw, job = draft.machine("saw"), draft.job("J")
    for i in range(LARGEST + 1):
        draft.operation(job, [Way(saw, 1)], name=str(i))
    with pytest.raises(ConfigurationError, match=r"more than 200,000; plan a shorter time ahead"):
        draft.build()


def test_what_takes_no_time_is_not_set_up_for() -> None:
    draft = Draft()
    machine = draft.machine("M")
    for name, family in (("a", "red"), ("b", "blue")):
        draft.operation(draft.job(name), [Way(machine, 0)], family=family)
    draft.setup(machine, "red", "blue", 3)
    with pytest.raises(ConfigurationError, match="takes no time"):
        draft.build()

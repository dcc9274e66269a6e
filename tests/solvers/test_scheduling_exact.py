"""Against brute force over all starts, and against optima that are known from elsewhere."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from gemel.core.errors import Infeasible
from gemel.core.time import HOUR
from gemel.parts.solvers.scheduling import SCHEDULERS, Draft, Way, check, plan, read
from gemel.parts.solvers.scheduling.base import (
    NEVER,
    NONE,
    AtMost,
    Budget,
    Objective,
    Problem,
    Schedule,
)
from gemel.testing.schedulers import OBJECTIVES

FT06 = """6 6
2 1 0 3 1 6 3 7 5 3 4 6
1 8 2 5 4 10 5 10 0 10 3 4
2 5 3 4 5 8 0 9 1 1 4 7
1 5 0 5 2 5 3 3 4 8 5 9
2 9 1 3 4 5 5 4 0 3 3 1
1 3 3 3 5 9 0 10 4 4 2 1
"""
"""Fisher and Thompson (1963): the best makespan is 55."""

LA01 = """10 5
1 21 0 53 4 95 3 55 2 34
0 21 3 52 4 16 2 26 1 71
3 39 4 98 1 42 2 31 0 12
1 77 0 55 4 79 2 66 3 77
0 83 3 34 2 64 1 19 4 37
1 54 2 43 4 79 0 92 3 62
3 69 4 77 1 87 2 87 0 93
2 38 0 60 1 41 3 24 4 83
3 17 1 49 4 25 0 44 2 98
4 77 3 79 2 43 1 75 0 96
"""
"""Lawrence (1984): the best makespan is 666, the work of machine 4 with what comes before it."""

TAI_20_5_1 = """20 5
54 79 16 66 58
83 3 89 58 56
15 11 49 31 20
71 99 15 68 85
77 56 89 78 53
36 70 45 91 35
53 99 60 13 53
38 60 23 59 41
27 5 57 49 69
87 56 64 85 13
76 3 7 85 86
91 61 1 9 72
14 73 63 39 8
29 75 41 41 49
12 47 63 56 47
77 14 47 40 87
32 21 26 54 58
87 86 75 77 18
68 5 77 51 68
94 77 40 31 28
"""
"""Taillard (1993), the first of 20 jobs and 5 machines: the best makespan is 1278."""


def solve(kind: str, problem: Problem, **budget: float) -> Schedule:
    settings = {"cp_sat": {"workers": 1}, "tabu": {"lanes": 1}, "best": {"lanes": 1}}
    part = SCHEDULERS.build({"kind": kind, **settings.get(kind, {})})
    limit = Budget(**budget) if budget else Budget(iterations=20_000)  # type: ignore[arg-type]  # by name
    found = part.solve(problem, seed=1, budget=limit, clock=time.perf_counter_ns)
    assert check(problem, found) == ()
    return found


@pytest.mark.parametrize("kind", ["tabu", "cp_sat", "best"])
@pytest.mark.parametrize(("text", "best"), [(FT06, 55), (LA01, 666)], ids=["ft06", "la01"])
def test_job_shops(kind: str, text: str, best: int) -> None:
    assert solve(kind, read(text)).value == best


def test_the_bound_of_one_machine_proves_la01() -> None:
    found = solve("tabu", read(LA01))
    assert (found.bound, found.status) == (666, "optimal")


def test_a_flow_shop() -> None:
    assert solve("flow_shop", read(TAI_20_5_1), iterations=2_000).value == 1278


# Brute force: every mode and every start, judged by nothing but `check`


def brute(problem: Problem, horizon: int) -> float:
    """The best value; `left` is the start of what follows where a part may have to stay."""
    first = problem.first_mode
    best = np.inf
    follows = dict(zip(problem.before.tolist(), problem.after.tolist(), strict=True))
    for mode in itertools.product(*(range(a, b) for a, b in itertools.pairwise(first))):
        modes = np.array(mode)
        for begin in itertools.product(range(horizon), repeat=len(problem)):
            start = np.array(begin)
            if any(start[b] < start[a] for a, b in follows.items()):
                continue
            end = start + problem.duration[modes]
            if not follows and _overlap(problem, modes, start, end):
                continue
            for i in np.flatnonzero(problem.breakable):
                for k, a, b in sorted(problem.closed.tolist()):
                    if k == problem.machine[modes[i]] and start[i] < a < end[i]:
                        end[i] += b - a
            stay = [
                i for i in follows if problem.buffer[problem.machine[modes]].max(initial=-1) >= 0
            ]
            for late in itertools.product((False, True), repeat=len(stay)):
                left = end.copy()
                for i, is_late in zip(stay, late, strict=True):
                    if is_late:
                        left[i] = start[follows[i]]
                found = plan(problem, modes, start, end, left)
                if found.value < best and not check(problem, found):
                    best = found.value
    return best


def _overlap(problem: Problem, mode: np.ndarray, start: np.ndarray, end: np.ndarray) -> bool:
    """Two at a time on one machine, which the judge would only say more slowly."""
    machine = problem.machine[mode]
    return any(
        machine[a] == machine[b] >= 0 and start[a] < end[b] and start[b] < end[a]
        for a, b in itertools.combinations(range(len(mode)), 2)
    )


def two_by_two() -> Draft:
    draft = Draft()
    saw, mill = draft.machine("saw"), draft.machine("mill")
    for j, row in enumerate(((saw, 2, mill, 1), (mill, 1, saw, 2))):
        job = draft.job(f"J{j}", due=3, weight=1.0 + j)
        first = draft.operation(job, [Way(row[0], row[1], power=4.0)])
        draft.operation(job, [Way(row[2], row[3], power=9.0)], after=[first])
    draft.price(0, 0.5)
    draft.price(3, 0.1)
    draft.tick = 3600 * 10**9
    return draft


def cases() -> dict[str, tuple[Problem, int]]:
    found = {}
    for name, objective in OBJECTIVES.items():
        found[name] = two_by_two().build(replace(objective, energy=objective.energy / 100)), 8
    closed = two_by_two()
    closed.close(0, 1, 3)
    found["closed"] = closed.build(), 9
    pausing = Draft()
    saw, drill = pausing.machine("saw"), pausing.machine("drill")
    pausing.close(saw, 1, 3)
    for j in range(2):
        job = pausing.job(f"J{j}")
        first = pausing.operation(job, [Way(saw, 2), Way(drill, 5)], breakable=True)
        pausing.operation(job, [Way(drill, 1)], after=[first], lag=1)
    found["pausing"] = pausing.build(), 9
    setups = Draft()
    paint = setups.machine("paint", initial="red")
    setups.setup(paint, "red", "blue", 3)
    setups.setup(paint, "blue", "red", 1)
    for j, family in enumerate(("blue", "red", "blue", None)):
        setups.operation(setups.job(f"J{j}", due=3), [Way(paint, 1)], family=family)
    for name in ("makespan", "tardiness", "flow_time", "setup"):
        found[f"setups, {name}"] = setups.build(OBJECTIVES[name]), 10
    people = two_by_two()
    crew = people.resource("crew", 1)
    people.operation(0, [Way(NONE, 2, {crew: 1}), Way(NONE, 3)])
    found["people"] = people.build(), 7
    blocking = Draft()
    one, two = blocking.machine("one"), blocking.machine("two", buffer=0)
    for j in range(2):
        job = blocking.job(f"J{j}")
        a = blocking.operation(job, [Way(one, 1)])
        blocking.operation(job, [Way(two, 3)], after=[a])
    found["blocking"] = blocking.build(Objective(1.0, flow_time=1.0)), 8
    no_wait = Draft()
    oven, forge = no_wait.machine("oven"), no_wait.machine("forge")
    for j in range(2):
        job = no_wait.job(f"J{j}")
        hot = no_wait.operation(job, [Way(oven, 1 + j)])
        no_wait.operation(job, [Way(forge, 3 - j)], after=[hot], no_wait=True)
    found["no waiting"] = no_wait.build(), 9
    return found | energy_cases()


def energy_cases() -> dict[str, tuple[Problem, int]]:
    """Hours; prices fall and rise again, machines stand by or are off, all may draw 12 kW."""
    found = {}
    for name, restart in (("standing by", np.inf), ("off between", 1.5)):
        draft = Draft(tick=HOUR)
        press = draft.machine("press", standby=1.0, restart=restart)
        for at, price in ((0, 0.5), (2, 0.1), (4, 0.9), (6, 0.2)):
            draft.price(at, price)
        for j in range(3):
            job = draft.job(f"J{j}", due=3)
            draft.operation(job, [Way(press, 1, power=4.0)])
        found[f"energy, {name}"] = draft.build(Objective(0.0, energy=1.0, tardiness=0.1)), 9
    peak = Draft(tick=HOUR)
    machines = [peak.machine(name, standby=0.5, restart=0.2) for name in ("saw", "oven")]
    peak.peak(12.0)
    peak.price(0, 0.3)
    peak.price(3, 0.1)
    for k, power in zip((0, 1, 1), (4.0, 9.0, 7.0), strict=True):
        job = peak.job(f"J{k}")
        peak.operation(job, [Way(machines[k], 2, power=power)])
    found["peak power"] = peak.build(Objective(1.0, energy=1.0)), 8
    found["peak power, energy alone"] = peak.build(Objective(0.0, energy=1.0)), 8
    limited = replace(found["energy, off between"][0], at_most=AtMost(tardiness=1.0))
    found["energy, limited lateness"] = limited, 9
    return found


CASES = cases()


@pytest.fixture(scope="module")
def truth() -> dict[str, float]:
    return {}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["annealing", "best", "campaigns", "cp_sat", "tabu"])
def test_as_good_as_brute_force(kind: str, name: str, truth: dict[str, float]) -> None:
    problem, horizon = CASES[name]
    if SCHEDULERS.build({"kind": kind}).uncovered(problem):
        pytest.skip("does not cover it, and says so")
    if name not in truth:
        truth[name] = brute(problem, horizon)
    # A chain of work that has to wait for a cheap hour as one is long in coming by chance.
    patient = kind == "annealing" and name.startswith("energy, off")
    found = solve(kind, problem, iterations=40_000 if patient else 4_000)
    assert found.value == pytest.approx(truth[name], abs=1e-6)
    assert found.bound <= truth[name] + 1e-6
    if kind in ("best", "cp_sat"):
        assert found.status == "optimal"


def test_no_due_date_is_never_late() -> None:
    problem = two_by_two().build(OBJECTIVES["tardiness"])
    free = replace(problem, due=np.full(2, NEVER))
    assert solve("cp_sat", free).value == 0


def test_a_deadlock_names_the_buffers() -> None:
    """Two jobs that began on each other's next machine, with no place between: nobody can move,
    as neither machine can be reached by a third way. Exchanging places at one time is allowed, so
    one of them is held up by an operation that must come first."""
    draft = Draft()
    one, two = draft.machine("one", buffer=0), draft.machine("two", buffer=0)
    arm = draft.resource("arm", 1)
    first, second = draft.job("A"), draft.job("B")
    a = draft.operation(first, [Way(one, 2)], fixed=(0, 0))
    draft.operation(first, [Way(two, 2, {arm: 1})], after=[a])
    b = draft.operation(second, [Way(two, 2)], fixed=(0, 0))
    draft.operation(second, [Way(one, 2, {arm: 1})], after=[b])
    draft.now = 1
    with pytest.raises(Infeasible) as error:
        solve("cp_sat", draft.build())
    assert {words for words in error.value.conflict if "room" in words} == {
        "before machine 'one' there is room for 0", "before machine 'two' there is room for 0",
    }  # fmt: skip
    assert "resource 'arm' has 1" in error.value.conflict


def test_a_job_that_is_too_long_says_so() -> None:
    draft = Draft()
    saw = draft.machine("saw")
    draft.operation(draft.job("A", release=2, deadline=5), [Way(saw, 4)])
    with pytest.raises(Infeasible, match=r"'A' has its deadline at tick 5, and its own work ends"):
        solve("cp_sat", draft.build())


def test_the_bound_of_shared_machines() -> None:
    """Five hours of work that two machines share take three at least."""
    draft = Draft()
    saws = [draft.machine("saw 1"), draft.machine("saw 2")]
    for j in range(5):
        draft.operation(draft.job(f"J{j}"), [Way(k, 1) for k in saws])
    found = solve("tabu", draft.build())
    assert (found.value, found.bound, found.status) == (3, 3, "optimal")

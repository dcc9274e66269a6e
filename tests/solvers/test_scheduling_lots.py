"""Lots on parallel lines: rules and the search against known values, bounds against optima, lots
that orders are divided into."""

import itertools
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scheduling_lots import instance
from hypothesis import given, settings
from hypothesis import strategies as st

from gemel.core.errors import ConfigurationError
from gemel.parts.solvers.scheduling import (
    SCHEDULERS,
    Description,
    Draft,
    Way,
    check,
    problem_of,
    solve_in_turn,
)
from gemel.parts.solvers.scheduling.base import AtMost, Budget, Objective, Problem, Schedule
from gemel.parts.solvers.scheduling.campaigns.bound import bound_of


def solve(settings: dict[str, object], problem: Problem, iterations: int = 5_000) -> Schedule:
    found = SCHEDULERS.build(settings).solve(
        problem, seed=1, budget=Budget(iterations=iterations), clock=time.perf_counter_ns
    )
    assert check(problem, found) == ()
    return found


def one_machine(times: list[int], due: list[int], weight: list[float], goal: Objective) -> Problem:
    draft = Draft()
    saw = draft.machine("saw")
    for j, (length, by, each) in enumerate(zip(times, due, weight, strict=True)):
        draft.operation(draft.job(f"J{j}", due=by, weight=each), [Way(saw, length)])
    return draft.build(goal)


def test_shortest_time_first_is_best_for_flow_time() -> None:
    """On one machine, Smith (1956): 1 + 3 + 6 + 10 + 15."""
    problem = one_machine([5, 3, 1, 4, 2], [99] * 5, [1.0] * 5, Objective(0.0, flow_time=1.0))
    assert solve({"kind": "dispatch", "rule": "spt"}, problem).value == 35
    assert solve({"kind": "dispatch"}, problem).value == 35
    assert solve({"kind": "campaigns"}, problem).value == 35


def test_earliest_due_date_first_keeps_all_that_can_be_kept() -> None:
    """On one machine no order has a smaller greatest lateness (Jackson 1955): here none is late."""
    problem = one_machine([4, 2, 3, 1], [10, 3, 6, 4], [1.0] * 4, Objective(0.0, tardiness=1.0))
    assert solve({"kind": "dispatch", "rule": "edd"}, problem).value == 0
    assert solve({"kind": "dispatch", "rule": "fifo"}, problem).value > 0


def test_each_rule_takes_what_it_says() -> None:
    draft = Draft()
    press = draft.machine("press", initial="red")
    draft.setup(press, "red", "blue", 5)
    draft.setup(press, "blue", "red", 5)
    for name, ticks, due, family in (
        ("late", 4, 30, "blue"), ("short", 1, 40, "blue"), ("due", 3, 9, "blue"),
        ("red", 6, 50, "red"),
    ):  # fmt: skip
        draft.operation(draft.job(name, due=due), [Way(press, ticks)], family=family)
    long = draft.job("long", due=60)
    first = draft.operation(long, [Way(press, 2)], family="blue")
    draft.operation(long, [Way(press, 20)], after=[first], family="blue")
    problem = draft.build()
    wanted = {"fifo": "late", "spt": "short", "edd": "due", "mwkr": "long", "family": "red"}
    for rule, job in wanted.items():
        plan = solve({"kind": "dispatch", "rule": rule}, problem)
        assert problem.jobs[problem.job[plan.start.argmin()]] == job, rule


def test_a_batch_of_equal_variants_is_made_at_once() -> None:
    """Two families on two lines: each line one of them, and no set-up."""
    draft = Draft()
    lines = [draft.machine("one"), draft.machine("two")]
    for k in lines:
        draft.setup(k, "red", "blue", 7)
        draft.setup(k, "blue", "red", 7)
    for j in range(20):
        ways = [Way(k, 2) for k in lines]
        draft.operation(draft.job(f"J{j}"), ways, family="red" if j % 2 else "blue")
    found = solve({"kind": "campaigns"}, draft.build(Objective(1.0, setup=1.0)))
    assert (found.value, found.parts["setup"], found.status) == (20, 0, "optimal")


def best_of_all(problem: Problem) -> float:
    """Every order of the lots, and every line for each."""
    from gemel.parts.solvers.scheduling._plans.decode import Decoder

    decoder, best = Decoder(problem), np.inf
    n, lines = len(problem), len(problem.machines)
    wait = np.zeros(n, np.int64)
    for order in itertools.permutations(range(n)):
        for on in itertools.product(range(lines), repeat=n):
            mode = np.arange(n) * lines + np.array(on)
            found = decoder.schedule(np.array(order), mode, wait)
            best = min(best, found.value)
    return best


@st.composite
def small(draw: st.DrawFn) -> Problem:
    """Four lots on two lines, with families, releases, closed times and all objectives."""
    draft = Draft()
    for k in range(2):
        draft.machine(f"L{k}", initial=draw(st.sampled_from([None, "red", "blue"])))
        for a, b in (("red", "blue"), ("blue", "red"), ("red", "green"), ("green", "blue")):
            draft.setup(k, a, b, draw(st.integers(0, 6)))
        if draw(st.integers(0, 3)) == 0:
            first = draw(st.integers(0, 8))
            draft.close(k, first, first + draw(st.integers(1, 5)))
    job = 0
    for j in range(4):
        if j == 0 or draw(st.booleans()):  # else another lot of the same job
            job = draft.job(
                f"J{j}", draw(st.integers(0, 6)), due=draw(st.integers(1, 12)),
                weight=float(draw(st.integers(1, 3))),
            )  # fmt: skip
        ways = [Way(k, draw(st.integers(1, 6))) for k in range(2)]
        draft.operation(
            job, ways, family=draw(st.sampled_from([None, "red", "blue", "green"])),
            breakable=draw(st.booleans()),
        )  # fmt: skip
    weights = draw(st.sampled_from([(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (1, 2, 0.5, 1)]))
    return draft.build(Objective(*(float(w) for w in weights)))


@settings(max_examples=40, deadline=None)
@given(small())
def test_a_bound_is_below_the_best_and_the_search_finds_it(problem: Problem) -> None:
    best = best_of_all(problem)
    assert bound_of(problem, best + 1.0, lambda turn: turn >= 30) <= best + 1e-6
    found = solve({"kind": "campaigns"}, problem, 20_000)
    assert found.value == pytest.approx(best)


def test_thousands_of_variants() -> None:
    """5,000 lots of as many variants on 4 lines: better than every rule, whose plans are valid."""
    problem = instance(5_000, 4, 100, 4)
    rules = {
        rule: solve({"kind": "dispatch", "rule": rule}, problem)
        for rule in ("fifo", "edd", "spt", "atcs", "family")
    }
    found = solve({"kind": "campaigns"}, problem, 20_000)
    assert found.value < min(plan.value for plan in rules.values())
    assert 0 < found.bound <= found.value


def test_limits_are_kept_and_parts_come_in_turn() -> None:
    problem = instance(20, 2, 4, 5)
    part = SCHEDULERS.build({"kind": "campaigns", "proof": 0.0})
    late = solve({"kind": "campaigns"}, problem, 20_000).parts["tardiness"]
    asked = replace(problem, objective=Objective(0.0, setup=1.0))
    free = solve({"kind": "campaigns"}, asked, 20_000)
    found = solve_in_turn(
        part, asked, ("tardiness",), seed=1, budget=Budget(iterations=40_000),
        clock=time.perf_counter_ns,
    )  # fmt: skip
    assert found.parts["tardiness"] <= 1.05 * late
    assert found.parts["setup"] >= free.parts["setup"]
    limited = replace(asked, at_most=AtMost(tardiness=2 * late))
    between = solve({"kind": "campaigns"}, limited, 20_000)
    assert between.parts["tardiness"] <= 2 * late
    assert free.parts["setup"] <= between.parts["setup"] <= found.parts["setup"]
    with pytest.raises(ConfigurationError, match="no part 'lateness'"):
        solve_in_turn(
            part, asked, ("lateness",), seed=1, budget=Budget(iterations=1),
            clock=time.perf_counter_ns,
        )  # fmt: skip


def test_in_turn_with_a_proof_for_each() -> None:
    """Least lateness first, then least cost: the rest of the cheap hours is not worth an hour."""
    draft = Draft(tick=3_600 * 10**9)
    press = draft.machine("press", standby=1.0, restart=1.5)
    for at, price in ((0, 0.5), (2, 0.1), (4, 0.9), (6, 0.2)):
        draft.price(at, price)
    for j in range(3):
        draft.operation(draft.job(f"J{j}", due=3), [Way(press, 1, power=4.0)])
    problem = draft.build(Objective(0.0, energy=1.0))
    part = SCHEDULERS.build({"kind": "cp_sat", "workers": 1})
    found = solve_in_turn(
        part, problem, ("tardiness",), seed=1, budget=Budget(iterations=8_000),
        clock=time.perf_counter_ns,
    )  # fmt: skip
    assert sorted(found.start) == [0, 1, 2]
    assert found.value == pytest.approx(4 * (0.5 + 0.5 + 0.1))
    assert found.status == "optimal"


PLANT = """{
 "start": "2026-03-02 06:00", "tick": "1 min",
 "machines": {"cut": {"power": 8, "standby": 2, "restart": 0.5}, "bend": {"power": 6}},
 "energy": [{"start": "00:00", "price": 0.1}, {"start": "07:00", "price": 0.4}],
 "peak_power": 10.5, "limits": {"tardiness": "3 h"},
 "objective": {"energy": 1, "first": ["tardiness", "makespan"]},
 "products": {"plate": {"lot": 4, "steps": [
   {"name": "cut", "on": "cut", "each": "2 min"},
   {"name": "bend", "on": "bend", "each": "3 min"}]}},
 "orders": [{"order": "A", "product": "plate", "quantity": 10, "due": "2026-03-02 07:00"}]
}"""


def test_an_order_goes_on_in_lots() -> None:
    """Ten pieces, at most four at a time: 4, 3 and 3; bending begins after the first that is cut,
    best a small one."""
    described = Description.model_validate_json(PLANT, strict=True)
    problem = problem_of(described)
    assert problem.names == ("A.1/cut", "A.1/bend", "A.2/cut", "A.2/bend", "A.3/cut", "A.3/bend")
    assert problem.duration.tolist() == [8, 12, 6, 9, 6, 9]
    assert problem.resources == ("peak power, W",)
    assert (problem.capacity[0], problem.demand[:, 0].tolist()) == (10_500, [8_000, 6_000] * 3)
    assert problem.at_most.limits() == {"tardiness": 180.0}
    assert described.objective.first == ("tardiness", "makespan")
    roomy = replace(problem, capacity=np.array([14_000]), objective=Objective())
    assert solve({"kind": "cp_sat", "workers": 1}, roomy).value == 6 + 30
    together = solve({"kind": "cp_sat", "workers": 1}, replace(problem, objective=Objective()))
    assert together.value == 50  # both at once would draw 14 kW


def test_the_command_plans_lots_in_turn(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from gemel.doors.cli.main import app

    data = json.loads(PLANT)
    path = tmp_path / "plant.yaml"
    path.write_text(json.dumps(data))
    found = CliRunner().invoke(
        app, ["schedule", str(path), "--iterations", "3000", "--solver", "annealing", "--json"]
    )
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["makespan"] == 50
    assert {"lower_bound", "status", "operations"} <= set(told)
    assert told["parts"]["kwh"] > 0

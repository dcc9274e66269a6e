"""After a breakdown: at once, valid, frozen where it has begun, and near to the old plan."""

import time
from dataclasses import replace

import numpy as np
import pytest
from tests.solvers.test_scheduling_exact import LA01

from gemel.parts.solvers.scheduling import (
    SCHEDULERS,
    Draft,
    Way,
    check,
    frozen,
    late_jobs,
    read,
    right_shift,
    steady,
)
from gemel.parts.solvers.scheduling.base import Budget, Problem, Schedule
from gemel.testing.schedulers import EXAMPLES


def solve(
    kind: str, problem: Problem, start: Schedule | None = None, count: int = 2_000
) -> Schedule:
    part = SCHEDULERS.build({"kind": kind})
    return part.solve(
        problem, seed=1, budget=Budget(iterations=count), clock=time.perf_counter_ns, start=start
    )


@pytest.mark.parametrize("kind", ["tabu", "best"])
def test_a_breakdown_of_a_job_shop(kind: str) -> None:
    problem = read(LA01)
    old = solve("tabu", problem)
    broken = frozen(problem, old, 200, [(4, 200, 300)])
    assert (broken.fixed == (old.start < 200)).all()
    shifted = right_shift(broken, old)
    assert check(broken, shifted) == ()
    assert (shifted.start >= old.start).all()
    assert old.value < shifted.value <= old.value + 100
    asked = steady(broken, shifted)
    better = solve(kind, asked, replace(shifted, value=asked.objective.value(shifted.parts)))
    assert check(asked, better) == ()
    begun = broken.fixed
    np.testing.assert_array_equal(better.start[begun], old.start[begun])
    assert better.value <= asked.objective.value(shifted.parts)
    assert better.parts["makespan"] <= shifted.parts["makespan"]


def test_what_is_at_work_goes_on_after_the_breakdown() -> None:
    draft = Draft()
    saw = draft.machine("saw")
    for j in range(2):
        draft.operation(draft.job(f"J{j}"), [Way(saw, 10)])
    problem = draft.build()
    old = solve("tabu", problem)
    first = int(old.start.argmin())
    shifted = right_shift(frozen(problem, old, 4, [(saw, 4, 7)]), old)
    assert (shifted.start[first], shifted.end[first]) == (0, 13)
    assert shifted.end[1 - first] == 23


def test_without_a_reason_nothing_moves() -> None:
    for name in ("job_shop", "flexible", "calendars", "pausing", "setups", "people", "assembly"):
        problem = EXAMPLES[name]
        old = solve("annealing", problem)
        again = right_shift(frozen(problem, old, 3), old)
        np.testing.assert_array_equal(again.start, old.start)
        assert again.parts["moved"] == 0


def test_reasons_name_what_a_late_job_waited_for() -> None:
    draft = Draft()
    saw, paint = draft.machine("saw"), draft.machine("paint", initial="red")
    draft.setup(paint, "red", "blue", 3)
    draft.close(saw, 4, 6)
    first = draft.job("A", due=4)
    draft.operation(first, [Way(saw, 4)], name="A/cut")
    second = draft.job("B", due=5)
    cut = draft.operation(second, [Way(saw, 2)], name="B/cut")
    draft.operation(second, [Way(paint, 1)], name="B/paint", family="blue", after=[cut])
    problem = draft.build()
    start = np.array([0, 6, 8])
    from gemel.parts.solvers.scheduling import plan

    good = plan(problem, np.arange(3), start, start + problem.duration)
    assert check(problem, good) == ()
    (late,) = late_jobs(problem, good)
    assert (problem.jobs[late.job], late.late, late.work) == ("B", 4, 3)
    assert dict(late.waits) == {"saw busy, last with A/cut": 4, "saw closed": 2}
    assert [problem.names[i] for i in late.chain] == ["B/cut", "B/paint"]


def test_a_date_that_cannot_be_met_has_no_waits() -> None:
    draft = Draft()
    saw = draft.machine("saw")
    draft.operation(draft.job("A", due=2), [Way(saw, 5)])
    problem = draft.build()
    (late,) = late_jobs(problem, solve("tabu", problem))
    assert (late.late, late.waits) == (3, ())

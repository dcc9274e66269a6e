"""Plans tried with durations that vary: exact where the answer is known, chosen by trial else."""

import time

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError
from gemel.parts.solvers.scheduling import (
    SCHEDULERS,
    Draft,
    Way,
    check,
    drawn,
    plan,
    robust,
    tried,
)
from gemel.parts.solvers.scheduling.base import Budget, Objective, Problem
from gemel.testing.schedulers import EXAMPLES


def two_machines() -> Problem:
    """A saw, then a press; three jobs with dates."""
    draft = Draft()
    saw, press = draft.machine("saw"), draft.machine("press")
    for j, due in enumerate((35, 60, 75)):
        job = draft.job(f"J{j}", due=due)
        first = draft.operation(job, [Way(saw, 15)])
        draft.operation(job, [Way(press, 15)], after=[first])
    return draft.build(Objective(0.1, tardiness=1.0))


def test_what_takes_longer_puts_off_what_follows() -> None:
    problem = two_machines()
    start = np.array([0, 15, 15, 30, 30, 50])  # the last has five to spare
    made = plan(problem, np.arange(6), start, start + problem.duration)
    assert check(problem, made) == ()
    longer = np.tile(problem.duration, (3, 1))
    longer[1, 0] = 18  # the first cut: three later for all but the last, which has time to spare
    longer[2, 3] = 40  # the second press: it and the last are late
    found = tried(problem, made, longer)
    assert found.parts["makespan"].tolist() == [65, 65, 85]
    assert found.parts["tardiness"].tolist() == [0, 0, 10 + 10]
    np.testing.assert_allclose(found.on_time, [1, 2 / 3, 2 / 3])
    assert found.value == pytest.approx([6.5, 6.5, 28.5])


def test_durations_have_the_mean_and_the_spread_that_were_asked_for() -> None:
    draft = Draft()
    saw = draft.machine("saw")
    for j in range(50):
        draft.operation(draft.job(f"J{j}"), [Way(saw, 10_000)])
    found = drawn(draft.build(), 0.3, 2_000, 1)
    assert found.mean() == pytest.approx(10_000, rel=0.01)
    assert found.std() == pytest.approx(3_000, rel=0.02)
    np.testing.assert_array_equal(found, drawn(draft.build(), 0.3, 2_000, 1))
    with pytest.raises(ConfigurationError, match="spread is -1"):
        drawn(draft.build(), -1, 1, 1)


def test_without_spread_a_plan_comes_out_as_planned() -> None:
    for name in ("job_shop", "flexible", "calendars", "pausing", "setups", "people", "standing"):
        problem = EXAMPLES[name]
        made = SCHEDULERS.build({"kind": "annealing"}).solve(
            problem, seed=1, budget=Budget(iterations=200), clock=time.perf_counter_ns
        )
        found = tried(problem, made, drawn(problem, 0.0, 2, 1))
        assert found.value == pytest.approx([made.value] * 2)
    with pytest.raises(ConfigurationError, match="cannot be tried where there are finite buffers"):
        tried(EXAMPLES["blocking"], made, np.zeros((1, 1), np.int64))


def test_the_chosen_plan_is_valid_and_expected_to_cost_least() -> None:
    problem = two_machines()
    part = SCHEDULERS.build({"kind": "annealing"})
    found = robust(
        part, problem, 0.3, seed=1, budget=Budget(iterations=3_000), clock=time.perf_counter_ns
    )
    assert check(problem, found.schedule) == ()
    assert found.expected[found.padding] == min(found.expected.values())
    assert set(found.expected) == {0.0, 0.5, 1.0}
    # On other luck than it was chosen on, near to what was expected of it.
    assert found.tried.value.mean() == pytest.approx(found.expected[found.padding], rel=0.2)
    assert ((found.tried.on_time >= 0) & (found.tried.on_time <= 1)).all()

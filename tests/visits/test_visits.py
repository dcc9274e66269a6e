"""Every planner of visits passes the suite; CP-SAT against all plans; costs of moving a job."""

from itertools import product

import numpy as np
import pytest

from gemel.core.errors import Refused
from gemel.core.wear import Upkeep
from gemel.parts.solvers.maintenance import MAINTENANCE
from gemel.parts.solvers.visits import VISITORS, Visitor
from gemel.parts.solvers.visits.base import moved_cost
from gemel.testing.visits import VisitorSuite, some_jobs


@pytest.mark.conformance
class TestEveryVisitor(VisitorSuite):
    @pytest.fixture(params=VISITORS.files())
    def visitor(self, request: pytest.FixtureRequest) -> Visitor:
        return VISITORS.build({"kind": request.param})


@pytest.mark.parametrize("crew", [np.inf, 6.0])
@pytest.mark.parametrize("seed", range(5))
def test_cp_sat_is_the_best_of_all_plans(seed: int, crew: float) -> None:
    jobs = some_jobs(seed, jobs=4, times=5, crew=crew)
    best = min(jobs.priced(at) for at in product(range(5), repeat=4))
    found = VISITORS.build({"kind": "cp_sat"}).plan(jobs)
    assert found.cost == pytest.approx(best, rel=1e-5)
    assert found.bound == pytest.approx(best, rel=1e-4)
    assert VISITORS.build({"kind": "merging"}).plan(jobs).cost >= best * (1 - 1e-9)


def test_a_job_costs_least_at_its_best_age() -> None:
    upkeep = Upkeep.read({"period": "1 h", "visit_cost": 30, "assets": {"a": {
        "life": {"kind": "weibull", "shape": 3.0, "scale": "1000 h"}, "age": "100 h",
        "planned_cost": 100, "failure_cost": 900,
    }}})  # fmt: skip
    plan = MAINTENANCE.build({"kind": "age"}).plan(upkeep, "a")
    # Beside the visit: with its cost in the rate, the best moment is a little before the best age.
    times = np.arange(0, 900.0)
    found = moved_cost(upkeep, upkeep.assets["a"], plan.cost, times)
    assert found.min() == 0
    assert plan.action.age is not None
    assert 100 + times[np.argmin(found)] == pytest.approx(plan.action.age, rel=0.05)
    bare = upkeep.model_copy(update={"visit_cost": 0.0})
    plan = MAINTENANCE.build({"kind": "age"}).plan(bare, "a")
    found = moved_cost(bare, bare.assets["a"], plan.cost, times)
    assert plan.action.age is not None
    assert 100 + times[np.argmin(found)] == pytest.approx(plan.action.age, abs=1)


def test_nothing_is_said_of_what_has_no_life() -> None:
    upkeep = Upkeep.read({"assets": {"a": {
        "wear": {"kind": "gamma", "rate": 1, "spread": 1, "limit": 10}, "planned_cost": 1,
        "failure_cost": 9,
    }}})  # fmt: skip
    with pytest.raises(Refused, match="no life"):
        moved_cost(upkeep, upkeep.assets["a"], 1.0, np.arange(3.0))

"""What every planner of visits promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyVisitor(VisitorSuite):
        @pytest.fixture
        def visitor(self):
            return MyVisitor()
"""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import Refused
from gemel.parts.solvers.visits.base import Jobs, Visitor

__all__ = ["VisitorSuite", "some_jobs"]


def some_jobs(seed: int, jobs: int = 5, times: int = 6, crew: float = np.inf) -> Jobs:
    """Jobs whose cost rises from a best time, which differs."""
    random = np.random.default_rng(seed)
    t = np.arange(times, dtype=np.float64)
    best = random.uniform(0, times - 1, jobs)
    cost = random.uniform(1, 5, jobs)[:, None] * (t[None, :] - best[:, None]) ** 2
    visit = np.where(random.random(times) < 0.2, 0.0, 12.0)
    return Jobs(
        tuple(f"job {j}" for j in range(jobs)), t, cost - cost.min(axis=1)[:, None],
        random.uniform(1, 4, jobs), visit, np.full(times, crew),
    )  # fmt: skip


class VisitorSuite:
    """Override `visitor`.

    Promises: every job is done once; the cost is that of the visits, and not below the bound; the
    same jobs give the same visits; never dearer than each job by itself; the crew never works more
    than it can; what cannot be done is refused.
    """

    @pytest.fixture
    def visitor(self) -> Visitor:
        pytest.fail("give the settings to test in a fixture named `visitor`")

    @pytest.mark.parametrize("seed", range(4))
    def test_the_cost_is_that_of_the_visits(self, visitor: Visitor, seed: int) -> None:
        jobs = some_jobs(seed)
        found = visitor.plan(jobs)
        assert len(found.at) == len(jobs.names)
        assert found.cost == pytest.approx(jobs.priced(found.at))
        assert found.bound <= found.cost * (1 + 1e-9)
        assert visitor.plan(jobs) == found
        alone = (jobs.cost + jobs.visit).min(axis=1).sum()
        assert found.cost <= alone * (1 + 1e-9)

    @pytest.mark.parametrize("seed", range(4))
    def test_the_crew_is_never_overworked(self, visitor: Visitor, seed: int) -> None:
        jobs = some_jobs(seed, crew=5.0)
        found = visitor.plan(jobs)
        for t in set(found.at):
            assert jobs.work[[j for j, a in enumerate(found.at) if a == t]].sum() <= 5.0

    def test_what_cannot_be_done_is_refused(self, visitor: Visitor) -> None:
        with pytest.raises(Refused, match="of work, and a crew does"):
            some_jobs(0, crew=0.5)
        with pytest.raises(Refused):
            visitor.plan(some_jobs(0, jobs=8, times=2, crew=4.0))

"""What every maintenance policy promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyPolicy(MaintenanceSuite):
        @pytest.fixture
        def solver(self):
            return MyPolicy()

        @pytest.fixture
        def upkeep(self):
            return Upkeep.read({…})  # with an asset 'a' that it covers
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import numpy as np
import pytest

from gemel.core.errors import Refused
from gemel.core.frame import Values
from gemel.core.wear.upkeep import Asset, Upkeep
from gemel.parts.solvers.maintenance.base import Action, MaintenanceSolver, Plan, sensitivity

__all__ = ["MaintenanceSuite", "worn"]


class MaintenanceSuite:
    """Override `solver` and `upkeep`, which has an asset 'a' that the solver covers.

    Promises: the same asset gives the same plan; parts sum to the cost; it is never dearer than
    running to failure; a dearer failure is never cheaper; judged, its own action costs what the
    plan
    says, and no action nearby costs less; what is not covered is refused with the reasons.
    """

    @pytest.fixture
    def solver(self) -> MaintenanceSolver:
        pytest.fail("give the settings to test in a fixture named `solver`")

    @pytest.fixture
    def upkeep(self) -> Upkeep:
        pytest.fail("give what it covers in a fixture named `upkeep`")

    @pytest.fixture
    def plan(self, solver: MaintenanceSolver, upkeep: Upkeep) -> Plan:
        assert solver.uncovered(upkeep, "a") == ()
        return solver.plan(upkeep, "a")

    def test_the_same_asset_gives_the_same_plan(
        self, solver: MaintenanceSolver, upkeep: Upkeep, plan: Plan
    ) -> None:
        again = solver.plan(upkeep, "a")
        assert (again.action, again.cost, again.parts) == (plan.action, plan.cost, plan.parts)

    def test_parts_sum_to_the_cost(self, plan: Plan) -> None:
        assert sum(plan.parts.values()) == pytest.approx(plan.cost, rel=1e-7)
        assert all(value >= 0 for value in plan.parts.values())
        assert 0 <= plan.failures <= 1
        assert plan.interval > 0

    def test_never_dearer_than_running_to_failure(self, plan: Plan) -> None:
        if isfinite(plan.to_failure):
            assert plan.cost <= plan.to_failure * (1 + 1e-6) + _stocked(plan)
            assert plan.saves == plan.to_failure - plan.cost

    def test_a_dearer_failure_is_never_cheaper(
        self, solver: MaintenanceSolver, upkeep: Upkeep, plan: Plan
    ) -> None:
        one = upkeep.assets["a"]
        for name in ("failure_cost", "planned_cost", "downtime_cost"):
            dearer = one.model_copy(update={name: 1.5 * getattr(one, name)})
            other = upkeep.model_copy(update={"assets": {"a": dearer}})
            assert solver.plan(other, "a").cost >= plan.cost * (1 - 1e-6), name

    def test_judged_it_costs_what_it_says_and_neighbours_no_less(
        self, solver: MaintenanceSolver, upkeep: Upkeep, plan: Plan
    ) -> None:
        judged = solver.judge(upkeep, "a", plan.action)
        assert judged.cost == pytest.approx(plan.cost, rel=1e-6)
        for other in _nearby(plan.action):
            try:
                cost = solver.judge(upkeep, "a", other).cost
            except Refused:
                continue
            assert cost >= plan.cost * (1 - 1e-6), other

    def test_doing_as_planned_never_beats_planning_anew(
        self, solver: MaintenanceSolver, upkeep: Upkeep, plan: Plan
    ) -> None:
        swings = sensitivity(solver, upkeep, "a", plan)
        assert {s.what for s in swings} >= {"planned_cost"}
        assert all(s.kept >= s.cost * (1 - 1e-6) for s in swings)

    def test_what_it_does_not_cover_is_refused_with_reasons(
        self, solver: MaintenanceSolver
    ) -> None:
        """A failure that nobody notices, of something of which only seen lives are known."""
        odd = Upkeep(assets={"a": Asset.read({
            "life": {"kind": "empirical", "failed": ["3 d"]}, "announced": False,
            "planned_cost": 1, "failure_cost": 2,
        })})  # fmt: skip
        assert solver.uncovered(odd, "a")
        with pytest.raises(Refused, match=r".{10,}"):
            solver.plan(odd, "a")


def _stocked(plan: Plan) -> float:
    """What spares cost, which running to failure would take as well."""
    return plan.parts.get("spares", 0.0) + plan.parts.get("waiting for parts", 0.0)


def _nearby(action: Action) -> list[Action]:
    found = []
    for name in ("age", "every", "level", "moment"):
        value = getattr(action, name)
        if value is not None and isfinite(value) and action.schedule is None:
            found += [replace(action, **{name: value * factor}) for factor in (0.9, 1.1)]
    if action.spares is not None:
        found += [replace(action, spares=action.spares + move) for move in (-1, 1)]
    return found


def worn(
    upkeep: Upkeep, action: Action, lives: int, seed: int, steps: int = 200
) -> tuple[float, float, Values]:
    """Cost of a period under a threshold with periodic inspection, its standard error, and the
    costs of each life: the asset 'a' played in `steps` small steps between inspections."""
    one = upkeep.assets["a"]
    assert one.wear is not None
    assert action.every is not None
    assert action.level is not None
    process, random = one.wear.process(), np.random.default_rng(seed)
    level, time, cost = np.zeros((3, lives))
    going = np.ones(lives, np.bool_)
    dt = action.every / steps
    while going.any():
        now = np.flatnonzero(going)
        at, works = level[now], np.ones(len(now), np.bool_)
        failed_at = np.full(len(now), action.every)
        for k in range(steps):
            to = process.play(random, at, dt)
            reached = to >= process.limit
            if not process.monotone:  # the limit may have been reached within the step
                wear = one.wear
                left = np.maximum(process.limit - at, 0) * np.maximum(process.limit - to, 0)
                reached |= random.random(len(now)) < np.exp(-2 * left / (wear.spread**2 * dt))
            failed_at[reached & works] = (k + 0.5) * dt
            works &= ~reached
            at = to
        level[now] = at
        look = one.inspection_cost or 0.0
        if one.announced:
            time[now] += failed_at
            cost[now] += np.where(works, look, one.failure_cost)
        else:
            time[now] += action.every
            cost[now] += look + np.where(
                works, 0.0, one.failure_cost + one.downtime_cost * (action.every - failed_at)
            )
        replaced = works & (at >= action.level)
        cost[now[replaced]] += one.planned_cost
        going[now] = works & ~replaced
    mean = float(cost.sum() / time.sum())
    error = float(np.std(cost - mean * time) / np.sqrt(lives) / time.mean())
    return mean, error, cost

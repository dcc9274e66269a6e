"""What every planner of shipments promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyShipper(ShipperSuite):
        @pytest.fixture
        def shipper(self):
            return MyShipper()
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gemel.parts.solvers.shipping.base import Freight, Shipper, checked

__all__ = ["ShipperSuite", "some_freight"]


def some_freight(seed: int, loads: int = 8, periods: int = 6, links: int = 2) -> Freight:
    """Loads on links between three sites; vehicles do not leave on every day."""
    random = np.random.default_rng(seed)
    ready = random.integers(0, periods - 1, loads)
    most = np.where(random.random((links, periods)) < 0.7, 2, 0)
    ends = np.array([[0, 1], [1, 2]])[np.arange(links) % 2]
    return Freight(
        tuple(f"load {j}" for j in range(loads)), random.integers(0, links, loads),
        random.integers(1, 6, loads).astype(np.float64), ready,
        ready + random.integers(0, 3, loads), random.uniform(0, 0.5, loads),
        random.uniform(3, 9, loads), np.full(links, 6.0), random.uniform(5, 15, links), most,
        np.ones(links, np.int64), ends, np.full(3, np.inf), np.full(3, np.inf),
    )  # fmt: skip


class ShipperSuite:
    """Override `shipper`.

    Promises: rules are kept, and the cost is that of the plan, not below the bound; the same
    freight gives the same plan; docks, people and days without departures are respected; what
    cannot leave stays and costs as late; nothing to move costs nothing.
    """

    @pytest.fixture
    def shipper(self) -> Shipper:
        pytest.fail("give the settings to test in a fixture named `shipper`")

    @pytest.mark.parametrize("seed", range(5))
    def test_rules_are_kept_and_the_cost_is_that_of_the_plan(
        self, shipper: Shipper, seed: int
    ) -> None:
        freight = some_freight(seed)
        found = shipper.plan(freight)
        assert checked(freight, found) == []
        again = shipper.plan(freight)
        assert np.array_equal(again.sent, found.sent)
        assert np.array_equal(again.trips, found.trips)
        stays = float(freight.weights()[:, -1].sum())
        assert found.cost <= stays + float(freight.cost @ freight.most.sum(axis=1))

    @pytest.mark.parametrize("seed", range(5))
    def test_docks_and_people_are_respected(self, shipper: Shipper, seed: int) -> None:
        freight = replace(
            some_freight(seed), docks=np.array([1.0, 2.0, np.inf]), crew=np.array([9.0, 8.0, 5.0])
        )
        assert checked(freight, shipper.plan(freight)) == []

    def test_what_cannot_leave_stays(self, shipper: Shipper) -> None:
        freight = some_freight(1)
        shut = replace(freight, most=np.zeros_like(freight.most))
        found = shipper.plan(shut)
        assert not found.sent.any()
        assert found.cost == pytest.approx(freight.weights()[:, -1].sum())

    def test_nothing_to_move(self, shipper: Shipper) -> None:
        found = shipper.plan(some_freight(0, loads=0))
        assert found.cost == 0
        assert not found.trips.any()

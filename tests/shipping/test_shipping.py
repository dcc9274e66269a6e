"""Every planner of shipments passes the suite; the best of all plans by brute force."""

from itertools import product

import numpy as np
import pytest
from scipy import optimize

from gemel.core.errors import DataError
from gemel.parts.solvers.shipping import SHIPPERS, Freight, Shipper
from gemel.parts.solvers.shipping.base import Shipments, checked
from gemel.testing.shipping import ShipperSuite, some_freight


@pytest.mark.conformance
class TestEveryShipper(ShipperSuite):
    @pytest.fixture(params=SHIPPERS.files())
    def shipper(self, request: pytest.FixtureRequest) -> Shipper:
        return SHIPPERS.build({"kind": request.param})


def by_hand() -> Freight:
    """One link, a vehicle of 10 for 100 that leaves in periods 0, 1 and 3. Three loads of 4, 4 and
    3: due in 1, 2 and 3."""
    return Freight(
        ("a", "b", "c"), np.zeros(3, np.int64), np.array([4.0, 4.0, 3.0]), np.zeros(3, np.int64),
        np.array([1, 2, 3]), np.array([1.0, 1.0, 2.0]), np.array([30.0, 30.0, 30.0]),
        np.array([10.0]), np.array([100.0]), np.array([[5, 5, 0, 5]]), np.array([1]),
        np.array([[0, 1]]), np.full(2, np.inf), np.full(2, np.inf),
    )  # fmt: skip


def test_two_vehicles_where_three_loads_do_not_fit_into_one() -> None:
    """By hand: a and b leave in period 1 (b is one period early: 1). 2 of 3 of c would fit beside
    them, two periods early, 2 · 2 · 2/3; but what is left needs the second vehicle anyway. Without
    it that third stays: 30 · 1/3 for the one period after the last. So 100 + 1 + 8/3 + 10."""
    freight = by_hand()
    best = SHIPPERS.build({"kind": "mixed_integer"}).plan(freight)
    assert best.cost == pytest.approx(100 + 1 + 8 / 3 + 10)
    assert best.bound == pytest.approx(best.cost)
    assert best.trips.tolist() == [[0, 1, 0, 0]]
    usual = SHIPPERS.build({"kind": "last_moment"}).plan(freight)
    assert usual.trips.tolist() == [[0, 1, 0, 1]]
    assert usual.cost == pytest.approx(200 + 1)


def brute_force(freight: Freight) -> float:
    """Every number of vehicles and, for each, every whole load in every period: an upper bound of
    the best, and the best where loads cannot be split to advantage."""
    k, periods = len(freight.names), freight.periods
    weights, best = freight.weights(), np.inf
    for at in product(range(periods + 1), repeat=k):
        cost = sum(weights[j, t] for j, t in enumerate(at))
        if cost >= best:
            continue
        sent = np.zeros((k, periods))
        for j, t in enumerate(at):
            if t < periods:
                sent[j, t] = 1
        trips = np.ceil(freight.by_link(sent) / freight.capacity[:, None] - 1e-9)
        if (trips <= freight.most).all():
            best = min(best, float(cost + (trips.sum(axis=1) * freight.cost).sum()))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_never_dearer_than_the_best_plan_of_whole_loads(seed: int) -> None:
    freight = some_freight(seed, loads=5, periods=4)
    found = SHIPPERS.build({"kind": "mixed_integer"}).plan(freight)
    usual = SHIPPERS.build({"kind": "last_moment"}).plan(freight)
    assert found.cost <= brute_force(freight) * (1 + 1e-4) + 1e-6
    assert found.cost <= usual.cost * (1 + 1e-4) + 1e-6
    assert found.cost == pytest.approx(found.bound, rel=2e-4)


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_another_solver(seed: int) -> None:
    """The same programme, written down anew for HiGHS of SciPy."""
    freight = some_freight(seed, loads=7, periods=6)
    k, t, links = len(freight.names), freight.periods, len(freight.capacity)
    weights = freight.weights()
    stay = weights[:, -1]
    gain = np.where(np.isfinite(weights[:, :-1]), weights[:, :-1] - stay[:, None], 0.0)
    cost = np.concatenate([gain.ravel(), np.repeat(freight.cost, t)])
    high = np.concatenate(
        [np.isfinite(weights[:, :-1]).astype(float).ravel(), freight.most.ravel()]
    )
    rows, limits = [], []
    for j in range(k):
        row = np.zeros(len(cost))
        row[j * t : (j + 1) * t] = 1
        rows.append(row)
        limits.append(1.0)
    for i, p in product(range(links), range(t)):
        row = np.zeros(len(cost))
        for j in np.flatnonzero(freight.link == i):
            row[j * t + p] = freight.load[j]
        row[k * t + i * t + p] = -freight.capacity[i]
        rows.append(row)
        limits.append(0.0)
    whole = np.concatenate([np.zeros(k * t), np.ones(links * t)])
    found = optimize.milp(
        cost, integrality=whole, bounds=optimize.Bounds(0, high),
        constraints=optimize.LinearConstraint(np.array(rows), -np.inf, np.array(limits)),
    )  # fmt: skip
    mine = SHIPPERS.build({"kind": "mixed_integer", "gap": 0.0}).plan(freight)
    assert mine.cost == pytest.approx(found.fun + stay.sum(), rel=1e-6)


def test_broken_rules_are_named() -> None:
    freight = by_hand()
    sent, trips = np.zeros((3, 4)), np.zeros((1, 4), np.int64)
    sent[:, 1] = 1
    trips[0, 1] = 1
    wrong = checked(freight, Shipments(sent, trips, 0.0, 0.0))
    assert wrong[0] == "a vehicle is overloaded"
    assert "it costs" in wrong[1]
    trips[0, 2] = 1
    assert "another day" in checked(freight, Shipments(sent, trips, 0.0, 0.0))[0]


def test_columns_must_fit() -> None:
    freight = by_hand()
    with pytest.raises(DataError, match="'a' is due before it is ready"):
        Freight(
            freight.names, freight.link, freight.load, freight.ready + 2, freight.due,
            freight.keep, freight.late, freight.capacity, freight.cost, freight.most,
            freight.takes, freight.ends, freight.docks, freight.crew,
        )  # fmt: skip

"""Every stock policy of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.core.stock.network import Network
from gemel.parts.solvers.inventory import INVENTORY, StockSolver
from gemel.testing.inventory import StockSolverSuite

POISSON = {"kind": "poisson", "mean": 1.5}
NORMAL = {"kind": "normal", "mean": 50.0, "spread": 8.0}
SEEN = {"kind": "empirical", "seen": [0, 0, 0, 20, 40, 0, 60, 20]}
COSTS = {"holding_cost": 2.0, "backorder_cost": 30.0}


def one(review: str = "continuous", **stage: Any) -> dict[str, Any]:
    return {"review": review, "stages": {"a": stage}}


ROW = {
    "far": {"lead_time": "2 d", "holding_cost": 2},
    "middle": {"after": "far", "lead_time": "1 d", "holding_cost": 4},
    "near": {"after": "middle", "lead_time": "1 d", "holding_cost": 7, "backorder_cost": 37.12,
             "demand": {"kind": "normal", "mean": 5, "spread": 1}},
}  # fmt: skip
BASE = {"after": "depot", "lead_time": "2 d", "holding_cost": 1, "backorder_cost": 20}

EXAMPLES: Mapping[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "base_stock": [
        ({}, one(demand=POISSON, lead_time="4 d", lead_time_spread="2 d", **COSTS)),
        ({}, one(demand=POISSON, lead_time="4 d", holding_cost=2.0, lost_sale_cost=90.0)),
        ({}, one(demand=POISSON, lead_time="9 d", repair_share=0.8, repair_time="3 d", **COSTS)),
    ],
    "by_simulation": [
        ({"periods": 200, "replications": 8}, {"stages": {
            "steel": {"lead_time": "3 d", "lead_time_spread": "1 d", "holding_cost": 1,
                      "order_cost": 20},
            "motor": {"lead_time": "2 d", "holding_cost": 4},
            "cart": {"after": {"steel": 2, "motor": 1}, "lead_time": "1 d", "holding_cost": 9,
                     "backorder_cost": 80, "demand": {"kind": "normal", "mean": 6, "spread": 2}},
        }}),
    ],
    "eoq": [
        ({}, one(demand={"kind": "constant", "mean": 30}, order_cost=50, **COSTS)),
        ({}, one(demand={"kind": "constant", "mean": 30}, order_cost=50, holding_cost=0.5)),
    ],
    "eoq_disrupted": [
        ({}, one(demand={"kind": "constant", "mean": 30}, order_cost=35, holding_cost=0.4,
                 lost_sale_cost=6, disruption={"every": "1 d", "lasts": "2 h"})),
    ],
    "guaranteed_service": [({"factor": 1.0}, {"stages": ROW})],
    "metric": [
        ({}, {"stages": {
            "depot": {"lead_time": "10 d", "holding_cost": 1},
            "north": {**BASE, "demand": {"kind": "poisson", "mean": 0.1}},
            "south": {**BASE, "demand": {"kind": "poisson", "mean": 0.3}, "repair_share": 0.4,
                      "repair_time": "4 d"},
        }}),
    ],
    "newsvendor": [
        ({}, one("periodic", demand=NORMAL, **COSTS)),
        ({}, one("periodic", demand=POISSON, lead_time="3 d", **COSTS)),
        ({}, one("periodic", demand=SEEN, lead_time="1 d", **COSTS)),
    ],
    "r_q": [
        ({}, one(demand=POISSON, lead_time="2 d", order_cost=100, **COSTS)),
        ({}, one(demand=NORMAL, lead_time="2 d", order_cost=100, **COSTS)),
    ],
    "s_s": [
        ({}, one("periodic", demand={"kind": "poisson", "mean": 6}, order_cost=50, **COSTS)),
        ({}, one("periodic", demand=SEEN, lead_time="2 d", order_cost=150, **COSTS)),
    ],
    "serial": [({"cells": 500}, {"stages": ROW})],
    "wagner_whitin": [
        ({}, one(demand={"kind": "known", "orders": [90, 120, 80, 70]}, holding_cost=2,
                 order_cost=500)),
    ],
}  # fmt: skip


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in INVENTORY.files()
        for number in range(len(EXAMPLES.get(name, [({}, {})])))
    ]


@pytest.mark.conformance
class TestEveryStockPolicy(StockSolverSuite):
    @pytest.fixture(params=_examples())
    def example(self, request: pytest.FixtureRequest) -> tuple[str, int]:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"stock policy '{name}' has no example in {__file__}")
        return name, number

    @pytest.fixture
    def solver(self, example: tuple[str, int]) -> StockSolver:
        name, number = example
        return INVENTORY.build({"kind": name, **EXAMPLES[name][number][0]})

    @pytest.fixture
    def network(self, example: tuple[str, int]) -> Network:
        name, number = example
        return Network.read(EXAMPLES[name][number][1])

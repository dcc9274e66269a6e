"""Every maintenance policy of the folder passes the suite; a new file is tested the moment it
exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.core.wear import Upkeep
from gemel.parts.solvers.maintenance import MAINTENANCE, MaintenanceSolver
from gemel.testing.maintenance import MaintenanceSuite

WEIBULL = {"kind": "weibull", "shape": 2.5, "scale": "100 d"}
GAMMA = {"kind": "gamma", "rate": 0.05, "spread": 0.1, "limit": 10}
WIENER = {"kind": "wiener", "rate": 0.05, "spread": 0.25, "limit": 10}
DOWN = {"planned_time": "2 h", "failure_time": "1 d", "downtime_cost": 300.0}

EXAMPLES: Mapping[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "age": [
        ({}, {"life": WEIBULL, **DOWN}),
        ({}, {"life": {"kind": "weibull", "shape": 1.0, "scale": "100 d"}}),
        ({}, {"life": {"kind": "gamma", "mean": "90 d", "spread": "30 d"}}),
        ({}, {"life": {"kind": "lognormal", "median": "90 d", "spread": 0.4}}),
        ({}, {"life": {"kind": "empirical", "failed": ["30 d", "50 d", "52 d", "60 d", "71 d"],
                       "running": ["55 d", "70 d"]}}),
    ],
    "block": [
        ({}, {"life": WEIBULL, "repair_cost": 60}),
        ({}, {"life": {"kind": "gamma", "mean": "90 d", "spread": "30 d"}, "repair_cost": 60}),
    ],
    "condition": [
        ({}, {"wear": GAMMA, "inspection_cost": 10}),
        ({}, {"wear": WIENER, "inspection_cost": 10}),
        ({}, {"wear": GAMMA, "inspection_cost": 10, "announced": False, **DOWN}),
    ],
    "markov": [
        ({"cells": 60, "longest": 30}, {"wear": GAMMA, "inspection_cost": 10}),
        ({"cells": 60, "longest": 30}, {"wear": WIENER, "inspection_cost": 10, **DOWN}),
    ],
    "remaining_life": [
        ({}, {"prediction": {"life": "20 d", "low": "12 d", "high": "40 d"}, "age": "50 d",
              **DOWN}),
    ],
    "with_spares": [
        ({}, {"life": WEIBULL, **DOWN,
              "spare": {"lead_time": "30 d", "holding_cost": 0.5, "machines": 12}}),
    ],
}  # fmt: skip


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in MAINTENANCE.files()
        for number in range(len(EXAMPLES.get(name, [({}, {})])))
    ]


@pytest.mark.conformance
class TestEveryMaintenancePolicy(MaintenanceSuite):
    @pytest.fixture(params=_examples())
    def example(self, request: pytest.FixtureRequest) -> tuple[str, int]:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"maintenance policy '{name}' has no example in {__file__}")
        return name, number

    @pytest.fixture
    def solver(self, example: tuple[str, int]) -> MaintenanceSolver:
        name, number = example
        return MAINTENANCE.build({"kind": name, **EXAMPLES[name][number][0]})

    @pytest.fixture
    def upkeep(self, example: tuple[str, int]) -> Upkeep:
        name, number = example
        costs = {"planned_cost": 100.0, "failure_cost": 1000.0}
        return Upkeep.read({"assets": {"a": {**costs, **EXAMPLES[name][number][1]}}})

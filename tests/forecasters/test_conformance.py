"""Every forecaster of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.parts.forecasters import FORECASTERS, Forecaster
from gemel.testing.forecasters import ForecasterSuite

SMALL = {"iterations": 25, "rate": 0.15, "leaves": 8, "least": 10}

EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "seasonal_naive": [
        {"season": 24},
        {"season": 24, "levels": [0.1, 0.25, 0.5, 0.75, 0.9], "held_out": 0.5, "origins": 100},
    ],
    "ets": [
        {"season": 24},
        {"form": "damped_seasonal", "season": 24, "non_negative": True},
        {},
    ],
    "theta": [{"season": 24}, {"season": 24, "method": "standard"}, {}],
    "boosted": [
        {"season": 24, "trees": SMALL, "rows": 3000, "origins": 60},
        {"relative": False, "quantile_trees": False, "seasons": [24], "trees": SMALL, "rows": 3000},
    ],
    "statsforecast": [{"model": "auto_theta", "season": 24, "origins": 20, "rows": 120}],
    "croston": [{}, {"method": "croston", "alpha": 0.1}, {"method": "tsb"}],
}


ELSEWHERE = {"network"}
"""Takes a file, which its own tests write: tests/forecasters/test_network.py."""


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in sorted({*FORECASTERS.files()} - ELSEWHERE)
        for number in range(len(EXAMPLES.get(name, [None])))
    ]


@pytest.mark.conformance
class TestEveryForecaster(ForecasterSuite):
    @pytest.fixture(params=_examples())
    def forecaster(self, request: pytest.FixtureRequest) -> Forecaster:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"forecaster '{name}' has no example settings in {__file__}")
        return FORECASTERS.build({"kind": name, "horizon": 12, **EXAMPLES[name][number]})

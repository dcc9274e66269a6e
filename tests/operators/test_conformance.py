"""Every operator of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.core.frame import Frame
from gemel.parts.operators import OPERATORS, Operator
from gemel.testing.operators import OperatorSuite, fast

EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "deadband": [
        {"width": 0.5},
        {"width": 0.5, "max_gap": "2 s"},
        {"percent": 1, "ranges": {"0": [0, 40], "1": [-10, 30]}, "widths": {"2": 0.25}},
    ],
    "swinging_door": [
        {"deviation": 0.5},
        {"deviation": 0.5, "max_gap": "3 s"},
        {"percent": 1, "ranges": {"0": [0, 40], "1": [-10, 30]}, "deviations": {"2": 0.25}},
    ],
    "resample": [
        {"step": "100 ms"},
        {"step": "70 ms", "hold": "500 ms", "signals": [0, 3]},
    ],
    "statistics": [
        {"window": "100 ms", "outputs": {"0": {"rms": 10, "kurtosis": 11}, "3": {"mean": 12}}},
        {"window": "1 s", "outputs": {"1": {"peak": 10, "slope": 11}}, "keep": True},
    ],
    "spectrum": [
        {
            "window": "500 ms",
            "rate": 1000,
            "bands": {"low": [10, 60], "high": [60, 500]},
            "outputs": {"0": {"low": 10, "peak": 11}, "1": {"high": 12, "centroid": 13}},
        },
        {
            "window": "250 ms",
            "rate": 1000,
            "bands": {"all": [0, 500]},
            "measure": "power",
            "resolution": 20,
            "outputs": {"1": {"all": 10}},
            "keep": True,
        },
    ],
    "envelope_spectrum": [
        {
            "window": "500 ms",
            "rate": 1000,
            "frequencies": {"knock": 22.5},
            "band": [10, 200],
            "outputs": {"0": {"knock": 10}},
        },
        {
            "window": "500 ms",
            "rate": 1000,
            "bearing": "6205",
            "orders": {"shaft": 1.0},
            "speed": 2,
            "speed_unit": "Hz",
            "hold": "300 ms",
            "outputs": {"0": {"outer": 10, "shaft": 11}, "1": {"inner": 12}},
        },
    ],
    "order_spectrum": [
        {
            "window": "500 ms",
            "rate": 1000,
            "orders": {"one": 1, "four": 4},
            "speed": 2,
            "speed_unit": "Hz",
            "hold": "300 ms",
            "turns": 8,
            "outputs": {"0": {"one": 10, "four": 11}, "1": {"four": 12}},
        },
        {
            "window": "1 s",
            "rate": 1000,
            "orders": {"four": 4},
            "fixed_speed": 1440,
            "measure": "rms",
            "outputs": {"1": {"four": 12}},
            "keep": True,
        },
    ],
    "log_mel": [
        {
            "window": "500 ms",
            "rate": 1000,
            "bands": 8,
            "outputs": {"0": {"1": 10, "8": 11}},
        },
        {
            "window": "250 ms",
            "rate": 1000,
            "bands": 4,
            "scale": "htk",
            "low": 20,
            "high": 400,
            "frame": "100 ms",
            "outputs": {"0": {"2": 10}, "1": {"3": 12}},
            "keep": True,
        },
    ],
    "quality": [
        {},
    ],
}


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in OPERATORS.files()
        for number in range(len(EXAMPLES.get(name, [None])))
    ]


@pytest.mark.conformance
class TestEveryOperator(OperatorSuite):
    @pytest.fixture(params=_examples())
    def operator(self, request: pytest.FixtureRequest) -> Operator:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"operator '{name}' has no example settings in {__file__}")
        return OPERATORS.build({"kind": name, **EXAMPLES[name][number]})


@pytest.mark.conformance
class TestEveryOperatorOnFastSignals(TestEveryOperator):
    @pytest.fixture(params=[0, 1])
    def frames(self, request: pytest.FixtureRequest) -> Frame:
        return fast(request.param, seconds=4.0)

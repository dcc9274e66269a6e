"""Every operator of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.parts.operators import OPERATORS, Operator
from gemel.testing.operators import OperatorSuite

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

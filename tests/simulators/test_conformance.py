"""Every simulator of the folder passes the suite; a new file is tested the moment it exists."""

from typing import Any

import pytest

from gemel.parts.simulators import SIMULATORS, Simulator
from gemel.testing.simulators import SimulatorSuite

EXAMPLES: dict[str, list[dict[str, Any]]] = {"flow_line": [{}], "events": [{}]}


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in SIMULATORS.files()
        for number in range(len(EXAMPLES.get(name, [None])))  # type: ignore[arg-type]  # of none
    ]


@pytest.mark.conformance
class TestEverySimulator(SimulatorSuite):
    @pytest.fixture(params=_examples())
    def simulator(self, request: pytest.FixtureRequest) -> Simulator:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"simulator '{name}' has no example settings in {__file__}")
        return SIMULATORS.build({"kind": name, **EXAMPLES[name][number]})

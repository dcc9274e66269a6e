"""Every scheduler of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.parts.solvers.scheduling import SCHEDULERS, Scheduler
from gemel.testing.schedulers import SchedulerSuite

EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "annealing": [{}],
    "best": [{"lanes": 1}],
    "campaigns": [{}, {"proof": 0.0}],
    "cp_sat": [{"workers": 1}],
    "dispatch": [{}, {"rule": "fifo"}],
    "flow_shop": [{}],
    "tabu": [{}, {"lanes": 1, "pool": 3, "stall": 20}],
}


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in SCHEDULERS.files()
        for number in range(len(EXAMPLES.get(name, [None])))
    ]


@pytest.mark.conformance
class TestEveryScheduler(SchedulerSuite):
    @pytest.fixture(params=_examples())
    def scheduler(self, request: pytest.FixtureRequest) -> Scheduler:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"scheduler '{name}' has no example settings in {__file__}")
        return SCHEDULERS.build({"kind": name, **EXAMPLES[name][number]})

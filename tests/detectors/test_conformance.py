"""Every detector of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.parts.detectors import DETECTORS, Detector
from gemel.testing.detectors import DetectorSuite

EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "control_chart": [
        {},
        {"method": "shewhart"},
        {"method": "cusum", "arl": 1000},
    ],
    "pca": [
        {},
        {"lags": 2, "missing": 0.5, "smoothing": 0.3, "blocks": 1},
        {"rule": "parallel", "statistic": "spe", "shrinkage": 1, "smoothing": 1},
        {"averages": [0.05], "wander": 0.5, "memory": 100},
    ],
    "cva": [
        {},
        {"past": 5, "future": 2, "states": 3, "averages": [1], "blocks": 1, "missing": 0.5},
        {"statistic": "spe", "shrinkage": 0, "smoothing": 1},
    ],
}


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in DETECTORS.files()
        for number in range(len(EXAMPLES.get(name, [None])))
    ]


@pytest.mark.conformance
class TestEveryDetector(DetectorSuite):
    @pytest.fixture(params=_examples())
    def detector(self, request: pytest.FixtureRequest) -> Detector:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"detector '{name}' has no example settings in {__file__}")
        return DETECTORS.build({"kind": name, **EXAMPLES[name][number]})

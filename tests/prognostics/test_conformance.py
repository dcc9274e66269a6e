"""Every prognostic of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.parts.prognostics import PROGNOSTICS, Prognostic
from gemel.testing.prognostics import PrognosticSuite

FEW = {"iterations": 40, "rate": 0.2, "leaves": 8}
EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "boosted": [
        {"boosting": FEW},
        {"boosting": FEW, "cap": 60, "conditions": ["load"], "short": 5, "long": 12, "seeds": 1},
        {"boosting": FEW, "age": False, "confidence": 0.8, "folds": 3},
    ],
    "similarity": [
        {"conditions": ["load"]},
        {"cap": 60, "stretch": 12, "short": 5, "long": 12, "rows": 1000},
        {"conditions": ["load"], "confidence": 0.8, "folds": 3, "cap": 100},
    ],
    "weibull": [
        {"conditions": ["load"]},
        {"clock": "age", "conditions": ["load"], "ridge": 0.01, "cap": 100},
        {"clock": "row", "confidence": 0.8, "folds": 3, "cap": 60},
    ],
    "wiener": [
        {"conditions": ["load"]},
        {"indicator": "vibration", "limit": 4.5, "conditions": ["load"], "cap": 100},
        {"indicator": "vibration", "conditions": ["load"], "scale": "log", "confidence": 0.8},
    ],
}


def _examples() -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in PROGNOSTICS.files()
        for number in range(len(EXAMPLES.get(name, [None])))
    ]


@pytest.mark.conformance
class TestEveryPrognostic(PrognosticSuite):
    @pytest.fixture(params=_examples())
    def prognostic(self, request: pytest.FixtureRequest) -> Prognostic:
        name, number = request.param
        if name not in EXAMPLES:
            pytest.fail(f"prognostic '{name}' has no example settings in {__file__}")
        return PROGNOSTICS.build({"kind": name, **EXAMPLES[name][number]})

"""Every estimator of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import pytest

from gemel.parts.estimators import ESTIMATORS, Estimator
from gemel.testing.estimators import EstimatorSuite

FEW = {"iterations": 25, "rate": 0.3, "leaves": 8, "least": 5}
EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "least_squares": [{}, {"curved": False}],
    "quality": [{"boosting": FEW}, {"boosting": {**FEW, "columns": 0.5}, "seeds": 1}],
}


NUMBERS_ONLY = {"least_squares"}


def _examples(*, numbers_only: bool) -> list[Any]:
    return [
        pytest.param((name, number), id=f"{name}-{number}")
        for name in ESTIMATORS.files()
        for number in range(len(EXAMPLES.get(name, [None])))
        if (name in NUMBERS_ONLY) == numbers_only
    ]


def _built(name: str, number: int) -> Estimator:
    if name not in EXAMPLES:
        pytest.fail(f"estimator '{name}' has no example settings in {__file__}")
    return ESTIMATORS.build({"kind": name, **EXAMPLES[name][number]})


@pytest.mark.conformance
class TestEveryEstimator(EstimatorSuite):
    @pytest.fixture(params=_examples(numbers_only=False))
    def estimator(self, request: pytest.FixtureRequest) -> Estimator:
        return _built(*request.param)


@pytest.mark.conformance
class TestEstimatorsOfNumbers(EstimatorSuite):
    @pytest.fixture(params=_examples(numbers_only=True))
    def estimator(self, request: pytest.FixtureRequest) -> Estimator:
        return _built(*request.param)

    @pytest.fixture
    def classes(self) -> int:
        return 0

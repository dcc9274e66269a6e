"""Every detector of the folder passes the suite; a new file is tested the moment it exists."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from gemel.parts.detectors import DETECTORS, Detector
from gemel.parts.detectors.attribute_chart import AttributeChart
from gemel.parts.detectors.base import Window
from gemel.testing.detectors import DetectorSuite, normal_window

MINUTE = 60 * 10**9

EXAMPLES: Mapping[str, list[dict[str, Any]]] = {
    "attribute_chart": [
        {},
        {"chart": "p", "size": "line/made"},
        {"chart": "np", "size": "line/made", "rules": "western-electric"},
        {"chart": "u", "size": "line/made", "rules": "nelson"},
    ],
    "autoencoder": [
        {"iterations": 60},
        {"iterations": 20, "code": 2, "width": 6, "smoothing": 1, "missing": 0.5, "seed": 3},
    ],
    "control_chart": [
        {},
        {"method": "shewhart"},
        {"method": "cusum", "arl": 1000},
    ],
    "half_space_trees": [
        {},
        {"window": None, "trees": 50, "depth": 8, "seed": 7, "smoothing": 0.3},
        {"window": 100, "depth": 15, "smoothing": 1, "held_out": 0.5},
    ],
    "multivariate_chart": [
        {},
        {"method": "hotelling", "missing": 0.5},
        {"method": "mcusum", "arl": 1000},
    ],
    "normal_behaviour": [
        {"boosting": {"iterations": 30}},
        {"boosting": {"iterations": 10}, "averages": [0.1], "method": "shewhart", "blocks": 2},
    ],
    "subgroup_chart": [
        {},
        {"spread": "deviation", "size": 4, "rules": "western-electric"},
        {"rules": "nelson", "size": 2},
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

    @pytest.fixture
    def normal(self, detector: Detector) -> Window:
        return counted(detector) if isinstance(detector, AttributeChart) else normal_window()

    @pytest.fixture
    def later(self, detector: Detector, normal: Window) -> Window:
        """As that of the suite; counts stay counts."""
        value = normal.value[-500:].copy()
        value[10:14, 0] = np.nan
        value[20] = np.nan
        is_count = isinstance(detector, AttributeChart)
        value[-40:, 1] += 60 if is_count else 20 * np.nanstd(normal.value[:, 1])
        step = int(normal.time[1] - normal.time[0])
        return Window(normal.time[-1] + step * np.arange(1, 501), value, normal.names)


def counted(detector: AttributeChart) -> Window:
    """Rejects of two kinds, all of them, and what was made, each minute; c has no size."""
    random = np.random.default_rng(3)
    made = np.full(1500, 400) if detector.chart == "np" else random.integers(200, 600, 1500)
    few, many = random.binomial(made, 0.01), random.binomial(made, 0.03)
    columns = [few, many, few + many, made]
    names = ["line/scratched", "line/dented", "line/rejected", "line/made"]
    if detector.chart == "c":
        columns = [random.poisson(mean, 1500) for mean in (2.0, 8.0, 30.0)]
        names = names[:3]
    return Window(MINUTE * np.arange(1500), np.column_stack(columns) * 1.0, tuple(names))

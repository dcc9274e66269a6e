"""The detector keeps what every detector promises, and its textbook's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from moving_range import MovingRange

from gemel.parts.detectors.base import Detector, Window
from gemel.testing.detectors import DetectorSuite


@pytest.mark.parametrize("settings", [{}, {"step_weight": 0}, {"false_alarm_rate": 0.01}])
class TestMovingRange(DetectorSuite):
    """Everything that `gemel.testing.detectors` asks of a detector, for three settings."""

    @pytest.fixture
    def detector(self, settings: dict[str, float]) -> Detector:
        return MovingRange(**settings)


def test_spread_of_independent_normal_values_is_their_standard_deviation() -> None:
    random = np.random.default_rng(7)
    value = random.normal(10.0, 2.0, (20_000, 1))
    model = MovingRange().fit(Window(np.arange(20_000), value, ("x",)))
    assert model.spread[0] == pytest.approx(2.0, rel=0.02)


def test_a_slow_drift_does_not_widen_the_spread() -> None:
    random = np.random.default_rng(7)
    value = random.normal(0.0, 1.0, (5_000, 1)) + np.linspace(0, 50, 5_000)[:, None]
    model = MovingRange().fit(Window(np.arange(5_000), value, ("x",)))
    assert model.spread[0] == pytest.approx(1.0, rel=0.05)

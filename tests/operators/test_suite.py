"""The public suites find parts that break their promises."""

from typing import Any

import numpy as np
import pytest

from gemel.core.frame import EMPTY, Frame
from gemel.parts.detectors.base import Detector, Score, Window
from gemel.parts.operators.base import Operator
from gemel.testing.detectors import DetectorSuite, normal_window
from gemel.testing.operators import OperatorSuite, stream


class FirstOfEachFrame(Operator):
    """Keeps what depends on the cut of the stream, and forgets its state."""

    undocumented: int = 1

    def start(self, state: dict[str, Any] | None = None) -> "FirstOfEachFrame":
        return self

    def __call__(self, frame: Frame) -> Frame:
        return frame[:1]

    def flush(self) -> Frame:
        return EMPTY

    def state(self) -> dict[str, Any]:
        return {"version": 1}


class Careless(Detector):
    """Takes the mean of what it is given, never alarms, and fits on anything."""

    names: tuple[str, ...] = ()

    def fit(self, normal: Window) -> Any:
        return self

    def load(self, saved: dict[str, Any]) -> Any:
        return self

    def start(self, state: dict[str, Any] | None = None) -> Any:
        return lambda window: Score(
            window.time,
            window.value - window.value.mean(),
            np.ones(len(window)),
            np.zeros(len(window), bool),
            np.zeros(window.value.shape),
        )


def test_a_careless_operator_is_found() -> None:
    suite, operator = OperatorSuite(), FirstOfEachFrame()
    for check in (
        suite.test_cutting_the_stream_changes_nothing,
        suite.test_continues_from_its_state,
    ):
        with pytest.raises(AssertionError):
            check(operator, stream())
    with pytest.raises(AssertionError, match="undocumented"):
        suite.test_settings_are_documented(operator)


def test_a_careless_detector_is_found() -> None:
    suite, detector = DetectorSuite(), Careless()
    for check in (
        suite.test_cutting_the_stream_changes_nothing,
        suite.test_a_large_shift_alarms_and_names_the_signal,
    ):
        with pytest.raises(AssertionError):
            check(detector, normal_window())
    with pytest.raises(pytest.fail.Exception):
        suite.test_too_little_data_is_refused(detector, normal_window())

import numpy as np
import pytest

from gemel.core import quality
from gemel.core.errors import ConfigurationError, DataError
from gemel.core.frame import Frame
from gemel.parts.operators import OPERATORS
from gemel.parts.operators.deadband import Deadband


def kept(settings: Deadband, value: list[float], **columns: object) -> list[float]:
    time = columns.pop("time", range(len(value)))
    frame = Frame.of([0] * len(value), time, value, columns.pop("quality", None))
    return settings.start()(frame).value.tolist()


def test_keeps_moves_of_the_width_or_more() -> None:
    assert kept(Deadband(width=0.5), [0.0, 0.1, 0.5, 0.9, 1.0, 0.6]) == [0.0, 0.5, 1.0]


def test_slow_drift_is_not_lost() -> None:
    assert kept(Deadband(width=1.0), [0.25 * i for i in range(9)]) == [0.0, 1.0, 2.0]


def test_keeps_every_change_of_quality() -> None:
    codes = [0, quality.STALE, quality.STALE, quality.BAD, quality.NO_COMMUNICATION, 0]
    assert kept(Deadband(width=5.0), [1, 1, 1, 1, 1, 1], quality=codes) == [1] * 5


def test_bad_values_do_not_count_as_movement() -> None:
    assert kept(Deadband(width=1.0), [1, 100, 200], quality=[quality.BAD] * 3) == [1]


def test_not_a_number_is_a_change_once() -> None:
    np.testing.assert_array_equal(kept(Deadband(width=1.0), [1, np.nan, np.nan, 1]), [1, np.nan, 1])


def test_max_gap_keeps_a_sample_while_nothing_moves() -> None:
    settings = OPERATORS.build({"kind": "deadband", "width": 1, "max_gap": "5 ns"})
    assert isinstance(settings, Deadband)
    frame = Frame.of([0] * 11, range(11), [3.0] * 11)
    assert settings.start()(frame).time.tolist() == [0, 5, 10]


def test_late_samples_pass_and_change_nothing() -> None:
    found = kept(Deadband(width=1.0), [0, 0.9, 0.5, 0.95], time=[0, 10, 5, 11])
    assert found == [0, 0.5]


def test_width_per_signal_and_percent_of_range() -> None:
    settings = Deadband(percent=10, ranges={0: (0, 100), 1: (0, 1)}, widths={2: 3.0})
    assert [settings.width_of(n) for n in range(3)] == [10, 0.1, 3]
    frame = Frame.of([0, 1, 2, 3] * 2, [0] * 4 + [1] * 4, [0, 0, 0, 0, 9, 0.2, 3, 0])
    assert settings.start()(frame).signal.tolist() == [0, 1, 2, 3, 1, 2, 3]


def test_settings_that_mean_nothing_are_refused() -> None:
    for wrong in ({}, {"percent": 5}, {"width": 0}, {"width": 1, "ranges": {"0": [1, 0]}}):
        with pytest.raises(ConfigurationError):
            OPERATORS.build({"kind": "deadband", **wrong})


def test_signal_numbers_are_those_of_the_catalogue() -> None:
    with pytest.raises(DataError, match="-1"):
        Deadband(width=1).start()(Frame.of([-1], [0], [0]))

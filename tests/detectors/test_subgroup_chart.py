"""What the suite of detectors does not ask of charts of subgroups."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.subgroup_chart import SubgroupChart

SECOND = 10**9


def window(value: np.ndarray) -> Window:
    names = tuple(f"s{j}" for j in range(value.shape[1]))
    return Window(np.arange(len(value)) * SECOND, value, names)


def normal(rows: int, signals: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(50, 2, size=(rows, signals))


@pytest.mark.parametrize("spread", ["range", "deviation"])
def test_centre_and_spread_are_those_of_the_process(spread: str) -> None:
    model = SubgroupChart.read({"spread": spread}).fit(window(normal(6000)))
    (chart,) = model.charts
    assert (chart.centre, chart.sigma) == (pytest.approx(50, abs=0.1), pytest.approx(2, rel=0.03))
    assert 1 <= model.location.widening[0] < 1.3


def test_a_subgroup_speaks_from_its_last_row_on() -> None:
    model = SubgroupChart(size=4).fit(window(normal(4000)))
    value = normal(16, seed=1)
    value[4:8] += 20
    score = model.start()(window(value))
    assert np.isnan(score.value[:3]).all()
    assert score.alarm.tolist() == [False] * 7 + [True] * 4 + [False] * 5
    assert (score.value[7:11] == score.value[7]).all()


def test_a_larger_spread_alarms_where_the_mean_stays() -> None:
    model = SubgroupChart(size=5).fit(window(normal(4000)))
    value = 50 + np.tile([-12.0, 12.0, 0.0, -12.0, 12.0], 10)[:, None]
    assert model.start()(window(value)).alarm[4:].all()
    assert not model.start()(window(50 + value * 0)).alarm.any()


def test_false_alarms_come_at_the_wanted_rate() -> None:
    chart = SubgroupChart(false_alarm_rate=0.02, rules="western-electric")
    model = chart.fit(window(normal(30_000, 4)))
    alarm = model.start()(window(normal(30_000, 4, seed=9))).alarm
    assert 0.005 < alarm.mean() < 0.04


def test_limits_are_widened_where_subgroups_differ_by_nature() -> None:
    """Batches differ by more than what happens within them: the limits of theory are too narrow."""
    random = np.random.default_rng(2)
    value = np.repeat(random.normal(50, 3, 1200), 5)[:, None] + random.normal(size=(6000, 1))
    model = SubgroupChart(size=5).fit(window(value))
    assert model.location.widening[0] > 3
    later = np.repeat(random.normal(50, 3, 600), 5)[:, None] + random.normal(size=(3000, 1))
    assert model.start()(window(later)).alarm.mean() < 0.02
    assert model.evidence()["location"][0]["widened"] == model.location.widening[0]


def test_a_rule_that_normal_rows_break_is_not_asked() -> None:
    """A slow wave has many means in a row on one side; independent rows have few."""
    wave = 6 * np.sin(np.arange(6000) / 100)[:, None] + normal(6000)
    chart = SubgroupChart(rules="western-electric", false_alarm_rate=0.02)
    assert 4 not in chart.fit(window(wave)).evidence()["location"][0]["rules"]
    assert 4 in chart.fit(window(normal(30_000))).evidence()["location"][0]["rules"]


def test_a_small_shift_that_stays_breaks_a_rule_and_no_limit() -> None:
    model = SubgroupChart(rules="western-electric", false_alarm_rate=0.02).fit(
        window(normal(30_000))
    )
    still = SubgroupChart(false_alarm_rate=0.02).fit(window(normal(30_000)))
    shifted = window(normal(5000, seed=3) + 0.8)
    assert model.start()(shifted).alarm.mean() > 2 * still.start()(shifted).alarm.mean()


def test_what_cannot_be_fitted_says_which_signal() -> None:
    value = normal(2000, 2)
    value[:, 1] = np.nan
    with pytest.raises(DataError, match=r"signal 's1' has 0 subgroups .* needs 20"):
        SubgroupChart().fit(window(value))
    with pytest.raises(DataError, match="100 rows of 1 signals; subgroup_chart needs at least 840"):
        SubgroupChart().fit(window(normal(100)))


def test_a_state_of_another_model_is_refused() -> None:
    one = SubgroupChart().fit(window(normal(2000)))
    two = SubgroupChart().fit(window(normal(2000, 2)))
    with pytest.raises(DataError, match="another"):
        one.start(two.start().state())

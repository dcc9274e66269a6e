import numpy as np
import pytest

from gemel.core.control.run_length import Method, average_run_length, limit_for
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.control_chart import ControlChart

SECOND = 10**9


def window(value: np.ndarray) -> Window:
    names = tuple(f"s{j}" for j in range(value.shape[1]))
    return Window(np.arange(len(value)) * SECOND, value, names)


# Montgomery, Introduction to Statistical Quality Control, tables of the ARL of a CUSUM with h = 4
# and 5, k = 1/2; Lucas and Saccucci (1990), table 3; 3-sigma individuals charts.
PUBLISHED = [
    ("shewhart", 3.0, 1.0, 0.0, 370.4),
    ("shewhart", 3.0, 1.0, 1.0, 43.9),
    ("shewhart", 3.0, 1.0, 3.0, 2.0),
    ("ewma", 2.962, 0.2, 0.0, 500.0),
    ("ewma", 2.962, 0.2, 0.5, 41.8),
    ("ewma", 2.962, 0.2, 1.0, 10.5),
    ("ewma", 2.814, 0.1, 0.0, 500.0),
    ("ewma", 2.814, 0.1, 1.0, 10.3),
    ("cusum", 4.0, 0.5, 0.0, 168.0),
    ("cusum", 4.0, 0.5, 1.0, 8.38),
    ("cusum", 5.0, 0.5, 0.0, 465.0),
    ("cusum", 5.0, 0.5, 1.0, 10.4),
]


@pytest.mark.parametrize(("method", "limit", "parameter", "shift", "published"), PUBLISHED)
def test_run_lengths_are_the_published_ones(
    method: Method, limit: float, parameter: float, shift: float, published: float
) -> None:
    found = average_run_length(method, limit, parameter, shift)
    assert found == pytest.approx(published, rel=0.01)


def test_limits_are_the_inverse_of_run_lengths() -> None:
    assert limit_for("shewhart", 370.4) == pytest.approx(3.0, abs=0.001)
    assert limit_for("ewma", 500, 0.2) == pytest.approx(2.962, abs=0.003)
    assert limit_for("cusum", 465, 0.5) == pytest.approx(5.0, abs=0.005)


@pytest.mark.parametrize("method", ["shewhart", "ewma", "cusum"])
def test_the_running_chart_has_the_run_length_of_theory(method: Method) -> None:
    random = np.random.default_rng(0)
    chart = ControlChart(method=method, arl=100)
    model = chart.fit(window(random.normal(size=(60_000, 1))))
    lengths = []
    for _ in range(300):
        alarm = model.start()(window(random.normal(size=(1500, 1)))).alarm
        lengths.append(int(np.argmax(alarm)) + 1 if alarm.any() else 1500)
    assert np.mean(lengths) == pytest.approx(100, rel=0.15)


def test_outliers_in_the_fitting_part_do_little_harm() -> None:
    value = np.random.default_rng(0).normal(10, 2, size=(3000, 1))
    value[:1000:10] = 500
    model = ControlChart(method="shewhart").fit(window(value))
    assert model.centre[0] == pytest.approx(10, abs=0.3)
    assert model.scale[0] == pytest.approx(2, rel=0.15)


def test_false_alarms_of_many_signals_come_at_the_wanted_rate() -> None:
    random = np.random.default_rng(0)
    model = ControlChart(false_alarm_rate=0.01).fit(window(random.normal(size=(20_000, 30))))
    alarm = model.start()(window(random.normal(size=(20_000, 30)))).alarm
    assert alarm.mean() == pytest.approx(0.01, rel=0.5)


def test_cusum_returns_after_a_long_shift() -> None:
    random = np.random.default_rng(0)
    model = ControlChart(method="cusum", arl=1000).fit(window(random.normal(size=(500, 1))))
    value = random.normal(size=(2100, 1))
    value[:2000] += 3
    alarm = model.start()(window(value)).alarm
    assert alarm[1000:2000].all()
    assert not alarm[2060:].any()


def test_a_wandering_signal_alarms_on_jumps_only() -> None:
    random = np.random.default_rng(0)
    value = random.normal(0, 0.1, size=(3000, 2)) + np.linspace(0, 30, 3000)[:, None] * [1, 0]
    model = ControlChart().fit(window(value[:1500]))
    assert model.evidence()["wandering"] == ["s0"]
    scorer = model.start()
    assert scorer(window(value[:1500])).alarm.mean() < 0.01
    assert scorer(window(value[1500:2900])).alarm.mean() < 0.01
    jump = value[2900:] + np.array([2, 0])
    assert scorer(window(jump)).alarm[5:20].all()

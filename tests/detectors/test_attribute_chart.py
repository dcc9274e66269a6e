"""What the suite of detectors does not ask of charts of counts."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from gemel.core.errors import DataError
from gemel.parts.detectors.attribute_chart import AttributeChart
from gemel.parts.detectors.base import Window

MINUTE = 60 * 10**9


def window(*columns: np.ndarray, names: tuple[str, ...] = ("bad", "made")) -> Window:
    value = np.column_stack(columns).astype(float)
    return Window(np.arange(len(value)) * MINUTE, value, names[: value.shape[1]])


def produced(rows: int, share: float = 0.03, seed: int = 0) -> Window:
    random = np.random.default_rng(seed)
    made = random.integers(100, 900, rows)
    return window(random.binomial(made, share), made)


def test_limits_follow_the_size_of_the_sample() -> None:
    """12 bad ones of 100 are many, 36 of 900 are not, at a share of 3 %."""
    model = AttributeChart(chart="p", size="made").fit(produced(5000))
    assert model.charts[0].centre == pytest.approx(0.03, abs=0.001)
    score = model.start()(window(np.array([14, 36, 60]), np.array([100, 900, 900])))
    assert score.alarm.tolist() == [True, False, True]
    np.testing.assert_array_equal(score.contribution, [[1, 0]] * 3)


def test_the_score_is_the_distance_in_limits() -> None:
    model = AttributeChart(chart="c").fit(
        window(np.random.default_rng(1).poisson(16, 4000), names=("bad",))
    )
    centre, widening = model.charts[0].centre, model.judge.widening[0]
    score = model.start()(window(np.array([16, 30, 4]), names=("bad",)))
    wanted = np.abs(np.array([16, 30, 4]) - centre) / np.sqrt(centre) / 3 / widening
    np.testing.assert_allclose(score.value, wanted)


def test_false_alarms_of_rare_counts_come_at_the_wanted_rate() -> None:
    """Limits of theory alarm at every second defect where one in ten rows has one."""
    random = np.random.default_rng(2)
    model = AttributeChart().fit(window(random.poisson(0.1, 6000), names=("bad",)))
    later = random.poisson(0.1, 20_000)
    assert (np.abs(later - 0.1) / np.sqrt(0.1) > 3).mean() > 0.004
    assert model.start()(window(later, names=("bad",))).alarm.mean() < 0.005


@pytest.mark.parametrize(
    ("bad", "made"), [(-1, 100), (2.5, 100), (101, 100), (3, 0), (3, -5), (np.nan, 9), (3, np.nan)]
)
def test_what_is_no_count_has_no_score(bad: float, made: float) -> None:
    model = AttributeChart(chart="p", size="made").fit(produced(2000))
    score = model.start()(window(np.array([bad]), np.array([made])))
    assert np.isnan(score.value[0])
    assert not score.alarm[0]


def test_a_count_that_never_came_alarms_when_it_does() -> None:
    model = AttributeChart().fit(window(np.zeros(2000), names=("bad",)))
    score = model.start()(window(np.array([0, 1]), names=("bad",)))
    assert score.alarm.tolist() == [False, True]


def test_every_one_bad_is_a_share_too() -> None:
    made = np.full(2000, 50)
    model = AttributeChart(chart="p", size="made").fit(window(made, made))
    score = model.start()(window(np.array([50, 40]), np.array([50, 50])))
    assert score.alarm.tolist() == [False, True]


def test_np_asks_for_samples_of_one_size() -> None:
    chart = AttributeChart(chart="np", size="made")
    with pytest.raises(DataError, match="np chart needs equal ones, a p chart does not"):
        chart.fit(produced(2000))
    random = np.random.default_rng(3)
    model = chart.fit(window(random.binomial(200, 0.05, 2000), np.full(2000, 200)))
    score = model.start()(window(np.array([10, 10]), np.array([200, 199])))
    assert score.alarm.tolist() == [False, True]
    assert score.contribution[1].tolist() == [0, 1]


def test_sizes_and_charts_belong_together() -> None:
    with pytest.raises(ValidationError, match="a chart p needs the `size`"):
        AttributeChart(chart="p")
    with pytest.raises(ValidationError, match="a chart c has no size"):
        AttributeChart(size="made")
    with pytest.raises(DataError, match=r"no signal 'mde'; did you mean 'made'\?"):
        AttributeChart(chart="p", size="mde").fit(produced(2000))
    with pytest.raises(DataError, match=r"signal 'bad' has 0 counts .* needs 20"):
        AttributeChart(chart="u", size="made").fit(window(np.full(500, 0.5), np.ones(500)))

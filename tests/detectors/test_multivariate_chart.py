"""Hotelling, MEWMA and MCUSUM: run lengths against published tables and by playing them."""

import numpy as np
import pytest

from gemel.core.control import run_length
from gemel.core.control.vector_run_length import VectorMethod, average_run_length, limit_for
from gemel.core.errors import DataError
from gemel.parts.detectors.base import Window
from gemel.parts.detectors.multivariate_chart import MultivariateChart

SECOND = 10**9
CORRELATION = np.array([[1.0, 0.9, 0.2], [0.9, 1.0, 0.1], [0.2, 0.1, 1.0]])


def window(value: np.ndarray) -> Window:
    names = tuple(f"s{j}" for j in range(value.shape[1]))
    return Window(np.arange(len(value)) * SECOND, value, names)


def rows(n: int, seed: int = 0) -> np.ndarray:
    """Three signals in units of their own, two of which move together."""
    found = np.random.default_rng(seed).multivariate_normal(np.zeros(3), CORRELATION, size=n)
    return np.asarray(50 + found * [1, 20, 0.1])


# Prabhu and Runger, J. Quality Technology 29 (1997), table 1: limits for 200 rows.
LIMITS = [
    (2, 0.05, 7.35), (2, 0.1, 8.64), (2, 0.2, 9.65), (2, 0.5, 10.44), (2, 1.0, 10.60),
    (4, 0.1, 12.73), (6, 0.1, 16.27), (10, 0.1, 22.67), (15, 0.1, 30.03),
]  # fmt: skip


@pytest.mark.parametrize(("signals", "smoothing", "published"), LIMITS)
def test_limits_of_averages_are_the_published_ones(
    signals: int, smoothing: float, published: float
) -> None:
    # Theirs are of a Markov chain, and rounded.
    assert limit_for("mewma", 200, signals, smoothing) == pytest.approx(published, abs=0.021)


def test_limits_agree_with_others_methods() -> None:
    assert limit_for("mewma", 500, 4, 0.25) == pytest.approx(16.38, abs=0.005), "Rigdon (1995)"
    assert limit_for("hotelling", 200, 2) == pytest.approx(-2 * np.log(1 / 200), rel=1e-4)
    alone = run_length.average_run_length("ewma", 2.962, 0.2)
    assert average_run_length("mewma", 2.962**2, 1, 0.2) == pytest.approx(alone, rel=0.005)
    # Crosier (1988): limits 5.50 and 14.90 of two and ten signals for 200 rows, by simulation.
    assert average_run_length("mcusum", 5.5, 2, 0.5) == pytest.approx(200, rel=0.02)
    assert average_run_length("mcusum", 14.9, 10, 0.5) == pytest.approx(200, rel=0.02)
    assert average_run_length("hotelling", 500, 2) > 1e12


def lengths(chart: MultivariateChart, shift: float, most: int, runs: int) -> np.ndarray:
    """Rows until the first alarm of many runs; the mean moves by so much, in the metric of R."""
    model = chart.fit(window(rows(200_000)))
    random = np.random.default_rng(1)
    along = np.linalg.cholesky(CORRELATION) @ [shift, 0, 0] * [1, 20, 0.1]
    found = []
    for _ in range(runs):
        seed = int(random.integers(2**31))
        alarm = model.start()(window(rows(most, seed) + along)).alarm
        found.append(int(np.argmax(alarm)) + 1 if alarm.any() else most)
    return np.array(found)


@pytest.mark.parametrize(
    ("method", "smoothing"), [("hotelling", 1.0), ("mewma", 0.1), ("mewma", 0.3), ("mcusum", 1.0)]
)
def test_the_running_chart_has_the_run_length_of_theory(
    method: VectorMethod, smoothing: float
) -> None:
    chart = MultivariateChart(method=method, smoothing=smoothing, arl=100)
    assert lengths(chart, 0, 1500, 400).mean() == pytest.approx(100, rel=0.15)


def test_small_changes_are_found_sooner_by_charts_with_a_memory() -> None:
    # Lowry et al. (1992) and Crosier (1988): of two and three signals about 10 rows at a shift of
    # 1 and 200 rows between false alarms, where T² takes 42 (p = 2) and more.
    charts = {m: MultivariateChart(method=m, arl=200) for m in ("mewma", "mcusum", "hotelling")}
    mean = {m: float(lengths(chart, 1, 1000, 300).mean()) for m, chart in charts.items()}
    assert mean["mewma"] == pytest.approx(11, abs=1.5)
    assert mean["mcusum"] == pytest.approx(11, abs=1.5)
    assert mean["hotelling"] > 40


def test_a_relation_that_breaks_is_seen_though_no_signal_leaves_its_limits() -> None:
    model = MultivariateChart(method="hotelling").fit(window(rows(5000)))
    later = rows(100, 1)
    later[50] = [51.5, 20, 50]  # two that move together, moved apart by 1.5 of their deviations
    found = model.start()(window(later))
    assert found.alarm[50]
    assert set(np.argsort(found.contribution[50])[-2:]) == {0, 1}


def test_false_alarms_come_at_the_wanted_rate() -> None:
    model = MultivariateChart(false_alarm_rate=0.01).fit(window(rows(30_000)))
    assert model.start()(window(rows(30_000, 1))).alarm.mean() == pytest.approx(0.01, rel=0.5)


def test_a_missing_value_is_what_the_others_say() -> None:
    model = MultivariateChart(method="hotelling", missing=0.4).fit(window(rows(5000)))
    later = rows(4, 1)
    later[1, 0] = np.nan
    later[2, :2] = np.nan
    found = model.start()(window(later))
    # T² of the others alone.
    r = model.correlation[1:, 1:]
    x = ((later[1] - model.centre) / model.scale)[1:]
    assert found.value[1] == pytest.approx(float(x @ np.linalg.solve(r, x)))
    assert np.isnan(found.value[2]), "two of three are too many"
    assert np.isfinite(found.value[3])


def test_too_little_is_refused() -> None:
    with pytest.raises(DataError, match=r"20 rows of 3 signals; multivariate_chart needs at least"):
        MultivariateChart().fit(window(rows(20)))
    gaps = rows(400)
    gaps[::2, 0] = np.nan
    gaps[1::2, 1] = np.nan
    with pytest.raises(DataError, match=r"0 rows of the fitting part have a value of every signal"):
        MultivariateChart().fit(window(gaps))

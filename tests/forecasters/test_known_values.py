"""Methods against values known from elsewhere: by hand, or from their formulas."""

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.forecasters.base import Panel
from gemel.parts.forecasters.boosted import Boosted
from gemel.parts.forecasters.croston import Croston
from gemel.parts.forecasters.ets import ETS
from gemel.parts.forecasters.seasonal_naive import SeasonalNaive
from gemel.parts.forecasters.theta import Theta

SECOND = 1_000_000_000


def panel(*series: object) -> Panel:
    value = np.array(series, np.float64)
    names = tuple(f"s{i}" for i in range(len(value)))
    return Panel(names, np.arange(value.shape[1], dtype=np.int64) * SECOND, value)


def test_seasonal_naive_repeats_the_last_season() -> None:
    history = panel(np.arange(100) % 7)
    forecast = SeasonalNaive(season=7, horizon=10).fit(history).forecast(history, 10)
    np.testing.assert_array_equal(forecast.mean[0], np.arange(100, 110) % 7)
    np.testing.assert_array_equal(forecast.quantile[0, :, 0], forecast.quantile[0, :, 2])


def test_seasonal_naive_looks_further_back_where_a_value_is_unknown() -> None:
    row = np.arange(100.0)
    row[93] = np.nan
    history = panel(row)
    forecast = SeasonalNaive(season=7, horizon=8).fit(history).forecast(history, 8)
    np.testing.assert_array_equal(forecast.mean[0], [86, 94, 95, 96, 97, 98, 99, 86])


def test_simple_exponential_smoothing_by_hand() -> None:
    row = np.random.default_rng(0).normal(10, 1, 200)
    history = panel(row)
    model = ETS(form="simple", horizon=3).fit(history)
    alpha = model.learned["weights"][0, 0]
    level = row[0]
    for y in row[1:]:
        level = alpha * y + (1 - alpha) * level
    np.testing.assert_allclose(model.forecast(history, 3).mean[0], level)


def test_smoothing_finds_the_weight_of_a_random_walk_with_noise() -> None:
    """Its best weight follows from the two variances: a²/(1-a) = q, here 0.25."""
    random = np.random.default_rng(1)
    walk = np.cumsum(random.normal(0, 0.5, 20_000)) + random.normal(0, 1, 20_000)
    alpha = ETS(form="simple", horizon=1).fit(panel(walk)).learned["weights"][0, 0]
    assert alpha == pytest.approx((-0.25 + np.sqrt(0.25**2 + 4 * 0.25)) / 2, abs=0.03)


def test_the_criterion_chooses_seasons_and_no_trend_where_there_are_seasons() -> None:
    random = np.random.default_rng(2)
    rows = np.arange(240)
    season, noise = 5 * np.sin(2 * np.pi * rows / 12), random.normal(0, 1, (2, 240))
    model = ETS(season=12, horizon=12).fit(panel(season + noise[0], noise[1]))
    assert model.evidence()["learned"]["forms"] == {"simple": 1, "seasonal": 1}
    ahead = model.forecast(panel(season + noise[0], noise[1]), 12).mean[0]
    np.testing.assert_allclose(ahead, season[:12], atol=1.5)


DEMAND = [0, 0, 3, 0, 2, 0, 0, 0, 4, 0] * 8


def test_croston_by_hand() -> None:
    size, interval, waited = 3.0, 3.0, 0
    for y in DEMAND[3:]:
        waited += 1
        if y:
            size, interval, waited = 0.9 * size + 0.1 * y, 0.9 * interval + 0.1 * waited, 0
    history = panel(DEMAND)
    for method, factor in (("croston", 1.0), ("sba", 0.95)):
        part = Croston.read({"method": method, "alpha": 0.1, "horizon": 2})
        ahead = part.fit(history).forecast(history, 2).mean[0]
        np.testing.assert_allclose(ahead, factor * size / interval)


def test_tsb_by_hand_and_it_fades() -> None:
    size, probability = 3.0, 1 / 3
    for y in DEMAND[3:]:
        probability += 0.2 * ((y > 0) - probability)
        size += 0.1 * (y - size) if y else 0
    part = Croston(method="tsb", alpha=0.1, beta=0.2, horizon=1)
    history = panel(DEMAND)
    model = part.fit(history)
    np.testing.assert_allclose(model.forecast(history, 1).mean, size * probability)
    dead = panel(DEMAND + [0] * 40)
    assert model.forecast(dead, 1).mean[0, 0] < 1e-3


def test_standard_theta_has_half_the_slope_of_a_line() -> None:
    history = panel(5 + 2.0 * np.arange(80))
    model = Theta(method="standard", horizon=4).fit(history)
    alpha = model.learned["weights"][0, 0]
    place = 0.0
    for t in range(1, 80):
        place += alpha * (t - place)
    wanted = 5 + 2 * place + 0.5 * 2 * (79 + np.arange(1, 5) - place)
    np.testing.assert_allclose(model.forecast(history, 4).mean[0], wanted)


def test_optimised_theta_continues_a_line() -> None:
    history = panel(5 + 2.0 * np.arange(80))
    ahead = Theta(horizon=4).fit(history).forecast(history, 4).mean[0]
    np.testing.assert_allclose(ahead, 5 + 2.0 * np.arange(80, 84))


def test_boosted_uses_covariates_that_are_known_ahead() -> None:
    random = np.random.default_rng(3)
    shift = random.integers(0, 2, 1100).astype(np.float64)
    value = 10 + 5 * shift[:1000] + random.normal(0, 0.1, 1000)
    time = np.arange(1000, dtype=np.int64) * SECOND
    history = Panel(("s",), time, value[None, :], shift[None, :], ("shift",))
    forecast = Boosted(horizon=12, rows=3000).fit(history).forecast(history, 12)
    np.testing.assert_allclose(forecast.mean[0], 10 + 5 * shift[1000:1012], atol=0.5)


@pytest.mark.parametrize("time", [[0, 1, 1, 2], [0, 1, 3, 4], [0, 2, 1, 3], [3, 2, 1, 0]])
def test_a_grid_that_is_none_is_refused(time: list[int]) -> None:
    with pytest.raises(DataError, match=r"row [123] of the panel"):
        Panel(("s",), np.array(time, np.int64), np.zeros((1, 4)))


def test_bands_of_rare_demand_are_of_its_own_height() -> None:
    """Bands by group: little demand has a narrow band, much of it a wide one, at the same time."""
    random = np.random.default_rng(4)
    rate = np.repeat([0.1, 4.0], 40)
    value = random.poisson(rate[:, None], (80, 60)).astype(np.float64)
    history = panel(*value)
    found = Croston(method="tsb", horizon=6).fit(history).forecast(history, 6)
    future = random.poisson(rate[:, None], (80, 6))
    inside = (future >= found.at(0.05)) & (future <= found.at(0.95))
    assert inside[:40].mean() > 0.88
    assert inside[40:].mean() > 0.85
    assert found.at(0.95)[:40].mean() < 2 < 6 < found.at(0.95)[40:].mean()

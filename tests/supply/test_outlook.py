"""Forecasts of demand: held out, whole paths, at least what is ordered."""

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.stock.demand import EmpiricalDemand, NormalDemand
from gemel.core.time import DAY, parse_time
from gemel.twin.learning.tasks.panels import Grid
from gemel.twin.planning.supply import outlook_of

GRID = Grid(parse_time("2025-01-06"), DAY, "time")
NONE = np.zeros(14)


def weekly(days: int, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Much in the week, nothing on Sunday, and noise."""
    random = np.random.default_rng(seed)
    shape = np.array([60, 50, 50, 50, 40, 10, 0])[np.arange(days) % 7]
    return np.round(shape * random.gamma(30, 1 / 30, days))


def test_the_season_is_seen_and_the_band_holds() -> None:
    seen = weekly(400)
    found = outlook_of("a", seen[:-14], GRID, 14, NONE)
    truth = seen[-14:]
    assert abs(found.mean.sum() / truth.sum() - 1) < 0.1
    day = (len(seen) - 14 + np.arange(14)) % 7
    assert found.mean[day == 6].max() < 5 < found.mean[day == 0].min()
    assert found.coverage is not None
    assert 0.85 <= found.coverage <= 0.99
    assert isinstance(found.law, NormalDemand)
    assert found.law.mean == pytest.approx(260 / 7, rel=0.1)
    assert "held-out" in found.how


def test_sums_of_paths_are_spread_as_sums_are() -> None:
    """Of 40 series: the sum of the coming two weeks lies in the 90 % band of the paths' sums about
    as often as it says; bands of days, added up, would hold nearly always."""
    held, luck = 0, (np.arange(400) + 0.5) / 400
    for seed in range(40):
        seen = weekly(330, seed)
        found = outlook_of("a", seen[:-14], GRID, 14, NONE)
        low, high = np.quantile(found.paths(luck).sum(axis=1), (0.05, 0.95))
        held += low <= seen[-14:].sum() <= high
    assert 30 <= held <= 40


def test_what_is_ordered_is_wanted() -> None:
    firm = np.zeros(14)
    firm[3] = 500
    found = outlook_of("a", weekly(300), GRID, 14, firm)
    assert (found.mean[3], found.low[3]) == (500, 500)
    assert (found.paths(np.linspace(0, 0.99, 50))[:, 3] >= 500).all()
    assert found.mean[2] < 100


def test_rare_demand_is_used_as_it_was_seen() -> None:
    random = np.random.default_rng(1)
    seen = np.where(random.random(400) < 0.1, random.integers(1, 4, 400), 0).astype(float)
    found = outlook_of("a", seen, GRID, 14, NONE)
    assert isinstance(found.law, EmpiricalDemand)
    assert found.law.rate == pytest.approx(seen.mean(), rel=1e-9)
    assert (found.paths(np.linspace(0, 0.99, 50)) >= 0).all()


def test_a_short_history_is_used_as_it_was_seen() -> None:
    found = outlook_of("a", np.array([3.0, 0, 5, 4]), GRID, 14, NONE)
    assert found.how == "as seen in 4 periods"
    assert found.coverage is None
    assert found.mean.tolist() == [3.0] * 14
    assert set(np.unique(found.paths(np.linspace(0, 0.99, 99)))) == {0.0, 3.0, 4.0, 5.0}


def test_what_comes_later_does_not_choose_the_forecaster() -> None:
    """The rows by which errors are told are not those by which the forecaster was chosen."""
    seen = weekly(400)
    other = seen.copy()
    other[280:] = np.random.default_rng(9).permutation(other[280:])
    first, second = (outlook_of("a", s, GRID, 14, NONE) for s in (seen, other))
    assert first.how == second.how
    assert np.abs(second.errors).mean() > 2 * np.abs(first.errors).mean()


def test_what_cannot_be() -> None:
    with pytest.raises(DataError, match="is -2 in period 2 of its history"):
        outlook_of("a", np.array([1.0, -2, 3]), GRID, 14, NONE)
    with pytest.raises(DataError, match="nothing was ever wanted of 'a'"):
        outlook_of("a", np.zeros(30), GRID, 14, NONE)

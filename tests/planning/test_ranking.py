"""The promise of selection: how often it is right where it is hardest, in how many replications."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from gemel.core.control.quantiles import chi2_quantile
from gemel.core.errors import ConfigurationError
from gemel.core.probability import normal_cdf
from gemel.twin.planning.experiments.ranking import FIRST, Limit, Race


def run(
    race: Race, means: np.ndarray, spread: float, together: float, random: np.random.Generator,
    most: int = 20_000,
) -> Race:  # fmt: skip
    """Normal replications whose chance is shared to the degree `together`."""
    step = FIRST
    while not race.over and race.played.max() < most:
        common = random.normal(0, sqrt(together) * spread, step)
        own = random.normal(0, sqrt(1 - together) * spread, (race.count, step))
        rows = np.flatnonzero(race.running)
        race.add((means[:, None] + common + own)[rows])
        step = 5
    return race


def rinott(count: int, first: int, confidence: float = 0.95) -> float:
    """Constant h of the procedure in two stages (Y. Rinott, Communications in Statistics A7 (1978)
    799), which takes (h · spread / difference)² replications of each."""
    degrees = first - 1
    middle = (np.arange(200) + 0.5) / 200
    chance = np.array([chi2_quantile(p, degrees) for p in middle])

    def kept(h: float) -> float:
        z = h / np.sqrt(degrees * (1 / chance[:, None] + 1 / chance[None]))
        return float((normal_cdf(z).mean(axis=0) ** (count - 1)).mean())

    low, high = 0.0, 20.0
    while high - low > 1e-4:
        half = (low + high) / 2
        low, high = (half, high) if kept(half) < confidence else (low, half)
    return low


@pytest.mark.parametrize(("count", "together"), [(2, 0.0), (5, 0.0), (5, 0.7), (12, 0.3)])
def test_the_best_is_named_as_often_as_promised(count: int, together: float) -> None:
    """Slippage: all others are equal and behind by just the difference that matters."""
    random = np.random.default_rng([count, int(10 * together)])
    times, right, played = 300, 0, 0
    for _ in range(times):
        means = np.zeros(count)
        best = int(random.integers(count))
        means[best] = 0.4
        race = run(Race(count, 0.4), means, 1.0, together, random)
        assert race.over
        right += race.best == best
        played += int(race.played.sum())
    # Three standard errors of 0.95 below it.
    assert right / times >= 0.95 - 3 * sqrt(0.95 * 0.05 / times)
    assert played / times / count < (rinott(count, FIRST) / 0.4) ** 2


def test_a_promise_that_is_too_small_a_difference_is_broken() -> None:
    """The test above can fail: a race for a far greater difference errs far more often."""
    random = np.random.default_rng(1)
    right = 0
    for _ in range(200):
        means = np.array([0.1, 0, 0, 0, 0])
        right += run(Race(5, 4.0), means, 1.0, 0.0, random).best == 0
    assert right / 200 < 0.8


def test_common_luck_makes_it_shorter() -> None:
    random = np.random.default_rng(2)
    means = np.array([0.0, 0.3, 0.0, 0.1])
    played = [
        sum(run(Race(4, 0.2), means, 1.0, c, random).played.sum() for _ in range(30))
        for c in (0.0, 0.9)
    ]
    assert played[1] < played[0] / 3


@pytest.mark.parametrize("seed", range(3))
def test_what_breaks_a_limit_is_not_chosen(seed: int) -> None:
    """The first is best and breaks the limit by its tolerance, the second keeps it by that."""
    random = np.random.default_rng([3, seed])
    right = 0
    for _ in range(100):
        race = Race(3, 0.5, [Limit(10.0, 0.5)])
        step = FIRST
        while not race.over:
            rows = np.flatnonzero(race.running)
            values = np.array([2.0, 1.0, 0.5])[:, None] + random.normal(0, 1, (3, step))
            limited = np.array([10.5, 9.5, 8.0])[:, None] + random.normal(0, 1, (3, step))
            race.add(values[rows], limited[None][:, rows])
            step = 5
        right += race.best == 1
        assert race.keeps[race.best if race.best is not None else 0] or race.best is None
    assert right >= 88  # three standard errors below 95


def test_where_all_break_the_limit_none_is_named() -> None:
    random = np.random.default_rng(4)
    race = Race(2, 0.1, [Limit(1.0, 0.1)])
    race.add(random.normal(0, 1, (2, 20)), random.normal(5, 0.1, (1, 2, 20)))
    assert race.over
    assert race.best is None
    assert race.breaks.all()


def test_equal_alternatives_come_to_an_end() -> None:
    race = Race(3, 0.1)
    race.add(np.tile(np.random.default_rng(5).normal(0, 1, 10), (3, 1)))
    assert race.over
    assert race.best == 0


def test_one_alone_is_checked_against_its_limit() -> None:
    random = np.random.default_rng(6)
    race = Race(1, 0.1, [Limit(2.0, 0.2)])
    race.add(random.normal(0, 1, (1, 10)), random.normal(1, 0.2, (1, 1, 10)))
    assert race.over
    assert race.best == 0


def test_what_gives_nothing_is_out() -> None:
    random = np.random.default_rng(7)
    race = Race(3, 0.5)
    values = random.normal([[5.0], [0.0], [1.0]], 0.1, (3, 10))
    values[0, 3] = np.nan
    race.add(values)
    assert race.over
    assert race.best == 2


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigurationError, match="must be above 0"):
        Race(2, 0.0)
    with pytest.raises(ConfigurationError, match=r"below 1"):
        Race(2, 0.1, confidence=1.0)
    with pytest.raises(ConfigurationError, match="at least 2"):
        Race(2, 0.1).add(np.zeros((2, 1)))

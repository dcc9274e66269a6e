import math

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.limits import (
    Limit,
    held_out,
    rows_needed,
    set_limit,
    set_limit_of_blocks,
)


def test_a_quantile_within_reach_is_read_from_the_rows() -> None:
    limit = set_limit(np.arange(1, 2001), 0.01)
    assert (limit.source, limit.value, limit.rows) == ("quantile", 1981, 2000)


def test_the_exceedance_of_the_next_row_is_as_wanted() -> None:
    random = np.random.default_rng(0)
    found = [
        (random.standard_t(4, 10_000) > set_limit(random.standard_t(4, 1500), 0.02).value).mean()
        for _ in range(100)
    ]
    assert np.mean(found) == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("draw", ["exponential", "chisquare", "standard_t"])
def test_a_fitted_tail_reaches_beyond_the_rows(draw: str) -> None:
    random = np.random.default_rng(1)
    arguments = {"exponential": (1.0,), "chisquare": (6,), "standard_t": (6,)}[draw]
    every = np.sort(getattr(random, draw)(*arguments, 1_000_000))
    found = []
    for _ in range(300):
        limit = set_limit(getattr(random, draw)(*arguments, 300), 0.001)
        assert limit.source == "generalised Pareto"
        found.append(1 - np.searchsorted(every, limit.value) / len(every))
    assert 0.0005 < np.mean(found) < 0.003  # the empirical maximum of 300 rows would give 0.0033


def test_rows_that_come_in_groups_count_as_the_groups() -> None:
    """The same scores in the order of an EWMA of weight 0.1, and mixed."""
    random = np.random.default_rng(2)
    limits: dict[bool, list[Limit]] = {False: [], True: []}
    for _ in range(100):
        score = _averaged(random.normal(size=700))[200:] ** 2
        limits[True].append(set_limit(score, 0.001))
        limits[False].append(set_limit(random.permutation(score), 0.001))
    groups = {key: np.mean([limit.groups for limit in found]) for key, found in limits.items()}
    assert 40 < groups[False] <= 50
    assert 10 < groups[True] < 20
    values = {key: np.mean([limit.value for limit in found]) for key, found in limits.items()}
    assert values[True] > 1.02 * values[False]


def _averaged(noise: np.ndarray, weight: float = 0.1) -> np.ndarray:
    out, level = np.empty(len(noise)), 0.0
    for i, value in enumerate(noise):
        level += weight * (value - level)
        out[i] = level
    return out / math.sqrt(weight / (2 - weight))


def test_scores_that_are_no_number_do_not_count() -> None:
    scores = np.r_[np.full(100, np.nan), np.linspace(0, 1, 200)]
    assert set_limit(scores, 0.05).rows == 200
    with pytest.raises(DataError, match="at least 50"):
        set_limit(scores[:149], 0.05)


def test_equal_scores_are_their_own_limit() -> None:
    assert set_limit(np.ones(100), 0.001).value == 1.0


def test_parts_are_blocks_with_a_gap() -> None:
    assert held_out(100, 0.3, 10) == (slice(0, 60), slice(70, 100))
    needed = rows_needed(60, 0.3, 10)
    fitting, setting = held_out(needed, 0.3, 10)
    assert fitting.stop >= 60
    assert setting.stop - setting.start >= 50


def test_blocks_that_are_alike_have_the_limit_of_all_rows() -> None:
    random = np.random.default_rng(4)
    blocks = random.exponential(size=(100, 4, 2000))
    factors = [set_limit_of_blocks(list(each), 0.01)[1] for each in blocks]
    assert 1 <= np.mean(factors) < 1.06


def test_the_limit_of_blocks_holds_for_the_next_block() -> None:
    """Blocks whose scores differ by a factor: that of all rows holds for the blocks seen only."""
    random = np.random.default_rng(5)
    together, ahead = [], []
    for _ in range(400):
        sizes = np.exp(random.normal(0, 0.3, 6))[:, None]
        rows = sizes * random.chisquare(8, (6, 1500))
        known = list(rows[:5])
        together.append((rows[5] > set_limit(np.concatenate(known), 0.01).value).mean())
        ahead.append((rows[5] > set_limit_of_blocks(known, 0.01)[0].value).mean())
    assert np.mean(together) > 0.015
    assert np.mean(ahead) == pytest.approx(0.01, rel=0.5)


def test_a_block_without_others_is_its_own_limit() -> None:
    rows = np.random.default_rng(6).exponential(size=500)
    assert set_limit_of_blocks([rows, []], 0.01) == (set_limit(rows, 0.01), 1.0)
    assert set_limit_of_blocks([np.zeros(100), np.zeros(100)], 0.01)[1] == 1.0
    with pytest.raises(DataError, match="at least 50"):
        set_limit_of_blocks([], 0.01)

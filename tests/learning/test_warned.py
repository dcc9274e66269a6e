"""Warnings by hand: when they are raised, what becomes of them, and how thresholds are found."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.twin.learning.evaluation.warned import Lives, isotonic, judge, loosest


def test_labels_by_hand():
    """One life that fails at 10, one that is watched to 9: what comes after that is not known."""
    lives = Lives(np.tile(np.arange(10.0), 2), np.array([0, 10]), np.array([10.0, np.inf]))
    nan = np.nan
    assert np.array_equal(lives.label(3)[:10], [0, 0, 0, 0, 0, 0, 0, 1, 1, 1])
    assert np.array_equal(lives.label(3)[10:], [0, 0, 0, 0, 0, 0, 0, nan, nan, nan], equal_nan=True)


def test_warnings_by_hand():
    """Horizon 3, failure at 10. Warned at 1, 2 (stands), 5 (false again), 7 (stands; from here the
    failure is near), 9 (raised, right)."""
    lives = Lives(np.arange(10.0), np.array([0]), np.array([10.0]))
    warns = np.isin(np.arange(10), [1, 2, 5, 7, 9])
    found = judge(lives, warns, 3)
    assert (found.false.tolist(), found.right.tolist()) == ([2], [1])
    assert found.lead.tolist() == [3.0]
    assert found.span.tolist() == [9.0]


def test_a_warning_that_is_not_followed_to_its_end_is_not_judged():
    lives = Lives(np.arange(10.0), np.array([0]), np.array([np.inf]))
    found = judge(lives, np.arange(10) == 8, 3)
    assert (found.false.sum(), found.right.sum()) == (0, 0)
    assert np.isnan(found.lead).all()


def test_a_warning_ends_with_its_life():
    """A new life begins without the warning of the one before."""
    lives = Lives(np.arange(10.0), np.array([0, 5]), np.array([5.0, np.inf]))
    found = judge(lives, np.isin(np.arange(10), [4, 5]), 3)
    assert (found.right.tolist(), found.false.tolist()) == ([1, 0], [0, 1])


def test_the_loosest_limit_within_the_budget():
    """Told is one less than the truth: 4 to the failure are told as 3, and so on. Horizon 3;
    a limit of 3 warns one row too early (false), one of 2 does not."""
    lives = Lives(np.tile(np.arange(10.0), 4), np.arange(0, 40, 10), np.full(4, 10.0))
    left = 10 - lives.time
    told = left - 1
    assert loosest(lives, told, 3, rate=0.0) == 2
    # Up to 6, the warning at 7 or fewer to the failure stands until the failure is near; at 7 it is
    # raised a second time, at 4 to the failure.
    assert loosest(lives, told, 3, rate=1 / 9) == 6, "one false warning in each life of 9"
    assert loosest(lives, 20 - told, 3, rate=0.0) == -1, "what is wrong throughout never warns"


def test_what_is_told_as_the_highest_is_not_warned_of():
    lives = Lives(np.arange(10.0), np.array([0]), np.array([10.0]))
    assert loosest(lives, np.full(10, 5.0), 3, rate=100.0) == -1


def test_isotonic_by_hand():
    """Labels 1 1 0 1 0 0 of rising lives: the third and fourth are pooled. Blocks of 1, 1, 2, 2 …
    with (ones + 1) / (rows + 2), the first two pooled since they are alike."""
    at, share = isotonic(np.array([1.0, 2, 3, 4, 5, 6]), np.array([1.0, 1, 0, 1, 0, 0]))
    assert at == pytest.approx([1.5, 3.5, 5.5])
    assert share == pytest.approx([3 / 4, 2 / 4, 1 / 4])


@pytest.mark.parametrize("seed", range(3))
def test_isotonic_finds_the_probability(seed):
    random = np.random.default_rng(seed)
    told = random.uniform(0, 100, 20_000)
    truth = 1 / (1 + np.exp((told - 50) / 8))
    at, share = isotonic(told, (random.random(20_000) < truth).astype(float))
    assert (np.diff(at) > 0).all()
    assert (np.diff(share) <= 0).all()
    assert np.abs(np.interp(told, at, share) - truth).mean() < 0.02

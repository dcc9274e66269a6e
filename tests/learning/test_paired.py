"""Comparisons of two models: what they say, how often they are wrong, and that they can stop."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.testing.drift import wandering
from gemel.twin.learning.evaluation.dependent import block_length, draw_blocks, mean_interval
from gemel.twin.learning.renewal.paired import Comparison


def losses(rows: int, seed: int, better: float, along: float = 0.6):
    """Of a champion and of a candidate whose mean loss is so much smaller."""
    hard = wandering(rows, seed, along)
    return hard + (wandering(rows, seed + 10_000, along) - 3) / 4 + better, hard


@pytest.mark.parametrize("along", [0.5, 0.8])
def test_blocks_are_as_long_as_theory_says(along):
    """Of an autoregression of order one: (6 φ² n / (1 - φ²)²)^⅓ (Politis and White 2004)."""
    found = [block_length(wandering(4000, seed, along)) for seed in range(30)]
    theory = (6 * along**2 / (1 - along**2) ** 2 * 4000) ** (1 / 3)
    assert np.median(found) == pytest.approx(theory, rel=0.25)


def test_rows_that_do_not_depend_on_each_other_come_one_by_one():
    found = [block_length(wandering(1000, seed, 0.0)) for seed in range(30)]
    assert np.median(found) <= 2
    assert block_length(np.full(500, 0.1)) == block_length(np.arange(3.0)) == 1
    assert block_length(np.cumsum(np.ones(300))) <= 100


def test_blocks_keep_neighbours_together():
    drawn = draw_blocks(10, 25, 4, np.random.default_rng(0))
    assert len(drawn) == 25
    follows = (drawn[1:] - drawn[:-1]) % 10 == 1
    assert follows[[i for i in range(24) if i % 4 != 3]].all()


def test_an_interval_holds_the_mean_about_as_often_as_it_says():
    held = 0
    for seed in range(200):
        found = mean_interval(wandering(1500, seed), repeats=200)
        held += found.low <= 3 <= found.high
    assert 0.82 <= held / 200 <= 0.95
    with pytest.raises(DataError):
        mean_interval(np.array([1.0, np.nan]))
    with pytest.raises(DataError):
        mean_interval(np.zeros(0))


def test_tells_better_from_worse_with_its_numbers():
    champion, candidate = losses(1500, 0, 0.3)
    told = Comparison().judge(champion, candidate)
    assert told.verdict == "better"
    assert told.difference == pytest.approx(float((champion - candidate).mean()))
    assert 0 < told.low < told.difference < told.high
    assert (told.rows, told.looks, told.confidence) == (1500, "once", 0.95)
    assert told.block > 1
    assert Comparison().judge(candidate, champion).verdict == "worse"
    assert Comparison().judge(champion, candidate) == told
    assert Comparison(margin=0.4).judge(champion, candidate).verdict == "not told apart"
    assert json.loads(json.dumps(told.evidence(), allow_nan=False))["verdict"] == "better"


def test_too_few_rows_or_events_tell_nothing_apart():
    champion, candidate = losses(1000, 0, 3.0)
    events = np.arange(1000) % 100 == 0
    assert Comparison(events=10).judge(champion, candidate, events).verdict == "better"
    told = Comparison(events=11).judge(champion, candidate, events)
    assert (told.verdict, told.events) == ("not told apart", 10)
    assert told.reason == "10 events among 1000 rows, 11 wanted"
    assert told.evidence()["low"] is None
    champion[::2] = np.nan
    told = Comparison(rows=501).judge(champion, candidate)
    assert (told.verdict, told.rows) == ("not told apart", 500)
    assert Comparison(events=11).start().update(champion, candidate, events).rows == 500
    with pytest.raises(DataError, match="of the same rows"):
        Comparison().judge(champion, candidate[1:])


@pytest.mark.parametrize("along", [0.0, 0.8])
def test_looking_again_and_again_seldom_errs(along):
    """Two models that are equally good, looked at every 25 rows of 5,000: a wrong verdict at any
    look in at most 5 % of the trials, give or take (95 % of binomial draws: at most 12 of 120)."""
    wrong, once = 0, 0
    for seed in range(120):
        difference = wandering(5000, seed, along) - 3
        trial, said, plain = Comparison().start(), False, False
        for end in range(25, 5001, 25):
            told = trial.update(difference[end - 25 : end], np.zeros(25))
            said |= told.verdict != "not told apart"
            if end % 250 == 0 and end > 250:
                again = Comparison(repeats=200).judge(difference[:end], np.zeros(end))
                plain |= again.verdict != "not told apart"
        wrong += said
        once += plain
    assert wrong <= 12
    assert once > 2 * wrong  # what repeated looks at the other interval would do
    assert once >= 15


def test_a_trial_finds_what_is_better():
    rows = []
    for seed in range(20):
        champion, candidate = losses(6000, seed, 0.2)
        trial = Comparison().start()
        for end in range(50, 6001, 50):
            told = trial.update(champion[end - 50 : end], candidate[end - 50 : end])
            if told.verdict == "better":
                break
        assert told.verdict == "better"
        assert told.looks == "any number"
        rows.append(told.rows)
    assert np.median(rows) < 2500


def test_a_trial_can_be_cut_stopped_and_continued():
    champion, candidate = losses(3000, 3, 0.1)
    champion[100:140] = np.nan
    events = np.arange(3000) % 7 == 0
    whole = Comparison().start()
    wanted = whole.update(champion, candidate, events)
    for size in (1, 33, 700):
        trial = Comparison().start()
        for i in range(0, 3000, size):
            part = slice(i, i + size)
            told = trial.update(champion[part], candidate[part], events[part])
            state = json.loads(json.dumps(trial.state(), allow_nan=False))
            trial = Comparison().start(state)
            assert trial.judgement() == told
        assert told == wanted
    for wrong in ({"version": 9}, {"mean": None}):
        with pytest.raises(DataError):
            Comparison().start(whole.state() | wrong)


def test_the_sequence_is_that_of_its_authors():
    """Of independent values in blocks of one row: theorem 2.2, computed here once more."""
    settings = Comparison(block=1, rows=100)
    gain = np.random.default_rng(4).permutation(np.linspace(-1, 1.2, 400))
    told = settings.start().update(gain, np.zeros(400))
    variance = gain.var(ddof=1) + 2 * max(
        float(((gain[1:] - gain.mean()) * (gain[:-1] - gain.mean())).sum()) / 399, 0.0
    )
    rho2 = (-2 * np.log(0.05) + np.log(-2 * np.log(0.05) + 1)) / 200
    radius = np.sqrt(
        variance * 2 * (400 * rho2 + 1) / (400**2 * rho2) * np.log(np.sqrt(400 * rho2 + 1) / 0.05)
    )
    assert (told.low, told.high) == pytest.approx((gain.mean() - radius, gain.mean() + radius))

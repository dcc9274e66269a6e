"""Scores of events, against values by hand and of the published implementations."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.errors import DataError, Refused
from gemel.twin.learning.evaluation import event_scores as scores

SECOND = 1_000_000_000


def flags(length: int, *spans: tuple[int, int]) -> scores.Flags:
    """True from the first to the last row of each span."""
    found = np.zeros(length, np.bool_)
    for first, last in spans:
        found[first : last + 1] = True
    return found


def test_rows_beside_an_alarm_that_never_ends():
    truth, alarm = flags(10, (6, 9)), flags(10, (5, 7))
    found = scores.rows(truth, alarm)
    assert found.f1 == pytest.approx(4 / 7)
    assert found.false_alarm_rate == pytest.approx(1 / 6)
    assert found.missed_alarm_rate == pytest.approx(2 / 4)
    assert found.always_f1 == pytest.approx(scores.rows(truth, ~flags(10)).f1)
    assert np.isnan(scores.rows(flags(10), alarm).missed_alarm_rate)


def test_events_are_found_once_missed_once_and_false_once():
    time = np.arange(100) * 2.0
    truth = flags(100, (20, 29), (50, 59), (80, 89))
    alarm = flags(100, (5, 6), (23, 33), (48, 52), (57, 57))
    found = scores.events(time, truth, alarm)
    # The alarm from 48 on lasts from before the second event; that of row 57 finds it.
    assert found.delays.tolist() == [6.0, 14.0, np.inf]
    assert found.found == 2
    assert found.median_delay == 14.0
    assert found.mean_delay == 10.0
    assert found.false_alarms == 2
    assert found.quiet == 140.0
    twice = found + found
    assert (len(twice.delays), twice.false_alarms, twice.quiet) == (6, 4, 280.0)
    held = scores.events(time, truth, alarm, run=3)
    assert held.delays.tolist() == [6.0, np.inf, np.inf]
    assert held.false_alarms == 1


def test_delay_asks_for_three_in_a_row():
    alarm = np.array([1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0], bool)
    assert scores.delay(alarm, 3, 3) == 4
    assert scores.delay(alarm[:7], 3, 3) is None
    assert scores.delay(alarm[:2], 1, 3) is None


def test_an_alarm_from_before_the_fault_has_not_found_it():
    alarm = np.array([0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1], bool)
    assert scores.delay(alarm, 2, 3) == 6
    assert scores.delay(alarm[:6], 2, 3) is None
    assert alarm[2:6].all()


def test_a_limit_keeps_its_budget_on_the_rows_it_is_set_on():
    random = np.random.default_rng(0)
    time, score = np.arange(10_000) / 100.0, random.normal(size=10_000)
    normal = flags(10_000, (0, 4_999))
    for budget in (0.5, 2.0, 10.0):
        limit = scores.at_budget(time, score, normal, budget)
        count = len(scores.stretches((score > limit) & normal))
        assert 0.7 * budget * 50 <= count <= budget * 50
    assert scores.at_budget(time, score, normal, 0.0) == score[normal].max()
    with pytest.raises(DataError, match="no normal row has a score"):
        scores.at_budget(time, np.full(10_000, np.nan), normal, 1.0)


def test_warnings_have_to_come_in_time():
    time = np.arange(100.0)
    warned = flags(100, (10, 12), (40, 41), (68, 90))
    found = scores.warnings(time, np.array([30.0, 70.0]), warned, least=5, most=25)
    assert found.recall == pytest.approx(1 / 2)
    assert found.precision == pytest.approx(1 / 3)
    assert found.lead[0] == 20.0
    assert np.isnan(found.lead[1])


# NAB: nab/sweeper.py of numenta/NAB gives these weights (scaledSigmoid and calcSweepScore)


def test_nab_of_the_perfect_the_silent_and_the_late():
    windows = [(300, 399), (700, 799)]
    perfect = flags(1000, (300, 300), (700, 700))
    assert scores.nab(perfect, windows) == pytest.approx(100)
    assert scores.nab(flags(1000), windows) == 0
    # Half way in a window: 2 / (1 + exp(-2.55)) - 1 = 0.85513, over 0.98661 at the left edge.
    half = flags(1000, (349, 349), (700, 700))
    assert scores.nab(half, windows) == pytest.approx(100 * (3 + 0.85513 / 0.98661) / 4, abs=1e-3)


def test_nab_false_alarms_cost_by_their_distance_from_the_window_before():
    windows = [(300, 399), (700, 799)]
    perfect = flags(1000, (300, 300), (700, 700))
    before = perfect | flags(1000, (200, 200))
    assert scores.nab(before, windows) == pytest.approx(100 * (4 - 0.11) / 4)
    assert scores.nab(before, windows, "low FP") == pytest.approx(100 * (4 - 0.22) / 4)
    # 33 rows after a window of 100: 1 - 2 / (1 + exp(5 * 33 / 99)) = -0.68222.
    after = perfect | flags(1000, (432, 432))
    assert scores.nab(after, windows) == pytest.approx(100 * (4 - 0.11 * 0.68222) / 4, abs=1e-3)
    assert scores.nab(perfect | flags(1000, (0, 149)), windows) == pytest.approx(100), "probation"
    with pytest.raises(DataError, match="no window"):
        scores.nab(perfect, [])


def test_nab_equals_the_benchmark_on_the_same_rows():
    """Hits in and after a window, and one before: the value of `Sweeper.calcScoreByThreshold`."""
    found = np.isin(np.arange(1000), [320, 340, 430, 650, 720])
    published = 94.30595977626126
    assert scores.nab(found, [(300, 399), (700, 799)]) == pytest.approx(published, rel=1e-12)


def test_nab_of_a_miss_by_profile():
    windows = [(300, 399), (700, 799)]
    one = flags(1000, (300, 300))
    assert scores.nab(one, windows) == pytest.approx(50)
    assert scores.nab(one, windows, "low FN") == pytest.approx(50)


def test_change_point_nab_of_the_perfect_the_silent_and_the_late():
    time = np.arange(1000) * SECOND
    truth = flags(1000, (100, 100), (500, 500))
    late = np.roll(truth, 60)
    score = scores.change_point_nab
    assert score([(time, truth, truth)])["standard"] == pytest.approx(100)
    assert score([(time, truth, flags(1000))])["standard"] == 0
    assert score([(time, truth, late)])["standard"] == pytest.approx(100 * (2 - 0.22) / 4)
    assert score([(time, truth, ~flags(1000))])["low FP"] < -100


def test_change_point_windows_that_overlap_and_detections_without_a_price():
    """By hand: windows [0, 60] and, cut on its left, [60, 70]."""
    time = np.arange(200) * SECOND
    truth = flags(200, (0, 0), (10, 10))
    found = flags(200, (30, 31), (65, 65))  # half way; free; half way again
    half = (1 - 0.11) / 2
    score = scores.change_point_nab([(time, truth, found)])["standard"]
    assert score == pytest.approx(100 * (2 * half + 2) / 4, abs=0.2)
    found[150] = True
    score = scores.change_point_nab([(time, truth, found)])["standard"]
    assert score == pytest.approx(100 * (2 * half - 0.11 + 2) / 4, abs=0.2)


@pytest.mark.parametrize(
    ("window", "published"),
    [(0, 0.24513236186735857), (10, 0.39277504593633233), (40, 0.5676036741474776)],
)
def test_volume_under_the_surface_equals_the_reference(window, published):
    """Values of `metricor.RangeAUC_volume_opt` (package vus, 250 thresholds) on the same rows."""
    i = np.arange(300)
    score = np.sin(0.37 * i) + np.sin(0.011 * i * i % 7)
    truth = flags(300, (40, 51), (60, 62), (200, 239))
    score[45:60] += 1.5
    score[205:230] += 1
    assert scores.vus_pr(truth, score, window) == pytest.approx(published, rel=1e-12)


def test_volume_of_the_perfect_and_of_nothing():
    truth = flags(1000, (400, 499))
    assert scores.vus_pr(truth, truth.astype(float), 0) == pytest.approx(1)
    assert np.isnan(scores.vus_pr(flags(100), np.zeros(100), 10))
    silent = np.where(truth, 1.0, np.nan)
    assert scores.vus_pr(truth, silent, 0) == pytest.approx(1), "no score is the lowest"


def test_intervals_of_counts_are_garwoods():
    """Garwood 1936; the same as chi-squared quantiles halved."""
    assert scores.count_interval(0) == pytest.approx((0, 2.9957), abs=1e-4)
    assert scores.count_interval(10) == pytest.approx((5.4254, 16.9622), abs=1e-4)
    assert scores.count_interval(3, share=0.95) == pytest.approx((0.6187, 8.7673), abs=1e-4)


def test_point_adjusted_scores_are_refused_with_the_reason():
    with pytest.raises(Refused, match="drawn at random looks better than published models"):
        scores.point_adjusted()

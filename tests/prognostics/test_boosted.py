"""Remaining life by boosted trees: what it looks at, and what its intervals stand on."""

from __future__ import annotations

import numpy as np
import pytest

from gemel.core.boosting import Boosting
from gemel.core.errors import ConfigurationError
from gemel.parts.prognostics._trend import Past, Scaling, Windows
from gemel.parts.prognostics.base import Runs
from gemel.parts.prognostics.boosted import Boosted
from gemel.testing.prognostics import wearing_runs

FEW = Boosting(iterations=40, rate=0.2, leaves=8)


def test_the_past_by_hand():
    """Rows 1, 3, unknown, 5 of one signal; short 2, long 3, first 2; weight 2/5."""
    rows = np.array([[1.0], [3.0], [np.nan], [5.0]])
    found = Past(Windows(short=2, long=3, first=2), 1)(rows)
    nan = np.nan
    assert found == pytest.approx(
        np.array(
            [
                # short mean, long mean, spread, slow mean, short less new
                [1.0, 1.0, nan, 1.0, 0.0],
                [2.0, 2.0, 1.0, 1.8, 0.0],
                [3.0, 2.0, 1.0, 1.8, 1.0],
                [5.0, 4.0, 1.0, 3.08, 3.0],
            ]
        ),
        nan_ok=True,
    )


def test_conditions_are_groups_with_wide_gaps_between_them():
    random = np.random.default_rng(0)
    altitude = random.choice([0.0, 10.0, 42.0], 600) + random.normal(0, 0.001, 600)
    signal = 5 * altitude + random.normal(0, 2, 600)
    value = np.stack([altitude, signal], axis=1)
    scaling = Scaling.fit(value, np.array([0]))
    scaled = scaling(value)[:, 0]

    assert len(scaling.condition) == 3
    for level in (0.0, 10.0, 42.0):
        mine = scaled[np.abs(altitude - level) < 1]
        assert (mine.mean(), mine.std()) == pytest.approx((0, 1), abs=1e-9)


def test_noise_in_a_setting_makes_no_conditions():
    random = np.random.default_rng(0)
    value = random.normal(size=(600, 2))
    assert len(Scaling.fit(value, np.array([0])).condition) == 1


def test_a_condition_that_was_never_seen_is_scaled_as_all_together():
    value = np.array([[0.0, 1.0], [0.0, 3.0]] * 50 + [[9.0, 11.0], [9.0, 13.0]] * 50)
    scaling = Scaling.fit(value, np.array([0]))
    few = np.array([[0.0, 2.0], [9.0, 12.0]])
    assert scaling(few) == pytest.approx(0)
    alone = Scaling.fit(np.vstack([value, [[99.0, 7.0]]]), np.array([0]))
    assert len(alone.condition) == 2
    whole = np.append(value[:, 1], 7.0)
    found = alone(np.array([[99.0, 7.0]]))[0, 0]
    assert found == pytest.approx((7 - whole.mean()) / whole.std())


def test_standardising_by_condition_is_worth_it():
    """The wear shows in a signal that the load moves much more."""
    runs, others = wearing_runs(units=30), wearing_runs(units=30, seed=1)
    for r in (runs, others):
        r.value[:, 1:3] += 50 * r.value[:, :1]
    errors = [
        np.std(
            Boosted(boosting=FEW, age=False, conditions=conditions).fit(runs).predict(others).value
            - others.remaining()
        )
        for conditions in (("load",), ())
    ]
    assert errors[0] < 0.95 * errors[1]


def test_intervals_narrow_towards_the_end():
    model = Boosted(boosting=FEW).fit(wearing_runs(units=60))
    others = wearing_runs(units=60, seed=1)
    life, left = model.predict(others), others.remaining()
    width = life.high - life.low
    assert width[left < 15].mean() < 0.6 * width[left > 60].mean()


def test_units_that_have_not_failed_teach_that_they_lived():
    """Cut units say nothing of their end; with a cap, their early rows still count."""
    whole, cut = wearing_runs(units=12), wearing_runs(units=12, seed=5, cut=True)
    both = Runs(
        whole.names,
        np.concatenate([whole.unit, cut.unit + 12]),
        np.concatenate([whole.age, cut.age]),
        np.vstack([whole.value, cut.value]),
        np.concatenate([whole.ended, cut.ended]),
    )
    evidence = Boosted(boosting=FEW, cap=20).fit(both).evidence()
    assert (evidence["units"], evidence["failed"]) == (24, 12)
    assert "12 units held out" in evidence["interval"]


def test_a_condition_that_is_no_signal_is_named():
    with pytest.raises(ConfigurationError, match="no signal 'loda'; did you mean 'load'"):
        Boosted(conditions=("loda",)).fit(wearing_runs())


def test_runs_out_of_order_are_refused():
    runs = wearing_runs(units=2)
    with pytest.raises(ValueError, match="order of unit"):
        Runs(runs.names, runs.unit[::-1], runs.age, runs.value, runs.ended)

"""Remaining life from lived lives: what health is, how alike is counted, what is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gemel.core.errors import ConfigurationError, DataError
from gemel.parts.prognostics.base import Runs
from gemel.parts.prognostics.similarity import Similarity
from gemel.parts.prognostics.similarity.course import health_of
from gemel.parts.prognostics.similarity.lives import Lives, Measure, chosen
from gemel.testing.prognostics import wearing_runs


def lives(course, age, left, unit=None, looks=4):
    """Of one number of health; only the newest look is known."""
    rows = np.full((len(course), looks), np.nan)
    rows[:, 0] = course
    unit = np.arange(len(course)) if unit is None else np.asarray(unit)
    count = int(unit.max()) + 1
    return Lives(
        rows, np.asarray(age, float), np.asarray(left, float), unit, np.full(count, 100.0),
        np.ones(count, np.bool_),
    )  # fmt: skip


def fleet(units, seed, *, kinds=2, noise=0.05):
    """Units that wear in one of several ways: each moves another signal, and one lives for half as
    long from when it shows."""
    random = np.random.default_rng(seed)
    unit, age, value = [], [], []
    for number in range(units):
        kind = number % kinds
        begins = int(random.integers(20, 60))
        takes = int(random.integers(40, 60)) // (1 + kind)
        ages = np.arange(1.0, begins + takes + 1)
        wear = np.clip((ages - begins) / 40, 0, None)
        signals = random.normal(0, noise, (len(ages), kinds))
        signals[:, kind] += wear
        unit.append(np.full(len(ages), number))
        age.append(ages)
        value.append(signals)
    names = tuple(f"signal{i}" for i in range(kinds))
    return Runs(
        names, np.concatenate(unit), np.concatenate(age), np.concatenate(value),
        np.ones(units, np.bool_),
    )  # fmt: skip


def test_weights_by_hand():
    """Health 0, 1 and 3 with 10, 20 and 30 left; asked at 0.5, width 0.5: distances 0.25, 0.25 and
    6.25, of which the last weighs exp(-12)."""
    kept = lives([0.0, 1.0, 3.0], [5.0, 5.0, 5.0], [10.0, 20.0, 30.0])
    asked = np.array([[0.5, np.nan, np.nan, np.nan]])
    far = np.exp(-12.0)
    mean, low, high = kept.told(asked, np.array([5.0]), Measure(1, 0.0, 0.5), 0.9)
    assert mean[0] == pytest.approx((10 + 20 + 30 * far) / (2 + far), rel=1e-12)
    assert (low[0], high[0]) == (10, 20)
    assert kept.nearest(asked[0], 5.0, Measure(1, 0.0, 0.5), 2) == [
        (0, pytest.approx(1 / (2 + far)), 10.0), (1, pytest.approx(1 / (2 + far)), 20.0),
    ]  # fmt: skip


def test_an_age_counts_as_it_is_said_to():
    """Equal health; ages 0 and 10, whose spread is 5. Asked at 10: the other is 4 away, squared and
    in spreads, times 0.5; the width is 1."""
    kept = lives([0.0, 0.0], [0.0, 10.0], [10.0, 20.0])
    asked, weight = np.array([[0.0, np.nan, np.nan, np.nan]]), np.exp(-0.5 * 4)
    mean = kept.told(asked, np.array([10.0]), Measure(1, 0.5, 1.0), 0.9)[0]
    assert mean[0] == pytest.approx((20 + 10 * weight) / (1 + weight), rel=1e-12)
    alike = kept.told(asked, np.array([np.nan]), Measure(1, 0.5, 1.0), 0.9)[0]
    assert alike[0] == pytest.approx(15.0), "an age that is not known is not compared"


def test_only_looks_that_both_have_are_compared():
    kept = lives([1.0, 1.0], [1.0, 1.0], [10.0, 20.0])
    kept.course[1, 1] = 5.0
    young = np.array([[1.0, np.nan, np.nan, np.nan]])
    measure = Measure(1, 0.0, 1.0)
    assert kept.told(young, np.array([1.0]), measure, 0.9)[0] == pytest.approx([15.0])
    old = np.array([[1.0, 5.0, np.nan, np.nan]])
    assert kept.told(old, np.array([1.0]), measure, 0.9)[0] == pytest.approx([15.0])
    other = np.array([[1.0, 5.0 + 100.0, np.nan, np.nan]])
    assert kept.told(other, np.array([1.0]), measure, 0.9)[0] == pytest.approx([10.0])


def test_all_numbers_of_health_are_least_squares():
    """With as many components as columns, partial least squares is ordinary least squares."""
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 3)) @ random.normal(size=(3, 3))
    y = x @ [1.0, -2.0, 0.5] + random.normal(size=200)
    x = x - x.mean(axis=0)
    weight = health_of(x, y, 3)
    health = x @ weight
    told = health @ np.linalg.lstsq(health, y - y.mean(), rcond=None)[0]
    expected = x @ np.linalg.lstsq(x, y - y.mean(), rcond=None)[0]
    assert told == pytest.approx(expected, abs=1e-9)
    apart = np.corrcoef(health.T)
    assert apart == pytest.approx(np.eye(3), abs=1e-9), "and stand apart from one another"
    explained = health.std(axis=0)
    assert np.sum(explained**2) == pytest.approx(np.var(told) / np.var(y), rel=1e-9)


def test_the_first_number_is_the_covariance():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(100, 4)), random.normal(size=100)
    first = health_of(x - x.mean(axis=0), y, 1)[:, 0]
    along = (x - x.mean(axis=0)).T @ (y - y.mean())
    assert first / np.linalg.norm(first) == pytest.approx(along / np.linalg.norm(along))


def test_nothing_that_goes_with_life_is_refused():
    with pytest.raises(DataError, match="nothing that the signals tell"):
        health_of(np.zeros((10, 2)), np.arange(10.0), 2)


def test_a_measure_tells_units_from_others():
    """Health says little but which unit it is: others tell best by the age, which says it all."""
    unit, left = np.repeat(np.arange(20), 30), np.tile(np.arange(30.0), 20)
    order = np.argsort(left, kind="stable")
    own = np.random.default_rng(0).permutation(20)[unit] * 10.0 + left / 30
    kept = lives(own[order], 30 - left[order], left[order], unit[order])
    mine = [kept.unit == part for part in range(20)]
    asked = [(kept.course[m], kept.age[m], kept.left[m], kept.take(~m)) for m in mine]
    measure = chosen(asked, 1)
    assert measure.age == 1.0
    assert measure.width > 1.0, "the neighbours' healths are 10 away"


def test_kinds_of_wear_are_told_apart():
    """Health alone cannot tell how fast it goes on; a second number says which kind it is."""
    runs, others = fleet(40, 0), fleet(40, 1)
    model = Similarity(cap=40).fit(runs)
    assert model.measure.numbers > 1
    truth = np.minimum(others.remaining(), 40)
    shown = others.value.max(axis=1) > 0.3
    one = model.by(replace(model.measure, numbers=1))
    errors = [np.std((m.predict(others).value - truth)[shown]) for m in (model, one)]
    assert errors[0] < errors[1]


def test_units_that_were_most_alike_are_named():
    """The same unit again is most alike to itself."""
    runs = fleet(12, 0)
    model = Similarity(cap=100).fit(runs)
    again = runs.units([5])
    lived = again.age[-1]
    words = model.explain(again, np.array([len(again) - 6])).words[0]
    assert words.startswith(f"most alike: one that failed at {lived:g} when it had 5 left (")


def test_units_that_run_on_tell_what_lies_beyond_the_cap():
    whole = fleet(12, 0)
    cut = fleet(12, 3)
    early = cut.age <= 20
    both = Runs(
        whole.names, np.concatenate([whole.unit, cut.unit[early] + 12]),
        np.concatenate([whole.age, cut.age[early]]), np.vstack([whole.value, cut.value[early]]),
        np.append(whole.ended, np.zeros(12, np.bool_)),
    )  # fmt: skip
    model = Similarity(cap=10).fit(both)
    running = ~model.lives.ended[model.lives.unit]
    assert running.sum() == 12 * 10, "rows 1 to 10 of 20 have ten or more left"
    assert (model.lives.left[running] == 10).all()
    assert (model.evidence()["units"], model.evidence()["failed"]) == (24, 12)
    capless = Similarity().fit(both)
    assert capless.lives.ended[capless.lives.unit].all(), "without a cap, they tell nothing"


def test_rows_that_are_kept_are_few():
    runs = wearing_runs(units=24)
    model = Similarity(rows=200, conditions=("load",)).fit(runs)
    assert 100 < len(model.lives.left) <= 200
    assert len(np.unique(model.lives.unit)) == 24, "of all units"


def test_so_few_units_say_how_sure_they_can_be():
    made = Similarity(conditions=("load",)).fit(wearing_runs(units=6)).evidence()
    assert made["interval"] == (
        "misses on 6 units held out in 5 folds; so few are sure of 86% at most"
    )


def test_a_condition_that_is_no_signal_is_named():
    with pytest.raises(ConfigurationError, match="no signal 'loda'; did you mean 'load'"):
        Similarity(conditions=("loda",)).fit(wearing_runs())


def test_a_saved_model_that_was_changed_is_refused():
    prognostic = Similarity(conditions=("load",))
    saved = prognostic.fit(wearing_runs(units=6)).save()
    kept = saved["lives"]
    for name, wrong in (
        ("left", kept["left"][::-1]), ("unit", [99] * len(kept["unit"])), ("age", [0.0]),
        ("course", [[0.0]]), ("course", [[None] * len(kept["course"][0])] * len(kept["left"])),
    ):  # fmt: skip
        with pytest.raises(DataError, match="not a saved model"):
            prognostic.load({**saved, "lives": {**kept, name: wrong}})

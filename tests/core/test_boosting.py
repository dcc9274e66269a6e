"""Trees: what scikit-learn fits, held as arrays."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from gemel.core.boosting import Boosting, Trees
from gemel.core.errors import DataError

SMALL = Boosting(iterations=12, leaves=7)


def _data(rows=800, columns=5, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, columns))
    x[random.random(x.shape) < 0.1] = np.nan
    known = np.nan_to_num(x)
    y = 2 * known[:, 0] + known[:, 1] * known[:, 2] + (x[:, 3] > 0)
    return x, y + 0.1 * random.normal(size=rows)


@pytest.fixture(scope="module")
def trees():
    return SMALL.regression(*_data())


def test_predicts_what_scikit_learn_predicts():
    x, y = _data()
    theirs = HistGradientBoostingRegressor(
        max_iter=12, learning_rate=0.05, max_leaf_nodes=7, early_stopping=False, random_state=0
    ).fit(x, y)
    fresh, _ = _data(seed=1)
    assert SMALL.regression(x, y).predict(fresh) == pytest.approx(theirs.predict(fresh), abs=1e-12)


def test_classes_have_the_probabilities_of_scikit_learn():
    x, y = _data()
    label = np.digitize(y, [-1, 1])
    theirs = HistGradientBoostingClassifier(
        max_iter=12, learning_rate=0.05, max_leaf_nodes=7, early_stopping=False, random_state=0
    ).fit(x, label)
    sums = np.stack([t.predict(x) for t in SMALL.classes(x, label)], axis=1)
    odds = np.exp(sums - sums.max(axis=1, keepdims=True))
    assert odds / odds.sum(axis=1, keepdims=True) == pytest.approx(theirs.predict_proba(x))
    assert len(SMALL.classes(x, (label > 0).astype(np.int64))) == 1


def test_explains_by_shapley_values(trees):
    """Against their definition: the mean over all orders in which columns become known."""
    x, _ = _data(rows=4, seed=3)
    found, mean = trees.explain(x)
    for row, explained in zip(x, found, strict=True):
        assert explained == pytest.approx(_by_definition(trees, row), abs=1e-12)
    assert found.sum(axis=1) + mean == pytest.approx(trees.predict(x))


def _by_definition(trees, row):
    k = trees.features
    whole = np.zeros(k)
    for i in range(k):
        others = [j for j in range(k) if j != i]
        for n in range(k):
            share = math.factorial(n) * math.factorial(k - n - 1) / math.factorial(k)
            for known in itertools.combinations(others, n):
                for root in trees.roots:
                    whole[i] += share * _expected(trees, root, row, {*known, i})
                    whole[i] -= share * _expected(trees, root, row, {*known})
    return whole


def _expected(trees, node, row, known):
    column = trees.feature[node]
    if column < 0:
        return trees.value[node]
    left, right = trees.left[node], trees.right[node]
    if column in known:
        value = row[column]
        missing = np.isnan(value)
        goes_left = trees.missing_left[node] if missing else value <= trees.threshold[node]
        return _expected(trees, left if goes_left else right, row, known)
    return sum(
        trees.rows[child] / trees.rows[node] * _expected(trees, child, row, known)
        for child in (left, right)
    )


def test_saved_and_loaded_they_are_the_same(trees):
    x, _ = _data(seed=2)
    again = Trees.load(json.loads(json.dumps(trees.save(), allow_nan=False)))
    assert np.array_equal(again.predict(x), trees.predict(x))
    assert np.array_equal(again.explain(x)[0], trees.explain(x)[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"left": None},
        {"feature": "many"},
        {"features": 2},
        {"baseline": float("nan")},
        {"roots": [10**6]},
        {"roots": [-1]},
    ],
)
def test_a_saved_model_that_was_altered_is_refused(trees, wrong):
    with pytest.raises(DataError, match="not saved trees"):
        Trees.load(trees.save() | wrong)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_is_loaded_ends(trees, data):
    """A node that leads back, or out of the arrays, would read foreign memory or never end."""
    saved = trees.save()
    name = data.draw(st.sampled_from(["left", "right", "feature", "rows", "value", "threshold"]))
    place = data.draw(st.integers(0, len(saved[name]) - 1))
    saved[name][place] = data.draw(st.integers(-5, 10**5) | st.floats() | st.none())
    try:
        loaded = Trees.load(saved)
    except DataError:
        return
    assert loaded.predict(np.zeros((1, 5))).shape == (1,)


def test_the_same_seed_gives_the_same_trees():
    few = Boosting(iterations=5, columns=0.5)
    first, again, other = (few.regression(*_data(), seed=s).save() for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_prediction_rises_where_it_must():
    x, y = _data()
    rising = np.array([0, 0, 0, 0, 1], np.int8)
    trees = Boosting(iterations=50).regression(x, y - 0.5 * np.nan_to_num(x[:, 4]), rising=rising)
    rows = np.tile(x[:50], (20, 1))
    rows[:, 4] = np.repeat(np.linspace(-2, 2, 20), 50)
    steps = np.diff(trees.predict(rows).reshape(20, 50), axis=0)
    assert (steps >= 0).all()


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [
        (np.zeros((1, 2)), np.zeros(1), "at least 2"),
        (np.zeros((9, 2)), np.full(9, np.nan), "finite"),
        (np.full((9, 2), np.inf), np.zeros(9), "infinite"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(x, y, why):
    with pytest.raises(DataError, match=why):
        SMALL.regression(x, y)


def test_constant_and_unknown_columns_are_no_harm():
    x, y = _data()
    x[:, 3], x[:, 4] = 7.0, np.nan
    found, _ = SMALL.regression(x, y).explain(x[:20])
    assert not found[:, 3:].any()

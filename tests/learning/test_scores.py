"""Scores against those of scikit-learn, and against values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from gemel.core.errors import Refused
from gemel.twin.learning.evaluation import scores
from gemel.twin.learning.evaluation.leaks import refuse_answers


@given(st.integers(0, 10_000))
def test_areas_are_those_of_scikit_learn(seed):
    random = np.random.default_rng(seed)
    truth = random.random(60) < 0.3
    truth[:2] = True, False
    score = np.round(random.normal(size=60) + truth, 1)  # with equal scores
    assert scores.roc_area(truth, score) == pytest.approx(metrics.roc_auc_score(truth, score))
    assert scores.average_precision(truth, score) == pytest.approx(
        metrics.average_precision_score(truth, score)
    )


def test_classes_are_scored_as_scikit_learn_does():
    random = np.random.default_rng(0)
    truth, told = random.integers(0, 3, 200), random.integers(0, 3, 200)
    assert 1 - scores.balanced_error(truth, told) == pytest.approx(
        metrics.balanced_accuracy_score(truth, told)
    )
    recall, precision, f1 = scores.recall_precision_f1(truth, told, 1)
    theirs = metrics.precision_recall_fscore_support(truth, told, labels=[1])
    assert (precision, recall, f1) == pytest.approx([float(part[0]) for part in theirs[:3]])


def test_phm_score_by_hand():
    """Ten late costs e - 1, thirteen early as much (Saxena et al. 2008)."""
    truth = np.array([50.0, 50.0, 50.0])
    assert scores.phm_score(truth, truth) == 0
    assert scores.phm_score(truth, truth + np.array([10, 0, -13])) == pytest.approx(2 * (np.e - 1))


def test_an_interval_is_as_wide_as_units_differ():
    """100 units of 50 rows: the mean of unit means has a standard error of a tenth of their spread;
    rows alone would make it a seventh of that."""
    random = np.random.default_rng(0)
    unit = np.repeat(np.arange(100), 50)
    value = np.repeat(random.normal(size=100), 50)
    low, high = scores.interval(lambda i: float(value[i].mean()), unit)
    assert high - low == pytest.approx(2 * 1.645 * value.std() / 10, rel=0.15)
    rows = scores.interval(lambda i: float(value[i].mean()), np.arange(len(value)))
    assert rows[1] - rows[0] < 0.25 * (high - low)


def test_columns_that_know_the_answer_are_refused():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 3))
    number = x[:, 0] + 0.1 * random.normal(size=400)
    failed = (number > 1.5).astype(float)
    names = ("speed", "torque", "mode")

    refuse_answers(x, names, number, classes=False)
    refuse_answers(x, names, failed, classes=True)
    with pytest.raises(Refused, match="'torque' orders the target almost alone"):
        refuse_answers(
            np.stack([x[:, 0], 3 * number + 1], axis=1), names[:2], number, classes=False
        )
    with pytest.raises(Refused, match="'torque' tells class"):
        refuse_answers(np.stack([x[:, 0], number], axis=1), names[:2], failed, classes=True)
    mode = failed * (random.random(400) < 0.7)
    with pytest.raises(Refused, match=r"'mode' is 1 in \d+ rows, all of class 1"):
        refuse_answers(np.stack([x[:, 1], x[:, 2], mode], axis=1), names, failed, classes=True)
    units = np.repeat(np.arange(8), 50)  # one of eight units failed, and has its own program
    refuse_answers(
        np.stack([x[:, 1], x[:, 2], units == 3], axis=1), names, (units == 3) + (units == 5) * 1.0,
        classes=True, unit=units,
    )  # fmt: skip
    with pytest.raises(Refused, match="'speed' counts the rows"):
        refuse_answers(np.arange(400.0)[:, None], names[:1], failed, classes=True)

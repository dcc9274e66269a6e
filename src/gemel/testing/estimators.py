"""What every estimator promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyEstimator(EstimatorSuite):
        @pytest.fixture
        def estimator(self):
            return MyEstimator()
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.estimators.base import Estimate, Estimator, Examples, Folds, Model

__all__ = ["EstimatorSuite", "folds_of", "pressed_parts"]

NAMES = ("temperature", "speed", "machine", "constant")
WORDS = ((), (), ("north", "south"), ())


def pressed_parts(rows: int = 300, classes: int = 0, seed: int = 0) -> Examples:
    """Parts of a press: their thickness, or their grade in so many classes, from how they were
    pressed; some values are unknown."""
    random = np.random.default_rng(seed)
    temperature, speed = random.normal(200, 10, rows), random.normal(50, 5, rows)
    machine = random.integers(0, 2, rows).astype(float)
    thickness = 0.1 * temperature + 2 * machine + 0.05 * speed + random.normal(0, 0.2, rows)
    value = np.stack([temperature, speed, machine, np.full(rows, 7.0)], axis=1)
    value[random.random(rows) < 0.03, 1] = np.nan
    if not classes:
        return Examples(NAMES, value, WORDS, thickness)
    edges = [20 + 0.05 * 50 + 1 + 3 * (i + 1) / classes - 1 for i in range(classes - 1)]
    names = tuple(f"grade {i}" for i in range(classes))
    return Examples(NAMES, value, WORDS, np.digitize(thickness, edges).astype(float), names)


def folds_of(rows: int, folds: int = 3) -> Folds:
    """Every third row is held out, in turn."""
    own = np.arange(rows)
    return [(own[own % folds != i], own[own % folds == i]) for i in range(folds)]


class EstimatorSuite:
    """Override `estimator` with a fixture that gives settings; `examples` where the data do not
    fit, e.g. for one that knows numbers only.

    Promises: each row is told by itself; save and load give the same model; the same data give the
    same model; model and evidence are JSON; the input is untouched; unknown values, unknown words
    and no rows are fine; it knows more than the mean, or the most frequent class; an interval holds
    new rows about as often as it says, probabilities sum to one; reasons name what matters; what is
    too little is refused with how much is needed.
    """

    @pytest.fixture
    def estimator(self) -> Estimator:
        pytest.fail("give the settings to test in a fixture named `estimator`")

    @pytest.fixture(params=[0, 2, 3], ids=["number", "two classes", "three classes"])
    def classes(self, request: pytest.FixtureRequest) -> int:
        return int(request.param)

    @pytest.fixture
    def examples(self, classes: int) -> Examples:
        return pressed_parts(classes=classes)

    @pytest.fixture
    def others(self, classes: int) -> Examples:
        """Rows that were not fitted on."""
        return pressed_parts(rows=400, classes=classes, seed=1)

    @pytest.fixture
    def model(self, estimator: Estimator, examples: Examples) -> Model:
        return estimator.fit(examples, folds_of(len(examples)))

    def test_each_row_is_told_by_itself(self, model: Model, others: Examples) -> None:
        whole = model.estimate(others.value)
        for row in (0, 7, len(others) - 1):
            alone = model.estimate(others.value[row : row + 1])
            assert alone.value[0] == whole.value[row]
            assert np.array_equal(alone.probability[0], whole.probability[row])

    def test_saved_and_loaded_it_is_the_same(
        self, estimator: Estimator, model: Model, others: Examples
    ) -> None:
        again = estimator.load(json.loads(json.dumps(model.save(), allow_nan=False)))
        _same(again.estimate(others.value), model.estimate(others.value))
        assert (again.names, again.classes, again.words) == (
            model.names, model.classes, model.words,
        )  # fmt: skip
        assert again.evidence() == model.evidence()

    def test_another_saved_value_is_refused(self, estimator: Estimator, model: Model) -> None:
        saved = model.save()
        for wrong in ({}, {**saved, "version": 10**6}, dict.fromkeys(saved)):
            with pytest.raises(DataError):
                estimator.load(wrong)

    def test_the_same_data_give_the_same_model(
        self, estimator: Estimator, model: Model, examples: Examples
    ) -> None:
        assert estimator.fit(examples, folds_of(len(examples))).save() == model.save()

    def test_the_input_is_untouched(self, estimator: Estimator, examples: Examples) -> None:
        before = examples.value.copy(), examples.target.copy()
        estimator.fit(examples, folds_of(len(examples))).explain(examples.value)
        assert np.array_equal(before[0], examples.value, equal_nan=True)
        assert np.array_equal(before[1], examples.target)

    def test_unknown_and_no_rows_are_fine(self, model: Model) -> None:
        nothing = np.full((2, len(model.names)), np.nan)
        assert np.isfinite(model.estimate(nothing).value).all()
        assert len(model.estimate(nothing[:0]).value) == 0
        assert model.explain(nothing[:0]).share.shape == (0, len(model.names))

    def test_knows_more_than_the_usual(self, model: Model, others: Examples) -> None:
        told = model.estimate(others.value).value
        if others.classes:
            counts = np.bincount(others.target.astype(np.int64))
            wrong = np.mean(told != others.target)
            assert wrong < 0.6 * (1 - counts.max() / len(others))
        else:
            assert np.std(told - others.target) < 0.5 * np.std(others.target)

    def test_it_says_how_sure_it_is(self, model: Model, others: Examples) -> None:
        """Five standard deviations of the binomial distribution are allowed, and some room."""
        told = model.estimate(others.value)
        if others.classes:
            assert told.probability.shape == (len(others), len(others.classes))
            assert told.probability.sum(axis=1) == pytest.approx(1)
            assert np.isnan(told.low).all()
        else:
            held = np.mean((told.low <= others.target) & (others.target <= told.high))
            assert 0.78 <= held <= 0.99
            assert (told.low <= told.value).all()
            assert (told.value <= told.high).all()

    def test_reasons_name_what_matters(self, model: Model, others: Examples) -> None:
        reasons = model.explain(others.value)
        weight = np.abs(reasons.share).mean(axis=0)
        assert set(np.argsort(weight)[-2:].tolist()) == {0, 2}, "temperature and machine"
        assert weight[3] == 0, "the constant"
        if not others.classes:
            told = model.estimate(others.value).value
            assert reasons.mean + reasons.share.sum(axis=1) == pytest.approx(told)

    def test_too_little_is_refused(self, estimator: Estimator, examples: Examples) -> None:
        few = examples.rows(slice(0, 12))
        with pytest.raises(DataError, match="12 rows with a known answer; at least"):
            estimator.fit(few, folds_of(12))
        target = np.zeros(len(examples))
        same = Examples(examples.names, examples.value, examples.words, target, examples.classes)
        with pytest.raises(DataError, match="nothing to"):
            estimator.fit(same, folds_of(len(examples)))


def _same(found: Estimate, expected: Estimate) -> None:
    for name in ("value", "low", "high", "probability"):
        assert np.array_equal(getattr(found, name), getattr(expected, name), equal_nan=True), name

"""What every prognostic promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyPrognostic(PrognosticSuite):
        @pytest.fixture
        def prognostic(self):
            return MyPrognostic(cap=100)
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.prognostics.base import Life, Model, Prognostic, Runs

__all__ = ["PrognosticSuite", "wearing_runs"]

NAMES = ("load", "vibration", "temperature", "constant")


def wearing_runs(units: int = 24, seed: int = 0, *, cut: bool = False) -> Runs:
    """Units that wear until they fail after 60 to 140 rows, under two loads, with noise; `cut` ends
    each somewhere before."""
    random = np.random.default_rng(seed)
    unit, age, value = [], [], []
    for number in range(units):
        life = int(random.integers(60, 140))
        rows = int(random.integers(life // 3, life)) if cut else life
        ages = np.arange(1.0, rows + 1)
        wear = (ages / life) ** 3
        load = random.choice([10.0, 20.0], rows)
        vibration = 1 + 0.1 * load + 2 * wear + random.normal(0, 0.1, rows)
        temperature = 40 + load + 5 * wear + random.normal(0, 0.5, rows)
        unit.append(np.full(rows, number))
        age.append(ages)
        value.append(np.stack([load, vibration, temperature, np.full(rows, 7.0)], axis=1))
    return Runs(
        NAMES, np.concatenate(unit), np.concatenate(age), np.concatenate(value),
        np.full(units, not cut),
    )  # fmt: skip


class PrognosticSuite:
    """Override `prognostic` with a fixture that gives settings; `runs` where the data do not fit.

    Promises: rows that come later change nothing of what was said; cutting the stream changes
    nothing; stop, save, load, continue equals never having stopped; the same data give the same
    model; model, state and evidence are JSON; the input is untouched; unknown values and rows are
    fine; it is better than to tell every unit the mean; intervals hold new units about as often as
    they say; reasons add up to what was told; fewer failures than `least_failed` are refused with
    how many are needed, and so many are enough.
    """

    @pytest.fixture
    def prognostic(self) -> Prognostic:
        pytest.fail("give the settings to test in a fixture named `prognostic`")

    @pytest.fixture
    def runs(self) -> Runs:
        return wearing_runs()

    @pytest.fixture
    def model(self, prognostic: Prognostic, runs: Runs) -> Model:
        return prognostic.fit(runs)

    @pytest.fixture
    def others(self) -> Runs:
        """Units that were not fitted on, with unknown values."""
        runs = wearing_runs(units=40, seed=1)
        runs.value[5:9, 1] = np.nan
        runs.value[30] = np.nan
        return runs

    def test_what_comes_later_changes_nothing(self, model: Model, others: Runs) -> None:
        whole = model.predict(others)
        changed = others.value.copy()
        rows = np.arange(len(others)) - np.repeat(
            others.starts, np.diff(np.append(others.starts, len(others)))
        )
        changed[rows >= 40] += 1_000
        early = model.predict(Runs(others.names, others.unit, others.age, changed, others.ended))
        assert np.array_equal(early.value[rows < 40], whole.value[rows < 40])

    def test_cutting_the_stream_changes_nothing(self, model: Model, others: Runs) -> None:
        first = others.units([0])
        whole = model.predict(first)
        for size in (1, 7, 50):
            running = model.start()
            parts = [
                running(first.age[i : i + size], first.value[i : i + size])
                for i in range(0, len(first), size)
            ]
            _same(_joined(parts), whole)

    def test_continues_from_its_state(self, model: Model, others: Runs) -> None:
        first = others.units([0])
        running = model.start()
        begun = running(first.age[:25], first.value[:25])
        state = json.loads(json.dumps(running.state(), allow_nan=False))
        rest = model.start(state)(first.age[25:], first.value[25:])
        _same(_joined([begun, rest]), model.predict(first))

    def test_a_state_of_something_else_is_refused(self, model: Model) -> None:
        for state in ({}, {"version": 10**6}, model.start().state() | {"version": 0}):
            with pytest.raises(DataError):
                model.start(state)

    def test_saved_and_loaded_it_is_the_same(
        self, prognostic: Prognostic, model: Model, others: Runs
    ) -> None:
        again = prognostic.load(json.loads(json.dumps(model.save(), allow_nan=False)))
        _same(again.predict(others), model.predict(others))
        assert again.names == model.names
        assert again.evidence() == model.evidence()

    def test_another_saved_value_is_refused(self, prognostic: Prognostic, model: Model) -> None:
        saved = model.save()
        for wrong in ({}, {**saved, "version": 10**6}, dict.fromkeys(saved)):
            with pytest.raises(DataError):
                prognostic.load(wrong)

    def test_the_same_data_give_the_same_model(
        self, prognostic: Prognostic, model: Model, runs: Runs
    ) -> None:
        assert prognostic.fit(runs).save() == model.save()

    def test_the_input_is_untouched(self, prognostic: Prognostic, runs: Runs, others: Runs) -> None:
        before = [column.copy() for r in (runs, others) for column in (r.unit, r.age, r.value)]
        prognostic.fit(runs).predict(others)
        after = [column for r in (runs, others) for column in (r.unit, r.age, r.value)]
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, after, strict=True))

    def test_no_rows_are_fine(self, model: Model, others: Runs) -> None:
        assert len(model.predict(others.units([])).value) == 0
        assert len(model.start()(np.zeros(0), np.zeros((0, len(model.names)))).value) == 0

    def test_knows_more_than_the_mean(self, model: Model, others: Runs) -> None:
        truth = np.minimum(others.remaining(), model.cap)
        told = model.predict(others).value
        assert np.std(truth - told) < 0.7 * np.std(truth)

    def test_intervals_hold_the_truth_of_new_units(self, model: Model) -> None:
        """One row of each of 200 units. Five standard deviations of the binomial distribution, and
        some room for a model that stands on few units, are allowed."""
        runs = wearing_runs(units=200, seed=2)
        random = np.random.default_rng(3)
        ends = np.append(runs.starts[1:], len(runs))
        rows = np.array([random.integers(a, b) for a, b in zip(runs.starts, ends, strict=True)])
        life, truth = model.predict(runs), np.minimum(runs.remaining(), model.cap)
        assert (life.low <= life.value).all()
        assert (life.value <= life.high).all()
        held = np.mean((truth[rows] >= life.low[rows]) & (truth[rows] <= life.high[rows]))
        sure = model.confidence
        assert sure - 0.12 <= held <= 1
        assert np.mean(life.high[rows] - life.low[rows]) < np.ptp(truth), "and say something"

    def test_reasons_add_up(self, model: Model, others: Runs) -> None:
        rows = np.array([10, 50, len(others) - 1])
        reasons = model.explain(others, rows)
        told = reasons.mean + reasons.age + reasons.share.sum(axis=1)
        inside = np.clip(told, 0, model.cap)
        assert inside == pytest.approx(model.predict(others).value[rows], abs=1e-6)
        assert reasons.share.shape == (3, len(model.names))

    def test_too_few_failures_are_refused(self, prognostic: Prognostic, runs: Runs) -> None:
        least = prognostic.least_failed
        for count in {0, least - 1} - {-1} if least else ():
            ended = np.arange(len(runs.ended)) < count
            fewer = Runs(runs.names, runs.unit, runs.age, runs.value, ended)
            with pytest.raises(DataError, match=f"{count} units that failed; at least {least}"):
                prognostic.fit(fewer)

    def test_so_many_failures_are_enough(self, prognostic: Prognostic, runs: Runs) -> None:
        """The units that live on are cut in the middle of their life."""
        age = runs.age - np.repeat(
            runs.age[runs.starts] - 1, np.diff(np.append(runs.starts, len(runs)))
        )
        ended = np.arange(len(runs.ended)) < prognostic.least_failed
        kept = ended[np.searchsorted(runs.unit[runs.starts], runs.unit)] | (age <= 40)
        cut = Runs(runs.names, runs.unit[kept], runs.age[kept], runs.value[kept], ended)
        model = prognostic.fit(cut)
        life = model.predict(cut)
        assert ((life.low >= 0) & (life.low <= life.value) & (life.value <= life.high)).all()
        assert (life.high <= model.cap).all()
        assert model.evidence()["interval"], "says what it stands on"

    def test_nothing_that_moves_is_refused(self, prognostic: Prognostic, runs: Runs) -> None:
        still = np.ones_like(runs.value)
        with pytest.raises(DataError, match="moves"):
            prognostic.fit(Runs(runs.names, runs.unit, runs.age, still, runs.ended))


def _joined(parts: list[Life]) -> Life:
    return Life(
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
    )


def _same(found: Life, expected: Life) -> None:
    for name in ("value", "low", "high"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name

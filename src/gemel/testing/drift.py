"""What every drift detector promises, as a suite for pytest.

A stranger runs it on one of his own::

    class TestMyDrift(DriftSuite):
        @pytest.fixture
        def detector(self):
            return MyDrift(run_length=1000)
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.testing.operators import written
from gemel.twin.learning.renewal.drift import Drift, DriftModel

__all__ = ["DriftSuite", "wandering"]


def wandering(rows: int, seed: int, along: float = 0.6) -> Values:
    """A stream around 3 with deviation 2, each row `along` times like the one before."""
    noise = np.random.default_rng(seed).normal(size=rows) * np.sqrt(1 - along**2)
    value = np.empty(rows)
    last = 0.0
    for i, new in enumerate(noise.tolist()):
        last = along * last + new
        value[i] = 3 + 2 * last
    return value


class DriftSuite:
    """Override `detector` with a fixture that gives settings.

    Promises: where the stream is cut changes nothing; stop, save, load, continue equals never
    having stopped; the same held-out values give the same limit, and in another unit the same rows
    say drift; the input is untouched; empty streams and NaN are fine; drift is said once, until a
    reset; a large shift up is found, an unchanged stream goes on for about the run length; too
    little is refused with how much is needed; all that is kept is JSON.
    """

    @pytest.fixture
    def detector(self) -> Drift:
        pytest.fail("give the settings to test in a fixture named `detector`")

    @pytest.fixture
    def model(self, detector: Drift) -> DriftModel:
        return detector.fit(wandering(3000, 0))

    @pytest.fixture
    def shifted(self) -> Values:
        """250 rows as before with some that are unknown, then 900 that are 6 higher."""
        value = wandering(1150, 4)
        value[250:] += 6
        value[[0, 50, 51, 300]] = np.nan
        return value

    def test_finds_a_large_shift(self, model: DriftModel) -> None:
        """Within 400 rows, wherever the stream did not alarm before, which it may now and then."""
        delays = []
        for seed in range(6):
            value = wandering(1150, seed + 1)
            value[250:] += 6
            watch = model.start()
            row = watch.update(value)
            assert row is not None
            assert watch.drifted
            assert watch.rows == row + 1
            delays.append(row - 250)
        found = [delay for delay in delays if delay >= 0]
        assert len(found) >= 3
        assert max(found) < 400

    def test_cutting_the_stream_changes_nothing(self, model: DriftModel, shifted: Values) -> None:
        whole = model.start()
        whole.update(shifted)
        for rows in (1, 7, 100):
            watch = model.start()
            told = [watch.update(shifted[i : i + rows]) for i in range(0, len(shifted), rows)]
            assert watch.state() == whole.state()
            said = [i * rows + row for i, row in enumerate(told) if row is not None]
            assert said == [whole.rows - 1]

    def test_continues_from_its_state(self, model: DriftModel, shifted: Values) -> None:
        whole = model.start()
        whole.update(shifted)
        for cut in (0, 1, 133, 249):
            first = model.start()
            first.update(shifted[:cut])
            state = json.loads(json.dumps(first.state(), allow_nan=False))
            second = model.start(state)
            assert second.state() == state
            second.update(shifted[cut:])
            assert second.state() == whole.state()

    def test_says_it_once_until_a_reset(self, model: DriftModel, shifted: Values) -> None:
        watch = model.start()
        first = watch.update(shifted)
        assert watch.update(shifted) is None
        watch.reset()
        assert (watch.drifted, watch.rows) == (False, 0)
        assert watch.update(shifted) == first

    def test_loads_what_it_saved(self, detector: Drift, model: DriftModel, shifted: Values) -> None:
        saved = json.loads(json.dumps(model.save(), allow_nan=False))
        again = detector.load(saved)
        assert again.save() == saved
        assert again.evidence() == model.evidence()
        assert again.start().update(shifted) == model.start().update(shifted)
        wrongs: list[dict[str, Any]] = [{"version": 99}, {"drift": "other"}, {"numbers": []}]
        for wrong in [*wrongs, {"limit": None}]:
            with pytest.raises(DataError):
                detector.load(saved | wrong)

    def test_refuses_a_state_of_another_form(self, model: DriftModel) -> None:
        wrongs: list[dict[str, Any]] = [{"version": 99}, {"memory": [1.0]}]
        for wrong in wrongs:
            with pytest.raises(DataError, match="state"):
                model.start(model.start().state() | wrong)

    def test_same_values_give_the_same_limit(self, detector: Drift, model: DriftModel) -> None:
        assert detector.fit(wandering(3000, 0)).save() == model.save()

    def test_the_unit_does_not_matter(
        self, detector: Drift, model: DriftModel, shifted: Values
    ) -> None:
        other = detector.fit(wandering(3000, 0) * 1024)
        assert other.start().update(shifted * 1024) == model.start().update(shifted)

    def test_leaves_its_input_untouched(self, detector: Drift, shifted: Values) -> None:
        quiet, before = wandering(3000, 0), shifted.copy()
        detector.fit(quiet).start().update(shifted)
        np.testing.assert_array_equal(quiet, wandering(3000, 0))
        np.testing.assert_array_equal(shifted, before)

    def test_takes_nothing_and_unknown(self, model: DriftModel, shifted: Values) -> None:
        watch = model.start()
        assert watch.update(np.zeros(0)) is None
        assert watch.update(np.full(500, np.nan)) is None
        assert watch.rows == 500
        row = watch.update(shifted)
        assert row == model.start().update(shifted)

    def test_an_unchanged_stream_goes_on_for_the_run_length(self, detector: Drift) -> None:
        """Total rows over alarms, of 12 streams that go on for three run lengths at most: between
        a third and three times the wanted one."""
        wanted, rows, alarms = detector.run_length, 0, 0
        for seed in range(12):
            watch = detector.fit(wandering(1000, 2 * seed + 10)).start()
            watch.update(wandering(3 * wanted, 2 * seed + 11))
            rows, alarms = rows + watch.rows, alarms + watch.drifted
        assert wanted / 3 < rows / max(alarms, 1) < 3 * wanted

    def test_too_little_is_refused(self, detector: Drift) -> None:
        few = np.where(np.arange(2000) < 99, wandering(2000, 0), np.nan)
        for quiet in (np.zeros(0), wandering(99, 0), few):
            with pytest.raises(DataError, match="needs 100"):
                detector.fit(quiet)
        with pytest.raises(DataError, match="nothing says how much is much"):
            detector.fit(np.full(500, 0.1))

    def test_settings_are_documented(self, detector: Drift) -> None:
        undocumented = [n for n, f in type(detector).model_fields.items() if not f.description]
        assert not undocumented, f"settings without a description: {undocumented}"
        assert type(detector).__doc__
        assert type(detector).read(written(detector)) == detector

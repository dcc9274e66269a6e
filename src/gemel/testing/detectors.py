"""What every detector promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyDetector(DetectorSuite):
        @pytest.fixture
        def detector(self):
            return MyDetector(false_alarm_rate=0.01)
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.detectors.base import Detector, Model, Score, Window
from gemel.testing.operators import written

__all__ = ["DetectorSuite", "normal_window"]

SECOND = 1_000_000_000
NAMES = ("line/speed", "line/torque", "line/flow", "line/temperature", "line/mode")


def normal_window(rows: int = 1500, seed: int = 0, start: int = 0) -> Window:
    """Normal operation each second: four signals that depend on each other, and a constant one."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(rows, 2))
    mixing = np.array([[1.0, 0.8, 0.2, 0.1], [0.1, 0.3, 1.0, 0.7]])
    value = np.full((rows, 5), 3.0)
    value[:, :4] = 50 + hidden @ mixing * [1, 2, 10, 0.5] + random.normal(0, 0.2, (rows, 4))
    time = (start + np.arange(rows, dtype=np.int64)) * SECOND
    return Window(time, value, NAMES)


class DetectorSuite:
    """Override `detector` with a fixture that gives settings; `normal` where the data do not fit.

    Promises: scores do not depend on how the stream is cut; stop, save, load, continue equals never
    having stopped; the same data give the same model; the input is untouched; empty windows and
    NaN are fine; normal rows seldom alarm and abnormal ones do, a constant signal that moves too;
    contributions sum to one and name the signal; too little data is refused with how much is
    needed; model, state and evidence are JSON.
    """

    @pytest.fixture
    def detector(self) -> Detector:
        pytest.fail("give the settings to test in a fixture named `detector`")

    @pytest.fixture
    def normal(self) -> Window:
        return normal_window()

    @pytest.fixture
    def model(self, detector: Detector, normal: Window) -> Model:
        return detector.fit(normal)

    @pytest.fixture
    def later(self, normal: Window) -> Window:
        """Rows after `normal`, with missing values, and a large shift of one signal at the end."""
        rows = len(normal) // 3
        value = normal.value[-rows:].copy()
        value[10:14, 0] = np.nan
        value[20] = np.nan
        value[-40:, 1] += 20 * np.nanstd(normal.value[:, 1])
        step = int(normal.time[1] - normal.time[0])
        return Window(normal.time[-1] + step * np.arange(1, rows + 1), value, normal.names)

    def test_cutting_the_stream_changes_nothing(self, model: Model, later: Window) -> None:
        whole = model.start()(later)
        for rows in (1, 7, 100):
            scorer = model.start()
            starts = range(0, len(later), rows)
            _same(_joined([scorer(later.rows(slice(i, i + rows))) for i in starts]), whole)

    def test_continues_from_its_state(self, model: Model, later: Window) -> None:
        whole = model.start()(later)
        for cut in (1, 12, len(later) - 20):
            first = model.start()
            before = first(later.rows(slice(None, cut)))
            state = json.loads(json.dumps(first.state(), allow_nan=False))
            assert isinstance(state["version"], int)
            second = model.start(state)
            assert json.loads(json.dumps(second.state(), allow_nan=False)) == state
            _same(_joined([before, second(later.rows(slice(cut, None)))]), whole)

    def test_loads_what_it_saved(self, detector: Detector, model: Model, later: Window) -> None:
        saved = json.loads(json.dumps(model.save(), allow_nan=False))
        assert isinstance(saved["version"], int)
        again = detector.load(saved)
        assert again.save() == saved
        assert again.evidence() == model.evidence()
        assert again.names == model.names
        _same(again.start()(later), model.start()(later))

    def test_refuses_a_model_of_another_form(self, detector: Detector, model: Model) -> None:
        with pytest.raises(DataError, match="version"):
            detector.load(model.save() | {"version": 999})

    def test_same_data_give_the_same_model(
        self, detector: Detector, normal: Window, model: Model
    ) -> None:
        assert json.dumps(detector.fit(normal).save()) == json.dumps(model.save())

    def test_leaves_its_input_untouched(
        self, detector: Detector, normal: Window, later: Window
    ) -> None:
        fitted, scored = normal.value.copy(), later.value.copy()
        detector.fit(normal).start()(later)
        np.testing.assert_array_equal(normal.value, fitted)
        np.testing.assert_array_equal(later.value, scored)

    def test_takes_an_empty_window(self, model: Model, later: Window) -> None:
        scorer = model.start()
        score = scorer(later.rows(slice(0, 0)))
        assert len(score.value) == len(score.alarm) == 0
        assert score.contribution.shape == (0, len(model.names))
        _same(scorer(later), model.start()(later))

    def test_a_row_without_values_has_no_score(self, model: Model, later: Window) -> None:
        score = model.start()(later)
        assert np.isnan(score.value[20])
        assert not score.alarm[20]
        assert np.isfinite(score.value[21:]).any()

    def test_normal_rows_seldom_alarm(self, model: Model, later: Window) -> None:
        assert model.start()(later.rows(slice(0, len(later) - 40))).alarm.mean() < 0.02

    def test_a_large_shift_alarms_and_names_the_signal(self, model: Model, later: Window) -> None:
        score = model.start()(later)
        last = slice(-20, None)
        assert score.alarm[last].all()
        np.testing.assert_array_equal(score.alarm, score.value > score.limit)
        np.testing.assert_allclose(score.contribution[score.alarm].sum(axis=1), 1)
        assert (score.contribution >= 0).all()
        assert (score.contribution[last].argmax(axis=1) == 1).all()

    def test_a_constant_signal_that_moves_alarms(self, model: Model, later: Window) -> None:
        constant = np.flatnonzero(np.nanstd(later.value, axis=0) == 0)
        for j in constant:
            value = later.value[: len(later) - 40].copy()
            value[-30:, j] += 0.01 * max(1.0, abs(float(value[0, j])))
            score = model.start()(Window(later.time[: len(value)], value, later.names))
            assert score.alarm[-20:].all()
            assert (score.contribution[-20:].argmax(axis=1) == j).all()

    def test_too_little_data_is_refused(self, detector: Detector, normal: Window) -> None:
        for rows in (0, 1, 20):
            with pytest.raises(DataError, match=r"needs (at least )?\d+"):
                detector.fit(normal.rows(slice(0, rows)))

    def test_tolerates_missing_values_in_fitting(self, detector: Detector, normal: Window) -> None:
        value = normal.value.copy()
        value[::50, 0] = np.nan
        value[::70] = np.nan
        model = detector.fit(Window(normal.time, value, normal.names))
        assert np.isfinite(model.start()(normal).value).any()

    def test_refuses_a_window_of_other_signals(self, model: Model, later: Window) -> None:
        other = tuple(f"other/{name}" for name in later.names)
        with pytest.raises(DataError):
            model.start()(Window(later.time, later.value, other))

    def test_evidence_says_how_it_was_made(self, model: Model, normal: Window) -> None:
        evidence = json.loads(json.dumps(model.evidence(), allow_nan=False))
        assert evidence["window"] == [int(normal.time[0]), int(normal.time[-1])]
        assert evidence["rows"]["held_out"] > 0
        assert evidence["limit"]["source"]

    def test_settings_are_documented(self, detector: Detector) -> None:
        undocumented = [n for n, f in type(detector).model_fields.items() if not f.description]
        assert not undocumented, f"settings without a description: {undocumented}"
        assert type(detector).__doc__
        assert type(detector).read(written(detector)) == detector


def _joined(scores: list[Score]) -> Score:
    def column(name: str) -> Any:
        return np.concatenate([getattr(score, name) for score in scores])

    return Score(
        time=column("time"), value=column("value"), limit=column("limit"), alarm=column("alarm"),
        contribution=column("contribution"),
    )  # fmt: skip


def _same(found: Score, wanted: Score) -> None:
    """Equal to the last bit."""
    for name in ("time", "value", "limit", "alarm", "contribution"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)

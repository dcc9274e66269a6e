"""What every forecaster promises, as a suite for pytest.

A stranger runs it on a part of his own::

    class TestMyForecaster(ForecasterSuite):
        @pytest.fixture
        def forecaster(self):
            return MyForecaster(season=24, horizon=12)
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from gemel.core.errors import DataError
from gemel.parts.forecasters.base import Forecast, Forecaster, Model, Panel
from gemel.testing.operators import written

__all__ = ["ForecasterSuite", "seasonal_panel"]

HOUR = 3_600_000_000_000
NAMES = ("line/energy", "line/water", "line/orders", "line/constant", "line/unknown")
HORIZON = 12


def seasonal_panel(rows: int = 24 * 30, seed: int = 0) -> Panel:
    """Each hour: three series with a daily season, a constant one and one that is never known.

    A covariate that is known ahead, `shift`, lifts the first series; it reaches 1,000 rows further.
    """
    random = np.random.default_rng(seed)
    row = np.arange(rows)
    day = np.sin(2 * np.pi * row / 24)
    shift = np.random.default_rng(99).integers(0, 2, rows + 1000).astype(np.float64)
    value = np.full((5, rows), np.nan)
    value[0] = 50 + 10 * day + 3 * shift[:rows] + random.normal(0, 2, rows)
    value[1] = 5 + 2 * np.roll(day, 6)[:rows] + random.normal(0, 0.5, rows)
    value[2] = random.poisson(3 + 2 * day)
    value[3] = 7.0
    return Panel(NAMES, (row.astype(np.int64) + 17) * HOUR, value, shift[None, :], ("shift",))


class ForecasterSuite:
    """Override `forecaster` with a fixture that gives settings, of a horizon of 12 at least.

    Promises: nothing of the future is used; save and load give equal forecasts, as JSON; the same
    data give the same model; the input is untouched; missing values, constant and unknown series
    are fine and told of; too little data is refused with how much is needed; quantiles are ordered;
    the band holds about as often as it says on data that come later.
    """

    @pytest.fixture
    def forecaster(self) -> Forecaster:
        pytest.fail("give the settings to test in a fixture named `forecaster`")

    @pytest.fixture
    def history(self) -> Panel:
        return seasonal_panel()

    @pytest.fixture
    def model(self, forecaster: Forecaster, history: Panel) -> Model:
        return forecaster.fit(history)

    def test_uses_nothing_of_the_future(self, forecaster: Forecaster, history: Panel) -> None:
        changed = history.value.copy()
        changed[:, 600:] = 1e6
        other = replace(history, value=changed)
        first, second = (forecaster.fit(panel.until(600)) for panel in (history, other))
        assert json.dumps(first.save()) == json.dumps(second.save())
        _same(first.forecast(history.until(600), 12), second.forecast(other.until(600), 12))

    def test_steps_do_not_depend_on_the_horizon(self, model: Model, history: Panel) -> None:
        long, short = model.forecast(history, HORIZON), model.forecast(history, 3)
        np.testing.assert_array_equal(long.mean[:, :3], short.mean)
        np.testing.assert_array_equal(long.quantile[:, :3], short.quantile)

    def test_begins_after_the_last_row(self, model: Model, history: Panel) -> None:
        for rows in (500, len(history)):
            forecast = model.forecast(history.until(rows), HORIZON)
            last = int(history.time[rows - 1])
            np.testing.assert_array_equal(forecast.time, last + HOUR * np.arange(1, HORIZON + 1))
            assert forecast.names == model.names == history.names
            assert forecast.mean.shape == (5, HORIZON)
            assert forecast.quantile.shape == (5, HORIZON, len(forecast.levels))

    def test_loads_what_it_saved(
        self, forecaster: Forecaster, model: Model, history: Panel
    ) -> None:
        saved = json.loads(json.dumps(model.save(), allow_nan=False))
        again = forecaster.load(saved)
        assert again.save() == saved
        assert again.evidence() == json.loads(json.dumps(model.evidence(), allow_nan=False))
        assert again.names == model.names
        _same(again.forecast(history, HORIZON), model.forecast(history, HORIZON))

    def test_refuses_a_model_of_another_form(self, forecaster: Forecaster, model: Model) -> None:
        with pytest.raises(DataError, match="version"):
            forecaster.load(model.save() | {"version": 999})

    def test_same_data_give_the_same_model(
        self, forecaster: Forecaster, history: Panel, model: Model
    ) -> None:
        assert json.dumps(forecaster.fit(history).save()) == json.dumps(model.save())

    def test_leaves_its_input_untouched(self, forecaster: Forecaster, history: Panel) -> None:
        value, known, time = history.value.copy(), history.known.copy(), history.time.copy()
        forecaster.fit(history).forecast(history, HORIZON)
        np.testing.assert_array_equal(history.value, value)
        np.testing.assert_array_equal(history.known, known)
        np.testing.assert_array_equal(history.time, time)

    def test_unknown_and_constant_series_are_told(self, model: Model, history: Panel) -> None:
        forecast = model.forecast(history, HORIZON)
        assert np.isnan(forecast.mean[4]).all()
        assert np.isnan(forecast.quantile[4]).all()
        np.testing.assert_allclose(forecast.mean[3], 7.0, rtol=0.02)
        assert np.isfinite(forecast.quantile[:4]).all()
        series = json.loads(json.dumps(model.evidence()))["series"]
        assert series["unknown"] == ["line/unknown"]

    def test_tolerates_missing_values(self, forecaster: Forecaster, history: Panel) -> None:
        value = history.value.copy()
        value[0, ::7] = np.nan
        value[:, 300:310] = np.nan
        value[1, -5:] = np.nan
        value[2, :30] = np.nan
        holed = replace(history, value=value)
        forecast = forecaster.fit(holed).forecast(holed, HORIZON)
        assert np.isfinite(forecast.mean[:4]).all()
        assert np.isfinite(forecast.quantile[:4]).all()

    def test_all_unknown_is_refused_or_told(self, forecaster: Forecaster, history: Panel) -> None:
        nothing = replace(history, value=np.full_like(history.value, np.nan))
        try:
            model = forecaster.fit(nothing)
        except DataError:
            return
        assert np.isnan(model.forecast(nothing, HORIZON).mean).all()
        assert model.evidence()["series"]["unknown"] == list(NAMES)

    def test_too_little_data_is_refused(self, forecaster: Forecaster, history: Panel) -> None:
        for rows in (0, 1, 10):
            with pytest.raises(DataError, match=r"needs at least \d+"):
                forecaster.fit(replace(history.until(rows), names=NAMES))

    def test_a_short_history_is_refused(self, model: Model, history: Panel) -> None:
        with pytest.raises(DataError, match=r"needs at least \d+"):
            model.forecast(history.until(1), 1)

    def test_a_history_of_another_grid_is_refused(self, model: Model, history: Panel) -> None:
        with pytest.raises(DataError, match="step"):
            model.forecast(replace(history, time=history.time * 2), 1)

    def test_refuses_other_series(self, model: Model, history: Panel) -> None:
        other = tuple(f"other/{name}" for name in history.names)
        with pytest.raises(DataError, match="fitted on"):
            model.forecast(replace(history, names=other), 1)

    def test_refuses_more_steps_than_have_bands(self, model: Model, history: Panel) -> None:
        for horizon in (0, 10_001):
            with pytest.raises(DataError, match="steps ahead"):
                model.forecast(history, horizon)

    def test_quantiles_are_ordered(self, model: Model, history: Panel) -> None:
        for rows in range(600, len(history), 7):
            quantile = model.forecast(history.until(rows), HORIZON).quantile[:4]
            assert (np.diff(quantile, axis=2) >= 0).all()

    def test_the_band_holds_as_often_as_it_says(self, forecaster: Forecaster) -> None:
        """Four standard deviations of a binomial; a day counts as one, its errors hang together."""
        panel = seasonal_panel(24 * 80)
        model = forecaster.fit(panel.until(24 * 50))
        inside, days = [], 29
        for day in range(days):
            origin = 24 * 50 + 24 * day + 5 * (day % 5)
            forecast = model.forecast(panel.until(origin), HORIZON)
            truth = panel.value[:2, origin : origin + HORIZON]
            low, high = forecast.quantile[:2, :, 0], forecast.quantile[:2, :, -1]
            inside.append(((truth >= low) & (truth <= high)).mean())
        wanted = forecast.levels[-1] - forecast.levels[0]
        slack = 4 * np.sqrt(wanted * (1 - wanted) / (2 * days))
        assert wanted - slack <= np.mean(inside) <= min(wanted + slack, 1.0)

    def test_evidence_says_how_it_was_made(self, model: Model, history: Panel) -> None:
        evidence = json.loads(json.dumps(model.evidence(), allow_nan=False))
        assert evidence["window"] == [int(history.time[0]), int(history.time[-1])]
        assert evidence["rows"]["held_out"] > 0
        assert evidence["bands"]["source"]

    def test_settings_are_documented(self, forecaster: Forecaster) -> None:
        undocumented = [n for n, f in type(forecaster).model_fields.items() if not f.description]
        assert not undocumented, f"settings without a description: {undocumented}"
        assert type(forecaster).__doc__
        assert type(forecaster).read(written(forecaster)) == forecaster


def _same(found: Forecast, wanted: Forecast) -> None:
    """Equal to the last bit."""
    for name in ("time", "mean", "quantile"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)
    assert found.levels == wanted.levels

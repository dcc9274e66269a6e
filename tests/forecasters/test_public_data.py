"""On data that nobody here wrote: only the earlier part, on which settings were chosen."""

from pathlib import Path

import pytest
from benchmarks.forecasting import CANDIDATES, built, carparts, rolled, steel
from tests.public import public_data

from gemel.twin.learning.evaluation.forecast_scores import coverage, summary


@pytest.fixture(scope="module")
def data() -> Path:
    return public_data()


@pytest.mark.data
def test_rare_demand_is_forecast_better_than_by_repeating_it(data: Path) -> None:
    task = carparts(data)
    naive = rolled(task, built(task, {"kind": "seasonal_naive", "season": 12}), True, 1, 3)
    tsb = rolled(task, built(task, CANDIDATES["carparts"]["croston, tsb"]), True, 1, 3)
    found = summary(tsb, naive)
    assert found["sql_ratio_interval"][1] < 0.87
    assert found["mase_ratio"] < 0.95
    assert found["rmsse_ratio"] < 0.8


@pytest.mark.data
def test_the_band_of_last_week_holds_on_a_steel_works(data: Path) -> None:
    task = steel(data)
    fit = built(task, {"kind": "seasonal_naive", "season": 672})
    naive = rolled(task, fit, True, 28, 28)
    assert coverage(naive, 0.05, 0.95) == pytest.approx(0.9, abs=0.05)

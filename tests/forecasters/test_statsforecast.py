"""Models of statsforecast behind our interface tell what they tell without it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from statsforecast import models

from gemel.core.time import HOUR
from gemel.parts.forecasters.base import Panel
from gemel.parts.forecasters.statsforecast import Statsforecast

OWN = {
    "auto_arima": lambda: models.AutoARIMA(season_length=4),
    "auto_ces": lambda: models.AutoCES(season_length=4),
    "auto_ets": lambda: models.AutoETS(season_length=4),
    "auto_tbats": lambda: models.AutoTBATS(season_length=[4]),
    "auto_theta": lambda: models.AutoTheta(season_length=4),
    "mstl": lambda: models.MSTL(season_length=[4]),
}


def quarters() -> Panel:
    random = np.random.default_rng(0)
    row = np.arange(60)
    value = 100 + 0.5 * row + 10 * np.sin(np.pi * row / 2) + random.normal(0, 1, 60)
    return Panel(("plant/orders",), row * HOUR, value[None])


@pytest.mark.parametrize("name", sorted(OWN))
def test_it_tells_what_the_library_tells(name: str) -> None:
    history = quarters()
    part = Statsforecast.read(
        {"model": name, "season": 4, "horizon": 2, "origins": 6, "rows": 40,
         "levels": [0.25, 0.5, 0.75]}
    )  # fmt: skip
    found = part.load(part.fit(history).save()).forecast(history, 2)
    known = OWN[name]().forecast(y=history.value[0, -40:], h=2)["mean"]
    np.testing.assert_allclose(found.mean[0], known)
    assert abs(found.mean[0, 0] - 130) < 15


def test_where_the_newest_rows_are_unknown_it_looks_further_ahead() -> None:
    history = quarters()
    holed = replace(history, value=history.value.copy())
    holed.value[0, -2:] = np.nan
    part = Statsforecast(season=4, horizon=2, origins=6, levels=(0.25, 0.5, 0.75))
    found = part.fit(holed).forecast(holed, 2)
    known = models.AutoETS(season_length=4).forecast(y=history.value[0, :-2], h=4)["mean"]
    np.testing.assert_allclose(found.mean[0], known[2:])

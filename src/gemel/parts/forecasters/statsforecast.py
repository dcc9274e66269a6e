"""Models of the library statsforecast: ARIMA, ETS, CES, Theta, TBATS and MSTL."""

from __future__ import annotations

from typing import Any, ClassVar, Literal
from warnings import catch_warnings, simplefilter

import numpy as np
import numpy.typing as npt
from pydantic import Field
from statsforecast import models

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.forecasters._conformal import Calibrated, Learned
from gemel.parts.forecasters.base import Panel

__all__ = ["Statsforecast"]


class Statsforecast(Calibrated):
    """A model of statsforecast (Nixtla), fitted anew to the newest rows at each forecast.

    Nothing of it is saved but its name and the bands, so that no model file holds objects of a
    library, and a newer version of it may forecast a little otherwise. Bands are ours: from errors
    on held-out rows, as of every forecaster here, and not those that the models believe in.

    Each origin is a fit of each series: with long seasons `auto_arima` and `auto_tbats` take
    seconds for one. `rows` keeps histories short, `origins` calibration quick. Inner gaps are
    filled by straight lines; where the newest rows are unknown the model looks further ahead from
    the last known one.
    """

    kind: ClassVar[str] = "statsforecast"

    model: Literal["auto_arima", "auto_ces", "auto_ets", "auto_tbats", "auto_theta", "mstl"] = (
        Field("auto_ets", description="Which of its models; mstl takes several seasons")
    )
    seasons: tuple[int, ...] = Field(
        (), description="Rows of further seasons beside `season`; for mstl and auto_tbats"
    )
    rows: int | None = Field(
        None, ge=10, description="The newest rows that a model is fitted on; all if not given"
    )
    origins: int = Field(
        40, ge=1, le=100_000, description="Most origins, evenly spread, to calibrate bands from"
    )

    def _least(self) -> int:
        return 2 * max(self.season, *self.seasons, 1) + 8

    def _learn(self, history: Panel) -> Learned:
        return {}

    def _paths(
        self, learned: Learned, history: Panel, origins: npt.NDArray[np.int64], horizon: int
    ) -> Values:
        found = np.full((len(history.value), len(origins), horizon), np.nan)
        with catch_warnings():
            simplefilter("ignore")  # of models that were tried on the way
            for i, row in enumerate(history.value):
                for o, origin in enumerate(origins.tolist()):
                    found[i, o] = self._path(row[:origin], horizon, history.names[i])
        return found[..., None]

    def _path(self, row: Values, horizon: int, name: str) -> Values:
        known = np.flatnonzero(np.isfinite(row))
        if not len(known):
            return np.full(horizon, np.nan)
        first, last = int(known[0]), int(known[-1])
        if self.rows is not None:
            first = max(first, last + 1 - self.rows)
        y = np.interp(np.arange(first, last + 1), known, row[known])
        if np.ptp(y) == 0:
            return np.full(horizon, y[-1])
        if len(y) < self._least():
            return np.full(horizon, np.nan)
        ahead = horizon + len(row) - 1 - last
        try:
            told = self._made_of().forecast(y=y, h=ahead)["mean"]
        except Exception as error:  # whatever its models raise
            raise DataError(f"statsforecast cannot fit '{name}': {error}") from error
        return np.asarray(told, np.float64)[-horizon:]

    def _made_of(self) -> Any:
        several = [self.season, *self.seasons]
        match self.model:
            case "auto_arima":
                return models.AutoARIMA(season_length=self.season)
            case "auto_ces":
                return models.AutoCES(season_length=self.season)
            case "auto_ets":
                return models.AutoETS(season_length=self.season)
            case "auto_tbats":
                return models.AutoTBATS(season_length=several)
            case "auto_theta":
                return models.AutoTheta(season_length=self.season)
        return models.MSTL(season_length=several)

"""Models of statsforecast behind the face of ours. Needs the dependency group `peers`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gemel.parts.forecasters.base import Forecast, Panel

__all__ = ["models", "version"]


@dataclass
class Peer:
    """Fits each series anew at every origin. Its quantiles are the bounds of its central intervals,
    its median the mean; intervals are its own where it has some, else its conformal ones."""

    make: Callable[[], Any]
    levels: tuple[float, ...]
    conformal: int = 0
    """Windows that conformal intervals come from; 0 where the model has intervals."""
    rows: int | None = None
    """The last rows of a history that are used; all if None."""

    def __call__(self, history: Panel) -> Peer:
        return self

    def forecast(self, history: Panel, horizon: int) -> Forecast:
        s = len(history.names)
        mean = np.full((s, horizon), np.nan)
        quantile = np.full((s, horizon, len(self.levels)), np.nan)
        percent = [round(100 * (1 - 2 * level)) for level in self.levels if level < 0.5]
        for i, whole in enumerate(history.value):
            row = whole[-self.rows :] if self.rows else whole
            if np.isnan(row[-1]):
                continue  # it ended: nothing is scored
            model = self.make()
            if self.conformal:
                from statsforecast.utils import ConformalIntervals

                model.prediction_intervals = ConformalIntervals(self.conformal, horizon)
            found = model.forecast(y=row[np.isfinite(row)], h=horizon, level=percent)
            mean[i] = found["mean"]
            for j, level in enumerate(self.levels):
                if level == 0.5:
                    quantile[i, :, j] = mean[i]
                else:
                    side = "lo" if level < 0.5 else "hi"
                    name = round(100 * abs(1 - 2 * level))
                    key = next(k for k in found if k in (f"{side}-{name}", f"{side}-{name}.0"))
                    quantile[i, :, j] = found[key]
        quantile = np.sort(np.maximum(quantile, 0.0), axis=2)
        step = history.step * np.arange(1, horizon + 1)
        time = history.time[-1] + step
        return Forecast(history.names, time, np.maximum(mean, 0.0), self.levels, quantile)


def version() -> str | None:
    """Of statsforecast; None where it is not here."""
    try:
        import statsforecast
    except ModuleNotFoundError:
        return None
    return str(statsforecast.__version__)


def models(data_set: str, levels: tuple[float, ...]) -> dict[str, Peer]:
    """By name, those that suit a data set. AutoETS has no season above 24; AutoARIMA and TBATS
    were not tried with one of 672."""
    from statsforecast import models as m

    def peer(make: Callable[[], Any], conformal: int = 0) -> Peer:
        return Peer(make, levels, conformal, 8 * 672 if data_set == "steel_energy" else None)

    if data_set == "steel_energy":
        return {
            "MSTL (96, 672)": peer(lambda: m.MSTL([96, 672])),
            "DynamicOptimizedTheta (96)": peer(lambda: m.DynamicOptimizedTheta(96)),
            "SeasonalWindowAverage (672, 4)": peer(lambda: m.SeasonalWindowAverage(672, 4), 8),
            "SeasonalESOptimized (672)": peer(
                lambda: m.SeasonalExponentialSmoothingOptimized(672), 8
            ),
        }
    return {
        "CrostonOptimized": peer(m.CrostonOptimized, 3),
        "CrostonSBA": peer(m.CrostonSBA, 3),
        "TSB (0.1, 0.1)": peer(lambda: m.TSB(0.1, 0.1), 3),
        "ADIDA": peer(m.ADIDA, 3),
        "IMAPA": peer(m.IMAPA, 3),
        "SESOptimized": peer(m.SimpleExponentialSmoothingOptimized, 3),
        "DynamicOptimizedTheta": peer(lambda: m.DynamicOptimizedTheta(1)),
        "AutoETS (no season)": peer(lambda: m.AutoETS(1)),
    }

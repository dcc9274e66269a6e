"""The Theta method: a level that follows, and a part of the long trend."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from numba import njit
from pydantic import Field

from gemel.core.frame import Values
from gemel.parts.forecasters._conformal import Calibrated, Learned
from gemel.parts.forecasters.base import Panel

__all__ = ["Theta"]


class Theta(Calibrated):
    """The Theta method (Assimakopoulos and Nikolopoulos, Int. J. Forecasting 16 (2000) 521).

    The straight line through a series, and its smoothed Theta line, are added with the weights
    1 - 1/theta and 1/theta. The line's height cancels: h steps after row n the forecast is
    S(y) + (1 - 1/theta) b (n + h - S(t)), with S the exponential smoothing, of the values and of
    their row numbers, and b the slope of the rows until n.

    - `standard`: theta is 2, half of the slope.
    - `optimised`: theta is fitted with the smoothing weight (Fiorucci, Pellegrini, Louzada,
      Petropoulos and Koehler, Int. J. Forecasting 32 (2016) 1151, with the slope of each row).
    - Seasons are additive, from the fitted rows, and taken off before; for each series only where
      its autocorrelation at one season is beyond the limit of 90 %.
    """

    kind: ClassVar[str] = "theta"

    method: Literal["standard", "optimised"] = Field(
        "optimised", description="Theta is 2, or fitted for each series"
    )

    def _least(self) -> int:
        return 2 * self.season + 6 if self.season > 1 else 10

    def _learn(self, history: Panel) -> Learned:
        value, m = np.ascontiguousarray(history.value), self.season
        seasons = np.zeros((len(value), m))
        if m > 1:
            phase = _phase(history, 0, len(history), m)
            for i, row in enumerate(value):
                if _seasonal(row, m):
                    seasons[i] = _indices(row, phase, m)
            value = value - seasons[:, phase]
        weights = _fit(value, self.method == "optimised", max(5, len(history) // 10))
        return {"seasons": seasons, "weights": weights}

    def _paths(
        self, learned: Learned, history: Panel, origins: npt.NDArray[np.int64], horizon: int
    ) -> Values:
        m, seasons = self.season, learned["seasons"]
        phase = _phase(history, 0, len(history) + horizon, m)
        value = history.value - seasons[:, phase[: len(history)]]
        found = np.zeros((len(value), len(origins), horizon))
        for i, row in enumerate(value):
            alpha, weight = learned["weights"][i]
            _follow(row, alpha, weight, len(row), origins, found[i])
        found += seasons[:, phase[origins[:, None] + np.arange(horizon)]]
        return found[..., None]

    def _made(self, learned: Learned) -> dict[str, Any]:
        seasonal = int((learned["seasons"] != 0).any(axis=1).sum())
        share = [round(float(v), 4) for v in np.quantile(learned["weights"][:, 1], [0, 0.5, 1])]
        return {"seasonal_series": seasonal, "share_of_slope": share}


def _phase(history: Panel, first: int, last: int, season: int) -> npt.NDArray[np.int64]:
    """Place in the season, the same for the same time, wherever a history begins."""
    row = int(history.time[0]) // max(history.step, 1)
    phase: npt.NDArray[np.int64] = (row + np.arange(first, last)) % season
    return phase


def _seasonal(row: Values, season: int) -> bool:
    """Whether the autocorrelation at one season stands out of what it is below that."""
    known = np.isfinite(row)
    if known.sum() < 2 * season or np.ptp(row[known]) == 0:
        return False
    centred = np.where(known, row - row[known].mean(), 0.0)
    spectrum = np.abs(np.fft.rfft(centred, 2 * len(row))) ** 2
    correlation = np.fft.irfft(spectrum)[: season + 1]
    correlation /= correlation[0]
    limit = 1.645 * np.sqrt((1 + 2 * np.square(correlation[1:season]).sum()) / known.sum())
    return bool(correlation[season] > limit)


def _indices(row: Values, phase: npt.NDArray[np.int64], season: int) -> Values:
    """Mean distance of each place in the season from a moving mean over one season."""
    known = np.isfinite(row)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, row, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    middle = np.arange(season // 2, len(row) - season + season // 2 + 1)
    begin = middle - season // 2
    rows = count[begin + season] - count[begin]
    use = known[middle] & (rows > 0)
    away = row[middle[use]] - ((total[begin + season] - total[begin])[use] / rows[use])
    number = np.bincount(phase[middle[use]], minlength=season)
    found = np.bincount(phase[middle[use]], away, season) / np.maximum(number, 1)
    centred: Values = found - found.mean()
    return centred


@njit(nogil=True, cache=True)
def _follow(
    y: Values,
    alpha: float,
    weight: float,
    warm: int,
    origins: npt.NDArray[np.int64],
    out: Values,
) -> float:
    """Fill out [o,h] with forecasts from rising origins; squared errors one step ahead."""
    rows, loss, at = 0, 0.0, 0
    mean_t = mean_y = spread = across = slope = 0.0
    level = place = np.nan
    for n in range(len(y) + 1):
        while at < len(origins) and origins[at] == n:
            for k in range(out.shape[1]):
                out[at, k] = level + weight * slope * (n + k - place)
            at += 1
        if n == len(y) or np.isnan(y[n]):
            continue
        if rows == 0:
            level, place = y[n], float(n)
        else:
            if n >= warm:
                loss += (y[n] - level - weight * slope * (n - place)) ** 2
            level += alpha * (y[n] - level)
            place += alpha * (n - place)
        rows += 1
        away = n - mean_t
        mean_t += away / rows
        mean_y += (y[n] - mean_y) / rows
        spread += away * (n - mean_t)
        across += away * (y[n] - mean_y)
        slope = across / spread if spread > 0 else 0.0
    return loss


@njit(nogil=True, cache=True)
def _fit(value: Values, optimised: bool, warm: int) -> Values:
    """Smoothing weight and share of the slope [s,2], by a grid and then a finer one around it."""
    nowhere, nothing = np.zeros(0, np.int64), np.zeros((0, 0))
    weights = np.zeros((len(value), 2))
    for i in range(len(value)):
        best_alpha, best_weight, least = 0.1, 0.5, np.inf
        for step in (0.08, 0.02, 0.005):
            middle, share = (0.5, 0.5) if step == 0.08 else (best_alpha, best_weight)
            for a in range(-6 if step == 0.08 else -3, 7 if step == 0.08 else 4):
                alpha = min(max(middle + a * step, 0.005), 0.995)
                for b in range(-6 if step == 0.08 else -3, 7 if step == 0.08 else 4):
                    if not optimised and b != 0:
                        continue
                    weight = min(max(share + b * 1.05 * step, 0.0), 1.0) if optimised else 0.5
                    loss = _follow(value[i], alpha, weight, warm, nowhere, nothing)
                    if loss < least:
                        best_alpha, best_weight, least = alpha, weight, loss
        weights[i] = best_alpha, best_weight
    return weights

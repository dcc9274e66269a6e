"""Rolling origins: forecast again and again from rows before an origin, and keep what came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.parts.forecasters.base import Forecast, Panel

__all__ = ["Rolled", "origins_of", "roll"]


class Forecasting(Protocol):
    """What can continue a history: a model, or a peer behind the same face."""

    def forecast(self, history: Panel, horizon: int) -> Forecast:
        """The rows after the last of `history`."""
        ...


@dataclass(frozen=True, slots=True)
class Rolled:
    """Forecasts from o origins beside what came.

    origins       int64[o]          first row that is forecast
    levels        q levels of the quantiles
    truth         float64[s,o,h]    NaN where unknown
    mean          float64[s,o,h]
    quantile      float64[s,o,h,q]
    scale         float64[s,o]      mean absolute change over a season, rows before the origin
    square_scale  float64[s,o]      mean of its square
    """

    origins: npt.NDArray[np.int64]
    levels: tuple[float, ...]
    truth: Values
    mean: Values
    quantile: Values
    scale: Values
    square_scale: Values


def origins_of(rows: int, horizon: int, count: int, stride: int) -> list[int]:
    """The last `count` origins, `stride` rows apart, whose whole horizon lies before `rows`.

    Raises `DataError` where the first of them would have no row before it.
    """
    last = rows - horizon
    found = [last - stride * i for i in reversed(range(count))]
    if not found or found[0] < 1:
        raise DataError(
            f"{count} origins, {stride} rows apart, with a horizon of {horizon} need more than "
            f"{horizon + stride * max(count - 1, 0)} rows, there are {rows}"
        )
    return found


def roll(
    fit: Callable[[Panel], Forecasting],
    panel: Panel,
    origins: Sequence[int],
    horizon: int,
    *,
    season: int = 1,
    refit: int = 1,
) -> Rolled:
    """Forecast `horizon` rows from each origin.

    `fit` is given the rows before an origin and nothing else, at the first and then at every
    `refit`-th origin; in between its model continues the longer history. Covariates that are known
    ahead stay known. Origins rise, and each has its whole horizon in the panel; else `DataError`.
    """
    at = np.array(origins, np.int64)
    if not len(at) or (np.diff(at) <= 0).any() or at[0] < 1 or at[-1] + horizon > len(panel):
        raise DataError(
            f"origins must rise from 1 to {len(panel) - horizon} (rows less the horizon), are "
            f"{list(origins[:3])} to {list(origins[-1:])}"
        )
    found: list[Forecast] = []
    model: Forecasting | None = None
    for i, origin in enumerate(at):
        history = panel.until(int(origin))
        if model is None or i % refit == 0:
            model = fit(history)
        found.append(model.forecast(history, horizon))
    scale = [_change(panel.value[:, :origin], season) for origin in at]
    return Rolled(
        at,
        found[0].levels,
        np.stack([panel.value[:, o : o + horizon] for o in at], axis=1),
        np.stack([f.mean for f in found], axis=1),
        np.stack([f.quantile for f in found], axis=1),
        np.stack([first for first, _ in scale], axis=1),
        np.stack([second for _, second in scale], axis=1),
    )


def _change(value: Values, season: int) -> tuple[Values, Values]:
    """Mean absolute and mean squared change over a season; NaN where none is known or all zero."""
    change = value[:, season:] - value[:, :-season]
    known = np.isfinite(change)
    count = np.maximum(known.sum(axis=1), 1)
    absolute = np.abs(np.where(known, change, 0.0)).sum(axis=1) / count
    square = np.square(np.where(known, change, 0.0)).sum(axis=1) / count
    return np.where(absolute > 0, absolute, np.nan), np.where(square > 0, square, np.nan)

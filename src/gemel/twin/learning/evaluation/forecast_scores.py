"""Scores of forecasts, each beside the same score of seasonal naive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from gemel.core.errors import DataError
from gemel.core.frame import Values
from gemel.twin.learning.evaluation.rolling import Rolled

__all__ = [
    "coverage", "mase", "pinball", "ratio", "rmsse", "scaled_quantile_loss", "summary", "width",
]  # fmt: skip


def mase(rolled: Rolled, point: Literal["median", "mean"] = "median") -> Values:
    """float64[s,o]: mean absolute error over the horizon, in units of the scale.

    Hyndman and Koehler, Int. J. Forecasting 22 (2006) 679; the scale is that of the rows before the
    origin. The median makes an absolute error smallest, which for rare demand is far from the mean:
    it is what is scored where there is a quantile of level 0.5. NaN where nothing is known or the
    series did not change before the origin.
    """
    chosen = rolled.mean
    if point == "median" and 0.5 in rolled.levels:
        chosen = rolled.quantile[..., rolled.levels.index(0.5)]
    return _mean(np.abs(rolled.truth - chosen), 2) / rolled.scale


def rmsse(rolled: Rolled) -> Values:
    """float64[s,o]: root of the mean squared error of the mean, in units of the seasonal changes.

    As in the M5 competition (Makridakis, Spiliotis and Assimakopoulos, Int. J. Forecasting 38
    (2022) 1325), with changes over a season.
    """
    root: Values = np.sqrt(_mean(np.square(rolled.truth - rolled.mean), 2) / rolled.square_scale)
    return root


def pinball(rolled: Rolled) -> Values:
    """float64[s,o,q]: mean pinball loss of each level, in the unit of the series."""
    away = rolled.truth[..., None] - rolled.quantile
    level = np.array(rolled.levels)
    return _mean(np.maximum(level * away, (level - 1) * away), 2)


def scaled_quantile_loss(rolled: Rolled) -> Values:
    """float64[s,o]: twice the pinball loss, mean of all levels, in units of the scale.

    Twice, so that the level 0.5 alone gives MASE.
    """
    loss: Values = 2 * pinball(rolled).mean(axis=2) / rolled.scale
    return loss


def coverage(rolled: Rolled, low: float, high: float) -> float:
    """Share of the known values between two quantiles, both included. About `high` - `low`."""
    lower, upper = _between(rolled, low, high)
    known = np.isfinite(rolled.truth) & np.isfinite(lower)
    inside = (rolled.truth >= lower) & (rolled.truth <= upper)
    return float(inside[known].mean()) if known.any() else float("nan")


def width(rolled: Rolled, low: float, high: float) -> Values:
    """float64[s,o]: mean distance of two quantiles, in units of the scale."""
    lower, upper = _between(rolled, low, high)
    return _mean(upper - lower, 2) / rolled.scale


def summary(rolled: Rolled, naive: Rolled, *, seed: int = 0) -> dict[str, Any]:
    """Means of all scores over series and origins, and their ratio to those of seasonal naive.

    `naive` is seasonal naive rolled over the same panel, origins and levels. Each ratio has the
    95 % interval of `ratio`.
    """
    if rolled.levels != naive.levels or rolled.truth.shape != naive.truth.shape:
        raise DataError(
            f"scores of levels {rolled.levels}, shape {rolled.truth.shape}, cannot stand beside "
            f"levels {naive.levels}, shape {naive.truth.shape}: roll both alike"
        )
    low, high = rolled.levels[0], rolled.levels[-1]
    found: dict[str, Any] = {}
    scores: dict[str, Callable[[Rolled], Values]] = {
        "mase": mase, "rmsse": rmsse, "sql": scaled_quantile_loss,
        "pinball": lambda r: pinball(r).mean(axis=2),
    }  # fmt: skip
    for name, score in scores.items():
        ours, theirs = score(rolled), score(naive)
        found[name] = float(np.nanmean(ours))
        found[f"{name}_ratio"], found[f"{name}_ratio_interval"] = ratio(ours, theirs, seed=seed)
    found["coverage"], found["coverage_wanted"] = coverage(rolled, low, high), high - low
    found["width"] = float(np.nanmean(width(rolled, low, high)))
    return found


def ratio(
    ours: Values, theirs: Values, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Mean of our scores over the mean of theirs [s,o], with a paired bootstrap interval.

    Series are drawn with all their origins where there are ten or more; else origins, in blocks of
    a seventh root of their number cubed, since neighbouring ones err alike (circular block
    bootstrap; Politis and Romano 1992). Only what both have counts. Few origins give an interval
    that is too narrow.
    """
    both = np.isfinite(ours) & np.isfinite(theirs)
    if not both.any():
        raise DataError("no score that both have: nothing is known, or no series changed before")
    axis = 1 if len(ours) >= 10 else 0
    a, b = (np.where(both, score, 0.0).sum(axis=axis) for score in (ours, theirs))
    units, block = len(a), 1 if axis == 1 else max(round(len(a) ** (3 / 7)), 1)
    random = np.random.default_rng(seed)
    starts = random.integers(0, units, (draws, -(-units // block)))
    chosen = (starts[..., None] + np.arange(block)).reshape(draws, -1)[:, :units] % units
    above, below = a[chosen].sum(axis=1), b[chosen].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.quantile(above / below, [(1 - level) / 2, (1 + level) / 2])
        return float(a.sum() / b.sum()), (float(low), float(high))


def _between(rolled: Rolled, low: float, high: float) -> tuple[Values, Values]:
    for level in (low, high):
        if level not in rolled.levels:
            raise DataError(f"no quantile of level {level}; there are {rolled.levels}")
    at = rolled.levels.index
    return rolled.quantile[..., at(low)], rolled.quantile[..., at(high)]


def _mean(value: Values, axis: int) -> Values:
    """Mean of what is known; NaN where nothing is, without a warning."""
    known = np.isfinite(value)
    count = known.sum(axis=axis)
    total = np.where(known, value, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
